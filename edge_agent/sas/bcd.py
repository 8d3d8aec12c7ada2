"""Packed BCD: two decimal digits a byte, the most significant first. How SAS writes meters and money."""

from __future__ import annotations

from edge_agent.errors import LocalProtocolError, RemoteProtocolError


def decode_bcd(data: bytes) -> int:
    """The number `data` spells; RemoteProtocolError when a nibble is not a digit."""
    try:
        return int(data.hex())
    except ValueError as error:
        raise RemoteProtocolError(f"{data.hex(' ')} is not BCD") from error


def decode_digits(data: bytes) -> str:
    """The digits themselves, leading zeros kept: dates, times, validation numbers."""
    digits = data.hex()
    if not digits.isdecimal():
        raise RemoteProtocolError(f"{data.hex(' ')} is not BCD")
    return digits


def encode_bcd(value: int, size: int) -> bytes:
    """`value` in `size` bytes; LocalProtocolError when it does not fit."""
    if not 0 <= value < 10 ** (2 * size):
        raise LocalProtocolError(f"{value} does not fit {2 * size} BCD digits")
    return bytes.fromhex(f"{value:0{2 * size}d}")


def encode_digits(digits: str, size: int) -> bytes:
    """A string of exactly `2 * size` digits."""
    if len(digits) != 2 * size or not (digits.isascii() and digits.isdecimal()):
        raise LocalProtocolError(f"{digits!r} is not {2 * size} digits")
    return bytes.fromhex(digits)
