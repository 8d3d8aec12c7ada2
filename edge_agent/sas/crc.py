"""The frame check: CRC-16/KERMIT over every byte from the address to the last data byte, low byte first.

The CRC is the reflected form of CRC-CCITT with nothing before or after it, so `binascii.crc_hqx`, which is
the plain form in C, computes it once the bits of each byte are turned round. A whole frame with its CRC
behind it leaves the remainder 0; so does a frame behind any number of 00 bytes, which is why readers
match address and command as well.
"""

from __future__ import annotations

from binascii import crc_hqx

CRC_BYTES = 2

_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc16(data: bytes, seed: int = 0) -> int:
    """CRC-16/KERMIT of `data`; `seed` is the initial value, as a ROM signature (long poll 21) asks for."""
    plain = crc_hqx(data.translate(_TURNED), _turned_word(seed) if seed else 0)
    return _TURNED[plain & 0xFF] << 8 | _TURNED[plain >> 8]


def append_crc(frame: bytes) -> bytes:
    """`frame` with its CRC behind it, low byte first."""
    return frame + crc16(frame).to_bytes(CRC_BYTES, "little")


def crc_is_good(frame: bytes | bytearray) -> bool:
    """Whether the last two bytes of `frame` are the CRC of the rest."""
    return len(frame) > CRC_BYTES and crc_hqx(frame.translate(_TURNED), 0) == 0


def _turned_word(word: int) -> int:
    return _TURNED[word & 0xFF] << 8 | _TURNED[word >> 8]
