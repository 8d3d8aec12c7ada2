"""Walk: everything that lies in a journal, record by record, for whoever checks it. Changes nothing.

Safe while the agent runs: the newest segment is looked at as far as it is durable, and one that is deleted
meanwhile was acknowledged. One that is not there and was not forgotten is damage, as whatever was in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from edge_agent.delivery import DeliveryClass
from edge_agent.journal.acknowledged import CLASSES
from edge_agent.journal.disk import translated
from edge_agent.journal.frames import RECORDS, Frame, Kind, decode, scan
from edge_agent.journal.head import Head
from edge_agent.journal.segment import header_of, segment_path, segments


class Entry(NamedTuple):
    """What stands for one record, or for a range of them."""

    # lost: damage that was mended; damaged: not yet; header: only a segment's header is
    kind: Literal["record", "gone", "lost", "damaged", "header"]
    first: int
    last: int
    delivery_class: DeliveryClass | None = None
    payload: bytes = b""  # of a record; the digest of one that was let go
    chain: bytes = b""
    before: bytes | None = None  # the link before it as the segment's header has it; of a segment's first


def walk(folder: Path, end: Callable[[], Head]) -> Iterator[Entry]:
    """Every record from the oldest on. What cannot be read is given as damaged.

    Args:
        folder: of the journal.
        end: says where it ends now.
    """
    head, firsts = end(), segments(folder)
    forgotten = end().forgotten  # asked after the listing: it is said before anything is deleted
    oldest = firsts[0] if firsts else head.sequence + 1
    if forgotten < oldest - 1:
        yield Entry("damaged", forgotten + 1, oldest - 1)
    for place, first in enumerate(firsts):
        is_newest = place == len(firsts) - 1
        last = head.sequence if is_newest else firsts[place + 1] - 1
        try:
            with segment_path(folder, first).open("rb") as file, translated(folder):
                data = file.read(head.offset if first == head.segment else -1)
        except FileNotFoundError:
            continue
        yield from _of_segment(data, first, last, head.journal)


def _of_segment(data: bytes, first: int, last: int, journal: str) -> Iterator[Entry]:
    header = header_of(decode(data))
    if data and (header is None or (header.journal, header.first) != (journal, first)):
        yield Entry("header", first, last)
    before = (header.before or None) if header is not None and header.first == first else None
    expected = first
    for frame in scan(data):
        if frame.kind in {Kind.HEADER, Kind.MARK} or not expected <= frame.sequence <= last:
            continue
        if frame.sequence > expected:
            yield Entry("damaged", expected, frame.sequence - 1)
        yield _entry(frame, before if frame.sequence == first else None)
        expected = frame.last + 1
    if expected <= last:
        yield Entry("damaged", expected, last)


def _entry(frame: Frame, before: bytes | None) -> Entry:
    if frame.kind == Kind.LOST:
        return Entry("lost", frame.sequence, frame.last)
    kind: Literal["record", "gone"] = "record" if frame.kind in RECORDS else "gone"
    its_class = CLASSES[frame.delivery_class] if frame.delivery_class < len(CLASSES) else None
    return Entry(kind, frame.sequence, frame.sequence, its_class, frame.payload, frame.chain, before)
