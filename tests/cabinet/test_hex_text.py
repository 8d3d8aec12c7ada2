"""Hex is taken as people write it, and what is none is named."""

from __future__ import annotations

import pytest

from edge_agent.cabinet.hex_text import bytes_of, frames_of, lines_of
from edge_agent.errors import ConfigurationError


@pytest.mark.parametrize(
    "text",
    [
        "01ff12",
        "01 FF 12",
        " 01:ff:12 ",
        "0x01 0xFF 0x12",
        "0x1,0xff,0x12",
        "01-FF-12",
        "0x01FF12",
        r"\x01\xff\x12",
    ],
)
def test_bytes_are_taken_spaced_or_not(text: str) -> None:
    assert bytes_of(text) == b"\x01\xff\x12"


def test_the_mark_of_a_wakeup_bit_is_taken_off() -> None:
    assert bytes_of("ff00010e00ccc0") == bytes.fromhex("010e00ccc0")
    assert bytes_of("ff0001ffff") == b"\x01\xff"


def test_an_event_as_captures_have_it_loses_its_second_ff_and_no_other_frame_does() -> None:
    assert bytes_of("01ffff1114a4") == bytes.fromhex("01ff1114a4")
    whole = "016f05000000ffff0089ea"
    assert bytes_of(whole) == bytes.fromhex(whole)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("01f", "'01f' has an odd number of hex digits, 3"),
        ("01 zz", "'01 zz' is no hex: 'z' is no hex digit"),
        ("", "there is nothing to decode"),
        (" - ", "there is nothing to decode"),
        ("0" * 101, "has an odd number of hex digits, 101"),
    ],
)
def test_what_is_no_hex_is_named(text: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match="two hex digits each") as refused:
        bytes_of(text)

    assert what in refused.value.what
    assert len(refused.value.what) < 90


def test_single_bytes_are_one_frame_and_longer_words_one_each() -> None:
    assert [*frames_of(["01", "1f"])] == [b"\x01\x1f"]
    assert [*frames_of(["0x01", "0x1f"])] == [b"\x01\x1f"]
    assert [*frames_of(["011f", "81"])] == [b"\x01\x1f", b"\x81"]


def test_lines_are_one_frame_each_but_for_comments() -> None:
    assert [*lines_of(["# a visit", "", "01 1f # who is it", "81"])] == [b"\x01\x1f", b"\x81"]


def test_a_table_devices_frame_is_its_text() -> None:
    assert bytes_of("$TDL1|01") == b"$TDL1|01"
