"""Subscriptions: what is to be heard, over every session, and who hears it.

A session begins clean, so every filter is asked for again after every connect. What the far side
refuses is remembered by name: a policy is mended by a person. A publish goes to the filter
that is its very topic, else to the first that matches it, and to nobody if none does.
"""

from __future__ import annotations

from edge_agent.errors import LocalProtocolError
from edge_agent.uplink.base import OnReceived, Received
from edge_agent.uplink.limits import MAX_TOPIC_BYTES, MAX_TOPIC_SLASHES, slashes

# AWS IoT Core: topic filters in one SUBSCRIBE. We need three.
MOST_FILTERS = 8


class Subscriptions:
    """The filters that stand."""

    def __init__(self) -> None:
        self.refused: tuple[str, ...] = ()
        self._hearers: dict[str, OnReceived] = {}

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to."""
        return tuple(self._hearers)

    def add(self, topic_filter: str, on_received: OnReceived) -> None:
        """From now on `on_received` hears what matches. Raises LocalProtocolError for what nobody may ask."""
        check_filter(topic_filter)
        if topic_filter not in self._hearers and len(self._hearers) >= MOST_FILTERS:
            raise LocalProtocolError(
                f"{topic_filter!r} would be filter {MOST_FILTERS + 1}", "subscribe to fewer"
            )
        self._hearers[topic_filter] = on_received

    def answered(self, topic_filter: str, *, granted: bool) -> None:
        """What the far side says to a filter."""
        others = tuple(one for one in self.refused if one != topic_filter)
        self.refused = others if granted else (*others, topic_filter)

    def hand_on(self, received: Received) -> bool:
        """Give a publish to whoever wants it; whether anybody does."""
        if (named := self._hearers.get(received.topic)) is not None:
            named(received)
            return True
        for topic_filter, on_received in self._hearers.items():
            if matches(topic_filter, received.topic):
                on_received(received)
                return True
        return False


def check_filter(topic_filter: str) -> None:
    """Raise LocalProtocolError if IoT Core would refuse to be asked for this."""
    levels = topic_filter.split("/")
    misplaced = "#" in levels[:-1] or any(len(level) > 1 and set(level) & {"#", "+"} for level in levels)
    if not topic_filter or misplaced or "\0" in topic_filter:
        raise LocalProtocolError(
            f"{topic_filter!r} is no topic filter", "give wildcards a level of their own"
        )
    if len(topic_filter.encode()) > MAX_TOPIC_BYTES or slashes(topic_filter) > MAX_TOPIC_SLASHES:
        raise LocalProtocolError(
            f"filter {topic_filter!r} is over {MAX_TOPIC_BYTES} bytes or {MAX_TOPIC_SLASHES} slashes",
            "shorten the names of site and gateway",
        )


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a filter asks for a topic, as MQTT says; `a/#` does not ask for `a`, as at IoT Core."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        if len(levels) <= len(wanted):
            return False
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(
        one in ("+", level) for one, level in zip(wanted, levels, strict=True)
    )
