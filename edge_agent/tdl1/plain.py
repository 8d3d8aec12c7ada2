"""Plain characters out of a marked stream: FF FF is FF, FF 00 xx is xx with its wakeup bit set.

TDL/1 has no wakeup bit, so a marked character is one that was received badly. It is given as
0xFF, which no frame may hold, so the frame it stands in is refused.
"""

from __future__ import annotations

_BAD = 0xFF


class PlainReader:
    """Takes a marked stream in any chunks and gives plain characters."""

    def __init__(self) -> None:
        self._held = b""  # an FF, or FF 00, whose rest has not arrived

    def reset(self) -> None:
        """Forget a half-received character."""
        self._held = b""

    def receive_data(self, stream: bytes) -> bytes:
        """The characters these bytes complete."""
        if not self._held and b"\xff" not in stream:
            return stream
        stream, self._held = self._held + stream, b""
        plain = bytearray()
        at = 0
        while at < len(stream):
            if stream[at] != 0xFF:
                plain.append(stream[at])
                at += 1
                continue
            width = 3 if stream[at + 1 : at + 2] == b"\x00" else 2
            if at + width > len(stream):
                self._held = stream[at:]
                break
            plain.append(_BAD)
            at += width
        return bytes(plain)
