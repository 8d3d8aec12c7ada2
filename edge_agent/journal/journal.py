"""The journal: what we know and have not yet handed over.

Invariants
- A record is durable when `append` returns. After an error nothing of that call is there.
- Sequences rise by one from 1, over restarts, rollbacks and forgetting. The journal's id and
  the sequence name a record for ever.
- A record is read until it is acknowledged. It is forgotten only when every registered consumer
  has acknowledged it.
- Each file has one writer, held by a lock that dies with it.

    journal.db                          records; written by the one who collects
    journal.db.forwarder.position       written by the forwarder
    journal.db.forwarder.dead-letters   likewise
    journal.db.lock, …forwarder.lock    who that is

One process opens it to collect, another to forward; any number may read. The journal carries
bytes and knows nothing of what they mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from edge_agent.errors import JournalError, LocalProtocolError
from edge_agent.journal.appender import Appender
from edge_agent.journal.consumer import Consumer, Consumers
from edge_agent.journal.housekeeper import Housekeeper
from edge_agent.journal.lock import Lock
from edge_agent.journal.reader import Reader
from edge_agent.journal.record import DeadLetter, Record
from edge_agent.journal.storage import DEFAULT_CONSUMER, FOLDER_MODE, check, create, sync_folder, translated

Role = Literal["collect", "forward", "read"]

# Room for the rest of the system, for the log on its way into the file (some 40 MiB at the very
# most) and for forgetting, which writes before it frees.
MINIMUM_FREE_BYTES = 64 << 20

# How often a reader that waits for the collector looks for the file.
_LOOK_AGAIN_SECONDS = 0.05


def open_journal(
    path: Path,
    *,
    role: Role,
    consumer: str = DEFAULT_CONSUMER,
    minimum_free_bytes: int = MINIMUM_FREE_BYTES,
    housekeeping: bool = True,
    wait_seconds: float = 0.0,
    wall: Callable[[], float] = time.time,
) -> Journal:
    """Open the journal at `path`.

    Args:
        path: the file. Made, with its folder, by the one who collects.
        role: "collect" appends, and nobody else may; "forward" acknowledges for `consumer`, and
            nobody else may; "read" only looks.
        consumer: who forwards.
        minimum_free_bytes: below this the journal is full.
        housekeeping: whether the one who collects also forgets and checkpoints, in a thread.
        wait_seconds: how long a reader waits for the one who collects to make the file.
        wall: seconds since 1970.

    Raises:
        InUseError: another process has that role.
        JournalDamaged: the file is not a journal we can read; it is left as it is.
        JournalError: it is not there, or cannot be opened.
    """
    with ExitStack() as opening:  # closed in the opposite order, also when opening fails half-way
        if role == "collect":
            _make_folder(path)
            opening.callback(_lock_for_collecting(path).release)
            if not _is_there(path):
                create(path, wall())
        else:
            _wait_for(path, wait_seconds)
        check(path)
        reader = Reader(path)
        opening.callback(reader.close)
        consumers = Consumers(path, reader)
        opening.callback(consumers.close)
        collecting = None
        if role == "collect":
            collecting = _Collecting(path, consumers, minimum_free_bytes, wall, housekeeping=housekeeping)
            opening.callback(collecting.close)
        elif role == "forward":
            consumers[consumer].claim()
        return Journal(
            path, role, reader=reader, consumers=consumers, collecting=collecting, held=opening.pop_all()
        )


class Journal:
    """An open journal. Thread-safe. Made by `open_journal`."""

    def __init__(
        self,
        path: Path,
        role: Role,
        *,
        reader: Reader,
        consumers: Consumers,
        collecting: _Collecting | None,
        held: ExitStack,
    ) -> None:
        self.path = path
        self.role = role
        self.id = reader.journal_id
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

    def register(self, consumer: str) -> None:
        """From now on forget nothing that `consumer` has not acknowledged. Repeating it changes nothing."""
        self._collector.appender.register(consumer)
        self._consumers.refresh()

    def forget(self) -> int:
        """Forget one step of what every consumer has acknowledged, and free its room; how many records."""
        forgotten = self._collector.housekeeper.forget()
        self._collector.housekeeper.give_back()
        return forgotten

    def checkpoint(self) -> None:
        """Move all of the log into the file."""
        self._collector.housekeeper.checkpoint()

    # For consumers.

    def read(self, consumer: str, limit: int, max_bytes: int, after: int | None = None) -> list[Record]:
        """What follows `after`, or the consumer's position: at most `limit` and `max_bytes`.

        One record is given however large it is, or nothing behind it would ever be read.
        """
        position = self.position(consumer) if after is None else after
        return self._reader.records(position, limit, max_bytes)

    def acknowledge(self, consumer: str, through: int) -> None:
        """`consumer` has dealt with all up to `through`. Repeating it, or saying less, changes nothing."""
        self._acknowledging(consumer).acknowledge(through)

    def set_aside(self, consumer: str, sequences: int | Sequence[int], reason: str) -> None:
        """Keep what `consumer` cannot use, with the reason; durable on return. Acknowledges nothing."""
        several = [sequences] if isinstance(sequences, int) else sequences
        self._acknowledging(consumer).set_aside(several, reason)

    # For anyone.

    @property
    def head(self) -> int:
        """The last sequence appended; 0 before the first."""
        return self._reader.head() if self._collecting is None else self._collecting.appender.head

    def position(self, consumer: str) -> int:
        """The last sequence `consumer` has acknowledged."""
        return self._consumers[consumer].position

    def depth(self, consumer: str) -> int:
        """How many records wait for `consumer`."""
        return max(0, self.head - self.position(consumer))

    def oldest_age(self, consumer: str, wall_now: float) -> float:
        """Seconds since the oldest record that waits for `consumer` was appended; 0.0 if none waits."""
        oldest = self.read(consumer, limit=1, max_bytes=0)
        return max(0.0, wall_now - oldest[0].appended_at) if oldest else 0.0

    def dead_letters(self) -> list[DeadLetter]:
        """What consumers have set aside."""
        return [letter for consumer in self._consumers for letter in consumer.dead_letters]

    def size_bytes(self) -> int:
        """What the file and its log take on the disk."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def changed(self) -> bool:
        """Whether anything was committed since last asked; True the first time. A few microseconds."""
        return self._reader.changed()

    def close(self) -> None:
        """Close the files and let others have them. Repeating it changes nothing."""
        self._held.close()

    @property
    def _collector(self) -> _Collecting:
        if self._collecting is None:
            raise LocalProtocolError(
                f"journal {self.path} is open to {self.role}", "open it with role='collect'"
            )
        return self._collecting

    def _acknowledging(self, consumer: str) -> Consumer:
        if self.role == "read":
            raise LocalProtocolError(f"journal {self.path} is open to read", "open it with role='forward'")
        return self._consumers[consumer]


class _Collecting:
    """The half of a journal that only the one who collects has."""

    def __init__(
        self,
        path: Path,
        consumers: Consumers,
        minimum_free_bytes: int,
        wall: Callable[[], float],
        *,
        housekeeping: bool,
    ) -> None:
        self.appender = Appender(
            path,
            minimum_free_bytes=minimum_free_bytes,
            acknowledged=consumers.acknowledged_by_any(),
            wall=wall,
        )
        try:
            self.housekeeper = Housekeeper(
                path,
                turns=self.appender.turns,
                minimum_free_bytes=minimum_free_bytes,
                acknowledged=consumers.acknowledged_by_all,
            )
        except BaseException:
            self.appender.close()
            raise
        if housekeeping:
            self.housekeeper.start()

    def close(self) -> None:
        self.housekeeper.close()
        self.appender.close()


def _make_folder(path: Path) -> None:
    """Make what is missing of the path to the file, each name durable before anything is kept below it."""
    with translated(path):
        missing = [folder for folder in path.absolute().parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            sync_folder(folder.parent)


def _is_there(path: Path) -> bool:
    with translated(path):
        return path.exists()


def _lock_for_collecting(path: Path) -> Lock:
    return Lock(
        path.with_name(path.name + ".lock"),
        f"journal {path}",
        "stop that collector first, or give this one its own",
    )


def _wait_for(path: Path, seconds: float) -> None:
    give_up_at = time.monotonic() + seconds
    while not _is_there(path):
        if time.monotonic() >= give_up_at:
            raise JournalError(
                f"journal {path} does not exist",
                "start the collector, which makes it, or check `journal.path`",
            )
        time.sleep(_LOOK_AGAIN_SECONDS)
