"""Replay: a capture as a link, so that what a real cabinet said goes the whole way again.

An answer that stands after a request in the capture is played when the host asks just that; a
request asked more often than captured gets its last answer again. What the device said without
a captured request (a list of event frames, say) is due once the answer it stands behind has been
played, or at once if none stands before it. It comes in order, one piece for each thing the host
asks, in place of the answer, as a machine with something to report speaks first. The host's own
rhythm decides, so a replay takes as long as polling does. To anything else the replay is silent,
as a machine is to a poll it does not know.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.errors import LinkError
from edge_agent.links.base import Link
from edge_agent.links.capture import TO_DEVICE, Travelled, read_capture
from edge_agent.sas.wakeup import marked
from edge_agent.station import SerialFormat

# A general poll to address 0 synchronises and asks nothing; captures and hosts place it differently.
SYNCHRONISATION = marked(0x80)


# Adapters deliver an answer in pieces, 16 ms apart at most: what follows this soon is more of it.
PIECES_SECONDS = 0.020


def make(path: str, _serial_format: SerialFormat) -> Link:
    """Make the link for `replay:FILE`."""
    return ReplayLink(Path(path))


@dataclass(slots=True)
class _Answer:
    """What the device said to one request, and what it said behind that without being asked."""

    data: bytes
    heard_at: float
    behind: deque[bytes] = field(default_factory=deque)


class ReplayLink:
    """What a device said, played back to whoever polls."""

    def __init__(self, path: Path) -> None:
        self.name = f"replay:{path}"
        self.written: list[bytes] = []
        self._path = path
        self._answers: dict[bytes, deque[_Answer]] = {}
        self._unasked: deque[bytes] = deque()
        self._due: bytes = b""

    @property
    def unasked_left(self) -> int:
        """How much of what the device said without being asked is still to come."""
        later = sum(len(answer.behind) for answers in self._answers.values() for answer in answers)
        return len(self._unasked) + later

    def open(self) -> None:
        """Read the capture; it plays from its beginning."""
        try:
            text = self._path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise LinkError(f"capture {self._path} cannot be read: {error}", "check the file") from error
        self._answers, self._unasked, self._due = defaultdict(deque), deque(), b""
        self._lay_out(read_capture(text.splitlines(), str(self._path)))

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
        if self._unasked:
            self._due = self._unasked.popleft()
        elif answers := self._answers.get(request):
            answer = answers.popleft() if len(answers) > 1 else answers[0]
            self._due = answer.data
            self._unasked, answer.behind = answer.behind, deque()

    def close(self) -> None:
        """Nothing to give back."""

    def _lay_out(self, entries: Iterable[Travelled]) -> None:
        """Put each thing the device said where it belongs: to its request, or behind an answer."""
        asked, last = b"", None
        for entry in entries:
            if entry.direction == TO_DEVICE:
                asked = _without_synchronisation(entry.data) or asked
            elif asked:
                last = _Answer(entry.data, entry.at)
                self._answers[asked].append(last)
                asked = b""
            elif last is None:
                self._unasked.append(entry.data)
            elif not last.behind and entry.at - last.heard_at < PIECES_SECONDS:
                last.data, last.heard_at = last.data + entry.data, entry.at
            else:
                last.behind.append(entry.data)


def _without_synchronisation(data: bytes) -> bytes:
    while data.startswith(SYNCHRONISATION):
        data = data[len(SYNCHRONISATION) :]
    return data
