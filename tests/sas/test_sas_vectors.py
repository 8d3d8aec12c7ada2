"""Every frame of the vector file: real captures, peers' own tests and runs, decoded and written back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.crc import crc_is_good
from edge_agent.sas.exception_codes import exception_name
from edge_agent.sas.long_polls import LONG_POLLS, PollType
from edge_agent.sas.messages import (
    Ack,
    Busy,
    DataReply,
    EventReply,
    ExceptionReply,
    GeneralPoll,
    LongPollRequest,
    Nack,
    decode_poll,
    decode_reply,
    encode_poll,
    encode_reply,
)
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.sas.reply_reader import Garbage, ReplyReader
from edge_agent.testing.layouts import smallest

VECTORS = Path(__file__).parents[1] / "vectors" / "sas.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in VECTORS.read_text().splitlines()]


def hexadecimal(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(int(item, 16) for item in value)
    return int(value, 16) if isinstance(value, str) else value


def least_first(value: str | int) -> int:
    """Bytes as they stand on the wire, where the row does not give the number."""
    return value if isinstance(value, int) else int.from_bytes(bytes.fromhex(value), "little")


def two_digits(value: int) -> str:
    return f"{value:02d}"


def line_of_text(value: str) -> str:
    """A text, or the bytes of one that nobody could read."""
    return bytes.fromhex(value).decode() if value.isdecimal() else value


def as_is(value: Any) -> Any:
    return value


def coded_texts(value: dict[str, str]) -> tuple[dict[str, Any], ...]:
    return tuple({"code": int(code, 16), "text": text} for code, text in value.items())


def levels(value: list[Any]) -> tuple[dict[str, int], ...]:
    """Levels as pairs, or as mappings of which one number is written as digits."""
    return tuple(
        {name: int(number) for name, number in level.items()}
        if isinstance(level, dict)
        else dict(zip(("level", "amount_cents"), level, strict=True))
        for level in value
    )


# What the rows call a value and how they write it, where we do otherwise: our name, and how to read theirs.
OTHERWISE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "ack_flag": ("acknowledgement", hexadecimal),
    "action_flag": ("action", hexadecimal),
    "address1": ("address_1", line_of_text),
    "address2": ("address_2", line_of_text),
    "aft_status": ("aft_status", hexadecimal),
    "amount_bcd": ("amount", int),
    "asset": ("asset_number", as_is),
    "available_transfers": ("available_transfers", hexadecimal),
    "base_command": ("base_command", hexadecimal),
    "cashable_cents": ("cashable_cents", int),
    "cashable_expiration": ("cashable_expiration_days", as_is),
    "cashable_expiration_days": ("cashable_expiration_days", int),
    "cashout_type": ("cash_out_type", hexadecimal),
    "control_mask_wire": ("control_mask", least_first),
    "credits": ("amount", as_is),
    "cumulative_progressive_wins": ("progressive_wins", as_is),
    "data": ("data", bytes.fromhex),
    "date": ("date", as_is),
    "delay_units_100ms": ("delay_tenths", as_is),
    "denomination": ("denomination", hexadecimal),
    "denominations": ("denominations", hexadecimal),
    "door_opened": ("slot_door_opened", as_is),
    "expiration": ("expiration", as_is),
    "fields": ("texts", coded_texts),
    "flags": ("transfer_flags", hexadecimal),
    "group": ("progressive_group", as_is),
    "host_cashout_status": ("host_cash_out_status", hexadecimal),
    "level": ("level", hexadecimal),
    "location": ("location", line_of_text),
    "lock_status": ("lock_status", hexadecimal),
    "machine_status": ("machine_status", hexadecimal),
    "max_buffer_index": ("max_history_index", as_is),
    "nonrestricted_cents": ("nonrestricted_cents", int),
    "parsing_code": ("parsing_code", hexadecimal),
    "pool": ("pool", least_first),
    "pool_wire": ("pool", least_first),
    "power_reset": ("power_resets", as_is),
    "progressive_levels": ("progressive_levels", hexadecimal),
    "registration_key": ("registration_key", bytes.fromhex),
    "reset_code": ("code", hexadecimal),
    "restricted_cents": ("restricted_cents", int),
    "restricted_expiration": ("restricted_expiration", as_is),
    "restricted_expiration_days": ("restricted_expiration_days", int),
    "restricted_pool": ("restricted_pool", least_first),
    "session_game_pay_6_03": ("session_pay", as_is),
    "session_game_win_6_03": ("session_win", as_is),
    "status": ("status", hexadecimal),
    "status_bits_wire": ("status_bits", least_first),
    "system_id": ("validation_system", two_digits),
    "tax_status": ("tax_status", hexadecimal),
    "ticket_status": ("status", hexadecimal),
    "token_denomination": ("token_denomination", hexadecimal),
    "transaction": ("transaction_number", hexadecimal),
    "transfer_code": ("transfer_code", hexadecimal),
    "transfer_limit_cents": ("transfer_limit_cents", int),
    "transfer_status": ("transfer_status", hexadecimal),
    "transfer_type": ("transfer_type", hexadecimal),
    "validation_type": ("validation_type", hexadecimal),
}
# Where the same word means something else to one command.
OTHERWISE_TO: dict[tuple[int, str], tuple[str, Callable[[Any], Any]]] = {
    (0x66, "data"): ("acknowledgement", hexadecimal),
    (0x71, "restricted_expiration"): ("expiration", as_is),
    (0x7A, "levels"): ("levels", levels),
    (0x7B, "restricted_expiration"): ("restricted_expiration_days", as_is),
    (0x87, "levels"): ("wins", levels),
    (0xB0, "game"): ("base", lambda game: {"game": game}),
}
# What the rows say about the frame or in words, rather than by a value of it; of 72, the tail is the receipt.
ABOUT = {
    "type",
    "address",
    "command",
    "name",
    "note",
    "length",
    "amount_unit",
    "enabled",
    "status_name",
    "tail",
}


def selected(direction: str, *, good: bool = True) -> list[Any]:
    return [
        pytest.param(bytes.fromhex(row["hex"]), row["meaning"], id=row["hex"][:40])
        for row in ROWS
        if row["direction"] == direction and row["crc_ok"] is good and row["kind"] != "line element"
    ]


def poll_for(frame: bytes) -> GeneralPoll | LongPollRequest:
    """The poll a machine's frame answers, with something to ask where the poll has fields."""
    if frame[1] == 0xFF:
        return GeneralPoll(frame[0])
    return LongPollRequest(frame[0], frame[1], smallest(LONG_POLLS[frame[1]].request))


def in_table(frame: bytes) -> bool:
    return len(frame) > 1 and frame[1] in LONG_POLLS


def plain(value: Any) -> Any:
    """A value of a row, in the form our values have."""
    if isinstance(value, list):
        return tuple(value)
    return int(value) if isinstance(value, str) and len(value) == 8 and value.isdecimal() else value


def meaning(row: dict[str, Any], command: int) -> dict[str, Any]:
    """What a row says, in our names."""
    said = {key: value for key, value in row.items() if key not in ABOUT}
    if "meters" in said:
        said["meters"] = tuple((int(code, 16), digits) for code, digits in said["meters"].items())
    if "meter_codes" in said:
        said["meter_codes"] = tuple(int(code, 16) for code in said["meter_codes"])
    if "features" in said:
        said |= {f"features{n}": int(bits, 16) for n, bits in enumerate(said.pop("features"), start=1)}
    if "transfer_status" in said:
        said["history_position"] = said.pop("transaction_index", 0)
    ours = {}
    for name, value in said.items():
        renamed, read = OTHERWISE_TO.get((command, name)) or OTHERWISE.get(name, (name, plain))
        ours[renamed] = read(value)
    return ours


def comparable(values: dict[str, Any]) -> dict[str, Any]:
    """Our values, meters as the rows write them: code and digits, zeros kept."""
    meters = {
        name: tuple((meter.code, f"{meter.digits:0{2 * meter.size}d}") for meter in value)
        for name, value in values.items()
        if value and isinstance(value, tuple) and isinstance(value[0], MeterValue)
    }
    return values | meters


def test_the_file_is_whole() -> None:
    assert len(ROWS) == 127


@pytest.mark.parametrize(("frame", "row"), selected("egm"))
def test_every_good_frame_of_a_machine_checks_out(frame: bytes, row: dict[str, Any]) -> None:
    assert crc_is_good(frame), row


@pytest.mark.parametrize(
    ("frame", "row"), [case for case in selected("egm") if case.values[1].get("type") == "event"]
)
def test_events_say_what_happened(frame: bytes, row: dict[str, Any]) -> None:
    reply = decode_reply(frame, GeneralPoll(row["address"]))

    assert isinstance(reply, EventReply)
    assert reply.code == int(row["exception"], 16)
    # The rows write names with spaces; two of ours are shorter.
    said = row["name"].replace(",", "").lower().replace(" ", "_").replace("reel_n_", "reel_")
    assert exception_name(reply.code) == said
    assert reply.missing_data is (reply.code == 0x88)
    assert encode_reply(reply) == frame


ANSWERS = [case for case in selected("egm") if in_table(case.values[0]) and case.values[0][1] != 0xFF]


@pytest.mark.parametrize(("frame", "row"), ANSWERS)
def test_answers_mean_what_the_row_says(frame: bytes, row: dict[str, Any]) -> None:
    reply = decode_reply(frame, poll_for(frame))

    assert isinstance(reply, DataReply)
    said, ours = meaning(row, reply.command), comparable(dict(reply.values))
    if len(ours) == 1 and "count" in said:
        said = {LONG_POLLS[reply.command].name: said["count"]}
    assert {name: ours.get(name) for name in said} == said
    assert encode_reply(reply) == frame


@pytest.mark.parametrize(("frame", "row"), ANSWERS)
def test_answers_are_found_on_the_line(frame: bytes, row: dict[str, Any]) -> None:
    reader = ReplyReader(frame[0])
    reader.expect(poll_for(frame), real_time=True)

    heard = reader.feed(list(frame)) + reader.finish()

    assert heard == [decode_reply(frame, poll_for(frame))], row


@pytest.mark.parametrize(("frame", "row"), selected("host"))
def test_polls_mean_what_the_row_says(frame: bytes, row: dict[str, Any]) -> None:
    poll = decode_poll(frame)

    assert isinstance(poll, LongPollRequest)
    assert (poll.address, poll.command) == (frame[0], frame[1])
    assert row.get("address", poll.address) == poll.address
    said = meaning(row, poll.command)
    assert {name: poll.values.get(name) for name in said} == said
    # One field host puts a CRC behind a type R poll; we do not.
    crc_too_many = LONG_POLLS[poll.command].type is PollType.R and len(frame) == 4
    assert encode_poll(poll) == (frame[:2] if crc_too_many else frame)


@pytest.mark.parametrize(("frame", "row"), selected("egm", good=False))
def test_damaged_frames_are_refused(frame: bytes, row: dict[str, Any]) -> None:
    assert "damaged" in row["type"]
    assert not crc_is_good(frame)
    with pytest.raises(RemoteProtocolError):
        decode_reply(frame, poll_for(frame))


def test_a_damaged_answer_is_heard_as_garbage() -> None:
    frame = bytes.fromhex("013800100000da8a")
    reader = ReplyReader(1)
    reader.expect(LongPollRequest(1, 0x38), real_time=False)

    heard = reader.feed(list(frame)) + reader.finish()

    assert heard == [Garbage(frame, "no message in it")]


def test_two_events_back_to_back_are_two_events() -> None:
    """The CRC over both is good too: a reader must go by the length of the code."""
    glued = next(row for row in ROWS if "back to back" in row["meaning"].get("type", ""))
    reader = ReplyReader(1)
    reader.expect(GeneralPoll(1), real_time=True)

    heard = reader.feed(list(bytes.fromhex(glued["hex"])))

    assert heard == [EventReply(1, 0x00), EventReply(1, 0x00)]


ACCEPTED_COMMAND = LongPollRequest(1, 0x0E, {"enable": 1})


@pytest.mark.parametrize(
    ("wire", "poll", "reply"),
    [
        ("81", ACCEPTED_COMMAND, Nack(1)),
        ("81", GeneralPoll(1), ExceptionReply(1, 0x81)),
        ("01", ACCEPTED_COMMAND, Ack(1)),
        ("0100", ACCEPTED_COMMAND, Busy(1)),
    ],
)
def test_line_elements(wire: str, poll: GeneralPoll | LongPollRequest, reply: Ack | Nack | Busy) -> None:
    assert wire in {row["hex"] for row in ROWS if row["kind"] == "line element"}
    assert decode_reply(bytes.fromhex(wire), poll) == reply
    assert encode_reply(reply).hex() == wire


@pytest.mark.parametrize(("wire", "poll"), [("81", GeneralPoll(1)), ("011a", LongPollRequest(1, 0x1A))])
def test_polls_without_a_crc(wire: str, poll: GeneralPoll | LongPollRequest) -> None:
    assert wire in {row["hex"] for row in ROWS if row["kind"] == "line element"}
    assert decode_poll(bytes.fromhex(wire)) == poll
    assert encode_poll(poll).hex() == wire
