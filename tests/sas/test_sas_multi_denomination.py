"""The preamble: a poll inside a poll."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.crc import append_crc
from edge_agent.sas.messages import (
    GENERAL_POLL,
    DataReply,
    GeneralPoll,
    LongPollRequest,
    decode_poll,
    decode_reply,
    encode_poll,
    encode_reply,
    poll_key,
)
from edge_agent.sas.polls.multi_denomination import AWARE

PREAMBLE = 0xB0


def asked(command: int, denomination: int = 1, **base: Any) -> LongPollRequest:
    values = {"denomination": denomination, "base_command": command, "base": base}
    return LongPollRequest(1, PREAMBLE, values)


def answered(command: int, denomination: int = 1, **base: Any) -> DataReply:
    return DataReply(1, PREAMBLE, {"denomination": denomination, "base_command": command, "base": base})


COIN_IN = asked(0x11)


def test_the_aware_polls() -> None:
    assert AWARE == (0x09, 0x11, 0x12, 0x14, 0x15, 0x16, 0x17, 0x2F, 0x56, 0x6F, 0xAF, 0xB5)


@pytest.mark.parametrize(
    ("wire", "poll"),
    [
        ("01 B0 02 01 11", COIN_IN),
        ("01 B0 04 01 B5 00 01", asked(0xB5, game=1)),
        ("01 B0 05 02 09 00 03 01", asked(0x09, 2, game=3, enable=1)),
        ("01 B0 07 02 6F 04 00 00 05 00", asked(0x6F, 2, game=0, meter_codes=(5,))),
        ("01 B0 02 01 1A", asked(0x1A, data=b"")),
        ("01 B0 03 01 EB 07", asked(0xEB, data=b"\x07")),
        # Data that break the layout of an aware poll: the machine can say that they are malformed.
        ("01 B0 03 01 11 00", asked(0x11, data=b"\x00")),
        ("01 B0 06 02 6F 05 00 00 05", asked(0x6F, 2, data=b"\x05\x00\x00\x05")),
        ("01 B0 02 01 B5", asked(0xB5, data=b"")),
    ],
)
def test_polls_both_ways(wire: str, poll: LongPollRequest) -> None:
    frame = append_crc(bytes.fromhex(wire))

    assert decode_poll(frame) == poll
    assert encode_poll(poll) == frame


@pytest.mark.parametrize(
    ("wire", "poll", "reply"),
    [
        ("01 B0 06 01 11 05 93 52 35", COIN_IN, answered(0x11, coin_in=5935235)),
        ("01 B0 03 02 09 01", asked(0x09, 2, game=1, enable=0), answered(0x09, 2, acknowledged=True)),
        ("01 B0 03 02 09 81", asked(0x09, 2, game=1, enable=0), answered(0x09, 2, acknowledged=False)),
        ("01 B0 03 01 11 00", COIN_IN, answered(0x11, busy=True)),
        ("01 B0 04 01 1A 07 08", asked(0x1A, data=b""), answered(0x1A, data=b"\x07\x08")),
        (
            "01 B0 03 01 00 05",
            COIN_IN,
            DataReply(1, PREAMBLE, {"denomination": 1, "base_command": 0, "error_code": 5}),
        ),
    ],
)
def test_answers_both_ways(wire: str, poll: LongPollRequest, reply: DataReply) -> None:
    frame = append_crc(bytes.fromhex(wire))

    assert decode_reply(frame, poll) == reply
    assert encode_reply(reply) == frame


def test_the_acknowledgement_of_a_base_poll_is_the_address_of_the_machine() -> None:
    values = {"denomination": 1, "base_command": 0x09, "base": {"acknowledged": True}}

    assert encode_reply(DataReply(0x7F, PREAMBLE, values)) == append_crc(bytes.fromhex("7F B0 03 01 09 7F"))
    assert encode_reply(DataReply(2, PREAMBLE, values)) == append_crc(bytes.fromhex("02 B0 03 01 09 02"))
    values["base"] = {"acknowledged": False}
    assert encode_reply(DataReply(0x7F, PREAMBLE, values)) == append_crc(bytes.fromhex("7F B0 03 01 09 FF"))


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        ("01 B0 06 01 12 05 93 52 35", "base poll 12, which was not asked"),
        ("01 B0 06 02 11 05 93 52 35", "another denomination"),
        ("01 B0 05 01 11 05 93 52", "ends inside coin_in"),
        ("01 B0 02 01 00", "ends inside error_code"),
        ("01 B0 01 01", "ends inside base_command"),
        ("01 B0 03 01 11 82", "answered by another"),
        ("01 B0 03 01 11 02", "answered by another"),
    ],
)
def test_answers_that_are_none(wire: str, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        decode_reply(append_crc(bytes.fromhex(wire)), COIN_IN)


def test_asked_about_the_default_any_denomination_answers() -> None:
    frame = append_crc(bytes.fromhex("01 B0 06 02 11 05 93 52 35"))

    assert decode_reply(frame, asked(0x11, 0)) == answered(0x11, 2, coin_in=5935235)


def test_what_stands_behind_an_error_code_is_kept() -> None:
    frame = append_crc(bytes.fromhex("01 B0 04 01 00 05 0A"))

    reply = decode_reply(frame, COIN_IN)

    values = {"denomination": 1, "base_command": 0, "error_code": 5, "extra": b"\x0a"}
    assert reply == DataReply(1, PREAMBLE, values)
    assert encode_reply(reply) == frame


def test_a_failure_is_heard_whatever_was_asked() -> None:
    frame = append_crc(bytes.fromhex("01 B0 03 01 00 02"))

    reply = decode_reply(frame, asked(0x12))

    assert isinstance(reply, DataReply)
    assert reply.values["error_code"] == 2


@pytest.mark.parametrize(
    ("poll", "why"),
    [
        (
            LongPollRequest(1, PREAMBLE, {"denomination": 1, "base_command": 0x11}),
            "base must be given as a mapping",
        ),
        (asked(0x1A), "must be given as data"),
        (asked(0x1A, data="00"), "must be given as data"),
        (asked(0xB5), "game must be given"),
    ],
)
def test_polls_we_cannot_write(poll: LongPollRequest, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        encode_poll(poll)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (answered(0x1A), "must be given as data"),
        (answered(0x11), "coin_in must be given"),
        (DataReply(1, PREAMBLE, {"denomination": 1, "base_command": 0}), "error_code must be given"),
        (DataReply(1, PREAMBLE, {"denomination": 1, "base_command": 0, "error_code": 256}), "error_code 256"),
    ],
)
def test_answers_we_cannot_write(reply: DataReply, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        encode_reply(reply)


def test_polls_are_told_apart_by_their_command_and_a_preamble_by_its_first_five_bytes() -> None:
    assert poll_key(GeneralPoll(1)) == GENERAL_POLL == -1
    assert poll_key(LongPollRequest(1, 0x1A)) == 0x1A
    assert poll_key(LongPollRequest(1, 0x2F, {"game": 1, "meter_codes": ()})) == 0x2F
    assert poll_key(COIN_IN) == 0xB0020111
    # Another denomination, another base command, another length: another poll.
    others = [asked(0x11, 2), asked(0x12), asked(0x11, data=b"\x00")]
    assert len({poll_key(COIN_IN), *map(poll_key, others)}) == 4
    # The data of the base poll do not count.
    assert poll_key(asked(0xB5, game=1)) == poll_key(asked(0xB5, game=2))
