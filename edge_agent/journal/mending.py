"""Mending: a damaged segment is set aside as it is, and one with everything intact takes its place.

The gap is journalled before the segment is replaced: whoever is killed in between says it twice, by the
same name, and nobody can lose a record without saying so.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from edge_agent.journal.acknowledged import CLASSES
from edge_agent.journal.disk import FOLDER_MODE, read_file, sync_folder, translated, write_file
from edge_agent.journal.examination import Examination, examine
from edge_agent.journal.frames import Frame, Kind, encode, lost
from edge_agent.journal.glance import is_as_written
from edge_agent.journal.record import Gap
from edge_agent.journal.segment import (
    Header,
    header_of,
    heading_of,
    make_segment,
    segment_path,
    segments,
)

DAMAGED = "damaged"

_TOLD_RANGES = 20


class Mender:
    """Looks after the sealed segments of one journal.

    Args:
        folder: of the journal.
        journal: its id.
        declare: journals gaps, durably. Raises JournalError.
    """

    def __init__(self, folder: Path, journal: str, declare: Callable[[Sequence[Gap]], object]) -> None:
        self._folder = folder
        self._journal = journal
        self._declare = declare
        self.mended = 0  # segments

    def examine(self, first: int, last: int, *, keep: bool = False) -> Examination:
        """Look at every byte of a sealed segment; `keep` all that is found, or only of a damaged one."""
        path = segment_path(self._folder, first)
        with translated(path):
            data = read_file(path)
        return examine(data, first, journal=self._journal, last=last, keep=keep)

    def mend(self, first: int, last: int) -> bool:
        """See to it that a sealed segment is intact; whether it was not."""
        path = segment_path(self._folder, first)
        if is_as_written(path, first, last, journal=self._journal):
            return False
        found = self.examine(first, last)
        if found.intact:
            return False
        self._tell(path, found, copy_aside(path))
        header = found.header or header_after(self._folder, first, self._journal)
        following = header_of(heading_of(segment_path(self._folder, last + 1)))
        make_segment(self._folder, replace(header, gone=_gone(found, header, following)), _rewritten(found))
        self.mended += 1
        return True

    def retire(self, first: int, last: int) -> None:
        """Let go of a segment that all consumers are done with; what was damaged in it is said and kept."""
        path = segment_path(self._folder, first)
        if is_as_written(path, first, last, journal=self._journal):
            with translated(path):
                path.unlink(missing_ok=True)
                sync_folder(self._folder)
            return
        # No copy: there may be no room for one, and room is what this makes.
        self._tell(path, self.examine(first, last), None)
        move_aside(path)

    def declare_vanished(self, first: int, last: int) -> None:
        """Segments that were not acknowledged are not there: say so."""
        structlog.get_logger().error(
            "segments of the journal are missing", alarm=True, first=first, last=last
        )
        self._declare([_gap(first, last, "the segments were not there")])

    def _tell(self, path: Path, found: Examination, aside: Path | None) -> None:
        gaps = [_gap(begin, end, f"{path.name} was damaged") for begin, end in found.missing]
        structlog.get_logger().error(
            "journal damaged; what is intact was kept",
            alarm=True,
            segment=path.name,
            lost=sum(gap.count for gap in gaps),
            ranges=[(gap.first, gap.last) for gap in gaps[:_TOLD_RANGES]],
            set_aside=str(aside or path.parent / DAMAGED),
        )
        if gaps:
            self._declare(gaps)


def copy_aside(path: Path) -> Path:
    """A copy of a damaged file, where nothing is deleted. Made once: mending may be tried again."""
    with translated(path):
        data = read_file(path)
        aside, before = _place_aside(path)
        if before is None or read_file(before) != data:
            write_file(aside, data)
            return aside
        return before


def move_aside(path: Path) -> Path:
    """As `copy_aside`; then it is no longer where it was."""
    with translated(path):
        aside, _before = _place_aside(path)
        with suppress(FileNotFoundError):
            path.rename(aside)
        sync_folder(aside.parent)
        sync_folder(path.parent)
    return aside


def header_after(folder: Path, first: int, journal: str) -> Header:
    """The header of a segment that lost its own, by the segment before it as far as that is intact."""
    older = [each for each in segments(folder) if each < first]
    if older:
        path = segment_path(folder, older[-1])
        with translated(path):
            found = examine(read_file(path), older[-1], journal=journal, last=first - 1)
        if found.header is not None and found.header.counts and not found.missing:
            counts = tuple(a + b for a, b in zip(found.header.counts, found.counts, strict=True))
            return Header(journal, first, 0.0, found.chain or found.header.before, counts)
    return Header(journal, first, 0.0, b"", ())


def _gap(first: int, last: int, why: str) -> Gap:
    return Gap("damage", None, last - first + 1, first, last, why=why, name=f"damage-{first}-{last}")


def _gone(found: Examination, header: Header, following: Header | None) -> tuple[int, ...]:
    """How many records of each class are no longer there: let go, or lost, where that can be counted."""
    gone = [0] * len(CLASSES)
    for frame in found.found:
        gone[frame.delivery_class] += frame.kind == Kind.GONE
    if following is None or not (following.counts and header.counts):
        return tuple(gone)
    there = (header.counts, found.counts, following.counts)
    missing = (max(0, after - before - entries) for before, entries, after in zip(*there, strict=True))
    return tuple(map(sum, zip(gone, missing, strict=True)))


def _place_aside(path: Path) -> tuple[Path, Path | None]:
    """A free name in the folder of what was damaged, and the last of those that this file had there."""
    folder = path.parent / DAMAGED
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    aside, before, number = folder / path.name, None, 1
    while os.path.lexists(aside):
        number, before = number + 1, aside
        aside = folder / f"{path.name}.{number}"
    return aside, before


def _rewritten(found: Examination) -> bytearray:
    """The frames that are intact, and in the place of every missing range what says so."""
    written, missing = bytearray(), deque(found.missing)  # grows in place: a copy would be 4 MiB more
    for frame in found.found:
        while missing and missing[0][0] < frame.sequence:
            written += lost(*missing.popleft())
        written += again(frame)
    for begin, end in missing:
        written += lost(begin, end)
    return written


def again(frame: Frame) -> bytes:
    """As it was; but nothing need say any more which of it was committed together."""
    return encode(
        Kind(frame.kind),
        frame.payload,
        sequence=frame.sequence,
        appended_at=frame.appended_at,
        chain=frame.chain,
        delivery_class=frame.delivery_class,
        place=frame.place,
    )
