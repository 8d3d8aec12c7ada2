"""Lines: those of a gateway that run, and how they become those of other settings.

A line whose settings stay the same is not touched. One that changes is stopped, and begins again
as after a kill, from its note: what it had heard and not journalled was never acknowledged, and
the machine says it again. So no event is lost, and the neighbours notice nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import structlog

from edge_agent.line import Line
from edge_agent.settings import LineSettings

# Greengrass kills five seconds after it asks, and the journal has to be closed by then; lines notice within a
# quarter of one.
STOP_SECONDS = 3.0

MakeLine = Callable[[LineSettings, ExitStack], Line]


@dataclass(frozen=True, slots=True)
class _Running:
    """A line, its settings, and what it holds."""

    line: Line
    settings: LineSettings
    held: ExitStack


class Lines:
    """The lines that run. One thread changes them; any may look.

    Args:
        make: makes a line, and puts what it holds open on the stack.
        on_change: told of the lines there are whenever others are made or stopped.
    """

    def __init__(self, make: MakeLine, on_change: Callable[[Lines], None] = lambda _lines: None) -> None:
        self._make = make
        self._on_change = on_change
        self._running: dict[str, _Running] = {}
        self._overdue: list[Line] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        """No line outlives its journal, however this ends."""
        self._stop([*self._running])

    def __iter__(self) -> Iterator[Line]:
        return iter([running.line for running in tuple(self._running.values())])

    def watched(self) -> list[Line]:
        """Those that run, and those that were stopped and have not ended."""
        return [*self, *self._overdue]

    def by_device(self) -> dict[str, Line]:
        """The lines, by what the site calls their devices; a line that devices share is there for each."""
        return {
            device: running.line
            for running in tuple(self._running.values())
            for device in _devices(running.line, running.settings)
        }

    def become(self, wanted: Sequence[LineSettings]) -> None:
        """Run these lines and no others.

        Raises JournalError when the note of a line cannot be kept.
        """
        self.make(wanted)
        self.start()

    def make(self, wanted: Sequence[LineSettings]) -> None:
        """Have these lines and no others; those that are new wait for `start`."""
        kept = {line.name for line in wanted if self._has(line)}
        self._stop([name for name in self._running if name not in kept])
        for settings in wanted:
            if settings.name not in kept:
                with ExitStack() as opening:
                    line = self._make(settings, opening)
                    self._running[settings.name] = _Running(line, settings, opening.pop_all())
        self._on_change(self)

    def start(self) -> None:
        """Start the lines that wait for it."""
        for running in self._running.values():
            running.line.start()

    def _has(self, settings: LineSettings) -> bool:
        running = self._running.get(settings.name)
        return running is not None and running.settings == settings

    def _stop(self, names: Collection[str]) -> None:
        """Ask all of them first, then wait: together they take as long as the slowest."""
        ending = [self._running.pop(name) for name in names]
        for running in ending:
            running.line.stop()
        until = time.monotonic() + STOP_SECONDS
        for running in ending:
            if running.line.join(max(0.0, until - time.monotonic())):
                running.held.close()
            else:  # it still writes its note, which stays open
                self._overdue.append(running.line)
                structlog.get_logger().warning("a line did not stop in time", line=running.line.name)


def _devices(line: Line, settings: LineSettings) -> Iterable[str]:
    return (settings.device,) if line.shared is None else line.shared.devices
