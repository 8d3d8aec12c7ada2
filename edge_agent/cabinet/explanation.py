"""Explanation: what one frame says, piece by piece, as values that text and JSON are made from.

Every byte of the frame belongs to exactly one piece, in order. Bytes that no table lays out are a piece
as well, not known, named for what they are: `unknown`, or as the table calls them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edge_agent.sas.crc import CRC_BYTES, crc16

Side = Literal["host", "machine"]

UNKNOWN = "unknown"


def spaced(data: bytes) -> str:
    """Bytes as people read them: `01 FF 12`."""
    return data.hex(" ").upper()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a frame, and what they are."""

    offset: int
    data: bytes
    name: str
    value: Any = None  # None: there is nothing to read in them
    unit: str = ""
    meaning: str = ""
    known: bool = True
    confidential: bool = False  # as good as cash, or a person's: shown only when asked for


@dataclass(frozen=True, slots=True)
class Crc:
    """The CRC at the end of a frame, and the one that would be right."""

    found: bytes
    right: bytes

    @property
    def good(self) -> bool:
        """Whether it is right."""
        return self.found == self.right

    @classmethod
    def of(cls, frame: bytes) -> Crc:
        """The CRC of a frame that carries one."""
        return cls(frame[-CRC_BYTES:], crc16(frame[:-CRC_BYTES]).to_bytes(CRC_BYTES, "little"))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one frame says."""

    side: Side
    kind: str  # general_poll, long_poll, answer, event, exception, ack, nack, busy, chirp, tdl1, unknown
    title: str
    data: bytes
    address: int | None = None
    pieces: tuple[Piece, ...] = ()
    crc: Crc | None = None
    doubts: tuple[str, ...] = ()  # why this may not be what was said
    notes: tuple[str, ...] = ()  # what else there is to know

    @property
    def fits(self) -> bool:
        """Whether the frame is just what the tables lay out, its CRC good."""
        return not self.doubts and (self.crc is None or self.crc.good)

    @property
    def confidential(self) -> bool:
        """Whether something in it is shown only when asked for."""
        return any(piece.confidential for piece in self.pieces)

    def piece(self, name: str) -> Piece:
        """The first piece of a name. Raises KeyError."""
        for piece in self.pieces:
            if piece.name == name:
                return piece
        raise KeyError(name)
