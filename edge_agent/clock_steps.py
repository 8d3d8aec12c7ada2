"""Clock steps: whether the wall clock was set between two looks, and whether it is worth as much as before.

Wall clock and monotonic clock are one counter, read with another beginning. Slewing, however strong, changes
the pace of both; so the difference between them moves only where somebody sets the wall clock, at a leap
second, and while the computer sleeps, which the monotonic clock does not count. Pure: moments and what
the kernel said are arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.events import ClockQuality, ClockSource

# Daemons slew what is less, or set it so often that it is no news: ntpd steps from 0.128 s on.
LEAST_STEP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Discipline:
    """What the wall clock is worth, and what sees to it."""

    quality: ClockQuality = ClockQuality.UNKNOWN
    source: ClockSource = ClockSource.UNKNOWN
    offset_ms: int | None = None  # still to be added by the kernel; None unless synchronised
    error_ms: int | None = None  # at most; None unless synchronised


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the clocks saw, as far as the next one is held against it."""

    monotonic: float  # seconds since boot
    ahead: float  # seconds that the wall clock is ahead of the monotonic one
    slept: float  # seconds that the computer has slept since boot
    quality: ClockQuality
    source: ClockSource


@dataclass(frozen=True, slots=True)
class Change:
    """The wall clock is not what it was at the look before."""

    before: Look
    after: Look
    step: float  # seconds, less than 0 for a step back; 0 where only what it is worth has changed

    @property
    def telling(self) -> bool:
        """Whether there is anything to tell."""
        worth, was_worth = ((look.quality, look.source) for look in (self.after, self.before))
        return self.step != 0 or worth != was_worth


class StepWatch:
    """Holds each look against the one before it.

    Args:
        slept: how many seconds the computer has slept since boot; asked only when the clocks have parted.
        last: the last look of a run before this one, since the same boot.
    """

    def __init__(self, slept: Callable[[], float], last: Look | None = None) -> None:
        self._slept = slept
        self.last = last

    def parted(self, utc: float, monotonic: float) -> bool:
        """Whether the clocks are not as far apart as at the last look, by more than a little."""
        return self.last is not None and abs(utc - monotonic - self.last.ahead) > LEAST_STEP_SECONDS

    def look(self, utc: float, monotonic: float, discipline: Discipline) -> Change | None:
        """What has changed since the last look; None if nothing has that is worth telling.

        Args:
            utc: seconds since 1970.
            monotonic: seconds since boot, read together with it.
            discipline: what the kernel says now.
        """
        parted, before = self.parted(utc, monotonic), self.last
        slept = self._slept() if before is None or parted else before.slept
        after = Look(monotonic, utc - monotonic, slept, discipline.quality, discipline.source)
        self.last = after
        if before is None:
            return None
        step = after.ahead - before.ahead - (after.slept - before.slept) if parted else 0.0
        change = Change(before, after, step if abs(step) > LEAST_STEP_SECONDS else 0.0)
        return change if change.telling else None
