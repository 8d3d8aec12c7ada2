"""Usage: what of the quota was used over the last seconds, for the status."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# Long enough to be steady, short enough to show what goes on.
SECONDS = 10


@dataclass(slots=True)
class _Second:
    number: int
    publishes: int = 0
    bytes: int = 0
    throttled: float = 0.0


class Usage:
    """Counts by the second. Times are seconds of the loop's clock."""

    def __init__(self) -> None:
        self._seconds: deque[_Second] = deque(maxlen=SECONDS + 1)
        self._began_at: float | None = None

    def sent(self, size: int, now: float) -> None:
        """A publish of this size left."""
        second = self._at(now)
        second.publishes += 1
        second.bytes += size

    def throttled(self, seconds: float, now: float) -> None:
        """For so long something would have left, but for the quota."""
        self._at(now).throttled += seconds

    def figures(self, now: float) -> dict[str, float]:
        """Publishes and bytes a second, and the share of the time in which the quota held something back."""
        whole = [one for one in self._seconds if int(now) - SECONDS <= one.number < int(now)]
        began = now if self._began_at is None else self._began_at
        span = max(1, min(SECONDS, int(now) - int(began)))
        return {
            "publishes_per_second": round(sum(one.publishes for one in whole) / span, 1),
            "bytes_per_second": round(sum(one.bytes for one in whole) / span),
            "throttled_share": round(min(1.0, sum(one.throttled for one in whole) / span), 3),
        }

    def _at(self, now: float) -> _Second:
        if self._began_at is None:
            self._began_at = now
        if not self._seconds or self._seconds[-1].number != int(now):
            self._seconds.append(_Second(int(now)))
        return self._seconds[-1]
