"""The ninth bit in band: FF 00 marks, FF FF is FF, whatever the chunks."""

from __future__ import annotations

import pytest

from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder, encode_characters, encode_host_message, marked, stuff


@pytest.mark.parametrize(
    ("stream", "characters"),
    [
        ("01 1A", [0x01, 0x1A]),
        ("FF 00 81", [WAKEUP | 0x81]),
        ("FF FF", [0xFF]),
        ("FF 00 FF", [WAKEUP | 0xFF]),
        ("FF 00 00", [WAKEUP]),
        ("01 FF FF 12 8F 96", [0x01, 0xFF, 0x12, 0x8F, 0x96]),
        ("FF 12", [0xFF, 0x12]),
    ],
)
def test_stream_becomes_characters_whole_or_byte_by_byte(stream: str, characters: list[int]) -> None:
    data = bytes.fromhex(stream)
    whole, piecewise = WakeupDecoder(), WakeupDecoder()

    assert whole.feed(data) == characters
    assert [c for byte in data for c in piecewise.feed(bytes((byte,)))] == characters


def test_an_escape_waits_for_its_rest() -> None:
    decoder = WakeupDecoder()

    assert decoder.feed(b"\xff") == []
    assert decoder.feed(b"\x00") == []
    assert decoder.feed(b"\x01") == [WAKEUP | 1]


def test_only_the_first_byte_of_a_host_message_wakes() -> None:
    stream = encode_host_message(bytes.fromhex("01 72 02 FF 00 0F 22"))

    assert stream == bytes.fromhex("FF 00 01 72 02 FF FF 00 0F 22")
    assert WakeupDecoder().feed(stream) == [WAKEUP | 1, 0x72, 0x02, 0xFF, 0x00, 0x0F, 0x22]


def test_marking_and_stuffing() -> None:
    assert marked(0xFF) == b"\xff\x00\xff"
    assert stuff(b"\x01\xff\x02") == b"\x01\xff\xff\x02"


def test_characters_are_written_as_they_are_read() -> None:
    characters = [WAKEUP | 0x81, 0x01, 0xFF, WAKEUP | 0xFF, 0x00, WAKEUP]

    assert WakeupDecoder().feed(encode_characters(characters)) == characters
