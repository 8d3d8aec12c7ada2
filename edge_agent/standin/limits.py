"""What IoT Core allows one connection: the quotas, and how the stand-in measures them.

Names and figures are those of "AWS IoT Core endpoints and quotas", message broker and protocol
limits; none of these can be raised by asking.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CLIENT_ID_LIMIT_BYTES = 128
TOPIC_LIMIT_BYTES = 256
TOPIC_SLASHES = 7
PAYLOAD_LIMIT_BYTES = 128 * 1024
# The service announces 149,504 bytes: a full payload, and 18 KiB for the topic and properties.
PACKET_LIMIT_BYTES = 149_504
RECEIVE_MAXIMUM = 100
TOPIC_ALIAS_MAXIMUM = 8
MAXIMUM_QOS = 1
SUBSCRIPTIONS = 50
FILTERS_PER_SUBSCRIBE = 8
KEEP_ALIVE_LEAST = 30
KEEP_ALIVE_MOST = 1_200
# MQTT 5, section 3.1.2.10: silence for one and a half times the keep-alive ends the connection.
KEEP_ALIVE_GRACE = 1.5
PUBLISHES_PER_SECOND = 100.0
BYTES_PER_SECOND = 512.0 * 1024
# A client that keeps to 100/s bunches its publishes on the way; a tenth of a second of slack.
PUBLISH_BURST = 110.0
# Ours: the service allows a new connection some seconds before it hangs up.
CONNECT_WITHIN = 10.0
# Ours: one retained status a gateway is what the floor needs; memory stays bounded.
RETAINED_MESSAGES = 1_000
# Ours: what waits for a subscriber that does not acknowledge; the oldest goes first.
QUEUED_DELIVERIES = 1_000


def keep_alive(asked: int) -> int:
    """The keep-alive the service settles on: 30 to 1,200 s; none asked for means the longest."""
    return KEEP_ALIVE_MOST if asked == 0 else min(max(asked, KEEP_ALIVE_LEAST), KEEP_ALIVE_MOST)


@dataclass(slots=True)
class TokenBucket:
    """So many a second, and a burst of at most `capacity`."""

    per_second: float
    capacity: float
    level: float = field(init=False)
    at: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self.level = self.capacity

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take if there is enough."""
        self._refill(now)
        if self.level < amount:
            return False
        self.level -= amount
        return True

    def owe(self, now: float, amount: float) -> float:
        """Take regardless; how many seconds until nothing is owed."""
        self._refill(now)
        self.level -= amount
        return max(0.0, -self.level / self.per_second)

    def _refill(self, now: float) -> None:
        if now > self.at:
            self.level = min(self.capacity, self.level + (now - self.at) * self.per_second)
            self.at = now
