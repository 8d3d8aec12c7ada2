"""Appender: the only writer of records. What `append` returned for is on the disk.

Sequences rise by one from 1, for as long as the file lives: the next is the head and one, and
the head is asked of the file again after any failure. Nothing else in the agent writes to this
file while an append does, since forgetting takes its turn in the same queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.errors import JournalError
from edge_agent.journal.consumer import check_name
from edge_agent.journal.group_commit import GroupCommit
from edge_agent.journal.storage import HEAD, connect, free_bytes, full, transaction, translated

# What a record may measure: eight times what IoT Core takes. Anything larger is a mistake of ours.
RECORD_LIMIT_BYTES = 1 << 20


class Appender:
    """Appends to one journal, for any number of threads.

    Args:
        path: the journal.
        minimum_free_bytes: below this nothing is appended; what is left lets the rest of the
            system live, and forgetting, which writes before it frees.
        acknowledged: the furthest position of any consumer, as found when opening.
        wall: seconds since 1970.
    """

    def __init__(
        self, path: Path, *, minimum_free_bytes: int, acknowledged: int, wall: Callable[[], float]
    ) -> None:
        self._path = path
        self._minimum_free_bytes = minimum_free_bytes
        self._acknowledged = acknowledged
        self._wall = wall
        with translated(path):
            self._file = _identity(path)
            self._db = connect(path, synchronous="FULL")
            self._head = self._find_head()
        self._in_doubt = False  # whether the last write ended without our knowing how
        self.turns = GroupCommit(self._write)

    @property
    def head(self) -> int:
        """The last sequence given out."""
        return self._head

    def append(self, payloads: Sequence[bytes]) -> range:
        """Make `payloads` durable, all or nothing; their sequences. Thread-safe."""
        if any(len(payload) > RECORD_LIMIT_BYTES for payload in payloads):
            raise JournalError(f"a record is larger than {RECORD_LIMIT_BYTES} bytes", "split it")
        if not payloads:
            return range(self.head + 1, self.head + 1)
        return self.turns.append(payloads)

    def register(self, consumer: str) -> None:
        """Forget nothing from now on that `consumer` has not acknowledged; durable on return."""
        check_name(consumer)
        with translated(self._path):
            self.turns.alone(lambda: self._register(consumer))

    def close(self) -> None:
        """Close once nobody commits."""
        self.turns.alone(self._db.close)

    def _write(self, payloads: Sequence[bytes]) -> int:
        with translated(self._path):
            self._look_around()
            if self._in_doubt:
                self._head = self._find_head()
            self._in_doubt = True
            first, now = self._head + 1, self._wall()
            with transaction(self._db):
                rows = ((first + place, now, payload) for place, payload in enumerate(payloads))
                self._db.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
            self._head += len(payloads)
            self._in_doubt = False
        return first

    def _register(self, consumer: str) -> None:
        with transaction(self._db):
            self._db.execute("INSERT OR IGNORE INTO consumers VALUES (?)", (consumer,))

    def _look_around(self) -> None:
        """Raise if there is no room, or no file: SQLite goes on writing to one that was deleted."""
        free = free_bytes(self._path.parent)
        if free < self._minimum_free_bytes:
            raise full(self._path, free)
        if _identity(self._path) != self._file:
            raise JournalError(
                f"journal {self._path} was moved or replaced while it was open", "restart the collector"
            )

    def _find_head(self) -> int:
        # A disk that broke its word may have lost records the cloud has. Their numbers are taken:
        # given out again, they would make new records look like repeats.
        head: int = self._db.execute(HEAD).fetchone()[0]
        return max(head, self._acknowledged)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
