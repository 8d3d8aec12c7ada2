"""Opening: finds where the journal ends, whatever has become of its files, and what is missing of it.

Only the newest segment is read, so a start takes as long with a backlog of a million records as with
none. What is damaged there is set aside as it is, what is intact in it is kept, and what is missing is
known exactly: by the records' own numbers, by the names of the segments and by the head's note. Older
segments are looked at later, beside the work.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.chain import genesis
from edge_agent.journal.consumer import acknowledged_in
from edge_agent.journal.disk import FILE_MODE, sync_folder, translated, write_all
from edge_agent.journal.examination import Examination, examine
from edge_agent.journal.frames import HEAD_BYTES, Kind, decode
from edge_agent.journal.head import Head, HeadNote
from edge_agent.journal.segment import header_of, segment_path, segments

IDENTITY = "identity"
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(slots=True)
class Opened:
    """A journal as it was found."""

    head: Head
    marks: dict[str, int] = field(default_factory=dict)
    begun: bool = False  # whether the newest segment is intact, and can be appended to
    damaged: list[int] = field(default_factory=list)  # the first sequences of segments to be mended
    vanished: tuple[int, int] | None = None  # the range of records whose segments are not there


def open_folder(folder: Path, note: HeadNote) -> Opened:
    """Find where to go on. Changes nothing but the identity, where that is missing.

    Args:
        folder: the journal's.
        note: where the head was last said to be.
    """
    said = note.read()
    firsts = segments(folder)
    journal = _identity(folder, firsts, said)
    if said is not None and said.journal != journal:
        said = None
    furthest, position = acknowledged_in(folder, journal)
    if not firsts:
        head = _empty(journal, said, furthest)
        return Opened(head, vanished=_vanished(head.forgotten, head.sequence + 1))
    first = firsts[-1]
    durable = said.sequence if said is not None else 0
    with translated(folder):
        data = segment_path(folder, first).read_bytes()
    found = examine(data, first, journal=journal, durable=max(durable, furthest))
    opened = _opened(found, first, journal=journal, said=said, furthest=furthest, size=len(data))
    forgotten = said.forgotten if said is not None else position or firsts[0] - 1
    opened.vanished = _vanished(forgotten, firsts[0])
    opened.head = opened.head._replace(forgotten=max(forgotten, firsts[0] - 1))
    return opened


def _vanished(forgotten: int, first: int) -> tuple[int, int] | None:
    return (forgotten + 1, first - 1) if forgotten < first - 1 else None


def _opened(
    found: Examination, first: int, *, journal: str, said: Head | None, furthest: int, size: int
) -> Opened:
    header = found.header
    counts = [*header.counts] if header is not None else [*(said.counts if said is not None else (0, 0, 0))]
    marks = dict(header.marks) if header is not None else {}
    chain = header.before if header is not None else genesis(journal)
    for frame in found.found:
        if frame.kind == Kind.MARK:
            marks.update(_mark(frame.payload))
        elif frame.kind != Kind.LOST:
            counts[frame.delivery_class] += header is not None
            chain = frame.chain
    last = max(found.last, furthest, said.sequence if said is not None else 0)
    if not (
        found.intact or found.found or said
    ):  # nothing says how many there were: none of their numbers is given out again
        last = max(last, first + size // HEAD_BYTES)
    if said is not None and said.sequence == last:  # it counted what damage took, too
        counts = [*said.counts]
    a, b, c = counts
    head = Head(journal, last, first, found.end, (a, b, c), chain, forgotten=0)
    intact = found.intact and last == found.last
    return Opened(head, marks, begun=intact, damaged=[] if intact else [first])


def _empty(journal: str, said: Head | None, furthest: int) -> Head:
    """There is no segment: either there never was one, or they are lost, and their numbers are taken."""
    last = max(furthest, said.sequence if said is not None else 0)
    counts = said.counts if said is not None else (0, 0, 0)
    chain = said.chain if said is not None and said.sequence == last else genesis(journal)
    return Head(journal, last, 0, 0, counts, chain, said.forgotten if said is not None else 0)


def _mark(payload: bytes) -> dict[str, int]:
    consumer, through = json.loads(payload)
    return {consumer: through}


def _identity(folder: Path, firsts: Sequence[int], said: Head | None) -> str:
    """The journal's id: of its own file, or of whatever else says it, or a new one."""
    path = folder / IDENTITY
    with translated(path):
        text = path.read_text(encoding="ascii", errors="replace").strip() if path.exists() else ""
    if _ID.fullmatch(text):
        return text
    journal = _id_of_segments(folder, firsts) or (said.journal if said is not None else "")
    if not _ID.fullmatch(journal):
        journal = uuid.uuid4().hex
    _write_identity(path, journal)
    return journal


def _id_of_segments(folder: Path, firsts: Sequence[int]) -> str:
    for first in firsts:
        with suppress(OSError):
            header = header_of(decode(segment_path(folder, first).read_bytes()))
            if header is not None and header.first == first:
                return header.journal
    return ""


def _write_identity(path: Path, journal: str) -> None:
    new = path.with_suffix(".new")
    with translated(path):
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            write_all(fd, f"{journal}\n".encode(), 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        new.rename(path)
        sync_folder(path.parent)
