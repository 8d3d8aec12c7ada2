"""Clock: both clocks of the gateway at one moment, and what the wall clock is worth.

The monotonic clock orders; UTC leaves. Every reading is also a look whether the wall clock was set since the
reading before: what was taken while it was wrong can then be put right, though it is never rewritten.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from edge_agent.clock_steps import Change, Discipline, Look, StepWatch
from edge_agent.events import ClockReading
from edge_agent.kernel_clock import KernelClock, ask_kernel, discipline_of, slept_seconds

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

# The kernel decides about synchronisation over minutes; asking once a second is plenty.
_QUALITY_SECONDS = 1.0
# A thread may lose the processor between the two clocks. What lies further apart was not one moment, and is
# read again; after so many tries the time is as good as it gets, but nobody is told that the clock was set.
_ONE_MOMENT_SECONDS, _TRIES = 0.05, 4
# Somebody takes them once a second. A clock that is set more often has more wrong than can be told.
_MOST_CHANGES = 64
# What was observed is sealed a quarter of a second later at most, by the clock of then.
_MOST_STEPS = 8


class Clock:
    """The gateway's clocks. Cheap to read; safe to share between threads.

    Args:
        wall: seconds since 1970.
        monotonic: seconds since boot.
        ask: what the kernel says of the wall clock.
        slept: for how many seconds of those since boot the computer slept.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        ask: Callable[[], KernelClock | None] = ask_kernel,
        slept: Callable[[], float] = slept_seconds,
    ) -> None:
        self.boot_id = _boot_id()
        self.monotonic = monotonic
        self._wall = wall
        self._ask = ask
        self._lock = threading.Lock()
        self._watch = StepWatch(slept)
        self._changes: deque[Change] = deque(maxlen=_MOST_CHANGES)
        self._discipline = Discipline()
        self._asked_at = float("-inf")
        self._before: deque[ClockReading] = deque(maxlen=_MOST_STEPS)

    def reading(self) -> ClockReading:
        """Both clocks now."""
        with self._lock:  # looks are held against each other in the order they were taken
            utc, now, at_once = self._read()
            if at_once:
                self._look(utc, now)
            known = self._discipline
            return ClockReading(
                utc,
                now,
                self.boot_id,
                known.quality,
                known.source,
                known.offset_ms,
                known.error_ms,
                tuple(self._before),
            )

    def take_changes(self) -> list[Change]:
        """What has changed about the wall clock since they were last taken, oldest first."""
        with self._lock:
            taken = [*self._changes]
            self._changes.clear()
            return taken

    @property
    def last(self) -> Look | None:
        """The last look; None before the first reading."""
        return self._watch.last

    def go_on_from(self, look: Look) -> None:
        """Hold the next reading against a look that an earlier process took since the same boot."""
        with self._lock:
            self._watch.last = look

    def _read(self) -> tuple[float, float, bool]:
        """Wall clock and monotonic clock, and whether that was one moment."""
        for _ in range(_TRIES):
            now, utc = self.monotonic(), self._wall()
            if self.monotonic() - now <= _ONE_MOMENT_SECONDS:
                return utc, now, True
        return utc, now, False

    def _look(self, utc: float, now: float) -> None:
        # Whoever sets the clock also takes its word from it: then the kernel is asked at once.
        if now - self._asked_at < _QUALITY_SECONDS and not self._watch.parted(utc, now):
            return
        self._discipline, self._asked_at = discipline_of(self._ask()), now
        if change := self._watch.look(utc, now, self._discipline):
            self._changes.append(change)
            if change.step:
                known = change.before
                self._before.append(
                    ClockReading(utc - change.step, now, self.boot_id, known.quality, known.source)
                )


def local_time() -> datetime:
    """What the clock on the wall shows, where this gateway stands."""
    return datetime.now().astimezone()


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"
