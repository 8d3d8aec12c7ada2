"""Every frame of the vectors that say what they mean in the names of the tables.

The constructed ones are written by hand, at least one for each poll in each direction; the variants are
what machines and hosts make of the same layouts: shorter, longer, empty, of other sizes; the field ones are
further captures and peers' tests. Each is decoded to its meaning and written back byte for byte. Answers
name the poll they answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from edge_agent.sas.crc import crc_is_good
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
    Poll,
    Reply,
    decode_poll,
    decode_reply,
    encode_poll,
    encode_reply,
)
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.sas.poll_reader import PollReader
from edge_agent.sas.reply_reader import ReplyReader
from edge_agent.sas.wakeup import WakeupDecoder, encode_host_message

VECTORS = Path(__file__).parents[1] / "vectors"


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (VECTORS / name).read_text().splitlines()]


CONSTRUCTED, FIELD = read("sas-constructed.jsonl"), read("sas-field.jsonl")
VARIANTS = read("sas-variants.jsonl")
ROWS = CONSTRUCTED + VARIANTS + FIELD
ELEMENTARY: dict[str, type[Ack | Nack | Busy]] = {"ack": Ack, "nack": Nack, "busy": Busy}


def rows_of(*types: str) -> list[Any]:
    return [
        pytest.param(bytes.fromhex(row["hex"]), row["meaning"], id=f"{row['hex'][:40]}-{number}")
        for number, row in enumerate(ROWS)
        if row["meaning"]["type"] in types
    ]


def plain(value: Any) -> Any:
    """A value as JSON writes it."""
    match value:
        case MeterValue():
            return asdict(value)
        case bytes():
            return value.hex()
        case tuple():
            return [plain(item) for item in value]
        case Mapping():
            return {name: plain(item) for name, item in value.items()}
    return value


def answered(row: dict[str, Any]) -> Poll:
    poll = decode_poll(bytes.fromhex(row["to"]))
    assert isinstance(poll, (GeneralPoll, LongPollRequest))
    return poll


def hear(poll: Poll, frame: bytes, *, real_time: bool) -> list[object]:
    reader = ReplyReader(poll.address)
    reader.expect(poll, real_time)
    return [*reader.feed(list(frame)), *reader.finish()]


def expected(row: dict[str, Any]) -> Reply:
    """An answer without data, as its row says it."""
    if row["type"] == "exception":
        return ExceptionReply(row["address"], int(row["exception"], 16))
    return ELEMENTARY[row["type"]](row["address"])


@pytest.mark.parametrize(("frame", "row"), rows_of("long poll"))
def test_polls_mean_what_the_row_says(frame: bytes, row: dict[str, Any]) -> None:
    poll = decode_poll(frame)

    assert isinstance(poll, LongPollRequest)
    assert (poll.address, poll.command) == (row["address"], int(row["command"], 16))
    assert plain(poll.values) == row["values"]
    assert encode_poll(poll) == frame


@pytest.mark.parametrize(("frame", "row"), rows_of("long poll"))
def test_polls_are_found_on_the_line(frame: bytes, row: dict[str, Any]) -> None:
    heard = PollReader().feed(WakeupDecoder().feed(encode_host_message(frame)), 0.0)

    assert heard == [decode_poll(frame)], row


@pytest.mark.parametrize(("frame", "row"), rows_of("general poll"))
def test_general_polls(frame: bytes, row: dict[str, Any]) -> None:
    assert decode_poll(frame) == GeneralPoll(row["address"])
    assert encode_poll(GeneralPoll(row["address"])) == frame


@pytest.mark.parametrize(("frame", "row"), rows_of("answer"))
def test_answers_mean_what_the_row_says(frame: bytes, row: dict[str, Any]) -> None:
    poll = answered(row)

    reply = decode_reply(frame, poll)

    assert isinstance(reply, DataReply)
    assert (reply.address, reply.command) == (row["address"], int(row["command"], 16))
    assert plain(reply.values) == row["values"]
    assert encode_reply(reply) == frame
    assert hear(poll, frame, real_time=True) == [reply]


@pytest.mark.parametrize(("frame", "row"), rows_of("event"))
def test_events_mean_what_the_row_says(frame: bytes, row: dict[str, Any]) -> None:
    poll = answered(row)

    reply = decode_reply(frame, poll)

    assert isinstance(reply, EventReply)
    assert (reply.address, reply.code) == (row["address"], int(row["exception"], 16))
    assert plain(reply.values) == row["values"]
    assert reply.unread.hex() == row.get("unread", "")
    assert encode_reply(reply) == frame
    assert hear(poll, frame, real_time=True) == [reply]


@pytest.mark.parametrize(("frame", "row"), rows_of("exception", "ack", "nack", "busy"))
def test_answers_without_a_crc_mean_what_the_row_says(frame: bytes, row: dict[str, Any]) -> None:
    poll, reply = answered(row), expected(row)

    assert decode_reply(frame, poll) == reply
    assert encode_reply(reply) == frame
    assert hear(poll, frame, real_time=False) == [reply]


def constructed(kind: str) -> list[dict[str, Any]]:
    return [row["meaning"] for row in CONSTRUCTED if row["meaning"]["type"] == kind]


def test_every_poll_has_a_vector_in_each_direction() -> None:
    polls = {int(row["command"], 16) for row in constructed("long poll")}
    answers = {int(row["command"], 16) for row in constructed("answer")}
    acknowledged = {bytes.fromhex(row["to"])[1] for row in constructed("ack")}

    assert LONG_POLLS.keys() - polls == set()
    assert {row.command for row in LONG_POLLS.values() if row.reply} - answers == set()
    assert {row.command for row in LONG_POLLS.values() if row.acknowledged} - acknowledged == set()


def test_every_poll_that_can_be_broadcast_has_a_vector_of_it() -> None:
    broadcast = {int(row["command"], 16) for row in constructed("long poll") if row["address"] == 0}

    assert broadcast == {row.command for row in LONG_POLLS.values() if row.type is PollType.G}


def test_rows_say_truly_whether_they_carry_a_crc() -> None:
    assert [row["hex"] for row in ROWS if crc_is_good(bytes.fromhex(row["hex"])) is not row["crc_ok"]] == []


def test_no_row_is_written_twice() -> None:
    """The same bytes may mean different things in answer to different polls."""
    keys = [(row["hex"], row["meaning"].get("to")) for row in CONSTRUCTED + VARIANTS]

    assert len(keys) == len(set(keys))


def test_rows_have_the_fields_of_the_other_vectors() -> None:
    fields = {"hex", "direction", "meaning", "source", "crc_ok", "crc_origin", "kind"}

    assert {frozenset(row) for row in ROWS} == {frozenset(fields)}
    assert {row["kind"] for row in CONSTRUCTED + VARIANTS} == {"constructed"}
    assert {row["kind"] for row in FIELD} == {"capture", "unit test"}
    assert {row["direction"] for row in ROWS} == {"host", "egm"}
