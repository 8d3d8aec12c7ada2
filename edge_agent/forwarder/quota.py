"""Quota: how many publishes and bytes may leave in a second, as token buckets.

IoT Core takes 100 publishes and 512 KiB a second from a connection, discards publishes beyond that and
delays bytes. A bucket holds a share of the limit, the burst, and refills with the rest: so no second,
wherever it begins, sees more than the limit. Two publishes a second are left for what is no event: a status,
a shadow, an answer, a canary. The SDK's own throttle is off: behind this one it would only queue, out of
anybody's sight, and of bytes it lets through a seventh less than it says.
"""

from __future__ import annotations

from dataclasses import dataclass

PUBLISHES_PER_SECOND = 100
BYTES_PER_SECOND = 512 * 1024

# For what is published beside the events: two of a hundred.
BESIDE_EVENTS_SHARE = 50

# The smaller the burst, the faster the bucket refills; it must take what comes at the same moment.
BURST_SHARE_OF_PUBLISHES = 20
BURST_SHARE_OF_BYTES = 16
# Seconds begin and end between two publishes, and the last digit of a float is nobody's.
_BELOW = 0.999
# Of a token: what sums of floats are off, which no waiting makes up for.
_ROUNDING = 1e-6


class Bucket:
    """One token bucket. Times are seconds of whatever clock the caller has.

    Args:
        limit: tokens that may be taken in any second.
        burst: tokens it holds.
        whole: tokens are taken one by one.
    """

    def __init__(self, limit: float, burst: float, *, whole: bool = False) -> None:
        self.burst = burst
        self.rate = (limit - burst + (1 if whole else 0)) * _BELOW
        self._level = burst
        self._at = float("-inf")

    def level(self, now: float) -> float:
        """How many tokens there are; below zero after something larger than the burst."""
        if now > self._at:
            if self._at > float("-inf"):
                self._level = min(self.burst, self._level + (now - self._at) * self.rate)
            self._at = now
        return self._level

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so many may be taken. What is larger than the burst needs a full bucket."""
        missing = min(amount, self.burst) - self.level(now)
        return missing / self.rate if missing > _ROUNDING else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take them."""
        self._level = self.level(now) - amount


@dataclass(frozen=True, slots=True)
class Keep:
    """What is to be left in the buckets for whoever is more urgent, as shares of their bursts."""

    publishes: float = 0.0
    bytes: float = 0.0


EVERYTHING = Keep()  # nothing is left


class Quota:
    """The publishes and bytes of one connection.

    Args:
        publishes: a second at most.
        size: bytes a second at most, as they are on the wire.
    """

    def __init__(self, publishes: int = PUBLISHES_PER_SECOND, size: int = BYTES_PER_SECOND) -> None:
        events = publishes - publishes // BESIDE_EVENTS_SHARE
        self._publishes = Bucket(events, max(1.0, publishes / BURST_SHARE_OF_PUBLISHES), whole=True)
        self._bytes = Bucket(size, size / BURST_SHARE_OF_BYTES)

    @property
    def publish_rate(self) -> float:
        """Publishes a second that can be kept up."""
        return self._publishes.rate

    def wait(self, size: int, now: float, keep: Keep = EVERYTHING) -> float:
        """Seconds until a publish of this size may leave and what is to be kept is there; 0 when it may."""
        return max(
            self._publishes.wait(1 + keep.publishes * self._publishes.burst, now),
            self._bytes.wait(size + keep.bytes * self._bytes.burst, now),
        )

    def largest(self, keep: Keep = EVERYTHING) -> float:
        """Bytes of a publish that need not save up."""
        return self._bytes.burst * (1 - keep.bytes)

    def is_plentiful(self, now: float) -> bool:
        """Whether more than half of the publishes of a burst are there."""
        return self._publishes.level(now) > self._publishes.burst / 2

    def take(self, size: int, now: float) -> None:
        """A publish of this size leaves."""
        self._publishes.take(1, now)
        self._bytes.take(size, now)


class Unlimited(Quota):
    """No quota: a file, or a broker of one's own."""

    @property
    def publish_rate(self) -> float:
        """As many as anybody likes."""
        return float("inf")

    def largest(self, keep: Keep = EVERYTHING) -> float:  # noqa: ARG002  as Quota
        """Any."""
        return float("inf")

    def is_plentiful(self, now: float) -> bool:  # noqa: ARG002  as Quota
        """Always."""
        return True

    def wait(self, size: int, now: float, keep: Keep = EVERYTHING) -> float:  # noqa: ARG002  as Quota
        """Never."""
        return 0.0

    def take(self, size: int, now: float) -> None:
        """Nothing is counted."""
