"""One list, both directions: each poll in scope and its answer, written out from the layouts by hand.

The CRC behind each line is computed; the CRC itself is tested elsewhere.
"""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.sas.crc import append_crc
from edge_agent.sas.long_polls import LONG_POLLS, PollType
from edge_agent.sas.messages import (
    DataReply,
    EventReply,
    LongPollRequest,
    decode_poll,
    decode_reply,
    encode_poll,
    encode_reply,
)
from edge_agent.sas.meter_fields import MeterValue

READ: dict[str, Any] = {}
GAME_1: tuple[str, dict[str, Any]] = ("00 01", {"game": 1})
MACHINE_WIRE = "41 54 30 30 31 04 05 00 00 00 50 54 30 30 30 31 39 30 35 30"
MACHINE: dict[str, Any] = {
    "game_id": "AT",
    "additional_id": "001",
    "denomination": 4,
    "max_bet": 5,
    "progressive_group": 0,
    "game_options": 0,
    "paytable_id": "PT0001",
    "base_percent": "9050",
}


def meter(command: int, name: str) -> tuple[int, str, dict[str, Any], str, dict[str, Any]]:
    return command, "", READ, "00 12 34 56", {name: 123_456}


# command, request bytes between command and CRC, what they mean, answer bytes, what they mean
POLLS: list[tuple[int, str, dict[str, Any], str, dict[str, Any]]] = [
    (
        0x0F, "", READ,
        "00 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00 05 00 00 00 06",
        {"cancelled_credits": 1, "coin_in": 2, "coin_out": 3, "drop": 4, "jackpot": 5, "games_played": 6},
    ),
    meter(0x10, "cancelled_credits"),
    meter(0x11, "coin_in"),
    meter(0x12, "coin_out"),
    meter(0x13, "drop"),
    meter(0x14, "jackpot"),
    meter(0x15, "games_played"),
    meter(0x16, "games_won"),
    meter(0x17, "games_lost"),
    (0x18, "", READ, "12 34 00 05", {"games_since_power_up": 1234, "games_since_door_close": 5}),
    (
        0x19, "", READ, "00 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00 05",
        {"coin_in": 1, "coin_out": 2, "drop": 3, "jackpot": 4, "games_played": 5},
    ),
    meter(0x1A, "current_credits"),
    (
        0x1B, "", READ, "00 80 00 00 00 10 00 00 00 00" + " 00" * 10,
        {"progressive_group": 0, "level": 0x80, "amount": 1000, "partial_pay": 0, "reset_id": 0,
         "session_win": 0, "session_pay": 0},
    ),
    (
        0x1C, "", READ, " ".join(f"00 00 00 {n:02d}" for n in range(1, 9)),
        {"coin_in": 1, "coin_out": 2, "drop": 3, "jackpot": 4, "games_played": 5, "games_won": 6,
         "slot_door_opened": 7, "power_resets": 8},
    ),
    (
        0x1D, "", READ, " ".join(f"00 00 00 {n:02d}" for n in range(1, 5)),
        {"promotional_in": 1, "non_cashable_in": 2, "transferred_out": 3, "cashable_in": 4},
    ),
    (
        0x1E, "", READ, " ".join(f"00 00 00 {n:02d}" for n in range(1, 7)),
        {"bills_1": 1, "bills_5": 2, "bills_10": 3, "bills_20": 4, "bills_50": 5, "bills_100": 6},
    ),
    (0x1F, "", READ, MACHINE_WIRE, MACHINE),
    (0x1F, "", READ, MACHINE_WIRE + " 00", MACHINE | {"extra": b"\x00"}),
    meter(0x20, "bills_value"),
    (0x21, "34 12", {"seed": 0x1234}, "CD AB", {"signature": 0xABCD}),
    meter(0x2A, "true_coin_in"),
    meter(0x2B, "true_coin_out"),
    (
        0x2F, "04 00 00 00 A0", {"game": 0, "meter_codes": (0x00, 0xA0)},
        "0D 00 00 00 00 00 00 17 A0 00 00 01 23 45",
        {"game": 0, "meters": (MeterValue(0x00, 17, 4), MeterValue(0xA0, 12_345, 5))},
    ),
    (0x2F, "03 99 99 00", {"game": 9999, "meter_codes": (0,)}, "02 99 99", {"game": 9999, "meters": ()}),
    meter(0x31, "bills_1"),
    meter(0x32, "bills_2"),
    meter(0x33, "bills_5"),
    meter(0x34, "bills_10"),
    meter(0x35, "bills_20"),
    meter(0x36, "bills_50"),
    meter(0x37, "bills_100"),
    meter(0x38, "bills_500"),
    meter(0x39, "bills_1000"),
    meter(0x3A, "bills_200"),
    meter(0x3B, "bills_25"),
    meter(0x3C, "bills_2000"),
    (
        0x3D, "", READ, "01 23 45 67 00 00 00 25 00",
        {"validation_number": "01234567", "amount_cents": 2500},
    ),
    meter(0x3E, "bills_2500"),
    meter(0x3F, "bills_5000"),
    meter(0x46, "bills_credits"),
    (0x48, "", READ, "37 10 00 00 00 02", {"country": 37, "denomination_code": 10, "count": 2}),
    (0x4F, "", READ, "02 07 00", {"status": 7, "percent_full": 0}),
    (0x4F, "", READ, "06 00 FF 00 00 01 23", {"status": 0, "percent_full": 0xFF, "level": 123}),
    (0x51, "", READ, "00 12", {"games_implemented": 12}),
    (
        0x52, *GAME_1, "00 01 00 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04",
        {"game": 1, "coin_in": 1, "coin_out": 2, "jackpot": 3, "games_played": 4},
    ),
    (0x53, *GAME_1, "00 01 " + MACHINE_WIRE, {"game": 1} | MACHINE),
    (0x54, "", READ, "03 36 30 32", {"version": "602", "serial": ""}),
    (0x54, "", READ, "2B 36 30 33" + " 39" * 40, {"version": "603", "serial": "9" * 40}),
    (0x55, "", READ, "00 00", {"game": 0}),
    (0x56, "", READ, "01 00", {"games": ()}),
    (0x56, "", READ, "07 03 00 01 00 02 01 00", {"games": (1, 2, 100)}),
    (
        0x6E, "01 00", {"action": 0}, "0B 34 12 01 00 02 05 00 00 00 00 00",
        {"component_list_crc": 0x1234, "status": 1, "component_name": "", "component_size": b"\x05\x00",
         "available_methods": 0},
    ),
    (
        0x6E, "04 01 00 01 02", {"action": 1, "addressing_mode": 0, "component": b"\x02"},
        "03 34 12 80", {"component_list_crc": 0x1234, "status": 0x80},
    ),
    (
        0x6E, "0D 02 01 02 4F 53 01 00 00 00 01 AA 01 00",
        {"action": 2, "addressing_mode": 1, "component": b"OS", "method": 1, "seed": b"\xaa",
         "offset": b"\x00"},
        "12 34 12 41 02 4F 53 00 01 00 00 00 01 00 00 00 02 EF BE",
        {"component_list_crc": 0x1234, "status": 0x41, "component_name": "OS", "component_size": b"",
         "available_methods": 1, "method": 1, "authentication": b"\xef\xbe"},
    ),
    (
        0x6F, "06 00 00 00 00 A0 00", {"game": 0, "meter_codes": (0x0000, 0x00A0)},
        "11 00 00 00 00 09 00 00 00 00 00 00 00 12 34 A0 00 00",
        {"game": 0, "meters": (MeterValue(0, 1234, 9), MeterValue(0xA0, 0, 0))},
    ),
    (0x7E, "", READ, "07 04 20 26 23 59 58", {"date": "07042026", "time": "235958"}),
    (
        0xA0, "00 00", {"game": 0}, "00 00 D7 CD 05 01 00 00",
        {"game": 0, "features1": 0xD7, "features2": 0xCD, "features3": 5, "features4": 1,
         "reserved": b"\0\0"},
    ),
    (
        0xAF, "04 00 00 0C 00", {"game": 0, "meter_codes": (0x0C,)}, "09 00 00 0C 00 04 00 00 01 03",
        {"game": 0, "meters": (MeterValue(0x0C, 103, 4),)},
    ),
    (0xB1, "", READ, "17", {"denomination": 0x17}),
    (0xB2, "", READ, "01 00", {"denominations": ()}),
    (0xB2, "", READ, "04 03 01 17 04", {"denominations": (1, 0x17, 4)}),
    (0xB3, "", READ, "06", {"token_denomination": 6}),
    (
        0xB5, *GAME_1, "0D 00 01 01 00 00 00 00 00 00 00 00 00 03",
        {"game": 1, "max_bet": 100, "progressive_group": 0, "progressive_levels": 0, "game_name": "",
         "paytable_name": "", "wager_categories": 3},
    ),
    (
        0xB5, *GAME_1, "14 00 01 01 00 02 01 00 00 80 02 4F 4B 01 50 00 00 01 04 AB CD",
        {"game": 1, "max_bet": 100, "progressive_group": 2, "progressive_levels": 0x80000001,
         "game_name": "OK", "paytable_name": "P", "wager_categories": 0, "denominations": (4,),
         "extra": b"\xab\xcd"},
    ),
]  # fmt: skip


def framed(command: int, body: str) -> bytes:
    return append_crc(bytes((1, command)) + bytes.fromhex(body))


@pytest.mark.parametrize(("command", "asked", "question", "said", "answer"), POLLS)
def test_question_and_answer_both_ways(
    command: int, asked: str, question: dict[str, Any], said: str, answer: dict[str, Any]
) -> None:
    poll, reply = LongPollRequest(1, command, question), DataReply(1, command, answer)
    read = LONG_POLLS[command].type is PollType.R
    poll_frame = bytes((1, command)) if read else framed(command, asked)

    assert encode_poll(poll) == poll_frame
    assert decode_poll(poll_frame) == poll
    assert encode_reply(reply) == framed(command, said)
    assert decode_reply(framed(command, said), poll) == reply


@pytest.mark.parametrize(
    ("wire", "values"),
    [("01 0E 01 45 D1", {"enable": 1}), ("01 0E 00 CC C0", {"enable": 0})],
)
def test_real_time_events_on_and_off(wire: str, values: dict[str, int]) -> None:
    assert encode_poll(LongPollRequest(1, 0x0E, values)) == bytes.fromhex(wire)
    assert decode_poll(bytes.fromhex(wire)) == LongPollRequest(1, 0x0E, values)


def test_a_broadcast_goes_to_address_0() -> None:
    poll = LongPollRequest(0, 0x7F, {"date": "07042026", "time": "123000"})

    assert decode_poll(encode_poll(poll)) == poll
    assert encode_poll(poll)[:9] == bytes.fromhex("00 7F 07 04 20 26 12 30 00")


# Conversations laid out by hand with their CRCs: handpay, real-time game, ticket in standard validation.
@pytest.mark.parametrize(
    ("wire", "poll", "values"),
    [
        (
            "01 1B 00 80 00 00 00 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 F4 77",
            LongPollRequest(1, 0x1B),
            {"level": 0x80, "amount": 1000},
        ),
        ("01 1A 00 00 01 03 80 D7", LongPollRequest(1, 0x1A), {"current_credits": 103}),
        (
            "01 FF 7E 00 02 00 00 01 02 41 00 3A 81",
            LongPollRequest(1, 0x1A),
            {"wager": 2, "coin_in": 102, "wager_type": 0x41, "progressive_group": 0},
        ),
        ("01 FF 7F 00 00 00 05 5D 4A", LongPollRequest(1, 0x1A), {"win": 5}),
    ],
)
def test_worked_traces(wire: str, poll: LongPollRequest, values: dict[str, int]) -> None:
    reply = decode_reply(bytes.fromhex(wire), poll)

    assert isinstance(reply, (DataReply, EventReply))
    assert encode_reply(reply) == bytes.fromhex(wire)
    assert {name: reply.values[name] for name in values} == values
