"""Segment index: where the frames of one segment lie, found without reading what is in them.

Walking the heads of 4 MiB takes some 5 ms, once; then the records of any class are a look away. The
index of the newest segment grows with it. Damage is stepped over, to the next frame that proves itself.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.journal.acknowledged import CLASSES
from edge_agent.journal.disk import read_at, translated
from edge_agent.journal.frames import BRIEF, HEAD_BYTES, MAGIC, RECORD_LIMIT_BYTES, Frame, Kind, decode, scan
from edge_agent.journal.segment import Header, header_of

# Read in one go while walking the heads; the largest frame fits.
_CHUNK_BYTES = 2 << 20
# Records this near to each other are read together: asking the kernel twice costs as much.
_NEAR_BYTES = 16 << 10
_ENTRIES = {Kind.RECORD, Kind.COMMITTED, Kind.GONE}


class SegmentGone(JournalError):  # noqa: N818  as JournalFull
    """The segment was deleted meanwhile, or written anew."""


class SegmentIndex:
    """The index of one segment. Raises SegmentGone when there is none."""

    def __init__(self, path: Path, first: int) -> None:
        self.path = path
        self.first = first
        self.header: Header | None = None
        self._file: tuple[int, ...] = ()
        self._is_complete = False  # all of a sealed segment is indexed
        self._end = 0  # of what is indexed
        self._next = first  # the sequence that should come now
        self._sequences = array("Q")
        self._offsets = array("Q")
        self._sizes = array("I")
        self._gone = bytearray()
        self._of_class: dict[DeliveryClass, array[int]] = {cls: array("I") for cls in CLASSES}
        with self._opened() as fd:
            self._file = self._identity(os.fstat(fd))

    def extend(self, end: int | None = None) -> None:
        """Index up to `end`, or all of a sealed segment. Raises SegmentGone."""
        if self._is_complete or (end is not None and end <= self._end):
            return
        with self._opened() as fd:
            status = os.fstat(fd)
            if end is None and self._sequences and not self._lies_where_it_did(fd):
                raise SegmentGone(f"{self.path} was written anew")
            stop = status.st_size if end is None else min(end, status.st_size)
            while self._end < stop:
                data = read_at(fd, min(_CHUNK_BYTES, stop - self._end), self._end)
                walked = self._walk(data, self._end)
                if not walked:
                    self._search(fd, stop)
                    break
                self._end += walked
        self._is_complete = end is None
        self._file = self._identity(status)

    def is_stale(self) -> bool:
        """Whether the file was replaced or deleted since it was indexed."""
        with translated(self.path):
            try:
                return self._identity(self.path.stat()) != self._file
            except FileNotFoundError:
                return True

    def entries(self, delivery_class: DeliveryClass, after: int, until: int) -> int:
        """How many entries of a class there are beyond `after` up to `until`."""
        return len(self._places(delivery_class, after, until))

    def gone(self, delivery_class: DeliveryClass, after: int, until: int) -> int:
        """How many of those entries stand for a record that was let go."""
        return sum(map(self.is_gone, self._places(delivery_class, after, until)))

    def select(self, classes: tuple[DeliveryClass, ...], after: int, until: int, limit: int) -> list[int]:
        """The places of the entries of some classes, in order, `limit` at most."""
        if len(classes) == len(CLASSES):
            begin = bisect_right(self._sequences, after)
            return list(range(begin, min(bisect_right(self._sequences, until), begin + limit)))
        several = [self._places(cls, after, until)[:limit] for cls in classes]
        return sorted(place for places in several for place in places)[:limit]

    def sequence(self, place: int) -> int:
        """Of an entry."""
        return self._sequences[place]

    def size(self, place: int) -> int:
        """Of its payload, in bytes."""
        return self._sizes[place]

    def is_gone(self, place: int) -> bool:
        """Whether the record was let go."""
        return bool(self._gone[place])

    def frames(self, places: list[int]) -> dict[int, Frame]:
        """The frames at some places, in order; those that are damaged are left out. Raises SegmentGone."""
        found: dict[int, Frame] = {}
        if not places:
            return found
        with self._opened() as fd:
            for begin, end, group in self._runs(places):
                data = read_at(fd, end - begin, begin)
                for place in group:
                    frame = decode(data, self._offsets[place] - begin)
                    if frame is not None and frame.sequence == self._sequences[place]:
                        found[place] = frame
        return found

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, for as long as it takes: while one is open, deleting it gives no room back."""
        with translated(self.path):
            try:
                fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise SegmentGone(f"{self.path} is gone") from error
            try:
                if self._file and self._identity(os.fstat(fd)) != self._file:
                    raise SegmentGone(f"{self.path} was written anew")
                yield fd
            finally:
                os.close(fd)

    def _identity(self, status: os.stat_result) -> tuple[int, ...]:
        """What tells a file from another: a number alone is given out again, to what is written next."""
        if self._is_complete:
            return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        return status.st_dev, status.st_ino  # it grows

    def _lies_where_it_did(self, fd: int) -> bool:
        """Whether the last entry does. If something was let go before it, it does not."""
        frame = decode(read_at(fd, HEAD_BYTES + self._sizes[-1], self._offsets[-1]))
        if frame is None or frame.sequence != self._sequences[-1]:
            return False
        return (frame.kind == Kind.GONE) == bool(self._gone[-1])

    def _places(self, delivery_class: DeliveryClass, after: int, until: int) -> array[int]:
        places = self._of_class[delivery_class]
        begin = bisect_right(places, after, key=self._sequences.__getitem__)
        return places[begin : bisect_right(places, until, lo=begin, key=self._sequences.__getitem__)]

    def _runs(self, places: list[int]) -> list[tuple[int, int, list[int]]]:
        """Places that lie near to each other, with where they begin and end."""
        runs: list[tuple[int, int, list[int]]] = []
        for place in places:
            offset = self._offsets[place]
            end = offset + HEAD_BYTES + self._sizes[place]
            if runs and offset - runs[-1][1] < _NEAR_BYTES:
                begin, _end, group = runs[-1]
                group.append(place)
                runs[-1] = (begin, end, group)
            else:
                runs.append((offset, end, [place]))
        return runs

    def _walk(self, data: bytes, base: int) -> int:
        """Index the frames that lie in `data`; their bytes, or 0 if something is not as it should be."""
        at, end = 0, len(data)
        unpack = BRIEF.unpack_from
        while at + HEAD_BYTES <= end:
            magic, kind, its_class, length, sequence = unpack(data, at)
            if magic != MAGIC or length > RECORD_LIMIT_BYTES or its_class >= len(CLASSES):
                return 0
            if at + HEAD_BYTES + length > end:
                return at
            if kind in _ENTRIES:
                if sequence != self._next:
                    return 0
                self._add(base + at, length, sequence, its_class, kind)
            elif kind == Kind.LOST or base + at == 0:
                self._take_note(decode(data, at))
            at += HEAD_BYTES + length
        return at

    def _search(self, fd: int, stop: int) -> None:
        """Index what proves itself, from the last entry on: its length may be what is wrong."""
        begin = self._drop_last() if self._sequences else 0
        for frame in scan(read_at(fd, stop - begin, begin)):
            if frame.kind in _ENTRIES and frame.sequence >= self._next:
                self._add(
                    begin + frame.offset, len(frame.payload), frame.sequence, frame.delivery_class, frame.kind
                )
            elif frame.kind == Kind.LOST or begin + frame.offset == 0:
                self._take_note(frame)
        self._end = stop

    def _take_note(self, frame: Frame | None) -> None:
        if frame is not None and frame.kind == Kind.LOST:
            self._next = max(self._next, frame.last + 1)
        elif self.header is None:
            self.header = header_of(frame)

    def _add(self, offset: int, length: int, sequence: int, its_class: int, kind: int) -> None:
        self._of_class[CLASSES[its_class]].append(len(self._sequences))
        self._sequences.append(sequence)
        self._offsets.append(offset)
        self._sizes.append(length)
        self._gone.append(kind == Kind.GONE)
        self._next = sequence + 1

    def _drop_last(self) -> int:
        """Forget the last entry; where it begins."""
        place = len(self._sequences) - 1
        for places in self._of_class.values():
            if places and places[-1] == place:
                places.pop()
        self._sizes.pop()
        self._gone.pop()
        self._next = self._sequences.pop()
        return self._offsets.pop()
