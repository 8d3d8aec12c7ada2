"""Polls that hosts make longer than the table says, on a link without a ninth bit."""

from __future__ import annotations

import pytest

from edge_agent.sas.crc import append_crc
from edge_agent.sas.framing import PollReader, WakeupRestorer
from edge_agent.sas.messages import GeneralPoll, LongPollRequest
from edge_agent.sas.wakeup import WakeupDecoder, encode_host_message

DELAY = append_crc(bytes.fromhex("01 2E 05 00 00"))
LOCK = append_crc(bytes.fromhex("01 74 00 00 00 90 00"))
UNKNOWN = append_crc(bytes.fromhex("01 EB 12 34 56"))


@pytest.mark.parametrize("poll", [DELAY, LOCK, UNKNOWN], ids=["2E", "74", "EB"])
def test_a_poll_of_another_length_ends_where_its_crc_checks_out(poll: bytes) -> None:
    """The host may not wait for an answer: what stands behind it is a poll of its own."""
    restorer = WakeupRestorer()

    assert restorer.feed(poll + b"\x81") == encode_host_message(poll) + b"\xff\x00\x81"


def test_an_over_long_delay_is_understood_and_so_is_the_poll_behind_it() -> None:
    stream = WakeupRestorer().feed(DELAY + b"\x81")

    polls = PollReader().feed(WakeupDecoder().feed(stream), 1.0)

    assert polls == [
        LongPollRequest(1, 0x2E, {"delay_tenths": 5, "extra": b"\x00"}),
        GeneralPoll(1),
    ]


def test_three_bytes_are_too_few_to_be_checked() -> None:
    """`01 89 11` checks out by chance; 89 is no poll, and what follows still belongs to it."""
    restorer = WakeupRestorer()
    assert append_crc(b"\x01") == b"\x01\x89\x11"

    assert restorer.feed(b"\x01\x89\x11\x22") == b"\xff\x00\x01\x89\x11\x22"
    assert restorer.feed(b"\x02") == b"\x02"


def test_a_poll_without_an_end_is_checked_for_no_longer_than_the_longest_message() -> None:
    restorer = WakeupRestorer()
    restorer.feed(b"\x01\xeb")
    at_the_limit = append_crc(b"\x01\xeb" + bytes(range(256)))

    restorer.feed(at_the_limit[2:])
    assert restorer.feed(b"\x81") == b"\xff\x00\x81"

    restorer.gap()
    restorer.feed(append_crc(b"\x01\xeb" + bytes(range(256)) + b"\x07"))
    assert restorer.feed(b"\x81") == b"\x81"
    assert restorer.gap() == b""
    assert restorer.feed(b"\x81") == b"\xff\x00\x81"
