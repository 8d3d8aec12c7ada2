"""Replay: a capture as a link, so that what a real cabinet said goes the whole way again.

An answer that stands after a request in the capture is played when the host asks just that; a
request asked more often than captured gets its last answer again. What the device said without
a captured request (a bare list of event frames, say) is played in order, one for each thing
the host asks. The host's own rhythm decides, so a replay takes as long as polling does. To
anything else the replay is silent, as a machine is to a poll it does not know.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from pathlib import Path

from edge_agent.errors import LinkError
from edge_agent.links.base import Link
from edge_agent.links.capture import TO_DEVICE, read_capture
from edge_agent.links.stream import MARK
from edge_agent.station import SerialFormat

# A general poll to address 0 synchronises and asks nothing; captures and hosts place it differently.
SYNCHRONISATION = MARK + b"\x80"


def make(path: str, _serial_format: SerialFormat) -> Link:
    """Make the link for `replay:FILE`."""
    return ReplayLink(Path(path))


class ReplayLink:
    """What a device said, played back to whoever polls."""

    def __init__(self, path: Path) -> None:
        self.name = f"replay:{path}"
        self.written: list[bytes] = []
        self._path = path
        self._answers: dict[bytes, deque[bytes]] = {}
        self._unasked: deque[bytes] = deque()
        self._due: bytes = b""

    @property
    def unasked_left(self) -> int:
        """How much of what the device said without being asked is still to come."""
        return len(self._unasked)

    def open(self) -> None:
        """Read the capture; it plays from its beginning."""
        try:
            text = self._path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise LinkError(f"capture {self._path} cannot be read: {error}", "check the file") from error
        self._answers, self._unasked, self._due = defaultdict(deque), deque(), b""
        asked = b""
        for entry in read_capture(text.splitlines(), str(self._path)):
            if entry.direction == TO_DEVICE:
                asked = _without_synchronisation(entry.data) or asked
            elif asked:
                self._answers[asked].append(entry.data)
                asked = b""
            else:
                self._unasked.append(entry.data)

    def read(self, timeout: float) -> bytes:
        """The answer to what was asked, or silence."""
        if self._due:
            data, self._due = self._due, b""
            return data
        time.sleep(max(0.0, timeout))
        return b""

    def write(self, data: bytes) -> None:
        """Ask: the next read is answered."""
        self.written.append(data)
        request = _without_synchronisation(data)
        if not request:
            return
        answers = self._answers.get(request)
        if answers:
            self._due = answers.popleft() if len(answers) > 1 else answers[0]
        elif self._unasked:
            self._due = self._unasked.popleft()

    def close(self) -> None:
        """Nothing to give back."""


def _without_synchronisation(data: bytes) -> bytes:
    while data.startswith(SYNCHRONISATION):
        data = data[len(SYNCHRONISATION) :]
    return data
