"""The frame check, against known answers and a plain implementation of the same polynomial."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sas.crc import append_crc, crc16, crc_is_good


def plain_crc(data: bytes, seed: int = 0) -> int:
    """CRC-16/KERMIT bit by bit, as the polynomial 8408 defines it."""
    crc = seed
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc


def test_check_value_of_the_catalogue() -> None:
    assert crc16(b"123456789") == 0x2189


@given(st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_agrees_with_the_polynomial_for_any_data_and_seed(data: bytes, seed: int) -> None:
    assert crc16(data, seed) == plain_crc(data, seed)


def test_goes_behind_the_frame_low_byte_first() -> None:
    assert append_crc(bytes.fromhex("01 01")) == bytes.fromhex("01 01 51 08")


def test_leading_zeros_do_not_show() -> None:
    """Why readers match address and command as well as the CRC."""
    assert crc_is_good(bytes.fromhex("00 01 94 00 E1 24"))


@pytest.mark.parametrize("position", range(5))
def test_one_flipped_bit_shows(position: int) -> None:
    frame = bytearray.fromhex("01 FF 12 8F 96")

    frame[position] ^= 0x10

    assert not crc_is_good(frame)


@pytest.mark.parametrize("frame", [b"", b"\x00", b"\x00\x00"])
def test_a_crc_of_nothing_is_no_frame(frame: bytes) -> None:
    assert not crc_is_good(frame)
