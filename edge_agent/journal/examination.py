"""Examination: what is intact in a segment, and exactly what is not.

Pure: bytes in, findings out. What lies one frame after the other is walked through and nothing of it is
kept. Where something does not fit, frames are taken wherever they are found, in the order of their
sequences; what no frame stands for is missing. In the newest segment the end is not known by the next
one's name: there the frames say themselves how far everything had been durable before them, and the
head's note does. What lies beyond was never promised and is no loss.

A segment of another journal, or of a newer agent, holds nothing of ours, whatever it looks like.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_agent.journal.frames import RECORDS, Frame, Kind, decode, scan
from edge_agent.journal.segment import Header, header_of


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in a segment."""

    header: Header | None
    intact: bool  # every byte is where it should be
    missing: tuple[tuple[int, int], ...]  # ranges of sequences
    last: int  # the last sequence it should hold; first - 1 when none
    end: int  # where its last frame that counts ends
    counts: tuple[int, int, int]  # records of each class that are there, or were let go
    chain: bytes | None  # the link of the last of them; None: there is none
    marks: Mapping[str, int] = field(default_factory=dict)  # how far consumers had derived
    found: tuple[Frame, ...] = ()  # what counts, in the order of sequences; if it is intact, only when asked


class _Bounds(NamedTuple):
    first: int
    last: int | None  # None: of the newest segment
    durable: int


def examine(
    data: bytes,
    first: int,
    *,
    journal: str,
    last: int | None = None,
    durable: int = 0,
    keep: bool = False,
) -> Examination:
    """Look at every byte of a segment.

    Args:
        data: all of it.
        first: its first sequence, by its name.
        journal: the id of the journal.
        last: the last sequence it must hold, by the name of the next; None for the newest.
        durable: what is known to have been durable, by the head's note.
        keep: whether to keep the frames of a segment that is intact, too.
    """
    bounds = _Bounds(first, last, max(durable, first - 1))
    heading = decode(data)
    header = header_of(heading)
    if heading is None or heading.kind != Kind.HEADER:  # its head is damaged
        return _salvaged(None, 0, _frames(data, first), bounds)
    if header is None or (header.journal, header.first) != (journal, first):
        return _salvaged(None, heading.end, (), bounds)
    walked = _walked(data, (heading, header), bounds, [] if keep else None)
    return walked or _salvaged(header, heading.end, _frames(data, first), bounds)


def _walked(
    data: bytes,
    begins: tuple[Frame, Header],
    bounds: _Bounds,
    kept: list[Frame] | None,
) -> Examination | None:
    """What is found if everything lies where it should; None if anything does not."""
    (heading, header), counts, marks, chain = begins, [0, 0, 0], dict[str, int](), None
    at, expected, marked, ended = heading.end, bounds.first, 0, True
    while (frame := decode(data, at)) is not None:
        at = frame.end
        if frame.sequence != expected or frame.kind == Kind.HEADER:
            return None
        if kept is not None:
            kept.append(frame)
        if frame.kind == Kind.MARK:
            marks.update(mark_of(frame))
            marked, ended = frame.sequence, False
            continue
        if frame.marked and frame.place == 0 and marked != frame.sequence:
            return None
        ended, expected = frame.kind != Kind.RECORD, frame.last + 1
        if frame.kind != Kind.LOST:
            counts[frame.delivery_class] += 1
            chain = frame.chain
    if not ended or data[at:].strip(b"\0"):
        return None
    if expected <= bounds.durable or (bounds.last is not None and expected != bounds.last + 1):
        return None
    a, b, c = counts
    return Examination(
        header,
        intact=True,
        missing=(),
        last=expected - 1,
        end=at,
        counts=(a, b, c),
        chain=chain,
        marks=marks,
        found=tuple(kept or ()),
    )


def _salvaged(header: Header | None, start: int, frames: Iterable[Frame], bounds: _Bounds) -> Examination:
    """What is found wherever it lies."""
    found, last = [*frames], bounds.last
    if last is None:
        found, last = _without_unpromised(found, bounds.durable)
    else:
        found = [frame for frame in found if frame.last <= last]
    missing = tuple(_missing(found, bounds.first, last))
    marks: dict[str, int] = {}
    counts, chain = [0, 0, 0], None
    for frame in found:
        if frame.kind == Kind.MARK:
            marks.update(mark_of(frame))
        elif frame.kind != Kind.LOST:
            counts[frame.delivery_class] += 1
            chain = frame.chain
    a, b, c = counts
    return Examination(
        header,
        # Of the newest, what follows its end was never promised, and is cut off.
        intact=bounds.last is None and header is not None and not missing and _adjoin(found, start),
        missing=missing,
        last=last,
        end=found[-1].end if found else start,
        counts=(a, b, c),
        chain=chain,
        marks=marks,
        found=tuple(found),
    )


def mark_of(frame: Frame) -> dict[str, int]:
    """How far a consumer had derived, by its mark."""
    consumer, through = json.loads(frame.payload)
    return {consumer: through}


def _frames(data: bytes, first: int) -> list[Frame]:
    """All there are, each once, by sequence; a mark before the record it was committed with."""
    by_place: dict[tuple[int, bool], Frame] = {}
    for frame in scan(data):
        if frame.sequence >= first and frame.kind != Kind.HEADER:
            by_place.setdefault((frame.sequence, frame.kind != Kind.MARK), frame)
    return [by_place[place] for place in sorted(by_place)]


def _adjoin(frames: Sequence[Frame], start: int) -> bool:
    """Whether they lie one after the other from `start` on."""
    for frame in frames:
        if frame.offset != start:
            return False
        start = frame.end
    return True


def _without_unpromised(frames: list[Frame], durable: int) -> tuple[list[Frame], int]:
    """Of the newest segment: what was durable, and the last commit if it is whole."""
    for frame in frames:
        if frame.kind in RECORDS:
            durable = max(durable, frame.sequence - frame.place - 1)
        elif frame.kind != Kind.MARK:  # a segment that was rewritten, and was durable as it is
            durable = max(durable, frame.last)
    whole = _whole_commits(frames, durable)
    return [frame for frame in frames if frame.last <= whole], whole


def _whole_commits(frames: list[Frame], durable: int) -> int:
    """The last sequence of the commits that follow what was durable without a hole."""
    expected, whole, marked = durable + 1, durable, 0
    for frame in frames:
        if frame.last <= durable:
            continue
        if frame.kind == Kind.MARK:
            marked = frame.sequence
            continue
        if frame.sequence != expected or (frame.marked and marked != frame.sequence - frame.place):
            break
        expected += 1
        if frame.kind == Kind.COMMITTED:
            whole = frame.sequence
    return whole


def _missing(frames: list[Frame], first: int, last: int) -> list[tuple[int, int]]:
    missing, expected = [], first
    for frame in frames:
        if frame.kind == Kind.MARK:
            continue
        if frame.sequence > expected:
            missing.append((expected, frame.sequence - 1))
        expected = max(expected, frame.last + 1)
    if expected <= last:
        missing.append((expected, last))
    return missing
