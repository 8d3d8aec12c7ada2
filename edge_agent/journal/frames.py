"""Frames: how a record lies in a segment, so that any damage costs what it hits and nothing else.

    magic  kind  class  length  sequence  appended_at  place  chain  crc  | payload
      2      1     1      4        8           8         4      16    4   | length bytes

All big-endian. The CRC-32 covers everything but itself. Each frame stands alone: behind a damaged one
the next is found by its magic, which no UTF-8 contains, and proven by its CRC. `place` counts the records
of one commit from 0 and the last of them has a kind of its own, so what a commit had not finished is told
from what was lost: everything before a frame's commit was on the disk before that frame was written. The
highest bit of `place` says that the commit has a MARK: without it, it is not whole.

A frame of kind GONE stands for a record that was let go: its payload is the record's digest, so the
chain goes on over it. One of kind LOST stands for a range of records that damage took: its payload is
the last sequence of the range.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

MAGIC = b"\xe5J"
HEAD = struct.Struct(">2sBBIQdI16sI")
HEAD_BYTES = HEAD.size
_COVERED = struct.Struct(">2sBBIQdI16s")  # what the CRC covers of the head
_COVERED_BYTES = _COVERED.size
_CRC = struct.Struct(">I")
# The beginning of a head, which is all an index needs.
BRIEF = struct.Struct(">2sBBIQ")

# What a record may measure: eight times what IoT Core takes. Anything larger is a mistake of ours.
RECORD_LIMIT_BYTES = 1 << 20


class Kind(IntEnum):
    """What a frame is."""

    HEADER = 1  # of the segment
    RECORD = 2
    COMMITTED = 3  # a record, the last of its commit
    GONE = 4  # in the place of a record that was let go
    MARK = 5  # how far a consumer has derived, as part of the commit before whose end it stands
    LOST = 6  # in the place of a range of records that damage took


RECORDS = frozenset({Kind.RECORD, Kind.COMMITTED})
_KINDS = frozenset(Kind)
MARKED = 1 << 31  # of `place`
CLASS_COUNT = 3
_LAST = struct.Struct(">Q")


class Frame(NamedTuple):
    """One frame and where it lies."""

    kind: int
    delivery_class: int
    sequence: int
    appended_at: float
    place: int
    chain: bytes
    payload: bytes
    offset: int
    marked: bool = False  # whether its commit has a mark

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.offset + HEAD_BYTES + len(self.payload)

    @property
    def last(self) -> int:
        """The last sequence it stands for."""
        if self.kind == Kind.LOST and len(self.payload) == _LAST.size:
            return int(_LAST.unpack(self.payload)[0])
        return self.sequence


def encode(
    kind: Kind,
    payload: bytes,
    *,
    sequence: int,
    appended_at: float,
    chain: bytes,
    delivery_class: int = 0,
    place: int = 0,
) -> bytes:
    """The bytes of one frame."""
    head = _COVERED.pack(MAGIC, kind, delivery_class, len(payload), sequence, appended_at, place, chain)
    return head + _CRC.pack(zlib.crc32(payload, zlib.crc32(head))) + payload


def lost(first: int, last: int) -> bytes:
    """A frame in the place of a range of records that damage took."""
    return encode(Kind.LOST, _LAST.pack(last), sequence=first, appended_at=0.0, chain=bytes(16))


def decode(data: bytes | memoryview, offset: int = 0) -> Frame | None:
    """The frame at an offset; None if there is none, or it is damaged."""
    if offset < 0 or offset + HEAD_BYTES > len(data):
        return None
    magic, kind, cls, length, sequence, appended_at, place, chain, crc = HEAD.unpack_from(data, offset)
    start = offset + HEAD_BYTES
    if (
        magic != MAGIC
        or kind not in _KINDS
        or cls >= CLASS_COUNT
        or length > RECORD_LIMIT_BYTES
        or start + length > len(data)
    ):
        return None
    payload = bytes(data[start : start + length])
    if zlib.crc32(payload, zlib.crc32(data[offset : offset + _COVERED_BYTES])) != crc:
        return None
    marked, place = place >= MARKED, place & (MARKED - 1)
    return Frame(kind, cls, sequence, appended_at, place, chain, payload, offset, marked)


def scan(data: bytes) -> Iterator[Frame]:
    """Every intact frame, in the order they lie, over whatever damage there is between them."""
    offset = 0
    while True:
        frame = decode(data, offset)
        if frame is None:
            offset = data.find(MAGIC, offset + 1)
            if offset < 0:
                return
            continue
        yield frame
        offset = frame.end
