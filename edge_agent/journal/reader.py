"""Reader: what a journal says, to any process, as far as it is durable.

A read looks into one segment: whoever wants more asks again from where it came to. The indexes of a
few segments are kept, since consumers read one after the other and each class at its own place.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.journal.acknowledged import CLASSES
from edge_agent.journal.frames import Frame
from edge_agent.journal.head import Head, HeadNote
from edge_agent.journal.record import Record, Slice
from edge_agent.journal.segment import segment_path, segments
from edge_agent.journal.segment_index import SegmentGone, SegmentIndex

# Of 8 MiB and 300 bytes a record, an index takes some 600 KB.
_INDEXES_KEPT = 6


class Reader:
    """Reads one journal. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mutex = threading.Lock()
        self._note = HeadNote(folder)
        self._seen: Head | None = None
        self._known: Head | None = None
        self._firsts: list[int] = []
        self._indexes: dict[int, SegmentIndex] = {}  # the one used last comes last

    def end(self) -> Head:
        """Where the durable part ends. Raises JournalError when nothing says so."""
        head = self._note.read() or self._known
        if head is None:
            raise JournalError(
                f"journal {self._folder} does not say where it ends",
                "start the collector, which finds out and writes it down",
            )
        self._known = head
        return head

    def changed(self) -> bool:
        """Whether anything was committed since last asked; True the first time. A few microseconds."""
        head = self.end()
        changed, self._seen = self._seen is None or head.sequence != self._seen.sequence, head
        return changed

    def read(
        self,
        after: int,
        limit: int,
        max_bytes: int,
        *,
        classes: Sequence[DeliveryClass] | None = None,
        until: int | None = None,
    ) -> Slice:
        """See Journal.read."""
        with self._mutex:
            head = self.end()
            stop = head.sequence if until is None else min(until, head.sequence)
            if after >= stop:
                return Slice((), after, 0)
            try:
                return self._read(
                    after, stop, head, limit=limit, max_bytes=max_bytes, classes=tuple(classes or CLASSES)
                )
            except SegmentGone:
                self._firsts = []
                return Slice((), after, 0)

    def entries(self, delivery_class: DeliveryClass, first: int, last: int) -> int:
        """How many records of a class there are, or were let go, from `first` to `last`."""
        with self._mutex:
            head, count, after = self.end(), 0, first - 1
            while after < last:
                index, end = self._index_after(after, head)
                if index is None:
                    break
                count += index.entries(delivery_class, after, min(last, end))
                after = max(end, after + 1)
            return count

    def close(self) -> None:
        """Close the files. Repeating it changes nothing."""
        with self._mutex:
            for index in self._indexes.values():
                index.close()
            self._indexes.clear()
            self._note.close()

    def _read(
        self,
        after: int,
        stop: int,
        head: Head,
        *,
        limit: int,
        max_bytes: int,
        classes: tuple[DeliveryClass, ...],
    ) -> Slice:
        index, end = self._index_after(after, head)
        if index is None:
            return Slice((), stop, 0)
        through = min(stop, end)
        places = index.select(classes, after, through, limit + 1)
        chosen = _fitting(index, places[:limit], max_bytes)
        if len(chosen) < len(places):
            through = index.sequence(places[len(chosen)]) - 1
        frames = index.frames([place for place in chosen if not index.is_gone(place)])
        records = [self._record(index, place, frame) for place, frame in frames.items()]
        return Slice(records, through, len(chosen))

    def _record(self, index: SegmentIndex, place: int, frame: Frame) -> Record:
        before = None
        if place == 0:
            known = index.header is not None and frame.sequence == index.first
            before = index.header.before if index.header is not None and known else None
        elif index.is_gone(place - 1) and index.sequence(place - 1) == frame.sequence - 1:
            gone = index.frames([place - 1]).get(place - 1)
            before = gone.chain if gone is not None else None
        return Record(
            frame.sequence,
            frame.payload,
            frame.appended_at,
            CLASSES[frame.delivery_class],
            frame.chain,
            before,
        )

    def _index_after(self, after: int, head: Head) -> tuple[SegmentIndex | None, int]:
        """The index of the segment that holds what follows `after`, and that segment's last sequence."""
        if head.segment not in self._firsts:
            self._firsts = segments(self._folder)
        place = bisect_right(self._firsts, after + 1) - 1
        if place < 0:  # what came before the first is acknowledged and deleted
            if not self._firsts:
                return None, head.sequence
            place = 0
        first = self._firsts[place]
        is_newest = first >= head.segment
        end = head.sequence if is_newest else self._firsts[place + 1] - 1
        index = self._index(first)
        index.extend(head.offset if is_newest else None)
        return index, end

    def _index(self, first: int) -> SegmentIndex:
        index = self._indexes.pop(first, None)
        if index is not None and index.is_stale():
            index.close()
            index = None
        if index is None:
            index = SegmentIndex(segment_path(self._folder, first), first)
        self._indexes[first] = index
        while len(self._indexes) > _INDEXES_KEPT:
            self._indexes.pop(next(iter(self._indexes))).close()
        return index


def _fitting(index: SegmentIndex, places: list[int], max_bytes: int) -> list[int]:
    """Those at the front that fit, one at least; what was let go takes no room."""
    room = max_bytes
    for count, place in enumerate(places):
        if not index.is_gone(place):
            room -= index.size(place)
            if room < 0 and count:
                return places[:count]
    return places
