"""Packed BCD: two decimal digits a byte, the most significant first. How SAS writes meters and money.

What does not fit is called by its name and its place, never by what it is: it may be a ticket's number.
"""

from __future__ import annotations

from edge_agent.errors import LocalProtocolError, RemoteProtocolError


def decode_bcd(data: bytes, name: str) -> int:
    """The number `data` spells; RemoteProtocolError when a nibble is not a digit."""
    return int(decode_digits(data, name))


def decode_digits(data: bytes, name: str) -> str:
    """The digits themselves, leading zeros kept: dates, times, validation numbers."""
    digits = data.hex()
    if not digits.isdecimal():
        at = next(at for at, digit in enumerate(digits) if not digit.isdecimal())
        raise RemoteProtocolError(f"{name} is not BCD at digit {at + 1} of {len(digits)}")
    return digits


def encode_bcd(value: int, size: int, name: str) -> bytes:
    """`value` in `size` bytes; LocalProtocolError when it does not fit."""
    if not 0 <= value < 10 ** (2 * size):
        raise LocalProtocolError(f"{name} {value} does not fit {2 * size} BCD digits")
    return bytes.fromhex(f"{value:0{2 * size}d}")


def encode_digits(digits: str, size: int, name: str) -> bytes:
    """A string of exactly `2 * size` digits."""
    if len(digits) != 2 * size or not (digits.isascii() and digits.isdecimal()):
        raise LocalProtocolError(
            f"{name} must be {2 * size} digits, and of {len(digits)} characters it is not"
        )
    return bytes.fromhex(digits)
