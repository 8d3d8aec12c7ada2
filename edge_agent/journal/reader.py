"""Reader: what a journal says, to any process, as far as it is durable.

A read looks into one segment: whoever wants more asks again from where it came to. The indexes of a
few segments are kept, since consumers read one after the other and each class at its own place.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.journal.acknowledged import CLASSES
from edge_agent.journal.frames import Frame
from edge_agent.journal.head import Head, HeadNote
from edge_agent.journal.let_go import LetGo
from edge_agent.journal.record import Record, Slice
from edge_agent.journal.segment import Header, header_of, heading_of, segment_path, segments
from edge_agent.journal.segment_index import SegmentGone, SegmentIndex

# Of 4 MiB and 300 bytes a record, an index takes some 300 KB.
_INDEXES_KEPT = 6
# So often it is looked whether the note has another file.
_LOOK_SECONDS = 1.0


class Reader:
    """Reads one journal. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mutex = threading.Lock()
        self._note = HeadNote(folder)
        self._seen: Head | None = None
        self._known: Head | None = None
        self._firsts: list[int] = []
        self._headers: dict[int, Header | None] = {}
        self._let_go = LetGo(folder)
        self._look_at = 0.0  # monotonic seconds
        self._ended: dict[tuple[DeliveryClass, ...], Head] = {}  # where some classes were read to the end
        self._indexes: dict[int, SegmentIndex] = {}  # the one used last comes last

    def end(self) -> Head:
        """Where the durable part ends. Raises JournalError when nothing says so."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            self._note.find_again()
        head = self._note.read() or self._known
        if head is None:
            raise JournalError(
                f"journal {self._folder} does not say where it ends",
                "start the collector, which finds out and writes it down",
            )
        if self._known is not None and self._known.journal != head.journal:
            raise _replaced(self._folder)
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
            several = tuple(classes or CLASSES)
            if self._has_no_more(several, after, head):
                return Slice((), stop, 0)
            try:
                found = self._read(after, stop, head, limit=limit, max_bytes=max_bytes, classes=several)
            except SegmentGone:
                return Slice((), after, 0)
            if found.through == head.sequence:
                self._ended[several] = head
            return found

    def entries(self, delivery_class: DeliveryClass, first: int, last: int) -> int:
        """How many records of a class there are, or were let go, from `first` to `last`."""
        with self._mutex:
            count, after = 0, first - 1
            while after < last:
                try:
                    head = self.end()
                    begins, end = self._segment_after(after, head)
                    count += self._index(begins, head).entries(delivery_class, after, min(last, end))
                except SegmentGone:  # look for the one that is there now
                    continue
                after = max(end, after + 1)
            return count

    def count_through(self, delivery_class: DeliveryClass, sequence: int) -> int | None:
        """How many records of a class were ever appended up to a sequence; None: not known."""
        with self._mutex:
            head = self.end()
            if sequence >= head.sequence:
                return head.counts[CLASSES.index(delivery_class)]
            with suppress(SegmentGone):
                begins, _end = self._segment_after(sequence, head)
                counts = self._counts_before(begins)
                entries = self._index(begins, head).entries(delivery_class, begins - 1, sequence)
                return counts[CLASSES.index(delivery_class)] + entries if counts else None
            return None

    def let_go(self, delivery_class: DeliveryClass, spans: Sequence[tuple[int, int]]) -> int:
        """How many records of a class are no longer there in these ranges of sequences."""
        with self._mutex:
            head, place, count = self.end(), CLASSES.index(delivery_class), 0
            for first, gone in self._let_go.look().items():
                if gone[place]:
                    with suppress(SegmentGone):
                        begins, end = self._segment_after(first - 1, head)
                        index = partial(self._index, begins, head)
                        count += sum(
                            gone[place]
                            if begin <= first and end <= last
                            else index().gone(delivery_class, max(begin, first) - 1, min(end, last))
                            for begin, last in spans
                            if begin <= end and first <= last
                        )
            return count

    def close(self) -> None:
        """Close the files. Repeating it changes nothing."""
        with self._mutex:
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
        first, end = self._segment_after(after, head)
        through = min(stop, end)
        if self._has_none(classes, first):
            return Slice((), through, 0)
        index = self._index(first, head)
        places = index.select(classes, after, through, limit + 1)
        chosen = _fitting(index, places[:limit], max_bytes)
        if len(chosen) < len(places):
            through = index.sequence(places[len(chosen)]) - 1
        frames = index.frames([place for place in chosen if not index.is_gone(place)])
        records = [self._record(index, place, frame) for place, frame in frames.items()]
        return Slice(records, through, len(chosen))

    def _has_no_more(self, classes: tuple[DeliveryClass, ...], after: int, head: Head) -> bool:
        """Whether some classes were read up to `after`, and no record of them was appended since.

        Damage may change the counts, but then another segment is begun.
        """
        ended = self._ended.get(classes)
        if ended is None or after < ended.sequence or head.segment != ended.segment:
            return False
        return all(head.counts[place] == ended.counts[place] for place in map(CLASSES.index, classes))

    def _record(self, index: SegmentIndex, place: int, frame: Frame) -> Record:
        before = None
        if place == 0:
            if index.header is not None and frame.sequence == index.first:
                before = index.header.before or None
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

    def _segment_after(self, after: int, head: Head) -> tuple[int, int]:
        """The first sequence of the segment that holds what follows `after`, and its last.

        What an older segment should hold and has not is passed over. But without the newest, all that there
        is was moved away, and may come back: nobody must take it for dealt with.
        """
        if head.segment not in self._firsts:
            self._look_again(head)
        place = max(0, bisect_right(self._firsts, after + 1) - 1)  # before them all lies what is forgotten
        first = self._firsts[place]
        return first, head.sequence if first >= head.segment else self._firsts[place + 1] - 1

    def _look_again(self, head: Head) -> None:
        self._firsts = segments(self._folder)
        if head.segment not in self._firsts:
            self._firsts = []
            if self.end().segment != head.segment:  # it was forgotten meanwhile
                raise SegmentGone(f"a segment of journal {self._folder} is gone")
            raise _replaced(self._folder)
        self._headers = {first: self._headers[first] for first in self._firsts if first in self._headers}

    def _counts_before(self, first: int) -> tuple[int, ...]:
        """How many records of each class were appended before a segment; nothing if that is not known."""
        if first not in self._headers:
            self._headers[first] = header_of(heading_of(segment_path(self._folder, first)))
        header = self._headers[first]
        return header.counts if header is not None else ()

    def _has_none(self, classes: tuple[DeliveryClass, ...], first: int) -> bool:
        """Whether a sealed segment is known to hold no record of some classes, without looking into it."""
        place = bisect_right(self._firsts, first)
        if len(classes) == len(CLASSES) or place >= len(self._firsts):
            return False
        before, after = self._counts_before(first), self._counts_before(self._firsts[place])
        if not before or not after:
            return False
        return all(before[CLASSES.index(cls)] == after[CLASSES.index(cls)] for cls in classes)

    def _index(self, first: int, head: Head) -> SegmentIndex:
        """The index of a segment, as far as it is durable. Raises SegmentGone."""
        index = self._indexes.pop(first, None)
        if index is not None and index.is_stale():
            self._headers.pop(first, None)
            index = None
        if index is None:
            try:
                index = SegmentIndex(segment_path(self._folder, first), first)
            except SegmentGone:
                self._firsts = []
                raise
        index.extend(head.offset if first == head.segment else None)
        self._indexes[first] = index
        while len(self._indexes) > _INDEXES_KEPT:
            self._indexes.pop(next(iter(self._indexes)))
        return index


def _replaced(folder: Path) -> JournalError:
    return JournalError(
        f"journal {folder} was moved or replaced while it was open",
        "restart the collector and the forwarder, or move it back",
    )


def _fitting(index: SegmentIndex, places: list[int], max_bytes: int) -> list[int]:
    """Those at the front that fit, one at least; what was let go takes no room."""
    room = max_bytes
    for count, place in enumerate(places):
        if not index.is_gone(place):
            room -= index.size(place)
            if room < 0 and count:
                return places[:count]
    return places
