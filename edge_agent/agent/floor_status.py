"""The floor's status: how each line is, and since when, for whoever reads the collector's status file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edge_agent import __version__
from edge_agent.events import ClockReading
from edge_agent.events.moments import written
from edge_agent.line import FAULT_STATE, LOST_STATE, Line
from edge_agent.station import LineCounters, Shared

# All that is told of a line as it is counted.
_COUNTED = tuple(field.name for field in fields(LineCounters) if field.name not in {"conditions", "quality"})


@dataclass(slots=True)
class _Seen:
    """What was seen of a line last, and since when it is so (monotonic seconds)."""

    line: Line
    state: str
    since: float
    events: int
    last_event: float | None = None


class FloorStatus:
    """Looks at the lines now and then and remembers since when they are as they are. One thread looks.

    Args:
        lines: those that run now, by device.
        clock: both clocks now.
        settings: the digest of those in force; whoever changes them says so.
    """

    def __init__(
        self, lines: Callable[[], Mapping[str, Line]], clock: Callable[[], ClockReading], settings: str
    ) -> None:
        self.settings = settings
        self._lines = lines
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def look(self) -> Mapping[str, Any]:
        """What is so now."""
        settings = self.settings  # first: the lines are those of these settings, or of newer ones
        lines, clock = self._lines(), self._clock()
        self._seen = {device: self._see(device, line, clock.monotonic) for device, line in lines.items()}
        return {
            "version": __version__,
            "settings": settings,
            "clock": clock.quality.value,
            "lines": dict(_entries(self._seen.items(), clock)),
        }

    def _see(self, device: str, line: Line, now: float) -> _Seen:
        counters = _counters(line, device)
        seen = self._seen.get(device)
        if seen is None or seen.line is not line:
            return _Seen(line, counters.state, now, counters.events)
        if seen.state != counters.state:
            seen.state, seen.since = counters.state, now
        if seen.events != counters.events:
            seen.events, seen.last_event = counters.events, now
        return seen


def _entries(
    seen: Iterable[tuple[str, _Seen]], clock: ClockReading
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for device, one in seen:
        counters = _counters(one.line, device)
        since = written(clock.utc_of(one.since))
        quiet = None if one.last_event is None else round(clock.monotonic - one.last_event, 1)
        yield (
            _name(one.line, device),
            {name: getattr(counters, name) for name in _COUNTED}
            | {
                "faults": one.line.faults,
                "held_back": one.line.held_back,
                "trouble": _trouble(one.line, device),
                "advice": list(one.line.advice),
                "device": device,
                "since": since,
                "last_event_seconds": quiet,
                "conditions": dict(_conditions(counters, clock)),
                "quality": None if counters.quality is None else asdict(counters.quality),
            },
        )


def _shared(line: Line) -> Shared | None:
    """The devices of a line that several share, as long as there is a port."""
    port_is_there = line.station.counters.state not in {LOST_STATE, FAULT_STATE}
    return line.shared if port_is_there else None


def _counters(line: Line, device: str) -> LineCounters:
    shared = _shared(line)
    return line.station.counters if shared is None else shared.devices.get(device, line.station.counters)


def _trouble(line: Line, device: str) -> str:
    shared = _shared(line)
    return line.trouble if shared is None else shared.troubles.get(device, "")


def _name(line: Line, device: str) -> str:
    return f"{line.name}/{device}" if line.shared is not None else line.name


def _conditions(counters: LineCounters, clock: ClockReading) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for name, condition in counters.conditions.items():
        since = None if condition.since is None else written(clock.utc_of(condition.since))
        yield name, {"state": condition.state, "since": since, "sure": condition.sure}


def free_bytes(path: Path) -> int:
    """What is free on the disk of a file, for us."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize
