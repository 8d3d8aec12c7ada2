"""Head: where the durable part of the journal ends, for readers in any process.

A reader sees a frame as soon as it is written, and must not give it away before it is fsynced: a power
cut would take it back and its number would be given out again. So the one who appends says here, after
each fsync, how far readers may go. That is not fsynced, but for once a segment: it survives `kill -9`, and
a power cut may leave an older note, which is behind and never ahead. It is also the witness of what there
was, should the newest segment be damaged.
"""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from edge_agent.journal.disk import FILE_MODE, ours, read_at, translated

NAME = "head"
_NOTE = struct.Struct(">32sQQQQQQQ16s")
_CRC_BYTES = 4
_TRIES = 20  # a note caught half-written is whole a microsecond later
_SIZE_BYTES = _NOTE.size + _CRC_BYTES


class Head(NamedTuple):
    """The end of what is durable."""

    journal: str  # 32 hexadecimal digits
    sequence: int  # the last given out
    segment: int  # the newest segment's first sequence
    offset: int  # where the durable part of that segment ends
    counts: tuple[int, int, int]  # records of each class ever appended
    chain: bytes  # the link of the last record
    forgotten: int  # the last sequence that was acknowledged by all and deleted

    def encoded(self) -> bytes:
        """Its bytes."""
        journal, sequence, segment, offset, (a, b, c), chain, forgotten = self
        body = _NOTE.pack(journal.encode(), sequence, segment, offset, a, b, c, forgotten, chain)
        return body + zlib.crc32(body).to_bytes(_CRC_BYTES, "big")


def decoded(data: bytes) -> Head | None:
    """The head that bytes say; None if they are damaged."""
    body, crc = data[: _NOTE.size], data[_NOTE.size :]
    if len(data) != _SIZE_BYTES or zlib.crc32(body).to_bytes(_CRC_BYTES, "big") != crc:
        return None
    journal, sequence, segment, offset, a, b, c, forgotten, chain = _NOTE.unpack(body)
    with suppress(UnicodeDecodeError):
        return Head(journal.decode("ascii"), sequence, segment, offset, (a, b, c), chain, forgotten)
    return None


class HeadNote:
    """The note of one journal. One writer; any number of readers."""

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        self._path = folder / NAME
        with translated(self._path):
            self._flags = (os.O_RDWR | os.O_CREAT if write else os.O_RDONLY) | os.O_CLOEXEC
            self._fd = os.open(self._path, self._flags, FILE_MODE)

    def read(self) -> Head | None:
        """What it says; None if that makes no sense."""
        with translated(self._path):
            for _try in range(_TRIES):
                if head := decoded(read_at(self._fd, _SIZE_BYTES, 0)):
                    return head
        return None

    def find_again(self) -> bool:
        """Open the file that has its name now, should it be another; whether it is."""
        with translated(self._path):
            try:
                there, mine = self._path.stat(), os.fstat(self._fd)
            except FileNotFoundError:
                if not self._flags & os.O_CREAT:
                    return False
            else:
                if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
                    return False
            fd = os.open(self._path, self._flags, FILE_MODE)
            try:
                os.dup2(fd, self._fd, inheritable=False)  # nobody who reads meanwhile finds it closed
            finally:
                os.close(fd)
        return True

    def write(self, head: Head) -> None:
        """Say it. In place, in a block the file has, so a full disk does not stop it."""
        try:
            os.pwrite(self._fd, head.encoded(), 0)
        except OSError as error:
            raise ours(error, self._path) from error

    def sync(self) -> None:
        """Make what was said last durable."""
        with translated(self._path):
            os.fsync(self._fd)

    def repair(self, head: Head) -> None:
        """Say it in a file that may have any length, durably."""
        with translated(self._path):
            os.ftruncate(self._fd, _SIZE_BYTES)
        self.write(head)
        self.sync()

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
