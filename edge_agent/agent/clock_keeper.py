"""The clock keeper: looks at the clock even where nothing happens, and journals what has changed about it.

What it last saw stands in the collector's status, so that one which begins again notices too if the clock
was set while none was running. After a boot there is nothing to hold a look against.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import structlog

from edge_agent.agent.journalist import Journalist
from edge_agent.clock import Clock
from edge_agent.clock_steps import Change, Look
from edge_agent.errors import JournalError
from edge_agent.events import ClockQuality, ClockSource, EventBody
from edge_agent.events.moments import written_seconds
from edge_agent.events.of_clock import ClockQualityChanged, ClockStepped

# What a full journal has not taken: a clock that is set more often has more wrong than can be told.
MOST_WAITING = 64


def go_on(clock: Clock, previous: object) -> None:
    """Hold the first reading of a clock against the last look of the collector before.

    Args:
        clock: not read yet; one that was has a look of its own to go on from.
        previous: what the status of the collector before says under `last_look`, if anything.
    """
    look = _look_of(previous, clock.boot_id)
    if clock.last is None and look is not None:
        clock.go_on_from(look)


class ClockKeeper:
    """Looks at the clock. Used by the collector's main thread, but for `status`.

    Args:
        clock: the collector's.
        journalist: journals what has changed.
    """

    def __init__(self, clock: Clock, journalist: Journalist) -> None:
        self._clock = clock
        self._journalist = journalist
        self._waiting: deque[Change] = deque(maxlen=MOST_WAITING)

    def look(self) -> None:
        """Look at the clock, and journal what has changed. What the journal refuses is said later."""
        self._clock.reading()
        for change in self._clock.take_changes():
            _log(change)
            self._waiting.append(change)
        while self._waiting:
            try:
                self._journalist.say_at(self._waiting[0].after.monotonic, body_of(self._waiting[0]))
            except JournalError:  # the lines say it loud enough
                return
            self._waiting.popleft()

    def status(self) -> Mapping[str, Any]:
        """The last look, for the status."""
        last = self._clock.last
        if last is None:
            return {}
        return {
            "boot_id": self._clock.boot_id,
            "monotonic": round(last.monotonic, 6),
            "ahead": round(last.ahead, 6),
            "slept": round(last.slept, 6),
            "quality": last.quality.value,
            "source": last.source.value,
        }


def body_of(change: Change) -> EventBody:
    """A change as an event."""
    before, after = change.before, change.after
    if not change.step:
        return ClockQualityChanged(
            monotonictime=f"{after.monotonic:.6f}",
            quality_before=before.quality,
            quality_after=after.quality,
            source_before=before.source,
            source_after=after.source,
        )
    utc = after.ahead + after.monotonic
    return ClockStepped(
        monotonictime=f"{after.monotonic:.6f}",
        quality_before=before.quality,
        quality_after=after.quality,
        source_before=before.source,
        source_after=after.source,
        before=written_seconds(utc - change.step, to="milliseconds"),
        after=written_seconds(utc, to="milliseconds"),
        step_ms=round(change.step * 1000),
    )


def _log(change: Change) -> None:
    log = structlog.get_logger()
    if change.step:
        log.warning(
            "the clock was stepped",
            seconds=round(change.step, 3),
            quality=change.after.quality.value,
        )
    else:
        log.info(
            "the clock is worth more or less than before",
            quality=change.after.quality.value,
            source=change.after.source.value,
        )


def _look_of(previous: object, boot_id: str) -> Look | None:
    """The look that a status tells of; None if it is of another boot or makes no sense."""
    match previous:
        case {
            "boot_id": str(its_boot),
            "monotonic": float(monotonic),
            "ahead": float(ahead),
            "slept": float(slept),
            "quality": str(quality),
            "source": str(source),
        } if its_boot == boot_id != "unknown":
            try:
                return Look(monotonic, ahead, slept, ClockQuality(quality), ClockSource(source))
            except ValueError:
                return None
    return None
