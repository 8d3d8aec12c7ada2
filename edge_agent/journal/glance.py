"""Glance: whether a sealed segment is exactly as it was written, and what is in it, told in passing.

Housekeeping asks it of every segment, and lines append meanwhile: so it goes through the file in slices,
keeps nothing of it, and lets others have the interpreter between two slices. It only ever says yes to what
`examine` finds intact; what it is not sure of is for that to say.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from edge_agent.journal.disk import translated
from edge_agent.journal.frames import HEAD_BYTES, RECORD_LIMIT_BYTES, Frame, Kind, decode
from edge_agent.journal.segment import header_of

SLICE_BYTES = 64 << 10  # about half a millisecond of work
# An append hands the interpreter over a few times, and each time waits 5 ms for one who only computes. With
# pauses of this length it meets nobody, and a segment takes a tenth of a second longer.
PAUSE_SECONDS = 0.0005


def is_as_written(
    path: Path, first: int, last: int, *, journal: str, pause: Callable[[float], object] = time.sleep
) -> bool:
    """Whether frame follows upon frame, from the header to `last`, and nothing but zeros upon that.

    Args:
        path: of a sealed segment.
        first: its first sequence, by its name.
        last: the last it must hold, by the name of the next.
        journal: the id of the journal.
        pause: called between slices.

    Raises JournalError if it cannot be read.
    """
    walk = _Walk(first, journal)
    with translated(path):
        try:
            with path.open("rb") as file:
                return _walked(file, walk, pause) and walk.expected == last + 1
        except OSError as error:  # not there, or a sector that cannot be read: damage in either case
            if error.errno not in {errno.ENOENT, errno.EIO}:
                raise
            return False


def frames_of(path: Path, *, pause: Callable[[float], object] = time.sleep) -> Iterator[Frame]:
    """What lies in a segment that is as it was written, but for its header; offsets are of a slice.

    Args:
        path: of a sealed segment.
        pause: called between slices.

    Raises JournalError if it cannot be read.
    """
    rest = b""
    with translated(path), path.open("rb") as file:
        while data := file.read(SLICE_BYTES):
            data, at = rest + data, 0
            while (frame := decode(data, at)) is not None:
                at = frame.end
                if frame.kind != Kind.HEADER:
                    yield frame
            rest = data[at:]
            pause(PAUSE_SECONDS)


def _walked(file: BinaryIO, walk: _Walk, pause: Callable[[float], object]) -> bool:
    """Whether every byte is a frame in its place, or a zero behind the last of them."""
    rest = b""
    while data := file.read(SLICE_BYTES):
        rest = walk.on(rest + data)
        if walk.lost or len(rest) > RECORD_LIMIT_BYTES + HEAD_BYTES:
            return False
        pause(PAUSE_SECONDS)
    return not rest.strip(b"\0")


class _Walk:
    """How far the frames of a segment were met in their places."""

    def __init__(self, first: int, journal: str) -> None:
        self.expected = first
        self.lost = False  # a frame that is whole was not the one expected
        self._first = first
        self._journal = journal
        self._begun = False

    def on(self, data: bytes) -> bytes:
        """Go on through `data`; what is left of it, the beginning of a frame perhaps."""
        at = 0
        while not self.lost and (frame := decode(data, at)) is not None:
            self._meet(frame)
            at = frame.end
        return data[at:]

    def _meet(self, frame: Frame) -> None:
        if not self._begun:
            header = header_of(frame)
            self._begun = True
            self.lost = header is None or (header.first, header.journal) != (self._first, self._journal)
        elif frame.kind == Kind.HEADER or frame.sequence != self.expected:
            self.lost = True
        elif frame.kind != Kind.MARK:
            self.expected = frame.last + 1
