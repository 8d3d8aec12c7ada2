"""Examination: what is intact in a segment, and exactly what is not.

Pure: bytes in, findings out. Frames are taken wherever they are found, in the order of their sequences;
what no frame stands for is missing. In the newest segment the end is not known by the next one's name:
there the frames say themselves how far everything had been durable before them, and the head's note
does. What lies beyond was never promised and is no loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    found: tuple[Frame, ...]  # what counts, in the order of sequences, its payloads included


def examine(
    data: bytes, first: int, *, journal: str, last: int | None = None, durable: int = 0
) -> Examination:
    """Look at every byte of a segment.

    Args:
        data: all of it.
        first: its first sequence, by its name.
        journal: the id of the journal.
        last: the last sequence it must hold, by the name of the next; None for the newest.
        durable: what is known to have been durable, by the head's note.
    """
    heading = decode(data)
    header = header_of(heading)
    if header is not None and (header.first != first or header.journal != journal):
        header = None
    frames = _each_once(
        frame for frame in scan(data) if frame.sequence >= first and frame.kind != Kind.HEADER
    )
    is_newest = last is None
    if last is None:
        frames, last = _without_unpromised(frames, max(durable, first - 1))
    else:
        frames = [frame for frame in frames if frame.last <= last]
    missing = tuple(_missing(frames, first, last))
    start = heading.end if heading is not None else 0
    end = frames[-1].end if frames else start
    whole = header is not None and not missing and _adjoin(frames, start)
    clean = is_newest or not data[end:].strip(b"\0")
    return Examination(header, whole and clean, missing, last, end, tuple(frames))


def _each_once(frames: Iterable[Frame]) -> list[Frame]:
    """By sequence; a mark before the record it was committed with."""
    by_place: dict[tuple[int, bool], Frame] = {}
    for frame in frames:
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
    beyond = [frame for frame in frames if frame.last > durable]
    whole = _whole_commits(beyond, durable)
    return [frame for frame in frames if frame.last <= whole], whole


def _whole_commits(frames: list[Frame], durable: int) -> int:
    """The last sequence of the commits that follow what was durable without a hole."""
    expected, whole = durable + 1, durable
    for frame in frames:
        if frame.kind not in RECORDS:
            continue
        if frame.sequence != expected:
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
