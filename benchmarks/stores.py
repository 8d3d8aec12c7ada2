"""Stores: our journal and its peers behind one face, each with the most durable settings it has.

What each promises, read in its source:

    journal        fsync before `append` returns; chain and checksum; acknowledged by range, then forgotten
    raw sqlite3    WAL, synchronous FULL: fsync at each commit; a row an event, deleted once it is read
    persist-queue  SQLiteAckQueue, WAL and SQLite's own FULL: fsync at each put; no batches; one ack a commit
    litequeue      sets NORMAL: no fsync at a commit; made FULL here, on its connection; one ack a commit
    diskcache      Cache, sqlite_synchronous FULL (by default NORMAL); taking deletes: nothing is acknowledged

They are pure Python, of an environment of their own (requirements/benchmarks.txt); what is not there is left
out.
"""

from __future__ import annotations

import importlib
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from edge_agent.events.delivery_class import class_of_sealed
from edge_agent.journal import DEFAULT_CONSUMER, Budget, Journal, Record, open_journal

BATCH_RECORDS, BATCH_BYTES = 200, 100_000  # as the forwarder reads
NO_LIMIT = Budget(minimum_free_bytes=0)


class Store(ABC):
    """Somewhere events are kept until somebody has dealt with them."""

    name: ClassVar[str]
    batches: ClassVar[bool] = True  # whether several events can be committed together

    @abstractmethod
    def append(self, payloads: Sequence[bytes]) -> None:
        """Keep them, as durably as it can, in one commit where it can."""

    @abstractmethod
    def take(self, count: int) -> int:
        """Read at most so many, and acknowledge them; how many."""

    @abstractmethod
    def close(self) -> None:
        """Close its files."""


class Ours(Store):
    """The journal, as the collector and the forwarder hold it, housekeeping included."""

    name = "journal"

    def __init__(self, folder: Path, *, only_collect: bool = False) -> None:
        self._path = folder / "journal"
        self._collecting = open_journal(self._path, role="collect", budget=NO_LIMIT, classify=class_of_sealed)
        self._forwarding: Journal | None = None
        self._through = 0
        if not only_collect:
            self.forward()

    def forward(self) -> None:
        """Open it to forward as well."""
        self._forwarding = open_journal(self._path, role="forward")
        self._through = self._forwarding.position(DEFAULT_CONSUMER)

    def append(self, payloads: Sequence[bytes]) -> None:
        self._collecting.append(payloads)

    def first(self) -> bytes:
        """The first record that waits."""
        return self._read(1)[0].payload

    def take(self, count: int) -> int:
        assert self._forwarding
        first = self._through + 1
        records = self._read(min(count, BATCH_RECORDS))
        self._forwarding.acknowledge(DEFAULT_CONSUMER, first, self._through)
        return len(records)

    def _read(self, count: int) -> Sequence[Record]:
        """The next records; a read may give none and yet have looked further."""
        assert self._forwarding
        while True:
            found = self._forwarding.read(self._through, count, BATCH_BYTES)
            before, self._through = self._through, found.through
            if found.records:
                return found.records
            assert before < self._through, "nothing more to read"

    def depth(self) -> int:
        """How many wait."""
        return self._collecting.depth(DEFAULT_CONSUMER)

    def close(self) -> None:
        if self._forwarding:
            self._forwarding.close()
        self._collecting.close()


class RawSqlite(Store):
    """SQLite with nothing around it."""

    name = "raw sqlite3"

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "raw.db", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS events (sequence INTEGER PRIMARY KEY, payload BLOB)")

    def append(self, payloads: Sequence[bytes]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT INTO events (payload) VALUES (?)", [(one,) for one in payloads])
        self._db.execute("COMMIT")

    def take(self, count: int) -> int:
        limit = min(count, BATCH_RECORDS)
        rows = self._db.execute("SELECT sequence, payload FROM events ORDER BY sequence LIMIT ?", (limit,))
        sequences = [sequence for sequence, _ in rows.fetchall()]
        if sequences:
            self._db.execute("DELETE FROM events WHERE sequence <= ?", (sequences[-1],))
        return len(sequences)

    def close(self) -> None:
        self._db.close()


class PersistQueue(Store):
    """persist-queue's queue with acknowledgements."""

    name = "persist-queue"
    batches = False

    def __init__(self, folder: Path) -> None:
        module: Any = importlib.import_module("persistqueue")
        self._queue = module.SQLiteAckQueue(str(folder / "persist-queue"))

    def append(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            self._queue.put(payload)

    def take(self, count: int) -> int:
        taken = min(count, int(self._queue.size))
        for _ in range(taken):
            item = self._queue.get(block=False, raw=True)
            self._queue.ack(id=item["pqid"])
        return taken

    def close(self) -> None:
        self._queue.close()


class LiteQueue(Store):
    """litequeue, told to be durable. It keeps text."""

    name = "litequeue"

    def __init__(self, folder: Path) -> None:
        module: Any = importlib.import_module("litequeue")
        self._queue = module.LiteQueue(str(folder / "litequeue.db"))
        self._queue.conn.execute("PRAGMA synchronous = FULL")

    def append(self, payloads: Sequence[bytes]) -> None:
        if len(payloads) == 1:
            self._queue.put(payloads[0].decode())
            return
        with self._queue.transaction(mode="IMMEDIATE"):
            for payload in payloads:
                self._queue.put(payload.decode())

    def take(self, count: int) -> int:
        taken = 0
        while taken < count and (message := self._queue.pop()) is not None:
            self._queue.done(message.message_id)
            taken += 1
        return taken

    def close(self) -> None:
        self._queue.close()


class DiskCache(Store):
    """diskcache's queue within a cache, told to be durable and to throw nothing out."""

    name = "diskcache"

    def __init__(self, folder: Path) -> None:
        module: Any = importlib.import_module("diskcache")
        self._cache = module.Cache(str(folder / "diskcache"), sqlite_synchronous=2, eviction_policy="none")

    def append(self, payloads: Sequence[bytes]) -> None:
        if len(payloads) == 1:
            self._cache.push(payloads[0])
            return
        with self._cache.transact():
            for payload in payloads:
                self._cache.push(payload)

    def take(self, count: int) -> int:
        taken = 0
        with self._cache.transact():
            while taken < count and self._cache.pull()[0] is not None:
                taken += 1
        return taken

    def close(self) -> None:
        self._cache.close()


PEERS = (RawSqlite, PersistQueue, LiteQueue, DiskCache)


def open_peers(folder: Path) -> list[Store]:
    """Every peer that is installed; says which are not."""
    stores: list[Store] = []
    for peer in PEERS:
        try:
            stores.append(peer(folder))
        except ModuleNotFoundError as missing:
            print(f"{peer.name} is left out: {missing.name} is not installed; scripts/benchmark installs it")
    return stores
