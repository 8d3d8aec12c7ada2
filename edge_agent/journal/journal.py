"""The journal: what we know and have not yet handed over.

Invariants
- A record is durable when `append` returns. After an error nothing of that call is there.
- Sequences rise by one from 1, over restarts, failures, damage and deletion. The journal's id and the
  sequence name a record for ever.
- A record is read once it is durable, until it is deleted, and deleted only when every registered consumer
  has acknowledged it durably.
- A journal always opens. What is damaged is set aside, what is intact is kept, what is missing is said.
- Each file has one writer, held by a lock that dies with it.

    journal/00000000000000000001.seg    records; written by the one who collects
    journal/head                        how far they are durable; likewise
    journal/identity                    the journal's id
    journal/forwarder.position          written by the forwarder
    journal/forwarder.dead-letters      likewise
    journal/lock, forwarder.lock        who that is
    journal/damaged/                    segments that were damaged, as they were found

One process opens it to collect, another to forward; any number may read. The journal carries bytes and
their class, and knows nothing of what they mean.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError, LocalProtocolError
from edge_agent.journal.acknowledged import CLASSES, Acknowledged
from edge_agent.journal.collecting import Classify, Collecting, DescribeGap, Keeping, check_folder, collecting
from edge_agent.journal.consumer import DEFAULT_CONSUMER, Consumer, Consumers, check_name
from edge_agent.journal.disk import taken_bytes
from edge_agent.journal.gauge import Fill
from edge_agent.journal.head import NAME as HEAD_NAME
from edge_agent.journal.head import HeadNote
from edge_agent.journal.reader import Reader
from edge_agent.journal.record import Budget, DeadLetter, Gap, Record, Slice
from edge_agent.journal.segment import SEGMENT_BYTES
from edge_agent.journal.walk import Entry, walk

Role = Literal["collect", "forward", "read"]

# How much is read at a time where everything is read.
_STEP_RECORDS, _STEP_BYTES = 500, 1 << 20

# How often a reader that waits for the collector looks for the journal.
_LOOK_AGAIN_SECONDS = 0.05


def _all_matter(_payload: bytes) -> DeliveryClass:
    return DeliveryClass.A


def plainly(gap: Gap) -> bytes:
    """A gap as JSON."""
    said = {
        "gap": gap.reason,
        "class": gap.delivery_class,
        "count": gap.count,
        "first": gap.first,
        "last": gap.last,
        "why": gap.why,
    }
    return json.dumps(said).encode()


def open_journal(
    path: Path,
    *,
    role: Role,
    consumer: str = DEFAULT_CONSUMER,
    budget: Budget = Budget(),  # noqa: B008  frozen
    classify: Classify = _all_matter,
    describe_gap: DescribeGap = plainly,
    on_fill: Callable[[Fill], object] = lambda _fill: None,
    clock_is_right: Callable[[], bool] = lambda: True,
    housekeeping: bool = True,
    segment_bytes: int = SEGMENT_BYTES,
    wait_seconds: float = 0.0,
    wall: Callable[[], float] = time.time,
) -> Journal:
    """Open the journal in the folder `path`.

    Args:
        path: the folder. Made by the one who collects.
        role: "collect" appends, and nobody else may; "forward" acknowledges for `consumer`, and
            nobody else may; "read" only looks.
        consumer: who forwards.
        budget: what it may take up.
        classify: the class of a payload.
        describe_gap: what is appended for records that are no longer there.
        on_fill: told how full it is, every second, in the housekeeper's thread.
        clock_is_right: whether the wall clock can be believed; ages are not judged by one that cannot.
        housekeeping: whether the one who collects also deletes and looks after segments, in a thread.
        segment_bytes: a segment is followed by another at about this size.
        wait_seconds: how long a reader waits for the one who collects to make it.
        wall: seconds since 1970.

    Raises:
        InUseError: another process has that role.
        JournalDamaged: there is something else at `path`.
        JournalError: it is not there, or cannot be opened.
    """
    keeping = Keeping(budget, classify, describe_gap, on_fill, clock_is_right, housekeeping, segment_bytes)
    with ExitStack() as opening:  # closed in the opposite order, also when opening fails half-way
        if role == "collect":
            half, reader, consumers = collecting(path, keeping, wall, opening)
            name, held = reader.end().journal, opening.pop_all()
            return Journal(path, role, name, reader=reader, consumers=consumers, collecting=half, held=held)
        check_folder(path)
        _wait_for(path, wait_seconds)
        reader = Reader(path)
        opening.callback(reader.close)
        name = reader.end().journal
        consumers = Consumers(path, reader, name, {})
        opening.callback(consumers.close)
        if role == "forward":
            consumers[consumer].claim()
        held = opening.pop_all()
        return Journal(path, role, name, reader=reader, consumers=consumers, collecting=None, held=held)


class Journal:
    """An open journal. Thread-safe. Made by `open_journal`."""

    def __init__(
        self,
        path: Path,
        role: Role,
        name: str,
        *,
        reader: Reader,
        consumers: Consumers,
        collecting: Collecting | None,
        held: ExitStack,
    ) -> None:
        self.path = path
        self.role = role
        self.id = name
        self._reader = reader
        self._consumers = consumers
        self._collecting = collecting
        self._held = held

    def __repr__(self) -> str:
        return f"<Journal {self.path} {self.role} {self.id}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # For the one who collects.

    def append(self, payloads: Sequence[bytes]) -> range:
        """Make `payloads` durable, all or nothing; their sequences.

        Raises JournalFull or another JournalError; then nothing of them is there, and appending
        them again may succeed.
        """
        return self._collector.appender.append(payloads)

    def declare(self, payloads: Sequence[bytes]) -> range:
        """As append, but into the room that is kept free: for what says that the journal is full."""
        return self._collector.appender.declare(payloads)

    def fill(self) -> Fill:
        """How full it is."""
        return self._collector.gauge.measure()

    def shed(self) -> int:
        """Let go of what must go for the budget; how many records were lost by it."""
        return self._collector.housekeeper.shed()

    def derive(self, consumer: str, through: int, payloads: Sequence[bytes]) -> range:
        """What `consumer` derived from everything up to `through`, and that it did, in one commit.

        So whatever is derived is there exactly once: after a crash both are known or neither. Without
        payloads only the position moves. Raises JournalError.
        """
        collector, registered = self._collector, self._consumers[consumer]
        registered.claim()
        position = registered.acknowledged.position()
        if not position < through <= self.head:
            raise LocalProtocolError(
                f"consumer {consumer} derived from {position + 1} to {through}, of {self.head}",
                "derive from what was read and not derived from before",
            )
        sequences = collector.appender.derive(consumer, through, payloads) if payloads else range(0)
        with suppress(JournalError):  # the mark in the journal says it too, and says it first
            registered.acknowledge(position + 1, through)
        return sequences

    def register(self, consumer: str) -> None:
        """From now on forget nothing that `consumer` has not acknowledged. Repeating it changes nothing."""
        check_name(consumer)
        assert self._collector  # noqa: S101  raises when there is none
        self._consumers.register(consumer)

    def forget(self) -> int:
        """Delete the segments that every consumer has acknowledged, but for the newest; how many."""
        return self._collector.housekeeper.forget()

    def look_after(self) -> bool:
        """Look at the next sealed segment, and mend it if need be; whether it was damaged."""
        return self._collector.housekeeper.look()

    def mend_all(self) -> int:
        """Look at every sealed segment; how many were mended since it was opened."""
        return self._collector.housekeeper.mend_all()

    # For consumers.

    def read(
        self,
        after: int,
        limit: int,
        max_bytes: int,
        *,
        classes: Sequence[DeliveryClass] | None = None,
        until: int | None = None,
    ) -> Slice:
        """Of some classes, or of all, what follows `after`: at most `limit` records and `max_bytes`.

        One record is given however large it is, or nothing behind it would ever be read. A read looks
        into one segment: it may give nothing and yet have looked further, so go on from `through`.
        """
        return self._reader.read(after, limit, max_bytes, classes=classes, until=until)

    def acknowledge(
        self,
        consumer: str,
        first: int,
        last: int,
        *,
        delivery_class: DeliveryClass | None = None,
        count: int | None = None,
    ) -> None:
        """`consumer` has dealt with all of a class, or of every class, from `first` to `last`.

        Args:
            consumer: who has.
            first: a sequence, of any class.
            last: likewise.
            delivery_class: of which; None: of every class.
            count: how many records of the class that is, if it is known: counting takes a while.
        """
        acknowledging = self._acknowledging(consumer)
        if delivery_class is None:
            acknowledging.acknowledge(first, last)
        else:
            acknowledging.acknowledge(first, last, (delivery_class,), count)

    def set_aside(self, consumer: str, sequences: int | Sequence[int], reason: str) -> None:
        """Keep what `consumer` cannot use, with the reason; durable on return. Acknowledges nothing."""
        several = [sequences] if isinstance(sequences, int) else sequences
        self._acknowledging(consumer).set_aside(several, reason)

    def remove_dead_letters(self, consumer: str, sequences: Sequence[int]) -> None:
        """`consumer` could use these after all: keep them no longer; durable on return."""
        self._acknowledging(consumer).remove_dead_letters(sequences)

    def owe(self, consumer: str, words: Sequence[Record]) -> None:
        """Keep what is to be said in the place of records set aside, and was refused; durable on return."""
        self._acknowledging(consumer).owe(words)

    def owed(self, consumer: str) -> Sequence[Record]:
        """What of that was not said yet, in order."""
        return self._consumers[consumer].owed()

    def said(self, consumer: str, sequences: Sequence[int]) -> None:
        """These are owed no longer; durable on return."""
        self._acknowledging(consumer).said(sequences)

    # For anyone.

    def records(self, after: int = 0) -> Iterator[Record]:
        """Every record that follows `after`, in order, as far as they are durable when it is called."""
        until = self.head
        while after < until:
            found = self.read(after, _STEP_RECORDS, _STEP_BYTES, until=until)
            yield from found.records
            after = found.through

    def walk(self) -> Iterator[Entry]:
        """Everything that lies in it, what is gone or damaged included, for whoever checks it."""
        return walk(self.path, self._reader.end)

    @property
    def head(self) -> int:
        """The last sequence appended; 0 before the first."""
        return self._reader.end().sequence

    def head_chain(self) -> tuple[int, bytes]:
        """The last sequence appended, and its link."""
        end = self._reader.end()
        return end.sequence, end.chain

    def acknowledged(self, consumer: str) -> Acknowledged:
        """What `consumer` has dealt with."""
        return self._consumers[consumer].acknowledged

    def position(self, consumer: str) -> int:
        """The last sequence before which nothing is open for `consumer`."""
        return self.acknowledged(consumer).position()

    def depth(self, consumer: str, delivery_class: DeliveryClass | None = None) -> int:
        """How many records wait for `consumer`."""
        end, acknowledged = self._reader.end(), self.acknowledged(consumer)
        classes = CLASSES if delivery_class is None else (delivery_class,)
        return sum(self._waiting(cls, end.counts[CLASSES.index(cls)], acknowledged) for cls in classes)

    def _waiting(self, cls: DeliveryClass, appended: int, acknowledged: Acknowledged) -> int:
        """Of a class, what is really there: not what was let go of it, nor what damage took."""
        through = acknowledged.through(cls)
        before = self._reader.count_through(cls, through)
        dealt_with = acknowledged.count(cls, after=through) if before is not None else acknowledged.count(cls)
        open_spans = acknowledged.open(cls, through + 1, self.head)
        gone = self._reader.let_go(cls, open_spans) if open_spans else 0
        return max(0, appended - (before or 0) - dealt_with - gone)

    def oldest_age(
        self, consumer: str, wall_now: float, delivery_class: DeliveryClass | None = None
    ) -> float:
        """Seconds since the oldest record that waits for `consumer` was appended; 0.0 if none waits."""
        acknowledged = self.acknowledged(consumer)
        classes = CLASSES if delivery_class is None else (delivery_class,)
        oldest = [
            record.appended_at
            for cls in classes
            for record in self._first_after(acknowledged.through(cls), cls)
        ]
        return max(0.0, wall_now - min(oldest)) if oldest else 0.0

    def consumers(self) -> Sequence[str]:
        """Who is registered."""
        return [consumer.name for consumer in self._consumers]

    def _first_after(self, after: int, cls: DeliveryClass) -> Sequence[Record]:
        until = self.head
        while after < until:
            found = self.read(after, limit=1, max_bytes=0, classes=(cls,), until=until)
            if found.records:
                return found.records
            after = found.through
        return ()

    def dead_letters(self) -> list[DeadLetter]:
        """What consumers have set aside."""
        return [letter for consumer in self._consumers for letter in consumer.dead_letters]

    def size_bytes(self) -> int:
        """What the journal takes on the disk, what was set aside as damaged included."""
        return sum(taken_bytes(file) for file in self.path.rglob("*"))

    def changed(self) -> bool:
        """Whether anything was committed since last asked; True the first time. A few microseconds."""
        return self._reader.changed()

    def close(self) -> None:
        """Close the files and let others have them. Repeating it changes nothing."""
        self._held.close()

    @property
    def _collector(self) -> Collecting:
        if self._collecting is None:
            raise LocalProtocolError(
                f"journal {self.path} is open to {self.role}", "open it with role='collect'"
            )
        return self._collecting

    def _acknowledging(self, consumer: str) -> Consumer:
        if self.role == "read":
            raise LocalProtocolError(f"journal {self.path} is open to read", "open it with role='forward'")
        return self._consumers[consumer]


def _wait_for(path: Path, seconds: float) -> None:
    give_up_at = time.monotonic() + seconds
    while not journal_is_there(path):
        if time.monotonic() >= give_up_at:
            raise JournalError(
                f"journal {path} does not exist, or does not say where it ends",
                "start the collector, which makes and mends it, or check `journal.path`",
            )
        time.sleep(_LOOK_AGAIN_SECONDS)


def journal_is_there(path: Path) -> bool:
    """Whether the one who collects has made the journal, so that others can open it."""
    if not (path / HEAD_NAME).exists():
        return False
    note = HeadNote(path)
    try:
        return note.read() is not None
    finally:
        note.close()
