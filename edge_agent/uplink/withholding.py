"""Withholding: topics that we may not publish to, each by itself, and when each is tried again.

A refusal with 0x87 says that a policy, or our topic, is wrong: a person has to mend it. Whatever goes to
other topics goes on. Where something was refused one publish is sent now and then, to see; what it carries is
kept like everything else. The topics are ours, a few for each class and type, so there is no limit.
"""

from __future__ import annotations

# A policy is mended by a person, and the service may hang up on every attempt: attempts are few.
PROBE_SECONDS = 30.0


class Withheld:
    """The topics that are refused to us. Times are seconds of whatever clock the caller has.

    Args:
        probe: seconds between attempts at a topic.
    """

    def __init__(self, probe: float = PROBE_SECONDS) -> None:
        self._probe = probe
        self._due: dict[str, float] = {}

    @property
    def topics(self) -> tuple[str, ...]:
        """Those that are refused, for the status."""
        return tuple(sorted(self._due))

    def refused(self, topic: str, now: float) -> bool:
        """A publish there was refused: whether that is news, and so an alarm."""
        news = topic not in self._due
        self._due[topic] = now + self._probe
        return news

    def delivered(self, topic: str) -> bool:
        """A publish there was taken: whether that ends a refusal."""
        return self._due.pop(topic, None) is not None

    def take(self, topic: str, now: float) -> bool:
        """Whether to publish there now. Of a topic that is refused one publish is let through each time."""
        due = self._due.get(topic)
        if due is None:
            return True
        if now < due:
            return False
        self._due[topic] = now + self._probe
        return True

    def refuses(self, topic: str, now: float) -> bool:
        """Whether it is refused, and not to be tried yet."""
        return now < self._due.get(topic, now)

    def due(self, now: float) -> list[str]:
        """Those that are refused and to be tried."""
        return [topic for topic, due in self._due.items() if now >= due]

    def left(self, now: float) -> float | None:
        """Seconds until a topic is tried again; None when none is refused."""
        return max(0.0, min(self._due.values()) - now) if self._due else None
