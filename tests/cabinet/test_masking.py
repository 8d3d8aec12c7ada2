"""A masked frame says everything but the number, and is a frame still."""

from __future__ import annotations

import pytest

from edge_agent.cabinet.masking import GARBLED, MASKED, Masker
from edge_agent.links.capture import FROM_DEVICE, TO_DEVICE, Travelled, read_capture
from edge_agent.sas import (
    DataReply,
    LongPollRequest,
    decode_poll,
    decode_reply,
    encode_poll,
    encode_reply,
    stuff,
)
from edge_agent.sas.crc import append_crc, crc_is_good
from edge_agent.sas.wakeup import encode_host_message

NUMBER, LONG_NUMBER, KEY = "1234567890123456", "001234567890123456", bytes(range(1, 21))
TICKET_ASKED = LongPollRequest(1, 0x3D)
TICKET = {"validation_number": "98765432", "amount_cents": 12500}
TRANSFER = {
    "transfer_type": 0, "cashable_cents": 100, "restricted_cents": 0, "nonrestricted_cents": 0,
    "transfer_flags": 0, "asset_number": 1, "transaction_id": "secret-17", "expiration": "00000000",
    "pool": 0,
}  # fmt: skip


def lines_of(*travelled: tuple[float, str, bytes]) -> list[str]:
    masker = Masker()
    lines = [line for entry in travelled for line in masker.lines(Travelled(*entry))]
    return [*lines, *masker.flush()]


def asked(poll: LongPollRequest, at: float = 0.0) -> tuple[float, str, bytes]:
    return at, TO_DEVICE, encode_host_message(encode_poll(poll))


def answered(frame: bytes, at: float = 0.02) -> tuple[float, str, bytes]:
    return at, FROM_DEVICE, stuff(frame)


def the_frame(lines: list[str]) -> bytes:
    return [*read_capture(lines)][-1].data.replace(b"\xff\xff", b"\xff")


@pytest.mark.parametrize(
    ("poll", "values", "names"),
    [
        (TICKET_ASKED, TICKET, ["validation_number"]),
        (LongPollRequest(1, 0x70),
         {"status": 0, "amount_cents": 5, "parsing_code": 0, "validation_data": LONG_NUMBER},
         ["validation_data"]),
        (LongPollRequest(1, 0x71, {"transfer_code": 0xFF}),
         {"machine_status": 0x40, "amount_cents": 5, "parsing_code": 0, "validation_data": LONG_NUMBER},
         ["validation_data"]),
        (LongPollRequest(1, 0x72, {"transfer_code": 0xFE, "transaction_index": 0}),
         {"history_position": 0, "transfer_status": 0, "receipt_status": 255, **TRANSFER, "date": "03012026",
          "time": "093000", "cumulative_cashable_cents": None, "cumulative_restricted_cents": None,
          "cumulative_nonrestricted_cents": None}, ["transaction_id"]),
        (LongPollRequest(1, 0x73, {"registration_code": 0xFF}),
         {"registration_status": 1, "asset_number": 1, "registration_key": KEY, "pos_id": 7},
         ["registration_key"]),
    ],
    ids=lambda value: f"{value.command:02X}" if isinstance(value, LongPollRequest) else None,
)  # fmt: skip
def test_the_numbers_of_an_answer_are_masked_and_nothing_else(
    poll: LongPollRequest, values: dict[str, object], names: list[str]
) -> None:
    frame = encode_reply(DataReply(1, poll.command, values))

    lines = lines_of(asked(poll), answered(frame))

    masked = the_frame(lines)
    assert f"{MASKED}{', '.join(names)}" in lines
    assert crc_is_good(masked)
    assert len(masked) == len(frame)
    reply = decode_reply(masked, poll)
    assert isinstance(reply, DataReply)
    assert {name for name in values if reply.values[name] != values[name]} == set(names)


@pytest.mark.parametrize(
    ("poll", "name"),
    [
        (LongPollRequest(1, 0x58, {"validation_system": "01", "validation_number": NUMBER}),
         "validation_number"),
        (LongPollRequest(1, 0x71, {"transfer_code": 0, "amount_cents": 5, "parsing_code": 0,
                                   "validation_data": LONG_NUMBER}), "validation_data"),
    ],
)  # fmt: skip
def test_the_numbers_of_a_request_are_masked_too(poll: LongPollRequest, name: str) -> None:
    (comment, line) = lines_of(asked(poll))

    (entry,) = read_capture([line])
    masked = decode_poll(entry.data[2:].replace(b"\xff\xff", b"\xff"))
    assert comment == f"{MASKED}{name}"
    assert isinstance(masked, LongPollRequest)
    assert {key for key in poll.values if masked.values[key] != poll.values[key]} == {name}


def test_a_transfer_has_its_key_its_id_and_its_receipt_masked() -> None:
    values = {"transfer_code": 0, "transaction_index": 0, **TRANSFER, "registration_key": KEY,
              "receipt_data": ({"code": 0x10, "data": b"Ada"},)}  # fmt: skip

    (comment, line) = lines_of(asked(LongPollRequest(1, 0x72, values)))

    assert "registration_key" in comment
    assert "transaction_id" in comment
    assert "receipt_data[0].data" in comment
    for secret in (KEY, b"secret-17", b"Ada"):
        assert secret.hex() not in line


def test_an_answer_in_pieces_is_masked_across_them() -> None:
    frame = encode_reply(DataReply(1, 0x3D, TICKET))

    lines = lines_of(asked(TICKET_ASKED), answered(frame[:4]), answered(frame[4:], 0.036))

    pieces = [entry.data for entry in read_capture(lines)][1:]
    assert [len(piece) for piece in pieces] == [4, len(frame) - 4]
    assert crc_is_good(b"".join(pieces))
    assert "98765432" not in "".join(line.rpartition(" ")[2] for line in lines)


def test_a_wrong_crc_stays_wrong_in_a_request() -> None:
    poll = LongPollRequest(1, 0x58, {"validation_system": "01", "validation_number": NUMBER})
    damaged = encode_poll(poll)[:-1] + b"\x00"

    (_, line) = lines_of((0.0, TO_DEVICE, encode_host_message(damaged)))

    (entry,) = read_capture([line])
    assert not crc_is_good(entry.data[2:].replace(b"\xff\xff", b"\xff"))
    assert NUMBER not in line


@pytest.mark.parametrize("keep", [4, 6, 8, 12])
def test_half_a_frame_that_may_hold_a_number_is_masked(keep: int) -> None:
    frame = encode_reply(DataReply(1, 0x3D, TICKET))[:keep]

    lines = lines_of(asked(TICKET_ASKED), answered(frame))

    masked = the_frame(lines)
    assert f"{MASKED}{GARBLED}" in lines
    assert masked[:2] == b"\x01\x3d"
    assert len(masked) == keep
    assert frame[2:].hex() not in masked.hex()


def test_a_frame_whose_head_was_lost_is_masked_while_its_answer_is_due() -> None:
    tail = encode_reply(DataReply(1, 0x3D, TICKET))[2:]

    soon = lines_of(asked(TICKET_ASKED), answered(tail, 0.9))
    late = lines_of(asked(TICKET_ASKED), answered(tail, 1.5))

    assert tail.hex() not in soon[-1]
    assert tail.hex() in late[-1]


def test_half_a_frame_nobody_was_heard_to_ask_for_is_masked() -> None:
    frame = encode_reply(DataReply(1, 0x3D, TICKET))

    lines = lines_of(answered(frame[:7], 5.0), answered(frame[7:], 5.3))

    assert "98765432"[:6] not in "".join(lines)
    assert frame[7:].hex() not in lines[-1]


def test_an_echo_of_a_number_is_masked() -> None:
    poll = encode_poll(LongPollRequest(1, 0x58, {"validation_system": "01", "validation_number": NUMBER}))

    lines = lines_of(answered(poll))

    assert NUMBER not in "".join(lines)
    assert crc_is_good(the_frame(lines))


def test_an_event_of_another_length_told_instead_of_a_number_is_left_as_it_is() -> None:
    event = append_crc(bytes.fromhex("01ff4f3703000000000012"))

    assert lines_of(asked(TICKET_ASKED), answered(event))[-1] == str(Travelled(*answered(event)))


def test_what_stands_behind_a_number_is_masked_with_it() -> None:
    asked_for = LongPollRequest(1, 0x70)
    values = {"status": 0, "amount_cents": 5, "parsing_code": 0, "validation_data": LONG_NUMBER}
    frame = encode_reply(DataReply(1, 0x70, {**values, "extra": b"\x12\x34"}))

    masked = the_frame(lines_of(asked(asked_for), answered(frame)))

    assert crc_is_good(masked)
    said = decode_reply(masked, asked_for)
    assert isinstance(said, DataReply)
    assert said.values["validation_data"] == "0" * 18
    assert said.values["extra"] == bytes(2)


@pytest.mark.parametrize("answer", ["01", "81", "00", "0100", "11"])
def test_short_answers_are_left_as_they_are_where_they_can_hold_nothing(answer: str) -> None:
    general = 0.3, TO_DEVICE, b"\xff\x00\x81"

    lines = lines_of(asked(TICKET_ASKED), general, (0.32, FROM_DEVICE, bytes.fromhex(answer)))

    assert lines[-1] == f"0.320000 < {answer}"


def test_what_holds_no_number_is_written_as_it_came() -> None:
    event = append_crc(bytes.fromhex("01ff11"))
    travelled = [asked(LongPollRequest(1, 0x1A)), answered(event), (0.1, FROM_DEVICE, b"\x5a\xa5")]

    assert lines_of(*travelled) == [str(Travelled(*one)) for one in travelled]


def test_what_is_heard_goes_out_before_anything_is_sent() -> None:
    masker = Masker()

    assert [*masker.lines(Travelled(0.0, FROM_DEVICE, b"\x11"))] == []
    assert [*masker.lines(Travelled(0.1, TO_DEVICE, b"\xff\x00\x80"))] == [
        "0.000000 < 11",
        "0.100000 > ff0080",
    ]
