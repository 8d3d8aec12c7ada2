"""The real journal beside a list: whatever happens in whatever order, they agree.

A crash is real in what matters: `kill -9` leaves exactly what was written, so the files are
copied as they stand, without the shared memory of living processes, and the copy is opened. A
power cut also takes back what was never fsynced: acknowledgements, and forgetting.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.errors import JournalFull, LocalProtocolError
from edge_agent.journal import Journal, open_journal
from edge_agent.journal import housekeeper as housekeeper_module

FORWARDER, ANALYTICS = "forwarder", "analytics"
PLENTY = 1 << 24

payloads = st.lists(st.binary(max_size=40) | st.integers(0, 9000).map(bytes), min_size=1, max_size=5)
consumers = st.sampled_from([FORWARDER, ANALYTICS])


class JournalAndList(RuleBasedStateMachine):
    """A collector and a forwarder on one file, and a list of all that was ever appended."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.appended: list[bytes] = []
        self.positions = {FORWARDER: 0}
        self.generation = 0
        self.full = False
        self.step_records = housekeeper_module.STEP_RECORDS
        housekeeper_module.STEP_RECORDS = 3  # so that forgetting takes several steps
        self.open()

    @property
    def path(self) -> Path:
        return self.folder / str(self.generation) / "journal.db"

    def open(self) -> None:
        self.collector = open_journal(self.path, role="collect", housekeeping=False, minimum_free_bytes=0)
        self.readers: dict[str, Journal] = {}
        for name in self.positions:
            self.readers[name] = open_journal(self.path, role="forward", consumer=name)

    def close(self) -> None:
        self.collector.close()
        for reader in self.readers.values():
            reader.close()

    @rule(payloads=payloads)
    def append(self, payloads: list[bytes]) -> None:
        try:
            sequences = self.collector.append(payloads)
        except JournalFull:
            assert self.full
            return
        assert list(sequences) == [len(self.appended) + place for place in range(1, len(payloads) + 1)]
        self.appended += payloads

    @rule(name=consumers, limit=st.integers(1, 6), max_bytes=st.sampled_from([0, 50, 9000, PLENTY]))
    def read(self, name: str, limit: int, max_bytes: int) -> None:
        if name not in self.readers:
            return
        waiting = self.appended[self.positions[name] :]
        expected = waiting[:limit]
        while len(expected) > 1 and sum(map(len, expected)) > max_bytes:
            expected.pop()

        records = self.readers[name].read(name, limit, max_bytes)

        assert [record.payload for record in records] == expected

    @rule(name=consumers, step=st.integers(-2, 8))
    def acknowledge(self, name: str, step: int) -> None:
        if name not in self.readers:
            return
        through = self.positions[name] + step
        if through > len(self.appended):
            with suppress(LocalProtocolError):
                self.readers[name].acknowledge(name, through)
                raise AssertionError("it acknowledged what is not there")
            return
        self.readers[name].acknowledge(name, through)
        self.positions[name] = max(self.positions[name], through)

    @rule()
    def forget(self) -> None:
        with suppress(JournalFull):
            self.collector.forget()

    @rule()
    def checkpoint(self) -> None:
        self.collector.checkpoint()

    @precondition(lambda self: ANALYTICS not in self.positions)
    @rule()
    def register(self) -> None:
        forgotten = self.collector._reader.forgotten_through()
        try:
            self.collector.register(ANALYTICS)
        except JournalFull:
            return
        self.positions[ANALYTICS] = forgotten
        self.readers[ANALYTICS] = open_journal(self.path, role="forward", consumer=ANALYTICS)

    @rule()
    def the_disk_fills(self) -> None:
        self.limit_pages(1)  # SQLite makes it as many as there are
        self.full = True

    @rule()
    def the_disk_is_freed(self) -> None:
        self.limit_pages(1 << 30)
        self.full = False

    def limit_pages(self, pages: int) -> None:
        assert self.collector._collecting is not None
        self.collector._collecting.appender._db.execute(f"PRAGMA max_page_count = {pages}")

    @rule()
    def reopen(self) -> None:
        self.close()
        self.open()
        self.full = False

    @rule()
    def crash(self) -> None:
        self.leave(as_if="killed")
        self.open()

    @rule()
    def power_cut(self) -> None:
        """Positions are what was never fsynced: they fall back to what was forgotten, at worst."""
        self.leave(as_if="cut")
        self.open()
        for name in self.positions:
            back = self.readers[name].position(name)
            assert back <= self.positions[name]
            self.positions[name] = back

    def leave(self, *, as_if: str) -> None:
        old = self.path.parent
        self.generation += 1
        self.path.parent.mkdir()
        for file in old.glob("journal.db*"):
            if not file.name.endswith(("-shm", ".lock")) and (as_if, file.suffix) != ("cut", ".position"):
                shutil.copy(file, self.path.parent)
        self.generation -= 1
        self.close()
        shutil.rmtree(old)
        self.generation += 1
        self.full = False

    @invariant()
    def they_agree(self) -> None:
        assert self.collector.head == len(self.appended)
        for name, reader in self.readers.items():
            waiting = reader.read(name, 1_000_000, PLENTY)
            numbered = list(enumerate(self.appended, start=1))[self.positions[name] :]
            assert [(record.sequence, record.payload) for record in waiting] == numbered
            assert reader.depth(name) == self.collector.depth(name) == len(numbered)
            assert reader.head == len(self.appended)

    def teardown(self) -> None:
        housekeeper_module.STEP_RECORDS = self.step_records
        self.close()
        shutil.rmtree(self.folder)


TestJournalAndList = JournalAndList.TestCase
TestJournalAndList.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
