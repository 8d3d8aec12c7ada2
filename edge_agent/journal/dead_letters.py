"""Dead letters: records a consumer could not use, kept with the reason until someone looks.

One small database per consumer, written by that consumer alone, made when first needed. A
letter is fsynced before its consumer moves on, since the record itself is forgotten then.
Setting the same record aside again keeps the newest reason.

Where not even the word that a record was set aside found a taker, that word is owed, and kept beside.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalFull
from edge_agent.journal.disk import FILE_MODE, translated
from edge_agent.journal.record import DeadLetter, Record

# So many are not bad luck with a few records. Better to stop here than to set the floor aside unseen.
LETTERS_KEPT = 10_000

# One process writes, so a lock is only ever met while a tool looks.
_BUSY_SECONDS = 5.0

_SCHEMA = """CREATE TABLE IF NOT EXISTS dead_letters (
    journal TEXT NOT NULL, sequence INTEGER NOT NULL, payload BLOB NOT NULL,
    appended_at REAL NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (journal, sequence))"""
_ALL = """SELECT sequence, payload, appended_at, reason FROM dead_letters
    WHERE journal = ? ORDER BY rowid"""

_OWED_SCHEMA = """CREATE TABLE IF NOT EXISTS owed (
    journal TEXT NOT NULL, sequence INTEGER NOT NULL, payload BLOB NOT NULL, appended_at REAL NOT NULL,
    class TEXT NOT NULL, chain BLOB NOT NULL, before BLOB, PRIMARY KEY (journal, sequence))"""
_OWED = """SELECT sequence, payload, appended_at, class, chain, before FROM owed
    WHERE journal = ? ORDER BY sequence"""
_FORGET_LETTER = "DELETE FROM dead_letters WHERE journal = ? AND sequence = ?"
_FORGET_WORD = "DELETE FROM owed WHERE journal = ? AND sequence = ?"
_IS_OWED = "SELECT count(*) FROM sqlite_master WHERE name = 'owed'"


class DeadLetters:
    """The dead letters of one consumer of one journal."""

    def __init__(self, path: Path, consumer: str, journal_id: str) -> None:
        self._path = path
        self._consumer = consumer
        self._journal_id = journal_id

    def add(self, records: Sequence[Record], reason: str) -> None:
        """Keep `records`; durable on return."""
        with self._writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?)",
                ((self._journal_id, r.sequence, r.payload, r.appended_at, reason) for r in records),
            )
            (kept,) = db.execute("SELECT count(*) FROM dead_letters").fetchone()
            if kept > LETTERS_KEPT:
                raise JournalFull(
                    f"consumer {self._consumer} has set {LETTERS_KEPT} records aside, more than are kept",
                    f"see why they were refused, then move {self._path} away",
                )

    def remove(self, sequences: Sequence[int]) -> None:
        """Keep them no longer: their consumer could use them after all. Durable on return."""
        if not sequences or not self._path.exists():
            return
        with self._writing() as db:
            for forget in (_FORGET_LETTER, _FORGET_WORD):
                db.executemany(forget, [(self._journal_id, sequence) for sequence in sequences])

    def owe(self, words: Sequence[Record]) -> None:
        """Keep what is to be said in the place of records that were set aside; durable on return."""
        with self._writing() as db:
            rows = (
                (w.sequence, w.payload, w.appended_at, w.delivery_class, w.chain, w.before) for w in words
            )
            db.executemany(
                "INSERT OR REPLACE INTO owed VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((self._journal_id, *row) for row in rows),
            )

    def owed(self) -> list[Record]:
        """What was not said yet, in order."""
        if not self._path.exists():
            return []
        with translated(self._path), closing(_connect(self._path)) as db:
            (is_there,) = db.execute(_IS_OWED).fetchone()
            rows = db.execute(_OWED, (self._journal_id,)).fetchall() if is_there else []
        return [
            Record(sequence, payload, appended_at, DeliveryClass(its_class), chain, before)
            for sequence, payload, appended_at, its_class, chain, before in rows
        ]

    def said(self, sequences: Sequence[int]) -> None:
        """These are owed no longer. Durable on return."""
        if sequences:
            with self._writing() as db:
                db.executemany(_FORGET_WORD, [(self._journal_id, sequence) for sequence in sequences])

    def all(self) -> list[DeadLetter]:
        """Every letter kept, in the order they were set aside."""
        if not self._path.exists():
            return []
        with translated(self._path), closing(_connect(self._path)) as db:
            rows = db.execute(_ALL, (self._journal_id,)).fetchall()
        return [DeadLetter(self._consumer, *row) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The database, made if need be, for one transaction."""
        with translated(self._path):
            os.close(os.open(self._path, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, FILE_MODE))
            with closing(_connect(self._path)) as db, _transaction(db):
                db.execute(_SCHEMA)
                db.execute(_OWED_SCHEMA)
                yield db


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that commits when told, and then for good."""
    db = sqlite3.connect(
        path.absolute().as_uri() + "?mode=rw", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
    )
    try:
        db.execute("PRAGMA synchronous = FULL")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors; asking again is then an error of its own.
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
