"""Gauge: how much the journal takes up of what it may, how fast that grows, and what level it has reached.

What it may take is its budget, or what the disk leaves it, whichever is less: what is free beyond the
reserve counts as if it were the journal's. At 70 and 90 % people are told; above 95 % things are let go until
it is below 90 % again; at 100 % appending stops, since what is left must never be given up.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_agent.errors import JournalFull
from edge_agent.journal.disk import free_bytes, translated
from edge_agent.journal.record import Budget
from edge_agent.journal.segment import segment_path, segments

Level = Literal[70, 90, 100]  # percent
LEVELS: tuple[Level, ...] = (70, 90, 100)
SHED_ABOVE, SHED_DOWN_TO = 0.95, 0.90

# The rate of growth is that of the last hour, judged by what was appended in it, a sample a minute.
_SAMPLE_SECONDS, _SAMPLES = 60.0, 60


@dataclass(frozen=True, slots=True)
class Fill:
    """How full the journal is."""

    used_bytes: int
    capacity_bytes: int
    bytes_a_second: float | None  # appended lately; None until a minute is known
    is_full: bool = False  # what was refused last would be refused again

    @property
    def share(self) -> float:
        """What part of it is used."""
        return self.used_bytes / self.capacity_bytes if self.capacity_bytes > 0 else 1.0

    @property
    def percent(self) -> int:
        """The same in percent, rounded down."""
        return 100 * self.used_bytes // self.capacity_bytes if self.capacity_bytes > 0 else 100

    @property
    def level(self) -> Level | None:
        """The highest level reached; None below all. What is refused may be larger than the last percent."""
        if self.is_full:
            return 100
        return next((level for level in reversed(LEVELS) if self.percent >= level), None)

    @property
    def seconds_left(self) -> float | None:
        """Until it is full, should nothing leave and as much arrive as lately; None: it does not fill."""
        if not self.bytes_a_second:
            return None
        return max(0, self.capacity_bytes - self.used_bytes) / self.bytes_a_second


class Gauge:
    """Measures one journal. Thread-safe.

    Args:
        folder: of the journal.
        budget: what it may take up.
        monotonic: seconds.
    """

    def __init__(self, folder: Path, budget: Budget, monotonic: Callable[[], float]) -> None:
        self._folder = folder
        self._budget = budget
        self._monotonic = monotonic
        self._mutex = threading.Lock()
        self._used = 0
        self._appended = 0
        self._wanted = 0  # bytes that were refused last
        self._samples: deque[tuple[float, int]] = deque(maxlen=_SAMPLES)
        self.refused = threading.Event()  # somebody was told that it is full
        self.measure()

    def measure(self) -> Fill:
        """Look at the disk."""
        with translated(self._folder):
            used = sum(size for size in map(self._size, segments(self._folder)))
            free = free_bytes(self._folder)
        now = self._monotonic()
        with self._mutex:
            self._used = used
            if not self._samples or now - self._samples[-1][0] >= _SAMPLE_SECONDS:
                self._samples.append((now, self._appended))
            is_full = self._wanted > 0 and not self._fits(self._wanted)
            return Fill(used, self._capacity(used, free), self._rate(now), is_full)

    def admit(self, size: int) -> None:
        """So many bytes are about to be appended. Raises JournalFull when the budget has no room for them."""
        with self._mutex:
            if self._fits(size):
                self._used += size
                self._appended += size
                return
            self._wanted = size
        self.refused.set()
        raise JournalFull(
            f"journal {self._folder} has reached its budget of {(self._budget.size_bytes or 0) >> 20} MiB, "
            "and nothing is left in it that may be let go",
            "let the forwarder drain it or raise `journal.budget_mb`; what was journalled is safe",
        )

    def _fits(self, size: int) -> bool:
        limit = self._budget.size_bytes
        return limit is None or self._used + size <= limit

    def _capacity(self, used: int, free: int) -> int:
        of_disk = used + free - self._budget.minimum_free_bytes
        return of_disk if self._budget.size_bytes is None else min(of_disk, self._budget.size_bytes)

    def _rate(self, now: float) -> float | None:
        since, appended = self._samples[0]
        if now - since < _SAMPLE_SECONDS:
            return None
        return (self._appended - appended) / (now - since)

    def _size(self, first: int) -> int:
        try:
            return segment_path(self._folder, first).stat().st_size
        except FileNotFoundError:  # deleted meanwhile
            return 0
