"""Playing: the entries of a capture at some pace, or as they come while it is still being made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from edge_agent.links.capture import Travelled, read_capture

# A capture that grows is looked at this often, and a pause in it waited out in steps of this.
LOOK_SECONDS = 0.1


def at_pace(
    entries: Iterable[Travelled], speed: float | None, enough: Callable[[], bool]
) -> Iterator[Travelled]:
    """The entries, `speed` times as fast as they travelled; at once if None."""
    began = time.monotonic()
    for entry in entries:
        while speed is not None and (wait := began + entry.at / speed - time.monotonic()) > 0:
            if enough():
                return
            time.sleep(min(wait, LOOK_SECONDS))
        if enough():
            return
        yield entry


def followed(path: Path, enough: Callable[[], bool]) -> Iterator[Travelled]:
    """The entries of a file that grows, each once its line is whole."""
    with path.open(encoding="ascii") as file:
        half = ""
        while True:
            half += file.readline()
            if half.endswith("\n"):
                yield from read_capture((half,), str(path))
                half = ""
            elif enough():
                return
            else:
                time.sleep(LOOK_SECONDS)
