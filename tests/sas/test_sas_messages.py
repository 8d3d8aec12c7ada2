"""Messages: every kind, and every way in which a frame or a value can be wrong."""

from __future__ import annotations

import pytest

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas import long_polls
from edge_agent.sas.crc import append_crc
from edge_agent.sas.messages import (
    Ack,
    DataReply,
    EventReply,
    ExceptionReply,
    GeneralPoll,
    LongPollRequest,
    Poll,
    Reply,
    decode_poll,
    decode_reply,
    encode_poll,
    encode_reply,
)
from edge_agent.sas.meter_fields import MeterValue

CREDITS = LongPollRequest(1, 0x1A)


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        ("", "empty"),
        ("81 00", "one byte"),
        ("01", "None are due"),
        ("01 1A 00", "2 are due"),
        ("01 1A 00 00", "CRC"),
        ("01 0E 01", "5 are due"),
        ("01 0E 01 45 D0", "CRC"),
        ("01 2F 09 00 00 00", "14 are due"),
    ],
)
def test_frames_that_are_no_poll(wire: str, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        decode_poll(bytes.fromhex(wire))


@pytest.mark.parametrize(
    ("frame", "poll", "why"),
    [
        (b"", CREDITS, "0 bytes"),
        (b"", GeneralPoll(1), "0 bytes"),
        (b"\xff", GeneralPoll(1), "1 bytes"),
        (b"\x01\x00", GeneralPoll(1), "2 bytes"),
        (b"\x01", CREDITS, "1 bytes"),
        (b"\x81", CREDITS, "1 bytes"),
        (append_crc(b"\x02\x1a\x00\x00\x00\x00"), CREDITS, "address 2"),
        (append_crc(b"\x01\x15\x00\x00\x00\x00"), CREDITS, "long poll 15"),
        (append_crc(b"\x01\x1a\x00\x00\x00\x00"), GeneralPoll(1), "long poll 1A"),
        (append_crc(b"\x01\x1a\x00\x00\x00"), CREDITS, "ends inside"),
        (append_crc(b"\x01\x1a\x00\x00\x00\x00\x00"), CREDITS, "more than"),
        (append_crc(b"\x01\x1f" + bytes(22)), LongPollRequest(1, 0x1F), "more than"),
        (append_crc(b"\x01\xff"), CREDITS, "without a code"),
        (append_crc(b"\x01\x54"), LongPollRequest(1, 0x54), "length byte"),
        (append_crc(b"\x01\x54\x04602"), LongPollRequest(1, 0x54), "length byte"),
        (b"\x01\x1a\x00\x00\x01\x03\x80\xd6", CREDITS, "CRC"),
    ],
)
def test_frames_that_are_no_answer(frame: bytes, poll: Poll, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        decode_reply(frame, poll)


@pytest.mark.parametrize(
    ("poll", "why"),
    [
        (GeneralPoll(128), "address 128"),
        (LongPollRequest(-1, 0x1A), "address -1"),
        (LongPollRequest(1, 0xEB), "long poll EB"),
        (LongPollRequest(1, 0x0E), "enable"),
        (LongPollRequest(1, 0x52, {"game": 10_000}), "digits"),
    ],
)
def test_polls_we_cannot_write(poll: Poll, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        encode_poll(poll)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (DataReply(1, 0xEB), "long poll EB"),
        (EventReply(1, 0x7F), "win"),
        (DataReply(1, 0xAF, {"game": 0, "meters": (MeterValue(0, 0, 9),) * 22}), "length byte"),
    ],
)
def test_replies_we_cannot_write(reply: Reply, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        encode_reply(reply)


def test_a_poll_of_no_row_cannot_be_acknowledged_or_refused() -> None:
    with pytest.raises(LocalProtocolError):
        decode_reply(b"\x01", LongPollRequest(1, 0xEB))


def test_a_signature_answers_whatever_is_polled_next() -> None:
    frame = append_crc(b"\x01\x21\xcd\xab")

    assert decode_reply(frame, GeneralPoll(1)) == DataReply(1, 0x21, {"signature": 0xABCD})
    assert decode_reply(b"\x01", LongPollRequest(1, 0x21, {"seed": 0})) == Ack(1)


def test_unknown_codes_pass_as_themselves() -> None:
    frame = append_crc(b"\x01\xff\x7d\x12")

    assert decode_reply(b"\x7d", GeneralPoll(1)) == ExceptionReply(1, 0x7D)
    assert decode_reply(frame, GeneralPoll(1)) == EventReply(1, 0x7D, {"data": b"\x12"})
    assert encode_reply(EventReply(1, 0x7D, {"data": b"\x12"})) == frame


def test_messages_can_be_keys_whatever_they_carry() -> None:
    first = LongPollRequest(1, 0x2F, {"game": 0, "meter_codes": (1,)})
    second = LongPollRequest(1, 0x2F, {"game": 0, "meter_codes": (2,)})

    assert len({first, second, LongPollRequest(1, 0x2F, {"game": 0, "meter_codes": (1,)})}) == 2


def test_a_read_poll_has_nothing_to_carry() -> None:
    assert [
        row.name
        for row in long_polls.LONG_POLLS.values()
        if row.type is long_polls.PollType.R and row.request
    ] == []
