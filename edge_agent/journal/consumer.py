"""Consumer: a named reader of the journal, with its own acknowledgements and dead letters.

Whoever acknowledges claims the consumer first: there is one at a time, in any process.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import LocalProtocolError
from edge_agent.journal.acknowledged import CLASSES, Acknowledged
from edge_agent.journal.dead_letters import DeadLetters
from edge_agent.journal.disk import sync_folder, translated
from edge_agent.journal.lock import Lock
from edge_agent.journal.position import Position
from edge_agent.journal.reader import Reader
from edge_agent.journal.record import DeadLetter, Record

DEFAULT_CONSUMER = "forwarder"

# A consumer's name is part of the names of its files.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_POSITION, _LOCK = ".position", ".lock"


class Consumer:
    """One consumer of one journal. Thread-safe."""

    def __init__(self, folder: Path, name: str, reader: Reader, journal_id: str, derived: int = 0) -> None:
        self.name = name
        self._folder = folder
        self._reader = reader
        self._derived = derived  # what it derived from is known from the journal itself
        self._mutex = threading.Lock()
        self._claim: Lock | None = None
        self._acknowledged = Acknowledged()
        self._position = Position(folder / f"{name}{_POSITION}", journal_id)
        self._dead_letters = DeadLetters(folder / f"{name}.dead-letters", name, journal_id)

    @property
    def acknowledged(self) -> Acknowledged:
        """What it has dealt with."""
        with self._mutex:
            return self._acknowledged.copy() if self._claim is not None else self._read()

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """What it set aside."""
        return self._dead_letters.all()

    def claim(self) -> None:
        """Be the one who acknowledges. Raises InUseError when another process is."""
        with self._mutex:
            self._claim_once()

    def acknowledge(
        self, first: int, last: int, classes: Iterable[DeliveryClass] = CLASSES, count: int | None = None
    ) -> None:
        """Of each of `classes`, all from `first` to `last` is dealt with: `count` of them, if known."""
        with self._mutex:
            self._claim_once()
            head = self._reader.end().sequence
            if last > head:
                raise LocalProtocolError(
                    f"consumer {self.name} acknowledged {last}, but the journal ends at {head}",
                    "acknowledge only what was read",
                )
            for cls in classes:
                for begin, end in self._acknowledged.open(cls, max(first, 1), last):
                    known = count if (begin, end) == (first, last) else None
                    counted = self._reader.entries(cls, begin, end) if known is None else known
                    self._acknowledged.add(cls, begin, end, counted)
            self._position.write(self._acknowledged)

    def set_aside(self, sequences: Sequence[int], reason: str) -> None:
        """Keep these records, with the reason, where they are not forgotten. Acknowledges nothing."""
        with self._mutex:
            self._claim_once()
            found = [record for sequence in sequences for record in self._found(sequence)]
            if len(found) != len(sequences):
                raise LocalProtocolError(
                    f"consumer {self.name} set aside records the journal does not have",
                    "set aside what was read and not yet acknowledged",
                )
            self._dead_letters.add(found, reason)

    def remove_dead_letters(self, sequences: Sequence[int]) -> None:
        """These were of use after all; durable on return."""
        with self._mutex:
            self._claim_once()
            self._dead_letters.remove(sequences)

    def owe(self, words: Sequence[Record]) -> None:
        """Keep what is to be said in the place of records set aside, since nobody took it yet."""
        with self._mutex:
            self._claim_once()
            self._dead_letters.owe(words)

    def owed(self) -> Sequence[Record]:
        """What of that was not said yet."""
        return self._dead_letters.owed()

    def said(self, sequences: Sequence[int]) -> None:
        """These are owed no longer; durable on return."""
        with self._mutex:
            self._claim_once()
            self._dead_letters.said(sequences)

    def sync(self) -> None:
        """Make its acknowledgements durable."""
        self._position.sync()

    def close(self) -> None:
        """Let another process be the one who acknowledges."""
        with self._mutex:
            self._position.close()
            if self._claim is not None:
                self._claim.release()
                self._claim = None

    def _found(self, sequence: int) -> Sequence[Record]:
        return self._reader.read(sequence - 1, limit=1, max_bytes=0, until=sequence).records

    def _read(self) -> Acknowledged:
        """What its file says; what is forgotten was acknowledged once, whatever became of the file."""
        acknowledged = self._position.read() or Acknowledged()
        gone = max(self._reader.end().forgotten, self._derived)
        for cls in CLASSES:
            for begin, end in acknowledged.open(cls, 1, gone):
                acknowledged.add(cls, begin, end, 0)
        return acknowledged

    def _claim_once(self) -> None:
        if self._claim is None:
            claim = Lock(
                self._folder / f"{self.name}{_LOCK}",
                f"consumer {self.name} of journal {self._folder}",
                "stop that forwarder first; two would send everything twice",
            )
            try:
                self._acknowledged = self._read()
                self._position.write(self._acknowledged)  # takes its blocks now, while there are some
            except BaseException:
                claim.release()
                raise
            self._claim = claim


class Consumers:
    """The registered consumers of one journal: those that have a position. The one who collects registers."""

    def __init__(self, folder: Path, reader: Reader, journal_id: str, derived: Mapping[str, int]) -> None:
        self._folder = folder
        self._reader = reader
        self._journal_id = journal_id
        self._derived = derived
        self._by_name: dict[str, Consumer] = {}
        self._mutex = threading.Lock()
        self.refresh()

    def __getitem__(self, name: str) -> Consumer:
        if name not in self._by_name:
            self.refresh()
        if name not in self._by_name:
            raise LocalProtocolError(
                f"consumer {name} is not registered with journal {self._folder}",
                "have the collector register it",
            )
        return self._by_name[name]

    def __iter__(self) -> Iterator[Consumer]:
        return iter(list(self._by_name.values()))

    def refresh(self) -> None:
        """See who was registered meanwhile."""
        with translated(self._folder):
            names = os.listdir(self._folder)  # noqa: PTH208  several times a second: names, not paths
        with self._mutex:
            for name in sorted({DEFAULT_CONSUMER} | _registered(names)):
                if name not in self._by_name:
                    derived = self._derived.get(name, 0)
                    consumer = Consumer(self._folder, name, self._reader, self._journal_id, derived)
                    self._by_name[name] = consumer

    def register(self, name: str) -> None:
        """Forget nothing from now on that it has not acknowledged; durable on return.

        It begins with the oldest record there is.
        """
        check_name(name)
        position = Position(self._folder / f"{name}{_POSITION}", self._journal_id)
        if not position.path.exists():
            position.write(Acknowledged())
            position.close()
            position.sync()
            with translated(self._folder):
                sync_folder(self._folder)
        self.refresh()

    def all_cover(self, first: int, last: int) -> bool:
        """Whether every consumer has dealt with all from `first` to `last`."""
        self.refresh()
        return all(consumer.acknowledged.covers(first, last) for consumer in self)

    def sync(self) -> None:
        """Make all acknowledgements durable."""
        for consumer in self:
            consumer.sync()

    def close(self) -> None:
        """Close their files and give up what was claimed."""
        for consumer in self:
            consumer.close()


def acknowledged_in(folder: Path, journal_id: str) -> tuple[int, int | None]:
    """The last sequence that any consumer has acknowledged, and up to which each has acknowledged all.

    The latter is None when no position says so.
    """
    read = (Position(path, journal_id).read() for path in folder.glob(f"*{_POSITION}"))
    known = [one for one in read if one is not None]
    furthest = (last for one in known for cls in CLASSES for _first, last in one.ranges(cls))
    return max(furthest, default=0), min((one.position() for one in known), default=None)


def _registered(names: Iterable[str]) -> set[str]:
    """Who has a position, or a lock: the position of one that ever forwarded may have been lost."""
    found = {
        name.removesuffix(_POSITION).removesuffix(_LOCK)
        for name in names
        if name.endswith((_POSITION, _LOCK))
    }
    return {name for name in found if _NAME.fullmatch(name)}


def check_name(name: str) -> None:
    """Raise LocalProtocolError unless a consumer may be called this."""
    if not _NAME.fullmatch(name):
        raise LocalProtocolError(
            f"consumer name {name!r} cannot be part of a file name", "use a-z, 0-9, - and _, at most 32"
        )
