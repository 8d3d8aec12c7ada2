"""Reader: what a journal says, one short snapshot at a time.

Every role reads through one of these. A cursor is always run to its end or closed: one left
open would hold its snapshot, and behind it the log could never be moved.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from edge_agent.journal.record import Record
from edge_agent.journal.storage import HEAD, connect, translated


class Reader:
    """Reads one journal. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._seen: int | None = None
        with translated(path):
            self._db = connect(path, synchronous="NORMAL")
            try:
                self._db.execute("PRAGMA query_only = ON")
                self.journal_id: str = self._one("SELECT id FROM journal")
            except BaseException:
                self._db.close()
                raise

    def changed(self) -> bool:
        """Whether anything was committed since last asked; True the first time. A few microseconds."""
        with self._reading():
            seen: int = self._one("PRAGMA data_version")
        changed, self._seen = seen != self._seen, seen
        return changed

    def head(self) -> int:
        """The last sequence appended."""
        with self._reading():
            return int(self._one(HEAD))

    def forgotten_through(self) -> int:
        """The last sequence forgotten."""
        with self._reading():
            return int(self._one("SELECT forgotten_through FROM journal"))

    def consumers(self) -> list[str]:
        """Who is registered."""
        with self._reading() as db:
            return [name for (name,) in db.execute("SELECT name FROM consumers ORDER BY name").fetchall()]

    def records(self, after: int, limit: int, max_bytes: int) -> list[Record]:
        """Those that follow `after`: at most `limit` and `max_bytes`, but one at least if there is one."""
        records: list[Record] = []
        room = max_bytes
        query = (
            "SELECT sequence, payload, appended_at FROM records WHERE sequence > ? ORDER BY sequence LIMIT ?"
        )
        with self._reading() as db, closing(db.execute(query, (after, limit))) as rows:
            for row in rows:
                record = Record(*row)
                room -= len(record.payload)
                if room < 0 and records:
                    break
                records.append(record)
        return records

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            self._db.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, translated(self._path):
            yield self._db

    def _one(self, query: str) -> Any:  # noqa: ANN401  a cell is what its column is
        return self._db.execute(query).fetchone()[0]
