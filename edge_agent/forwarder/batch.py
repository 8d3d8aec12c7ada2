"""Batch: records of one class on their way, and the one publish that is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_agent.journal import Record
from edge_agent.routes import Route
from edge_agent.uplink.base import Message

Compose = Callable[[str, Record], bytes]  # one event, of a journal's id and a record
Absence = Callable[[Record, str], bytes]  # a payload for the place of a record, and why it is not there

# Fixed header, remaining length, packet id, lengths of topic and properties, content type's own.
_PACKET_BYTES = 16
# Identifier and two lengths of a user property.
_PROPERTY_BYTES = 5


@dataclass(slots=True, eq=False)
class Batch:
    """Records of one class, all there are from `first` to `last`, and what is published for them.

    Times are of the loop's clock.
    """

    first: int
    last: int
    count: int  # records of the class from first to last, those included that are gone
    records: Sequence[Record]
    message: Message
    session: int = 0  # in which it was sent last
    sent_at: float = 0.0
    overdue_at: float = math.inf  # held until the cloud confirms it, or this time comes
    settled: bool = False
    unproven: bool = False  # refused for good, or taken by somebody who may lose it
    stands_in: bool = False  # its records only say what was set aside in their place
    size: int = field(init=False)  # bytes on the wire

    def __post_init__(self) -> None:
        self.size = wire_bytes(self.message)

    @property
    def through(self) -> int:
        """Its last record."""
        return self.records[-1].sequence if self.records else self.last

    def settle(self) -> None:
        """Delivered or set aside: only its place is still of interest."""
        self.settled, self.records, self.message, self.overdue_at = True, (), Message("", b""), math.inf


def wire_bytes(message: Message) -> int:
    """What a message takes of the connection: payload, topic, properties and header."""
    words = sum(len(name) + len(value) + _PROPERTY_BYTES for name, value in message.user_properties)
    return len(message.payload) + len(message.topic) + len(message.content_type) + words + _PACKET_BYTES


@dataclass(frozen=True, slots=True)
class Packing:
    """How records of one class become batches."""

    journal_id: str
    route: Route
    compose: Compose
    absence: Absence | None

    def event(self, record: Record) -> bytes:
        """One event."""
        return self.compose(self.journal_id, record)

    def batch(
        self, first: int, last: int, count: int, records: Sequence[Record], events: Sequence[bytes]
    ) -> Batch:
        """One publish of these records, which are all of their class from `first` to `last`."""
        message = self.route.message(events, self.journal_id, records[0].sequence, records[-1].sequence)
        return Batch(first, last, count, records, message)

    def halves(self, batch: Batch) -> list[Batch]:
        """Two publishes of a batch of more than one record."""
        middle = len(batch.records) // 2
        front, back = batch.records[:middle], batch.records[middle:]
        last = front[-1].sequence
        halves = [
            self.batch(batch.first, last, middle, front, [self.event(record) for record in front]),
            self.batch(
                last + 1, batch.last, batch.count - middle, back, [self.event(record) for record in back]
            ),
        ]
        for half in halves:
            half.stands_in = batch.stands_in
        return halves

    def stand_in(self, batch: Batch, reason: str) -> Batch | None:
        """What says in its place what was set aside; None if nothing does."""
        if self.absence is None:
            return None
        records = [record._replace(payload=self.absence(record, reason)) for record in batch.records]
        events = [self.event(record) for record in records]
        word = self.batch(batch.first, batch.last, batch.count, records, events)
        word.stands_in = True
        return word
