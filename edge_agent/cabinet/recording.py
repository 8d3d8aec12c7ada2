"""Recording: a capture as a file that nobody else may read, with numbers masked, and durable in time.

When we are the host ourselves, the file is the journal of the visit: what was heard is on the disk before
the poll leaves that tells the machine so, and a replay gives it back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from edge_agent.cabinet.masking import Masker
from edge_agent.errors import ConfigurationError
from edge_agent.events.moments import written
from edge_agent.links import Link
from edge_agent.links.capture import FROM_DEVICE, CapturingLink, Travelled, write_head

MASKED, WHOLE = "masked", "whole"


class Recording:
    """A capture that is being made. Use `recording`."""

    def __init__(self, into: TextIO, *, with_numbers: bool, clock: Callable[[], float]) -> None:
        self.entries = 0
        self._into = into
        self._clock = clock
        self._began = clock()
        self._masker = None if with_numbers else Masker()
        self._dirty = False
        self._about = {
            "began": written(datetime.now(UTC), to="milliseconds"),
            "numbers": WHOLE if with_numbers else MASKED,
        }

    def link(self, link: Link, also: Callable[[Travelled], None] | None = None) -> CapturingLink:
        """A link that is recorded; `also` is told what travels."""

        def lines_of(entry: Travelled) -> Iterable[str]:
            if also is not None:
                also(entry)
            return self._lines_of(entry)

        return CapturingLink(
            link, self._into, self._clock, about=self._about, lines_of=lines_of, sync=self.make_durable
        )

    def begin(self) -> None:
        """Begin a capture of what is told by `add`."""
        write_head(self._into, self._about)

    def add(self, entry: Travelled) -> None:
        """Record what travelled at a moment of the clock."""
        moved = Travelled(entry.at - self._began, entry.direction, entry.data)
        self._write(self._lines_of(moved))

    def make_durable(self) -> None:
        """What was heard is on the disk on return."""
        if self._dirty:
            self._into.flush()
            os.fsync(self._into.fileno())
            self._dirty = False

    def end(self) -> None:
        """Write what was held back."""
        if self._masker is not None:
            self._write(self._masker.flush())
        self._into.flush()
        os.fsync(self._into.fileno())

    def _lines_of(self, entry: Travelled) -> Iterable[str]:
        self.entries += 1
        self._dirty = self._dirty or entry.direction == FROM_DEVICE
        return (str(entry),) if self._masker is None else self._masker.lines(entry)

    def _write(self, lines: Iterable[str]) -> None:
        for line in lines:
            print(line, file=self._into)
        self._into.flush()


@contextmanager
def recording(
    path: Path, *, with_numbers: bool, clock: Callable[[], float] = time.monotonic
) -> Iterator[Recording]:
    """A new capture file, whole when this ends. Raises ConfigurationError if it cannot be made."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise ConfigurationError(f"{path} exists", "name another file for the capture") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", "check the folder") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as into:
        made = Recording(into, with_numbers=with_numbers, clock=clock)
        try:
            yield made
        finally:
            made.end()
