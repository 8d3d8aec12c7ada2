"""Lane: one delivery class on its way, what is new or what waited: read ahead a little, and cut into batches.

What is read and not cut is bounded, what is cut and not acknowledged too. Batches stay in the order of the
journal until they are settled, so what is acknowledged of a lane is one range that grows.

Only the batch at the front of all lanes can be overdue where the cloud confirms: what follows it is
confirmed together with it, or is at the front next.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from edge_agent.delivery import DeliveryClass
from edge_agent.forwarder.batch import Batch, Packing
from edge_agent.forwarder.quota import Keep
from edge_agent.forwarder.spans import Span
from edge_agent.journal import Journal, Record
from edge_agent.uplink.base import Message
from edge_agent.uplink.limits import MAX_PAYLOAD_BYTES

# IoT Core meters publishes by this, with their properties.
METERED_BYTES = 5 * 1024
# What the identity adds to a record: id, sequence and chain.
_IDENTITY_BYTES = 140
# Of 100 of our events gzip leaves 7 %; a new lane expects less of it, and learns.
_EXPECTED_RATIO = 0.12
_LEARNING = 0.2
# So many singles are read at once.
_SINGLES_READ = 100
# A read of so many takes 2 ms, and what is live waits for it.
_MOST_READ = 500
# What is passed over is acknowledged this often: each time a block of a file is written.
PASS_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Limits:
    """What a batch may hold: records, and bytes before compression."""

    records: int
    size: int


class Lane:
    """What is to be read of one class, and the batches it was cut into.

    Args:
        delivery_class: of its records.
        packing: makes the batches.
        spans: what is to be read, in order; one without end is live.
        limits: of a batch.
        keep: of the quota, for lanes that are more urgent.
        is_resent: somebody asked for it again: nothing of it is acknowledged.
    """

    def __init__(
        self,
        delivery_class: DeliveryClass,
        packing: Packing,
        spans: Iterable[Span],
        *,
        limits: Limits,
        keep: Keep,
        is_resent: bool = False,
    ) -> None:
        self.delivery_class = delivery_class
        self.packing = packing
        self.keep = keep
        self._limits = limits
        self._spans = deque(spans)
        self.is_resent = is_resent
        self.is_live = any(span.until is None for span in self._spans)
        self._edge = self._through = 0  # cut, or passed over, up to here; read up to here
        self._until: int | None = 0
        self._buffer: deque[Record] = deque()
        self._buffered_bytes = 0
        self._gone = 0  # entries read beyond the edge whose record is gone
        self._due_at = math.inf
        self._cut_at = self._passed_at = -math.inf
        self._ratio = _EXPECTED_RATIO if packing.route.compress else 1.0
        self._batches: deque[Batch] = deque()
        self._waiting: list[Batch] = []  # those of them that are to be sent, in order
        self._next_span()

    def __len__(self) -> int:
        return len(self._batches)

    def __repr__(self) -> str:
        kind = "live" if self.is_live else "backlog"
        return f"<Lane {self.delivery_class} {kind} {self._edge} {self._through} {len(self)}>"

    # What is read.

    def has_more(self, head: int) -> bool:
        """Whether there is anything that was not read."""
        return self._through < (head if self._until is None else self._until)

    def has_room(self) -> bool:
        """Whether a batch, or some singles, would not be full yet."""
        most = min(self._limits.records, _SINGLES_READ) if self.packing.route.single else self._limits.records
        return len(self._buffer) < most and self._buffered_bytes < self._limits.size

    @property
    def is_of_batches(self) -> bool:
        """Whether more than one event may leave in a publish."""
        return not self.packing.route.single

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read that is not cut."""
        return not self._buffer

    def reads_in(self, head: int, now: float, spacing: float) -> float:
        """Seconds until reading on may let something leave: between two batches only what fills one does.

        Args:
            head: the journal's last sequence.
            now: seconds.
            spacing: seconds between two live batches.
        """
        if not self.is_live or self.packing.route.single:
            return 0.0
        new = head - self._through  # of any class
        if new <= 0 or len(self._buffer) + new >= self._limits.records:
            return 0.0
        return max(0.0, self._cut_at + spacing - self.packing.route.linger - now)

    def read(self, journal: Journal, now: float) -> None:
        """Read on a little, from one segment."""
        limit = min(self._limits.records, _SINGLES_READ if self.packing.route.single else _MOST_READ)
        found = journal.read(
            self._through, limit, self._limits.size, classes=(self.delivery_class,), until=self._until
        )
        if found.records and not self._buffer:
            self._due_at = now + self.packing.route.linger
        self._buffer.extend(found.records)
        self._buffered_bytes += sum(len(record.payload) + _IDENTITY_BYTES for record in found.records)
        self._gone += found.passed - len(found.records)
        self._through = found.through

    def fill(self, records: Sequence[Record]) -> None:
        """These are to be sent, as if they had been read."""
        self._buffer.extend(records)
        self._buffered_bytes += sum(len(record.payload) + _IDENTITY_BYTES for record in records)
        self._through = self._until = records[-1].sequence

    def next_open(self) -> float:
        """The first sequence that may be of it and is in no batch."""
        if self._buffer:
            return self._buffer[0].sequence
        return self._through + 1 if self._until is None or self._through < self._until else self._next_after()

    # What is cut.

    def pass_over(self, now: float) -> None:
        """Let what was read and is none of ours be acknowledged, now and then; then begin the next span."""
        if self._buffer:
            return
        at_end = self._until is not None and self._through >= self._until
        if self._through > self._edge and (at_end or now >= self._passed_at + PASS_SECONDS):
            self._add_to_last()
            self._passed_at = now
        if at_end and self._spans:
            self._next_span()

    def is_done(self) -> bool:
        """Whether all of it was read, and is acknowledged."""
        at_end = self._until is not None and self._through >= self._until
        return at_end and not (self._spans or self._buffer or self._batches)

    def cuts_in(self, now: float, spacing: float, size: float) -> float:
        """Seconds until a batch should be cut; infinite while there is nothing for one."""
        if not self._buffer:
            return math.inf
        if not self.is_live or self._buffered_bytes * self._ratio >= size or not self.has_room():
            return 0.0
        due_at = self._due_at
        if not self.packing.route.single:
            due_at = max(due_at, self._cut_at + spacing)
        return max(0.0, due_at - now)

    def cut(self, now: float, size: float, payload_maximum: int) -> Batch:
        """Cut a batch of this size on the wire, or of one record that is larger. It is to be sent."""
        records, events, raw = self._take(size, payload_maximum)
        last, count = records[-1].sequence, len(records)
        if not self._buffer:
            last, count, self._gone = self._through, count + self._gone, 0
        batch = self.packing.batch(self._edge + 1, last, count, records, events)
        if self.packing.route.compress:
            self._ratio += _LEARNING * (min(1.0, len(batch.message.payload) / raw) - self._ratio)
        self._edge, self._cut_at = last, now
        self._batches.append(batch)
        self._waiting.append(batch)
        return batch

    # What is in it.

    @property
    def waiting(self) -> Batch | None:
        """The first batch that is to be sent."""
        return self._waiting[0] if self._waiting else None

    @property
    def held(self) -> int:
        """How many batches are accepted and not confirmed."""
        return sum(batch.overdue_at < math.inf for batch in self._batches)

    def take(self, batch: Batch) -> None:
        """It is sent."""
        self._waiting.remove(batch)

    def put_back(self, batch: Batch) -> None:
        """It is to be sent again."""
        insort(self._waiting, batch, key=attrgetter("first"))

    def put_aside(self, batch: Batch) -> Span:
        """It leaves the lane without being acknowledged: what it was."""
        self._waiting.remove(batch)
        self._batches.remove(batch)
        return Span(batch.first - 1, batch.last)

    def replace(self, batch: Batch, others: Iterable[Batch]) -> None:
        """Others are to be sent in its place."""
        place = self._batches.index(batch)
        del self._batches[place]
        for number, other in enumerate(others):
            self._batches.insert(place + number, other)
            self.put_back(other)

    def halve(self, batch: Batch) -> bool:
        """Two are to be sent in its place, if it has more than one record; whether it has."""
        if len(batch.records) < 2:
            return False
        self.replace(batch, self.packing.halves(batch))
        return True

    def confirmed(self, through: int) -> list[Batch]:
        """Those that the cloud has, up to a sequence, and that were not settled; they wait no longer."""
        self._waiting = [batch for batch in self._waiting if batch.through > through]
        return [batch for batch in self._batches if not batch.settled and batch.through <= through]

    def oldest(self) -> float | None:
        """When the oldest record of it that was read and is not settled was appended, by the wall clock."""
        front = self.front()
        records = front.records if front is not None else self._buffer
        return records[0].appended_at if records else None

    def front(self) -> Batch | None:
        """The first batch that is not settled."""
        return next((batch for batch in self._batches if not batch.settled), None)

    def pop_settled(self) -> Iterator[Batch]:
        """Those that are settled and have nothing before them that is not."""
        while self._batches and self._batches[0].settled:
            yield self._batches.popleft()

    def pop_all_settled(self) -> list[Batch]:
        """All that are settled."""
        settled = [batch for batch in self._batches if batch.settled]
        self._batches = deque(batch for batch in self._batches if not batch.settled)
        return settled

    def _next_span(self) -> None:
        if self._spans:
            after, self._until = self._spans.popleft()
            self._edge = self._through = after

    def _add_to_last(self) -> None:
        """What was passed over is dealt with when the batch before it is."""
        if not (self._batches and self._batches[-1].last == self._edge):
            passed = Batch(self._edge + 1, self._through, 0, (), Message("", b""))
            passed.settle()
            self._batches.append(passed)
        last = self._batches[-1]
        last.last, last.count = self._through, last.count + self._gone
        self._edge, self._gone = self._through, 0

    def _next_after(self) -> float:
        return self._spans[0].after + 1 if self._spans else math.inf

    def _take(self, size: float, payload_maximum: int) -> tuple[list[Record], list[bytes], int]:
        """Records from the front of what was read, their events, and the bytes of these."""
        single = self.packing.route.single
        most = 1 if single else self._limits.records
        room = min(self._limits.size, min(payload_maximum, MAX_PAYLOAD_BYTES, size) / self._ratio)
        records: list[Record] = []
        events: list[bytes] = []
        raw = 2
        while self._buffer and len(records) < most:
            event = self.packing.event(self._buffer[0])
            if records and raw + len(event) + 1 > room:
                break
            record = self._buffer.popleft()
            self._buffered_bytes -= len(record.payload) + _IDENTITY_BYTES
            records.append(record)
            events.append(event)
            raw += len(event) + 1
        return records, events, raw
