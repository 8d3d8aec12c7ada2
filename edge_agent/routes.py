"""Routes: how the events of each delivery class leave, to which topic, one alone or many together.

A batch may be compressed, and then nothing in it can be read by the SQL of a rule: so its user properties
say whose it is (`journal`), from which sequence to which (`first`, `last`), and its `class`. An event alone
says all but its class by itself. IoT Core meters properties with the payload, so there are no others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_agent.settings import Settings
from edge_agent.topics import TYPE, TYPE_BYTES
from edge_agent.uplink.base import Message
from edge_agent.uplink.batch import make_event, make_message

# What stands for a type in a topic where an event has none that could stand there.
UNKNOWN_TYPE = "unknown"
# The first one is the envelope's own: what an event says comes after its attributes.
_TYPE = re.compile(rb'"type":"([A-Za-z0-9_.-]{1,%d})"' % TYPE_BYTES)


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one delivery class.

    `topic` is complete but for `{type}`; `single` means one event a publish; `linger` is in seconds, how long
    a batch waits to fill, counted from its first event.
    """

    delivery_class: str
    topic: str
    single: bool
    compress: bool
    linger: float

    def topic_of(self, event: bytes) -> str:
        """Where this event goes."""
        return self.topic.replace(TYPE, type_of(event)) if TYPE in self.topic else self.topic

    def message(self, events: Sequence[bytes], journal_id: str, first: int, last: int) -> Message:
        """One publish of these events, or of the one, where they travel alone; its sequences."""
        its_class = ("class", self.delivery_class)
        if self.single:
            (event,) = events
            return make_event(self.topic_of(event), event, (its_class,))
        whose = (("journal", journal_id), ("first", str(first)), ("last", str(last)), its_class)
        return make_message(self.topic, events, whose, compress=self.compress)


def routes_of(settings: Settings, *, carries_properties: bool = True) -> Mapping[str, Route]:
    """The route of each class, by its letter.

    Args:
        settings: checked: their topics are fit to be published to.
        carries_properties: of the uplink; without them nothing is compressed, for nobody could tell.
    """
    return {
        name: Route(
            delivery_class=name,
            topic=settings.event_topic(name, one.template),
            single=one.encoding == "event",
            compress=one.compresses and carries_properties,
            linger=(
                max(one.linger_ms, settings.forwarder.linger_ms if one.encoding == "batch" else 0) / 1000
            ),
        )
        for name, one in settings.forwarder.classes.each()
    }


def type_of(event: bytes) -> str:
    """The type of an event as it leaves, as a level of a topic; `unknown` for one that cannot be that."""
    found = _TYPE.search(event)
    return found[1].decode("ascii") if found else UNKNOWN_TYPE
