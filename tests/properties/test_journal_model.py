"""The real journal beside a few sets: whatever happens in whatever order, they agree.

A crash is real in what matters: `kill -9` leaves exactly what was written, so the files are copied as they
stand and the copy is opened. Damage hits one record, which is lost for certain and said so.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import LocalProtocolError
from edge_agent.journal import CLASSES, Journal, open_journal
from edge_agent.journal.frames import RECORDS, scan
from tests.journal.folders import (
    FORWARDER,
    PLENTY,
    Told,
    class_of,
    collector,
    contents,
    copied,
    look_at_all,
    segments_of,
)

ANALYTICS = "analytics"

letters = st.sampled_from([b"A", b"B", b"C"])
payloads = st.lists(
    st.builds(bytes.__add__, letters, st.binary(max_size=40) | st.integers(0, 3000).map(bytes)),
    min_size=1,
    max_size=5,
)
consumers = st.sampled_from([FORWARDER, ANALYTICS])
some_classes = st.lists(st.sampled_from(CLASSES), min_size=1, max_size=3, unique=True).map(
    lambda classes: tuple(sorted(classes))
)


class JournalAndSets(RuleBasedStateMachine):
    """A collector and its consumers on one folder, and sets of all that was appended, acknowledged, lost."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("os.fsync", lambda _fd: None)
        self.patch.setattr("os.fdatasync", lambda _fd: None)
        self.folder = Path(tempfile.mkdtemp())
        self.appended: dict[int, bytes] = {}
        self.done: dict[str, set[int]] = {FORWARDER: set()}
        self.lost: set[int] = set()
        self.told = Told([])
        self.generation = 0
        self.open()

    @property
    def path(self) -> Path:
        return self.folder / str(self.generation)

    def open(self) -> None:
        with structlog.testing.capture_logs():
            self.collector = collector(self.path, self.told)
        self.readers: dict[str, Journal] = {}
        for name in self.done:
            self.readers[name] = open_journal(self.path, role="forward", consumer=name)
        self.see_gaps()

    def see_gaps(self) -> None:
        """What is journalled of gaps is a record as any."""
        for sequence, payload in contents(self.collector, len(self.appended)).items():
            assert payload.startswith(b"Agap ")
            self.appended[sequence] = payload

    def close(self) -> None:
        self.collector.close()
        for reader in self.readers.values():
            reader.close()

    @rule(payloads=payloads)
    def append(self, payloads: list[bytes]) -> None:
        sequences = self.collector.append(payloads)

        assert list(sequences) == [len(self.appended) + place for place in range(1, len(payloads) + 1)]
        self.appended |= dict(zip(sequences, payloads, strict=True))

    @rule(
        name=consumers,
        classes=some_classes,
        after=st.integers(0, 60),
        limit=st.integers(1, 6),
        max_bytes=st.sampled_from([0, 50, 3000, PLENTY]),
    )
    def read(
        self, name: str, classes: tuple[DeliveryClass, ...], after: int, limit: int, max_bytes: int
    ) -> None:
        if name not in self.readers:
            return
        found = self.readers[name].read(after, limit, max_bytes, classes=classes)

        assert after <= found.through <= max(after, len(self.appended))
        assert [record.payload for record in found.records] == self.expected(classes, after, found.through)
        assert len(found.records) <= limit
        assert sum(len(record.payload) for record in found.records[:-1]) <= max_bytes

    def expected(self, classes: tuple[DeliveryClass, ...], after: int, through: int) -> list[bytes]:
        return [
            payload
            for sequence, payload in self.appended.items()
            if max(after, self.forgotten) < sequence <= through
            and sequence not in self.lost
            and class_of(payload) in classes
        ]

    @property
    def forgotten(self) -> int:
        return int(segments_of(self.path)[0].stem) - 1

    @rule(
        name=consumers,
        its_class=st.sampled_from([None, *CLASSES]),
        first=st.integers(1, 60),
        length=st.integers(0, 30),
    )
    def acknowledge(self, name: str, its_class: DeliveryClass | None, first: int, length: int) -> None:
        if name not in self.readers:
            return
        last = first + length - 1
        if last > len(self.appended):
            with pytest.raises(LocalProtocolError, match="acknowledge only what was read"):
                self.readers[name].acknowledge(name, first, last, delivery_class=its_class)
            return
        self.readers[name].acknowledge(name, first, last, delivery_class=its_class)
        self.done[name] |= {
            sequence
            for sequence in range(first, last + 1)
            if its_class in {None, class_of(self.appended[sequence])}
        }

    @rule()
    def acknowledge_all(self) -> None:
        for name in self.readers:
            self.acknowledge(name, None, 1, len(self.appended))

    @rule()
    def forget(self) -> None:
        with structlog.testing.capture_logs():
            self.collector.forget()
        self.see_gaps()

    @precondition(lambda self: ANALYTICS not in self.done)
    @rule()
    def register(self) -> None:
        self.collector.register(ANALYTICS)
        self.done[ANALYTICS] = set()
        self.readers[ANALYTICS] = open_journal(self.path, role="forward", consumer=ANALYTICS)

    @rule()
    def reopen(self) -> None:
        self.close()
        self.open()

    @rule(which=st.none() | st.integers(0, 1000))
    def crash(self, which: int | None) -> None:
        """Perhaps a record is damaged meanwhile."""
        copied(self.path, self.folder / str(self.generation + 1))
        self.close()
        shutil.rmtree(self.path)
        self.generation += 1
        if which is not None:
            self.damage(which)
        self.open()

    def damage(self, which: int) -> None:
        there = [
            (file, frame)
            for file in segments_of(self.path)
            for frame in scan(file.read_bytes())
            if frame.kind in RECORDS
        ]
        if there:
            file, frame = there[which % len(there)]
            data = bytearray(file.read_bytes())
            data[frame.offset + which % (frame.end - frame.offset)] ^= 1 + which % 255
            file.write_bytes(data)
            self.lost.add(frame.sequence)

    @rule()
    def look(self) -> None:
        with structlog.testing.capture_logs():
            look_at_all(self.collector)
        self.see_gaps()
        assert self.told.sequences() == self.lost

    @invariant()
    def they_agree(self) -> None:
        assert self.told.sequences() <= self.lost
        assert self.collector.head == len(self.appended)
        there = [*self.expected(CLASSES, 0, len(self.appended))]
        for name, reader in self.readers.items():
            assert [*contents(reader).values()] == there
            position = reader.position(name)
            assert set(range(self.forgotten + 1, position + 1)) <= self.done[name]
            if not self.lost:
                for cls in CLASSES:
                    assert (
                        reader.depth(name, cls) == self.collector.depth(name, cls) == self.waiting(name, cls)
                    )

    def waiting(self, name: str, cls: DeliveryClass) -> int:
        return sum(
            sequence > self.forgotten and sequence not in self.done[name] and class_of(payload) == cls
            for sequence, payload in self.appended.items()
        )

    def teardown(self) -> None:
        self.close()
        self.patch.undo()
        shutil.rmtree(self.folder)


TestJournalAndSets = JournalAndSets.TestCase
TestJournalAndSets.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
