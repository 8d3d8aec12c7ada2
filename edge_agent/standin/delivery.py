"""Delivery: what one client asked to be told, and what is on its way there.

At QoS 1 at most the client's receive maximum, and never more than 100, are unacknowledged; the
rest waits in a queue of bounded length. Nothing is sent twice: there are no sessions to resume.
As at IoT Core, a filter with wildcards gets no retained messages. A message that expires while it
waits is not sent; one that goes out in time says how much of its time is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import TypeAlias

from edge_agent.standin import limits
from edge_agent.standin.decoding import MalformedPacket
from edge_agent.standin.encoding import encode
from edge_agent.standin.packets import (
    Properties,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from edge_agent.standin.policy import Action
from edge_agent.standin.topics import SHARED_PREFIX, has_wildcard, matches, valid_filter

Allows: TypeAlias = Callable[[Action, str], bool]

# Section 2.2.1: packet identifiers are 1 to 65,535.
PACKET_IDS = 65_535


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits to be sent, and since when."""

    packet: Publish
    since: float

    def fresh(self, now: float) -> Publish | None:
        """The message with what is left of its time; None when it has expired (section 3.3.2.3.3)."""
        properties = self.packet.properties
        if properties.message_expiry_interval is None:
            return self.packet
        # AWS IoT: an expiry of 0 is taken as 1.
        left = max(1, properties.message_expiry_interval) - (now - self.since)
        if left <= 0:
            return None
        return replace(self.packet, properties=replace(properties, message_expiry_interval=ceil(left)))


class Delivery:
    """The outbound half of a session."""

    def __init__(self, properties: Properties, allows: Allows) -> None:
        self._window = min(properties.receive_maximum or limits.RECEIVE_MAXIMUM, limits.RECEIVE_MAXIMUM)
        self._largest = properties.maximum_packet_size or limits.PACKET_LIMIT_BYTES
        self._allows = allows
        self._subscriptions: dict[str, Subscription] = {}
        self._queue: deque[Waiting] = deque()
        self._unacknowledged: set[int] = set()
        self._last_id = 0
        self._dropped = 0
        self._expired = 0

    @property
    def topic_filters(self) -> Collection[str]:
        """The filters in force."""
        return self._subscriptions.keys()

    def subscribe(self, packet: Subscribe, retained: Mapping[str, Waiting], now: float) -> Suback:
        """Take note of the filters; retained messages that match become due."""
        if packet.properties.subscription_identifiers:
            raise MalformedPacket("SUBSCRIBE with an identifier", Reason.SUBSCRIPTION_IDS_NOT_SUPPORTED)
        reasons = []
        for at, subscription in enumerate(packet.subscriptions):
            reason = self._judge(subscription.topic_filter, at)
            reasons.append(min(subscription.qos, limits.MAXIMUM_QOS) if reason is None else reason)
            if reason is None:
                new = subscription.topic_filter not in self._subscriptions
                self._subscriptions[subscription.topic_filter] = subscription
                self._offer_retained(subscription, retained, now, new=new)
        return Suback(packet.packet_id, tuple(reasons))

    def unsubscribe(self, packet: Unsubscribe) -> Unsuback:
        """Forget filters."""
        known = [self._subscriptions.pop(one, None) is not None for one in packet.topic_filters]
        reasons = tuple(Reason.SUCCESS if one else Reason.NO_SUBSCRIPTION_EXISTED for one in known)
        return Unsuback(packet.packet_id, reasons)

    def offer(self, packet: Publish, now: float, *, own: bool) -> bool:
        """Queue a message if it was asked for; whether it was."""
        wanted = [
            one
            for one in self._subscriptions.values()
            if matches(one.topic_filter, packet.topic) and not (own and one.no_local)
        ]
        if not wanted or not self._allows(Action.RECEIVE, packet.topic):
            return False
        qos = max(one.qos for one in wanted)
        retain = packet.retain and any(one.retain_as_published for one in wanted)
        self._enqueue(Waiting(packet, now), qos, retain=retain)
        return True

    def acknowledge(self, packet_id: int) -> None:
        """The client has it."""
        self._unacknowledged.discard(packet_id)

    def due(self, now: float) -> Iterator[Publish]:
        """What may be sent now, with packet identifiers given."""
        while self._queue and (not self._queue[0].packet.qos or len(self._unacknowledged) < self._window):
            packet = self._queue.popleft().fresh(now)
            if packet is None:
                self._expired += 1
                continue
            if packet.qos:
                packet = replace(packet, packet_id=self._next_id())
            if len(encode(packet)) > self._largest:
                self._unacknowledged.discard(packet.packet_id)
                self._dropped += 1
                continue
            yield packet

    def take_lost(self) -> tuple[int, int]:
        """How many messages were dropped, and how many expired, since last asked."""
        lost, self._dropped, self._expired = (self._dropped, self._expired), 0, 0
        return lost

    def _judge(self, topic_filter: str, at: int) -> Reason | None:
        """Why a filter is refused, if it is."""
        if topic_filter.startswith(SHARED_PREFIX):
            return Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
        if not valid_filter(topic_filter):
            return Reason.TOPIC_FILTER_INVALID
        if not self._allows(Action.SUBSCRIBE, topic_filter):
            return Reason.NOT_AUTHORISED
        full = topic_filter not in self._subscriptions and len(self._subscriptions) >= limits.SUBSCRIPTIONS
        return Reason.QUOTA_EXCEEDED if full or at >= limits.FILTERS_PER_SUBSCRIBE else None

    def _offer_retained(
        self, subscription: Subscription, retained: Mapping[str, Waiting], now: float, *, new: bool
    ) -> None:
        """Section 3.8.3.1: retain handling 0 always sends, 1 for a new subscription, 2 never."""
        wanted = subscription.retain_handling == 0 or (subscription.retain_handling == 1 and new)
        kept = retained.get(subscription.topic_filter)
        if not wanted or kept is None or has_wildcard(subscription.topic_filter):
            return
        if kept.fresh(now) is not None and self._allows(Action.RECEIVE, kept.packet.topic):
            self._enqueue(kept, subscription.qos, retain=True)

    def _enqueue(self, waiting: Waiting, qos: int, *, retain: bool) -> None:
        if len(self._queue) >= limits.QUEUED_DELIVERIES:
            self._queue.popleft()
            self._dropped += 1
        packet = waiting.packet
        properties = replace(packet.properties, topic_alias=None, will_delay_interval=None)
        level = min(qos, packet.qos, limits.MAXIMUM_QOS)
        copy = replace(packet, qos=level, packet_id=0, retain=retain, dup=False, properties=properties)
        self._queue.append(Waiting(copy, waiting.since))

    def _next_id(self) -> int:
        # At most 100 are unacknowledged, so one of the next 101 is free.
        while True:
            self._last_id = self._last_id % PACKET_IDS + 1
            if self._last_id not in self._unacknowledged:
                self._unacknowledged.add(self._last_id)
                return self._last_id
