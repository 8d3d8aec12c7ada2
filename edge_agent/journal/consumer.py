"""Consumer: a named reader of the journal, with its own acknowledgements and dead letters.

Whoever acknowledges claims the consumer first: there is one at a time, in any process.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_agent.errors import LocalProtocolError
from edge_agent.journal.dead_letters import DeadLetters
from edge_agent.journal.lock import Lock
from edge_agent.journal.position import Position
from edge_agent.journal.reader import Reader
from edge_agent.journal.record import DeadLetter

# A consumer's name is part of the names of its files.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class Consumer:
    """One consumer of one journal. Thread-safe."""

    def __init__(self, path: Path, name: str, reader: Reader) -> None:
        self.name = name
        self._path = path
        self._reader = reader
        self._mutex = threading.Lock()
        self._claim: Lock | None = None
        self._through = 0
        self._position = Position(_beside(path, name, "position"), reader.journal_id)
        self._dead_letters = DeadLetters(_beside(path, name, "dead-letters"), name, reader.journal_id)

    @property
    def acknowledged(self) -> int:
        """What its own file says: nothing beyond may be forgotten."""
        return self._position.read()

    @property
    def position(self) -> int:
        """The last sequence acknowledged, or forgotten after it was, whichever is known to be later."""
        if self._claim is not None:
            return self._through
        return max(self._position.read(), self._reader.forgotten_through())

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """What it set aside."""
        return self._dead_letters.all()

    def claim(self) -> None:
        """Be the one who acknowledges. Raises InUseError when another process is."""
        with self._mutex:
            self._claim_once()

    def acknowledge(self, through: int) -> None:
        """Everything up to `through` has been dealt with. Repeating it, or saying less, changes nothing."""
        with self._mutex:
            self._claim_once()
            if through <= self._through:
                return
            head = self._reader.head()
            if through > head:
                raise LocalProtocolError(
                    f"consumer {self.name} acknowledged {through}, but the journal ends at {head}",
                    "acknowledge only what was read",
                )
            self._position.write(through)
            self._through = through

    def set_aside(self, sequences: Sequence[int], reason: str) -> None:
        """Keep these records, with the reason, where they are not forgotten. Acknowledges nothing."""
        with self._mutex:
            self._claim_once()
            found = [
                record
                for sequence in sequences
                for record in self._reader.records(sequence - 1, limit=1, max_bytes=0)
                if record.sequence == sequence
            ]
            if len(found) != len(sequences):
                raise LocalProtocolError(
                    f"consumer {self.name} set aside records the journal does not have",
                    "set aside what was read and not yet acknowledged",
                )
            self._dead_letters.add(found, reason)

    def close(self) -> None:
        """Let another process be the one who acknowledges."""
        with self._mutex:
            self._position.close()
            if self._claim is not None:
                self._claim.release()
                self._claim = None

    def _claim_once(self) -> None:
        if self._claim is None:
            claim = Lock(
                _beside(self._path, self.name, "lock"),
                f"consumer {self.name} of journal {self._path}",
                "stop that forwarder first; two would send everything twice",
            )
            try:
                self._through = self.position
                self._position.write(self._through)  # takes its block now, while there is one
            except BaseException:
                claim.release()
                raise
            self._claim = claim


class Consumers:
    """The registered consumers of one journal. Only the one who collects registers more."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self._path = path
        self._reader = reader
        self._by_name: dict[str, Consumer] = {}
        self.refresh()

    def __getitem__(self, name: str) -> Consumer:
        if name not in self._by_name:
            self.refresh()
        if name not in self._by_name:
            raise LocalProtocolError(
                f"consumer {name} is not registered with journal {self._path}",
                "have the collector register it",
            )
        return self._by_name[name]

    def __iter__(self) -> Iterator[Consumer]:
        return iter(list(self._by_name.values()))

    def refresh(self) -> None:
        """See who was registered meanwhile."""
        for name in self._reader.consumers():
            self._by_name.setdefault(name, Consumer(self._path, name, self._reader))

    def acknowledged_by_all(self) -> int:
        """The last sequence that every consumer has acknowledged."""
        return min(consumer.acknowledged for consumer in self)

    def acknowledged_by_any(self) -> int:
        """The last sequence that any consumer has acknowledged."""
        return max(consumer.acknowledged for consumer in self)

    def close(self) -> None:
        """Close their files and give up what was claimed."""
        for consumer in self:
            consumer.close()


def check_name(name: str) -> None:
    """Raise LocalProtocolError unless a consumer may be called this."""
    if not _NAME.fullmatch(name):
        raise LocalProtocolError(
            f"consumer name {name!r} cannot be part of a file name", "use a-z, 0-9, - and _, at most 32"
        )


def _beside(path: Path, name: str, what: str) -> Path:
    return path.with_name(f"{path.name}.{name}.{what}")
