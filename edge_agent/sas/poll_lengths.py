"""How long a host poll is: all a machine needs to find where any poll ends, known to it or not."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Total bytes, address and CRC included. H, MO checked against NC and captures; 5F, 62, 65, 6B, 77, 8B, 8C: M.
_FIXED = {
    4: (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0A, 0x0B, 0x94),
    5: (0x0E, 0x4D, 0x50, 0x66, 0xA8, 0xAA),
    6: (
        0x21,
        0x2D,
        0x2E,
        0x52,
        0x53,
        0x64,
        0x65,
        0x6B,
        0x83,
        0x95,
        0x96,
        0x97,
        0x98,
        0x99,
        0x9A,
        0xA0,
        0xA4,
        0xB5,
    ),
    7: (0x09,),
    8: (0x5F, 0x74, 0xB4),
    9: (0x08, 0x77, 0x8A),
    10: (0x4C, 0x62, 0x63, 0x69),
    11: (0x7F, 0x80),
    13: (0x58, 0x8C),
    15: (0x8B,),
}
_COUNTED = (0x2F, 0x6E, 0x6F, 0x71, 0x72, 0x73, 0x75, 0x76, 0x7A, 0x7B, 0x7C, 0x7D, 0x86, 0xAF, 0xB0, 0xB6,
            0xB7)  # fmt: skip

# Address, command, length byte and CRC: what the length byte does not count.
UNCOUNTED_BYTES = 5
LONGEST_MESSAGE_BYTES = UNCOUNTED_BYTES + 0xFF
# A type R poll: address and command, no CRC. Also what an unlisted command is taken to be.
READ_POLL_BYTES = 2

# None: the third byte counts what stands between it and the CRC.
HOST_POLL_LENGTHS: Mapping[int, int | None] = MappingProxyType(
    {command: total for total, commands in _FIXED.items() for command in commands}
    | dict.fromkeys(_COUNTED, None)
)


def host_poll_length(message: bytes | bytearray) -> int | None:
    """The total length of the long poll that begins with `message`; None while it is too short to tell."""
    if len(message) < READ_POLL_BYTES:
        return None
    total = HOST_POLL_LENGTHS.get(message[1], READ_POLL_BYTES)
    if total is not None:
        return total
    return UNCOUNTED_BYTES + message[2] if len(message) > READ_POLL_BYTES else None
