"""Backoff: when to try again after trouble, with full jitter, so that a whole floor never tries at once.

Trouble is over when something sent after the pause is delivered. A receipt for what was sent
before says nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# The first pause is anything up to a second, because quotas are counted by the second; the
# longest anything up to a minute, so that nobody waits long for us once the trouble is over.
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
# 2**6 seconds are beyond the longest pause: counting on would change nothing.
_DOUBLINGS = 6


@dataclass(slots=True)
class Backoff:
    """The pauses of one sender. Times are seconds of whatever clock the caller has."""

    jitter: Callable[[], float]  # numbers from 0 up to 1
    failures: int = 0  # pauses since something was delivered
    until: float = 0.0  # nothing is sent before then

    def fail(self, now: float) -> None:
        """Pause. What fails during a pause belongs to the same trouble."""
        if now >= self.until:
            longest = min(LONGEST_PAUSE_SECONDS, PAUSE_SECONDS * 2 ** min(self.failures, _DOUBLINGS))
            self.hold(now, self.jitter() * longest)

    def hold(self, now: float, seconds: float) -> None:
        """Pause for so long at least."""
        if now >= self.until:
            self.failures += 1
        self.until = max(self.until, now + seconds)

    def succeed(self, sent_at: float) -> bool:
        """Something sent then was delivered: whether that ends the trouble."""
        if not self.failures or sent_at < self.until:
            return False
        self.failures = 0
        return True

    def left(self, now: float) -> float | None:
        """Seconds left to pause; None when there is no pause."""
        return self.until - now if now < self.until else None
