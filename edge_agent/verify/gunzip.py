"""Gunzip: what a stream of gzip holds, up to where it is damaged or cut off, and only then that it is.

The standard library's own reader gives nothing of the last piece it cannot finish: of a file that was cut
off by a full disk, a hundred events and more.
"""

from __future__ import annotations

import zlib
from typing import Protocol

PIECE_BYTES = 16 * 1024
_WITH_A_HEADER = 31  # window bits, as zlib is told that it is gzip


class _Packed(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Gunzip:
    """A stream of gzip, one member or several, to be read unpacked. Raises EOFError and zlib.error."""

    def __init__(self, stream: _Packed) -> None:
        self._stream = stream
        self._member = zlib.decompressobj(_WITH_A_HEADER)
        self._trouble: zlib.error | None = None

    def read(self, size: int = -1, /) -> bytes:
        """Some of it, at most so many bytes if that is above 0; none at its end."""
        while self._trouble is None:
            piece = b"" if self._member.eof else self._member.unconsumed_tail
            piece = piece or self._next_piece()
            if not piece:
                return b""
            content = self._unpacked(piece, max(size, 0))
            if content:
                return content
        raise self._trouble

    def _next_piece(self) -> bytes:
        """More of what is packed; none at the end of the last member."""
        if not self._member.eof:
            piece = self._stream.read(PIECE_BYTES)
            if not piece:
                raise EOFError("it is cut off")
            return piece
        piece = self._member.unused_data or self._stream.read(PIECE_BYTES)
        while piece and not piece.strip(b"\0"):  # a tape's, or a disk's
            piece = self._stream.read(PIECE_BYTES)
        if piece:
            self._member = zlib.decompressobj(_WITH_A_HEADER)
        return piece.lstrip(b"\0")

    def _unpacked(self, piece: bytes, size: int) -> bytes:
        before = self._member.copy()
        try:
            return self._member.decompress(piece, size)
        except zlib.error as error:
            self._trouble = error
            return _as_far_as_it_goes(before, piece, size)


def _as_far_as_it_goes(member: zlib._Decompress, piece: bytes, size: int) -> bytes:
    """What a piece holds before what is damaged in it."""
    content = bytearray()
    for at in range(len(piece)):
        try:
            content += member.decompress(piece[at : at + 1], size)
        except zlib.error:
            break
    return bytes(content)
