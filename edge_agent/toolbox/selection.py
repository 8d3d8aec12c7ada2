"""Selection: which records of a journal a person means: by sequence, time, class, machine or type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import ConfigurationError
from edge_agent.journal import Journal, Record

# A sealed event begins with its attributes; what it is of and about is among the first of them.
_HEAD_BYTES = 1024
_SUBJECT = re.compile(rb'"subject":"((?:[^"\\]|\\.)*)"')
_TYPE = re.compile(rb'"type":"((?:[^"\\]|\\.)*)"')
_AGO = re.compile(r"(\d+(?:\.\d+)?) ?(s|m|h|d)(?: ago)?")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(frozen=True, slots=True)
class Selection:
    """Records that fit all that is said; what is not said fits any."""

    first: int = 1
    last: int | None = None
    since: float | None = None  # journalled then or later, seconds since 1970
    until: float | None = None
    classes: frozenset[DeliveryClass] = frozenset(DeliveryClass)
    machines: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    def of(self, journal: Journal) -> Iterator[Record]:
        """Those of a journal, in order."""
        wanted = None if len(self.classes) == len(DeliveryClass) else tuple(sorted(self.classes))
        after, stop = self.first - 1, journal.head if self.last is None else min(self.last, journal.head)
        while after < stop:
            found = journal.read(after, 500, 1 << 20, classes=wanted, until=stop)
            yield from (record for record in found.records if self._fits(record))
            after = found.through

    def _fits(self, record: Record) -> bool:
        if self.since is not None and record.appended_at < self.since:
            return False
        if self.until is not None and record.appended_at > self.until:
            return False
        if self.machines and machine_of(record) not in self.machines:
            return False
        return not self.types or type_of(record) in self.types


def machine_of(record: Record) -> str:
    """Whom a record is about; empty if it does not say."""
    return _found(_SUBJECT, record)


def type_of(record: Record) -> str:
    """What kind of event a record is; empty if it does not say."""
    return _found(_TYPE, record)


def ranges_of(sequences: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Rising sequences as ranges, both ends included."""
    first = last = None
    for sequence in sequences:
        if first is None or last is None:
            first = sequence
        elif sequence != last + 1:
            yield first, last
            first = sequence
        last = sequence
    if first is not None and last is not None:
        yield first, last


def moment_of(text: str, now: Callable[[], datetime]) -> float:
    """A moment that a person wrote: `2h` ago, or a date and time by ISO 8601, UTC unless it says otherwise.

    Raises ConfigurationError.
    """
    if ago := _AGO.fullmatch(text):
        return now().timestamp() - float(ago[1]) * _SECONDS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is no moment", "write 90m, 2h or 3d ago, or 2026-11-26T08:00"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _found(pattern: re.Pattern[bytes], record: Record) -> str:
    found = pattern.search(record.payload[:_HEAD_BYTES])
    return found[1].decode("utf-8", "replace") if found else ""
