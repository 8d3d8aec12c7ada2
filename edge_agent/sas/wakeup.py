"""The ninth bit, in band: every link carries characters as the marked stream POSIX defines for PARMRK.

    FF 00 xx   the character xx with its wakeup bit set
    FF FF      the character FF without it
    anything   itself, without it

The host sets the wakeup bit on the first byte of each message and a machine only on its chirps, so the
bit says where a poll begins and who is speaking. Characters are numbers 0..0x1FF: eight data bits and
the wakeup bit above them.
"""

from __future__ import annotations

from collections.abc import Iterable

WAKEUP = 0x100
MARK = b"\xff\x00"  # the next character has its wakeup bit set

_ESCAPE = 0xFF


def marked(byte: int) -> bytes:
    """One character with its wakeup bit set."""
    return MARK + bytes((byte,))


def stuff(data: bytes) -> bytes:
    """Plain bytes as a stream, without wakeup bits."""
    return data.replace(b"\xff", b"\xff\xff")


def encode_characters(characters: Iterable[int]) -> bytes:
    """Characters as a stream: what a `WakeupDecoder` takes apart again."""
    return b"".join(
        marked(character & 0xFF) if character & WAKEUP else stuff(bytes((character,)))
        for character in characters
    )


def encode_host_message(message: bytes) -> bytes:
    """A host message as a stream: its first byte carries the wakeup bit, the others do not."""
    return MARK + message[:1] + stuff(message[1:])


class WakeupDecoder:
    """Turns a marked stream, cut anywhere, into characters."""

    def __init__(self) -> None:
        self._escaped = b""  # an escape that waits for its rest: b"", FF or FF 00

    def feed(self, stream: bytes) -> list[int]:
        """The characters that are complete."""
        if not self._escaped and _ESCAPE not in stream:
            return list(stream)
        characters: list[int] = []
        for byte in stream:
            self._take(byte, characters)
        return characters

    def _take(self, byte: int, characters: list[int]) -> None:
        if self._escaped == MARK:
            characters.append(WAKEUP | byte)
            self._escaped = b""
        elif not self._escaped:
            if byte == _ESCAPE:
                self._escaped = b"\xff"
            else:
                characters.append(byte)
        elif byte == 0x00:
            self._escaped = MARK
        else:
            # FF FF is FF. FF before anything else is not in the grammar: both bytes pass as themselves.
            characters.extend((_ESCAPE,) if byte == _ESCAPE else (_ESCAPE, byte))
            self._escaped = b""
