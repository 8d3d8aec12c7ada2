"""The outbox: batches read from the journal and not yet acknowledged, in the journal's order.

Each is waiting to be sent, in flight, held or settled. Held means accepted by a nucleus, which may lose it,
until the cloud confirms it. The settled ones at the front may be acknowledged.

Only the batch at the front can be overdue. What follows it is confirmed together with it, or is at the
front next: so a single lost publish has one sent again, and not all that came after it.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from edge_agent.journal import Record
from edge_agent.uplink.base import Message
from edge_agent.uplink.batch import make_message

Compose = Callable[[str, Record], bytes]  # one event, of a journal's id and a record
Absence = Callable[[Record, str], bytes]  # a payload for the place of a record, and why it is not there


@dataclass(slots=True, eq=False)
class Batch:
    """Consecutive records on their way, and what is published for them. Times are of the caller's clock."""

    first: int
    last: int
    records: Sequence[Record]
    message: Message
    sent_at: float = 0.0
    overdue_at: float = math.inf  # held until the cloud confirms it, or this time comes
    settled: bool = False
    stands_in: bool = False  # its records only say what was set aside in their place

    def settle(self) -> None:
        """Delivered or set aside: only its place is still of interest."""
        self.settled, self.records, self.message, self.overdue_at = True, (), Message("", b""), math.inf


@dataclass(frozen=True, slots=True)
class Packing:
    """How records become batches."""

    journal_id: str
    topic: str
    compose: Compose
    absence: Absence | None
    compress: bool

    def events(self, records: Sequence[Record]) -> list[bytes]:
        """One event of each."""
        return [self.compose(self.journal_id, record) for record in records]

    def batch(self, records: Sequence[Record], events: Sequence[bytes]) -> Batch:
        """One publish of consecutive records and their events."""
        message = make_message(self.topic, events, compress=self.compress)
        return Batch(records[0].sequence, records[-1].sequence, records, message)

    def halves(self, batch: Batch) -> list[Batch]:
        """Two publishes of a batch of more than one record."""
        middle = len(batch.records) // 2
        halves = batch.records[:middle], batch.records[middle:]
        return [self.batch(records, self.events(records)) for records in halves]

    def stand_in(self, batch: Batch, reason: str) -> bool:
        """Have a batch say what was set aside in its place; whether it does."""
        if self.absence is None:
            return False
        records = [record._replace(payload=self.absence(record, reason)) for record in batch.records]
        batch.records, batch.stands_in = records, True
        batch.message = make_message(self.topic, self.events(records), compress=self.compress)
        return True


class Outbox:
    """What was read and not acknowledged."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()
        self._waiting: list[Batch] = []  # those of them that are to be sent, in order

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def waiting(self) -> int:
        """How many are to be sent again."""
        return len(self._waiting)

    @property
    def held(self) -> int:
        """How many are accepted and not confirmed."""
        return sum(batch.overdue_at < math.inf for batch in self._batches)

    def add(self, batch: Batch) -> None:
        """The next batch of the journal; whoever adds it sends it."""
        self._batches.append(batch)

    def keep(self, batch: Batch) -> None:
        """It is to be sent again."""
        insort(self._waiting, batch, key=attrgetter("first"))

    def take(self) -> Batch:
        """The first of those to be sent again; whoever takes it sends it."""
        return self._waiting.pop(0)

    def split(self, batch: Batch, halves: Sequence[Batch]) -> None:
        """Put its halves in its place, to be sent."""
        place = self._batches.index(batch)
        del self._batches[place]
        for half in reversed(halves):
            self._batches.insert(place, half)
            self.keep(half)

    def confirmed(self, through: int) -> Iterator[Batch]:
        """Those that the cloud has, up to a sequence, and that were not settled; they wait no longer."""
        self._waiting = [batch for batch in self._waiting if batch.last > through]
        return (batch for batch in [*self._batches] if batch.last <= through and not batch.settled)

    def pop_settled(self) -> Iterator[int]:
        """The last sequence of each batch that is settled and has nothing before it that is not."""
        while self._batches and self._batches[0].settled:
            yield self._batches.popleft().last

    def until_overdue(self, now: float) -> float:
        """Seconds until the batch at the front is overdue; 0 when it is, infinite when it is not held."""
        return max(0.0, self._batches[0].overdue_at - now) if self._batches else math.inf

    def take_overdue(self) -> Batch:
        """The batch at the front, no longer held; whoever takes it keeps it, to be sent again."""
        self._batches[0].overdue_at = math.inf
        return self._batches[0]
