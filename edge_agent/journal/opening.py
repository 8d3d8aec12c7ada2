"""Opening: finds where the journal ends, whatever has become of its files, and what is missing of it.

Only the newest segment is read, so a start takes as long with a backlog of a million records as with
none. What is damaged there is set aside as it is, what is intact in it is kept, and what is missing is
known exactly: by the records' own numbers, by the names of the segments and by the head's note. Older
segments are looked at later, beside the work.

Numbers are never given out again. Where nothing says any more how many there were, as many are left out
as there can have been.
"""

from __future__ import annotations

import re
import uuid
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import structlog

from edge_agent.chain import genesis
from edge_agent.journal.consumer import acknowledged_in
from edge_agent.journal.disk import NEW, read_file, sync_folder, translated, write_file
from edge_agent.journal.examination import examine
from edge_agent.journal.frames import HEAD_BYTES, RECORDS, scan
from edge_agent.journal.head import Head, HeadNote
from edge_agent.journal.mending import copy_aside, header_after, move_aside
from edge_agent.journal.segment import SEGMENT_BYTES, header_of, heading_of, segment_path, segments

IDENTITY = "identity"
_ID = re.compile(r"[0-9a-f]{32}")


def identity_text(journal: str) -> bytes:
    """A journal's id, and its CRC: a digit that is damaged would be another journal's."""
    return b"%s %08x\n" % (journal.encode(), zlib.crc32(journal.encode()))


# No more records than these fit into a segment.
_MOST_RECORDS = SEGMENT_BYTES // HEAD_BYTES
# Nor does a segment begin further than this from what is known: a commit may be larger than a segment.
_FURTHEST = 16 * _MOST_RECORDS


@dataclass(slots=True)
class Opened:
    """A journal as it was found."""

    head: Head
    marks: dict[str, int] = field(default_factory=dict)
    begun: bool = False  # whether the newest segment is intact, and can be appended to
    damaged: list[int] = field(default_factory=list)  # the first sequences of segments to be mended
    vanished: tuple[int, int] | None = None  # the range of records whose segments are not there


@dataclass(frozen=True, slots=True)
class _Known:
    """What there is to go by beside the segments."""

    journal: str
    said: Head | None  # by the head's note
    furthest: int  # the last sequence that was acknowledged by anyone
    position: int | None  # up to which everyone has acknowledged everything; None: not known


def open_folder(folder: Path, note: HeadNote) -> Opened:
    """Find where to go on. Changes only what is foreign, misnamed or unfinished.

    Args:
        folder: the journal's.
        note: where the head was last said to be.
    """
    said = note.read()
    journal = _identity(folder, said)
    if said is not None and said.journal != journal:
        said = None
    known = _Known(journal, said, *acknowledged_in(folder, journal))
    _put_right(folder, journal)
    firsts = _ours(folder, known)
    opened = _opened(folder, firsts[-1], known) if firsts else Opened(_without_segments(known))
    _find_vanished(opened, firsts, known)
    if opened.damaged == [opened.head.sequence + 1]:  # the next one takes its name
        copy_aside(segment_path(folder, opened.head.sequence + 1))
        opened.damaged = []
    return opened


def _find_vanished(opened: Opened, firsts: Sequence[int], known: _Known) -> None:
    begins = firsts[0] if firsts else opened.head.sequence + 1
    if known.said is not None:
        forgotten = known.said.forgotten
    else:
        forgotten = begins - 1 if known.position is None else known.position
    if forgotten < begins - 1:
        opened.vanished = (forgotten + 1, begins - 1)
    else:
        forgotten = max(forgotten, begins - 1)
    opened.head = opened.head._replace(forgotten=forgotten)  # what vanished is not, until that is said


def _opened(folder: Path, first: int, known: _Known) -> Opened:
    """By the newest segment."""
    said, path = known.said, segment_path(folder, first)
    with translated(path):
        data = read_file(path)
    durable = max(known.furthest, said.sequence if said is not None else 0)
    found = examine(data, first, journal=known.journal, durable=durable)
    last = found.last
    if said is None and (not found.intact or data[found.end :].strip(b"\0")):
        last += _MOST_RECORDS
    begun = found.intact and last == found.last
    header = found.header or header_after(folder, first, known.journal)
    if said is not None and said.sequence == last:
        chain, counts = said.chain, said.counts
    else:
        chain = found.chain or header.before or genesis(known.journal)
        before = header.counts or (0, 0, 0)
        a, b, c = (one + other for one, other in zip(before, found.counts, strict=True))
        counts = (a, b, c)
    head = Head(known.journal, last, first, found.end, counts, chain, forgotten=0)
    return Opened(head, {**header.marks, **found.marks}, begun=begun, damaged=[] if begun else [first])


def _without_segments(known: _Known) -> Head:
    """Either there never was one, or they are lost, and their numbers are taken."""
    said, last = known.said, known.furthest
    if said is not None:
        last = max(last, said.sequence)
        if said.sequence == last:
            return said._replace(segment=0, offset=0)
    elif known.position is not None:
        last += _MOST_RECORDS
    counts = said.counts if said is not None else (0, 0, 0)
    return Head(known.journal, last, 0, 0, counts, genesis(known.journal), 0)


def _ours(folder: Path, known: _Known) -> list[int]:
    """The segments there are; the newest is one of ours, or where one of ours was."""
    firsts = segments(folder)
    while firsts and not _is_plausible(folder, firsts, known):
        path = segment_path(folder, firsts.pop())
        _tell("a file that is none of the journal's was set aside", path, move_aside(path))
    for older, first in reversed([*pairwise(firsts)]):
        path = segment_path(folder, first)
        if not _holds(path, known.journal) and _has(segment_path(folder, older), first):
            firsts.remove(first)
            _tell("a file that is none of the journal's was set aside", path, move_aside(path))
    return firsts


def _has(path: Path, sequence: int) -> bool:
    """Whether a segment has this record, which the name of another one says is where that begins."""
    return any(frame.sequence == sequence and frame.kind in RECORDS for frame in scan(read_file(path)))


def _give_way(path: Path) -> None:
    """Name a segment that lost its header after its first record, if that name is free; or set it aside."""
    first = next((frame.sequence for frame in scan(read_file(path)) if frame.kind in RECORDS), 0)
    its_own = segment_path(path.parent, first)
    if heading_of(path) is None and first and not its_own.exists():
        path.rename(its_own)
    else:
        move_aside(path)


def _is_plausible(folder: Path, firsts: Sequence[int], known: _Known) -> bool:
    if _holds(segment_path(folder, firsts[-1]), known.journal):
        return True
    reached = max(known.furthest, known.said.sequence if known.said is not None else 0, *firsts[-2:-1], 0)
    return firsts[-1] <= reached + _FURTHEST


def _holds(path: Path, journal: str) -> bool:
    """Whether a file is the segment that its name says."""
    header = header_of(heading_of(path))
    return header is not None and (header.journal, segment_path(path.parent, header.first)) == (journal, path)


def _put_right(folder: Path, journal: str) -> None:
    """Clear away what was being written, and give back their names to segments that somebody renamed."""
    with translated(folder):
        for path in folder.glob(f"*{NEW}"):
            path.unlink(missing_ok=True)
    misnamed: list[tuple[Path, Path]] = []
    for first in segments(folder):
        path = segment_path(folder, first)
        header = header_of(heading_of(path))
        if header is not None and header.journal == journal and header.first != first:
            misnamed.append((move_aside(path), segment_path(folder, header.first)))
    with translated(folder):
        for aside, path in misnamed:
            if _holds(path, journal):  # then this is a copy of it
                continue
            if path.exists():
                _give_way(path)
            aside.rename(path)
            _tell("a segment of the journal had another's name", path, path)
        if misnamed:
            sync_folder(folder)


def _tell(what: str, path: Path, set_aside: Path) -> None:
    structlog.get_logger().error(what, alarm=True, file=path.name, set_aside=str(set_aside))


def _identity(folder: Path, said: Head | None) -> str:
    """The journal's id: what most of those say who know it; its own file first. Or a new one."""
    path = folder / IDENTITY
    with translated(path):
        text = read_file(path)
    own = text[:32].decode("ascii", "replace")
    witnesses = [
        own if text == identity_text(own) else "",
        said.journal if said is not None else "",
        *_by_segments(folder),
    ]
    votes = Counter(each for each in witnesses if _ID.fullmatch(each))
    journal = votes.most_common(1)[0][0] if votes else uuid.uuid4().hex
    if text != identity_text(journal):
        if text:
            _tell("the journal's id was damaged", path, copy_aside(path))
        with translated(path):
            write_file(path, identity_text(journal))
    return journal


def _by_segments(folder: Path) -> list[str]:
    """What the newest and the oldest of them say."""
    firsts = segments(folder)
    headers = [header_of(heading_of(segment_path(folder, first))) for first in {*firsts[:1], *firsts[-1:]}]
    return [header.journal for header in headers if header is not None]
