"""Journals in small segments, and ways to ruin their folders."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.delivery import DeliveryClass
from edge_agent.journal import Budget, Gap, Journal, open_journal
from edge_agent.journal.appender import Appender
from edge_agent.journal.frames import RECORDS, scan
from edge_agent.journal.housekeeper import Housekeeper

FORWARDER = "forwarder"
NOON = 1_700_000_000.0
PLENTY = 1 << 24
SEGMENT_BYTES = 2048
A, B, C = DeliveryClass


def class_of(payload: bytes) -> DeliveryClass:
    """By the first letter; A is what is not known."""
    return DeliveryClass(chr(payload[0])) if payload[:1] in {b"A", b"B", b"C"} else A


@dataclass
class Told:
    """The gaps a journal declared, in the order it did."""

    gaps: list[Gap]

    def sequences(self) -> set[int]:
        """All of them."""
        return {sequence for gap in self.gaps for sequence in range(gap.first, gap.last + 1)}

    def describe(self, gap: Gap) -> bytes:
        """What is journalled of a gap."""
        self.gaps.append(gap)
        return b"Agap %d-%d" % (gap.first, gap.last)


def collector(
    path: Path,
    told: Told | None = None,
    *,
    segment_bytes: int = SEGMENT_BYTES,
    wall: Callable[[], float] = lambda: NOON,
) -> Journal:
    """A journal to collect, that keeps house when told."""
    return open_journal(
        path,
        role="collect",
        budget=Budget(minimum_free_bytes=0),
        classify=class_of,
        describe_gap=(told or Told([])).describe,
        housekeeping=False,
        segment_bytes=segment_bytes,
        wall=wall,
    )


def appender_of(journal: Journal) -> Appender:
    """Its appender."""
    assert journal._collecting is not None
    return journal._collecting.appender


def housekeeper_of(journal: Journal) -> Housekeeper:
    """Its housekeeper."""
    assert journal._collecting is not None
    return journal._collecting.housekeeper


def contents(journal: Journal, after: int = 0) -> dict[int, bytes]:
    """Every record it gives."""
    return {record.sequence: record.payload for record in journal.records(after)}


def segments_of(path: Path) -> list[Path]:
    """Its segments, the oldest first."""
    return sorted(path.glob("*.seg"))


def look_at_all(journal: Journal) -> int:
    """Look at every sealed segment once; how many were damaged."""
    return sum(journal.look_after() for _segment in segments_of(journal.path))


def copied(path: Path, into: Path) -> Path:
    """The files as `kill -9` would leave them now."""
    shutil.copytree(path, into, ignore=shutil.ignore_patterns("*lock"))
    return into


def frames_in(files: Iterable[Path]) -> dict[int, bytes]:
    """The frame of every record that lies in some segments, whole, by its sequence."""
    found: dict[int, bytes] = {}
    for file in files:
        data = file.read_bytes()
        for frame in scan(data):
            if frame.kind in RECORDS:
                found[frame.sequence] = data[frame.offset : frame.end]
    return found
