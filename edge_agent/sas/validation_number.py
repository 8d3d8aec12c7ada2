"""Validation numbers: what a machine with secure enhanced validation prints on the tickets it makes itself.

The number is made of the machine's validation ID and of a sequence that rises with every ticket, both set by
long poll 4C, so that nobody who knows neither can guess the next one.

    word by word   the six bytes of sequence and ID are laid over each other, and each pair becomes a CRC
    by halves      each three bytes of CRCs are a number of eight digits
    proof          the first digit of each half carries a check of the other seven

Source: two independent public implementations and three known answers agree (H).
"""

from __future__ import annotations

from edge_agent.errors import LocalProtocolError
from edge_agent.sas.crc import crc16

# The system ID of a number that the machine made itself.
MADE_BY_THE_MACHINE = "00"

_BYTES = 3
_LARGEST = (1 << 8 * _BYTES) - 1
_HALF_DIGITS = 8
# The check of a half is its digit sum modulo five, and stands in its first digit from the second bit on.
_CHECK_MODULUS = 5


def secure_enhanced(machine_id: int, sequence: int) -> str:
    """The 18 digits for a machine and a sequence that has already risen for this ticket.

    Both are whole numbers of three bytes; LocalProtocolError when one is not.
    """
    key = _three_bytes(sequence, "sequence") + _three_bytes(machine_id, "machine ID")
    laid_over = bytes(byte ^ (key[at % 2] if at > 1 else 0) for at, byte in enumerate(key))
    mixed = b"".join(crc16(laid_over[at : at + 2]).to_bytes(2, "little") for at in (0, 2, 4))
    return MADE_BY_THE_MACHINE + _half(mixed[_BYTES:]) + _half(mixed[:_BYTES])


def _half(mixed: bytes) -> str:
    digits = f"{int.from_bytes(mixed, 'little'):0{_HALF_DIGITS}d}"
    check = sum(map(int, digits)) % _CHECK_MODULUS
    return f"{int(digits[0]) | check << 1}{digits[1:]}"


def _three_bytes(value: int, name: str) -> bytes:
    if not 0 <= value <= _LARGEST:
        raise LocalProtocolError(f"{name} {value} is not within 0..{_LARGEST}")
    return value.to_bytes(_BYTES, "little")
