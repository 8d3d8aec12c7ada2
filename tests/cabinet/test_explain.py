"""Frames are explained to the last byte, and the explanation means what the codec understands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.cabinet.explain import explain, poll_of
from edge_agent.cabinet.explanation import Explanation, Side
from edge_agent.cabinet.glued import explain_all
from edge_agent.sas import (
    DataReply,
    EventReply,
    GeneralPoll,
    LongPollRequest,
    MeterValue,
    decode_poll,
    decode_reply,
    exception_name,
    meter_name,
    poll_name,
)
from edge_agent.sas.crc import append_crc, crc_is_good
from edge_agent.sas.long_polls import CONFIDENTIAL_FIELDS

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for vectors in sorted((Path(__file__).parents[1] / "vectors").glob("sas*.jsonl"))
    for line in vectors.read_text().splitlines()
]
SIDES: dict[str, Side] = {"host": "host", "egm": "machine"}


def all_bytes(explanation: Explanation) -> bytes:
    crc = explanation.crc.found if explanation.crc else b""
    return b"".join(piece.data for piece in explanation.pieces) + crc


# What the codec keeps so that it can write the same bytes again; an explanation shows the bytes.
HOW_IT_WAS_WRITTEN = {"extra", "meter_codes", "acknowledged", "busy"}


def said(explanation: Explanation) -> dict[str, Any]:
    """Name and value of each piece that the layout gives, but for lengths and counts."""
    head = {
        "unknown",
        "extra",
        "address",
        "command",
        "event_mark",
        "exception",
        "length",
        "meter_code",
        "base_answer",
    }
    counting = re.compile("_length$|^(games|denominations|levels|wins)_count$")
    return {
        piece.name: piece.value
        for piece in explanation.pieces
        if piece.name not in head and not counting.search(piece.name)
    }


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What the codec understands, as an explanation names it; what is empty has no piece."""
    for name, value in values.items():
        if name in HOW_IT_WAS_WRITTEN or name.endswith("_bytes") or value in ("", b"", None):
            continue
        match value:
            case tuple() if name == "meters":
                yield from ((meter_name(m.code), m.digits if m.size else None) for m in value)
            case tuple():
                for number, one in enumerate(value):
                    yield from entry(f"{prefix}{name}[{number}]", one)
            case Mapping():
                yield from flat(value)
            case _:
                yield prefix + name, value


def entry(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from flat(value, f"{name}.")
    else:
        yield name, value


def understood(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The values the codec reads from a row; None where it refuses it, or there are none."""
    frame = bytes.fromhex(row["hex"])
    if not row["crc_ok"] or len(frame) < 3 or "two events" in row["meaning"].get("type", ""):
        return None
    if row["direction"] == "host":
        poll = decode_poll(frame)
        return poll.values if isinstance(poll, LongPollRequest) else None
    reply = decode_reply(frame, LongPollRequest(frame[0], frame[1]))
    return reply.values if isinstance(reply, DataReply | EventReply) else None


def test_every_byte_of_a_vector_belongs_to_one_piece() -> None:
    for row in ROWS:
        frame = bytes.fromhex(row["hex"])
        for found in (explain(frame), explain(frame, SIDES[row["direction"]])):
            offsets = [piece.offset for piece in found.pieces]
            assert all_bytes(found) == frame
            assert offsets == sorted(offsets)
            assert all(frame[p.offset : p.offset + len(p.data)] == p.data for p in found.pieces)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["hex"][:40])
def test_the_explanation_of_a_vector_agrees_with_its_meaning(row: dict[str, Any]) -> None:
    meaning = row["meaning"]
    frame = bytes.fromhex(row["hex"])
    # One byte says nothing without what it answers.
    poll = GeneralPoll(1) if len(frame) == 1 and "exception" in meaning else None
    (found, *_more) = explain_all(frame, SIDES[row["direction"]], poll)
    values = understood(row)

    if "exception" in meaning:
        code = int(meaning["exception"], 16)
        assert (found.kind, found.piece("exception").value) == ("exception" if poll else "event", code)
        assert exception_name(code) in found.title
    if "command" in meaning:
        command = int(meaning["command"], 16)
        assert found.piece("command").value == command
        assert poll_name(command) in found.title
    if "address" in meaning:
        assert found.address == meaning["address"]
    assert bool(found.crc and found.crc.good) == (row["crc_ok"] and len(frame) > 2)
    if "unread" in meaning:
        assert found.doubts
    elif values is not None:
        assert said(found) == dict(flat(values))
        beyond = [doubt for doubt in found.doubts if "extra" in values and "more than the layout" in doubt]
        assert [*found.doubts] == beyond


def test_who_said_it_is_guessed_unless_both_could_have() -> None:
    for row in ROWS:
        (found, *_more) = explain_all(bytes.fromhex(row["hex"]))
        both = any(note.startswith("a machine could say the same") for note in found.notes)
        assert found.side == SIDES[row["direction"]] or both or not row["crc_ok"], row


def test_a_wrong_crc_says_what_the_right_one_would_be() -> None:
    checked = 0
    for row in ROWS:
        frame = bytes.fromhex(row["hex"])
        whole = explain(frame, SIDES[row["direction"]])
        if not whole.fits or whole.crc is None:
            continue
        damaged = explain(frame[:-1] + bytes((frame[-1] ^ 0xFF,)), whole.side)
        if damaged.crc is not None:  # a type R poll is taken to have none when it is wrong
            assert not damaged.crc.good, row
            assert damaged.crc.right == frame[-2:]
            checked += 1
    assert checked > 100


def test_an_event_of_a_bill_is_told_in_words() -> None:
    found = explain(append_crc(bytes.fromhex("01ff4f370600000123")))

    assert found.title == "machine 01: event 4F bill_accepted (bill)"
    assert [(p.offset, p.name, p.value, p.meaning) for p in found.pieces[3:]] == [
        (3, "country", 37, "USA"),
        (4, "denomination_code", 6, "a bill of 50"),
        (5, "count", 123, ""),
    ]


def test_meters_are_told_with_their_names_and_units() -> None:
    frame = bytes.fromhex("012f1798760c0000123405000056781b000090120d0000006789d253")

    meters = explain(frame, "machine").pieces[4:]

    assert [(p.name, p.value, p.unit, p.meaning) for p in meters] == [
        ("current_credits", 1234, "credits", "meter 0C"),
        ("games_played", 5678, "count", "meter 05"),
        ("current_restricted_credits", 9012, "credits", "meter 1B"),
        ("cashable_ticket_in", 6789, "cents", "meter 0D"),
    ]


def test_a_meter_the_machine_has_not_has_no_value() -> None:
    frame = append_crc(bytes.fromhex("016f0800000000000a0000"))

    found = explain(frame, "machine")

    assert [(p.name, p.value, p.meaning) for p in found.pieces[4:]] == [
        ("coin_in", None, "meter 00: not supported"),
        ("coins_to_drop_credits", None, "meter 0A: not supported"),
    ]


def test_one_byte_means_one_thing_after_a_general_poll_and_another_after_a_long_one() -> None:
    after_general = explain(b"\x81", poll=GeneralPoll(1))
    after_long = explain(b"\x81", poll=LongPollRequest(1, 0x01))
    alone = explain(b"\x81")

    assert after_general.title == "machine 01: exception 81 hopper_level_low (hopper)"
    assert after_long.title == "machine 01: refused (NACK)"
    assert alone.title == "host to machine 01: general poll, has anything happened?"
    assert "hopper_level_low" in alone.notes[1]


def test_an_answer_from_elsewhere_or_to_something_else_is_doubted() -> None:
    frame = bytes.fromhex("013800000000da8a")

    assert explain(frame, poll=LongPollRequest(1, 0x38)).fits
    assert explain(frame, poll=LongPollRequest(2, 0x38)).doubts == (
        "it comes from address 01, the poll went to 02",
    )
    assert explain(frame, poll=LongPollRequest(1, 0x39)).doubts == ("long poll 38 was not what was asked",)
    assert explain(frame, poll=GeneralPoll(1)).doubts == ("long poll 38 was not what was asked",)
    assert explain(b"\x02", poll=LongPollRequest(1, 0x01)).doubts == (
        "it answers for address 02, the poll went to 01",
    )


def test_what_nobody_has_explained_is_named_unknown() -> None:
    found = explain(append_crc(bytes.fromhex("01220102")), "machine")

    assert [(p.name, p.known) for p in found.pieces] == [
        ("address", True),
        ("command", False),
        ("unknown", False),
    ]
    assert "no table lays out long poll 22" in found.doubts


@pytest.mark.parametrize(
    ("frame", "doubt"),
    [
        ("01", "an address and no command: a long poll that was cut short"),
        ("8100", "a general poll is one byte"),
        ("0101", "2 bytes, and 4 are due"),
        ("012f", "it ends before its length byte"),
        ("011f00", "3 bytes, and 2 are due"),
    ],
)
def test_a_poll_of_another_length_is_doubted(frame: str, doubt: str) -> None:
    assert doubt in explain(bytes.fromhex(frame), "host").doubts


@pytest.mark.parametrize(
    ("frame", "note"),
    [
        ("011a", "reads"),
        ("011b", "reads, and the machine forgets what it told once that is acknowledged"),
        ("01015108", "changes the machine"),
        ("011a03a6", "a type R poll has no CRC; some hosts send one, and machines take it"),
    ],
)
def test_a_poll_is_told_with_what_it_does(frame: str, note: str) -> None:
    assert note in explain(bytes.fromhex(frame), "host").notes


def test_what_a_preamble_carries_is_explained_in_its_place() -> None:
    poll = explain(bytes.fromhex("01b00401b500017ace"))
    meter = explain(append_crc(bytes.fromhex("01b006011112345678")), "machine")
    failed = explain(append_crc(bytes.fromhex("01b003010005")), "machine")
    accepted = explain(append_crc(bytes.fromhex("01b003010901")), "machine")

    assert [(p.name, p.value) for p in poll.pieces[3:]] == [
        ("denomination", 1),
        ("base_command", 0xB5),
        ("game", 1),
    ]
    assert (meter.pieces[-1].name, meter.pieces[-1].value) == ("coin_in", 12345678)
    assert failed.piece("error_code").meaning == "not a player denomination"
    assert accepted.piece("base_answer").meaning == "accepted (ACK)"
    assert poll.fits
    assert meter.fits


def test_a_preamble_that_failed_without_saying_why_is_explained_as_far_as_it_goes() -> None:
    told = explain(append_crc(bytes.fromhex("01b0020100")), "machine")

    assert told.doubts == ("the message ends inside error_code",)
    assert told.piece("base_command").meaning == "failed: see error_code"


def test_what_stands_behind_a_ticket_number_is_as_confidential() -> None:
    told = explain(
        append_crc(bytes.fromhex("01701200" + "0000000000" + "00" + "011234567890123456" + "1234"))
    )

    assert told.piece("unknown").confidential
    assert told.piece("unknown").data == bytes.fromhex("1234")


def test_confidential_pieces_are_marked() -> None:
    found = explain(bytes.fromhex("017010000000000000000040545049741623926d27"), "machine")

    assert [p.name for p in found.pieces if p.confidential] == ["validation_data"]
    assert {p.name for p in found.pieces} & CONFIDENTIAL_FIELDS == {"validation_data"}


def test_frames_that_were_read_at_once_are_told_apart() -> None:
    found = [*explain_all(bytes.fromhex("01ff001ca501ff128f96ab"))]

    assert [one.title for one in found[:2]] == [
        "machine 01: event 00 no_activity (idle)",
        "machine 01: event 12 slot_door_closed (door)",
    ]
    assert found[2].data == b"\xab"


@pytest.mark.parametrize(
    ("read", "kinds"),
    [
        ("00019400e124", ["exception", "answer"]),
        ("0101017202ff000f22", ["ack", "ack", "long_poll"]),
        ("808101ff001ca501", ["general_poll", "general_poll", "event", "ack"]),
    ],
)
def test_what_strays_in_front_of_a_frame_does_not_hide_it(read: str, kinds: list[str]) -> None:
    """Chirps, zeros of a restarting port, and the poll that was answered."""
    found = [*explain_all(bytes.fromhex(read))]

    assert [one.kind for one in found] == kinds
    assert all(one.fits for one in found)


@pytest.mark.parametrize("read", ["0201ff001ca5", "010201ff001ca5", "0101017202ff000f23"])
def test_what_cannot_be_stray_is_explained_with_what_follows(read: str) -> None:
    """The chirp of another machine, chirps of two, and no frame behind them."""
    (found,) = explain_all(bytes.fromhex(read))

    assert not found.fits


def test_a_table_devices_frame_is_explained_too() -> None:
    (found,) = explain_all(b"$TDL1|01|0000|H|DEV.BOOT|dev=SHF*52DD\r\n")

    assert found.title == "TDL/1, device 01: heartbeat or boot DEV.BOOT"
    assert [(p.name, p.value) for p in found.pieces][-2:] == [("code", "DEV.BOOT"), ("dev", "SHF")]
    assert found.fits


def test_a_damaged_frame_of_a_table_device_says_which_crc_is_right() -> None:
    (found,) = explain_all(b"$TDL1|01|0000|H|DEV.BOOT|dev=SHF*0000")

    assert found.doubts == ("it cannot be read: CRC is 0000, the payload's is 52DD",)


@given(st.binary(min_size=1, max_size=80), st.sampled_from(["host", "machine", None]))
def test_whatever_the_bytes_are_they_are_explained(data: bytes, side: Any) -> None:
    assert b"".join(all_bytes(one) for one in explain_all(data, side)) == data


@given(st.binary(min_size=1, max_size=60), st.integers(0, 255))
def test_whatever_the_body_is_it_is_explained_under_a_good_crc(body: bytes, command: int) -> None:
    frame = append_crc(bytes((1, command)) + body)

    for found in (explain(frame, "host"), explain(frame, "machine")):
        assert all_bytes(found) == frame
        assert found.crc is None or found.crc.good == crc_is_good(frame)


@pytest.mark.parametrize("text", ["", "81", "011f", "0122", "ffff"])
def test_a_poll_is_context_only_where_it_makes_sense(text: str) -> None:
    poll = poll_of(bytes.fromhex(text))

    assert (poll is None) == (text in {"", "ffff"})


def test_a_meter_is_what_the_codec_reads() -> None:
    assert dict(flat({"meters": (MeterValue(0, 5, 4),)})) == {"coin_in": 5}
