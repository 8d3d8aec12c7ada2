"""The tally: what was accepted, counted and not kept, for loads of which a ledger would be gigabytes.

For each journal the sequences that arrived, as ranges, and how often one came again; for each topic the
publishes, events and bytes. It is told on request, and written to a file at the end.

    {"publishes": 80, "events": 16000, "payload_bytes": 520000, "repeats": 0, "pubacks_lost": 0, "unread": 0,
     "journals": {"fe11…": [[1, 16000]]}, "topics": {"floor/lab/gw-07/ev/batch": [80, 16000, 520000]}}
"""

from __future__ import annotations

import json
import re
import zlib
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_agent.standin.ledger import Entry

# Topics told apart; a floor has a few hundred types of event.
MOST_TOPICS = 1_000
OTHER_TOPICS = "others"
# An event's identity, as it begins: the journal, a slash and the sequence.
_ID = re.compile(rb'"id":"([^"/]{1,64})/(\d{1,19})"')
_GZIP_WINDOW = 31


class Ranges:
    """A set of whole numbers, as ranges that do not touch."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def add(self, number: int) -> bool:
        """Whether it is new."""
        at = bisect_right(self._firsts, number)  # the ranges before it begin at or below it
        if at and self._lasts[at - 1] >= number:
            return False
        joins_before = at > 0 and self._lasts[at - 1] == number - 1
        joins_after = at < len(self._firsts) and self._firsts[at] == number + 1
        if joins_before and joins_after:
            self._lasts[at - 1] = self._lasts.pop(at)
            del self._firsts[at]
        elif joins_before:
            self._lasts[at - 1] = number
        elif joins_after:
            self._firsts[at] = number
        else:
            self._firsts.insert(at, number)
            self._lasts.insert(at, number)
        return True

    def pairs(self) -> list[tuple[int, int]]:
        """First and last of each range."""
        return list(zip(self._firsts, self._lasts, strict=True))


@dataclass(slots=True)
class Tally:
    """Counts entries in the place of a `Ledger`. A context: at its end `file` says what it came to."""

    file: Path
    publishes: int = 0
    events: int = 0
    payload_bytes: int = 0
    repeats: int = 0
    pubacks_lost: int = 0
    unread: int = 0  # payloads that said they were compressed and were not
    _journals: dict[str, Ranges] = field(default_factory=dict)
    _topics: dict[str, list[int]] = field(default_factory=dict)

    def append(self, entry: Entry) -> None:
        """Count an entry."""
        events = self._count_events(entry)
        self.publishes += 1
        self.events += events
        self.payload_bytes += len(entry.payload)
        self.pubacks_lost += entry.puback == "lost"
        known = entry.topic in self._topics or len(self._topics) < MOST_TOPICS
        row = self._topics.setdefault(entry.topic if known else OTHER_TOPICS, [0, 0, 0])
        for column, amount in enumerate((1, events, len(entry.payload))):
            row[column] += amount

    def document(self) -> dict[str, Any]:
        """What it came to so far."""
        return {
            "publishes": self.publishes,
            "events": self.events,
            "payload_bytes": self.payload_bytes,
            "repeats": self.repeats,
            "pubacks_lost": self.pubacks_lost,
            "unread": self.unread,
            "journals": {name: ranges.pairs() for name, ranges in self._journals.items()},
            "topics": self._topics,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.write_text(json.dumps(self.document()) + "\n", encoding="utf-8")

    def _count_events(self, entry: Entry) -> int:
        if not (entry.content_type or "").startswith("application/cloudevents"):
            return 0
        payload = entry.payload
        if entry.encoding == "gzip":
            try:
                payload = zlib.decompress(payload, _GZIP_WINDOW)
            except zlib.error:
                self.unread += 1
                return 0
        found = _ID.findall(payload)
        for journal, sequence in found:
            ranges = self._journals.get(name := journal.decode("ascii", "replace"))
            if ranges is None:
                ranges = self._journals[name] = Ranges()
            self.repeats += not ranges.add(int(sequence))
        return len(found)
