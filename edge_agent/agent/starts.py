"""Starts: when a component began, so that it ends no more often than a nucleus begins it again.

Nucleus lite has systemd begin a component three times within an hour; whoever ends once more stays ended
until a person comes, and with a collector a floor falls silent. So a component that would end for a reason
that may pass waits until there are few starts enough behind it, and goes on with what it can do meanwhile.
Where that is nothing, the last start is worth more than an hour of silence.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from edge_agent.credentials.disk import FOLDER_MODE, Disk, put

# StartLimitIntervalSec and StartLimitBurst of nucleus lite's units are 3,600 s and 3. One start is left to
# others: a deployment, a boot of the nucleus, a person.
WINDOW_SECONDS = 3600.0
MOST_STARTS = 2
ALL_STARTS = 3


class Starts:
    """The starts of one component within this boot.

    Args:
        file: where they are kept.
        boot_id: of this boot.
        monotonic: seconds since then, which is what systemd counts by.
    """

    def __init__(self, file: Path, boot_id: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._boot_id = boot_id
        self._monotonic = monotonic
        self._began = [*self._kept()]

    def record(self) -> None:
        """It begins now. What prevents that from being kept stops nothing."""
        self._began = [*self._recent(), self._monotonic()]
        document = json.dumps({"boot_id": self._boot_id, "began": self._began}).encode()
        with suppress(OSError):
            self._file.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            put(Disk(), self._file, document)

    def seconds_until_another(self, most: int = MOST_STARTS) -> float:
        """How long it should not end yet; 0.0 when it began less often than `most` within an hour."""
        recent = [*self._recent()]
        if len(recent) < most:
            return 0.0
        return recent[-most] + WINDOW_SECONDS - self._monotonic()

    def _recent(self) -> Iterator[float]:
        now = self._monotonic()
        yield from (began for began in self._began if now - WINDOW_SECONDS < began <= now)

    def _kept(self) -> Iterator[float]:
        with suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
            document = json.loads(self._file.read_text(encoding="utf-8"))
            if document["boot_id"] == self._boot_id:
                yield from sorted(float(began) for began in document["began"])
