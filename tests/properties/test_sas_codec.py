"""Properties of the SAS codec: round trips, any bytes at all, and chunks that change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.crc import append_crc
from edge_agent.sas.entries import CountedEntries, Entries, FixedEntries, Sized, SizedBcd
from edge_agent.sas.exception_codes import event_fields
from edge_agent.sas.fields import (
    Bcd,
    Binary,
    CountedRaw,
    CountedText,
    Digits,
    Field,
    LateBcd,
    Raw,
    RestRaw,
    RestText,
    Rows,
    Text,
    Trailing,
)
from edge_agent.sas.framing import BadPoll, Garbage, PollReader, ReplyReader, WakeupRestorer
from edge_agent.sas.long_polls import LONG_POLLS, LongPoll
from edge_agent.sas.messages import (
    DataReply,
    EventReply,
    GeneralPoll,
    LongPollRequest,
    Poll,
    Reply,
    UnknownPoll,
    decode_poll,
    decode_reply,
    encode_poll,
    encode_reply,
)
from edge_agent.sas.meter_fields import MeterCodes, MeterValue, SelfSizedMeters, TableSizedMeters, table_size
from edge_agent.sas.poll_lengths import LONGEST_MESSAGE_BYTES
from edge_agent.sas.polls.multi_denomination import BasePoll, BaseReply
from edge_agent.sas.reply_reader import RUBBISH_LIMIT_BYTES
from edge_agent.sas.wakeup import WakeupDecoder, encode_host_message
from edge_agent.testing.tries import tries

ADDRESSES = st.integers(1, 127)
SHORT_TEXT = st.text(st.characters(max_codepoint=0xFF), max_size=20)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.integers(0, 10**count - 1).map(lambda number: f"{number:0{count}d}")


def meter_values(field: TableSizedMeters | SelfSizedMeters) -> st.SearchStrategy[tuple[MeterValue, ...]]:
    def sized(code: int, size: int) -> st.SearchStrategy[MeterValue]:
        return st.integers(0, 10 ** (2 * size) - 1).map(lambda number: MeterValue(code, number, size))

    if isinstance(field, TableSizedMeters):
        one = st.integers(0, 0xFF).flatmap(lambda code: sized(code, table_size(code)))
    else:
        pairs = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 9))
        one = pairs.flatmap(lambda pair: sized(*pair))
    return st.lists(one, max_size=10).map(tuple)


def sized_numbers(name: str, usual: int) -> st.SearchStrategy[dict[str, Any]]:
    def sized(size: int) -> st.SearchStrategy[dict[str, Any]]:
        if not size:
            return st.just({name: None})
        named = {} if size == usual else {f"{name}_bytes": st.just(size)}
        return st.fixed_dictionaries({name: st.integers(0, 100**size - 1), **named})

    return st.integers(0, 9).flatmap(sized)


def base_values(
    name: str, rows: Mapping[int, LongPoll], *, answers: bool
) -> st.SearchStrategy[dict[str, Any]]:
    """A base poll or answer, with its command: one that is aware of denominations, or one that is not."""

    def based(command: int) -> st.SearchStrategy[dict[str, Any]]:
        row = rows.get(command)
        base: st.SearchStrategy[dict[str, Any]]
        if row is None:
            base = st.fixed_dictionaries({"data": st.binary(max_size=20)})
        elif answers:
            base = values_for(row.reply) if row.reply else st.just({"acknowledged": True})
            base |= st.just({"acknowledged": False}) | st.just({"busy": True})
        else:
            base = values_for(row.request)
        return st.fixed_dictionaries({"base_command": st.just(command), name: base})

    failed = st.fixed_dictionaries({"base_command": st.just(0), "error_code": st.integers(0, 0xFF)})
    commands = (st.sampled_from(sorted(rows)) | st.integers(1, 0xFF)).flatmap(based)
    return commands | failed if answers else commands


def values_of(  # noqa: C901, PLR0912  one case for each kind of field
    field: Field,
) -> st.SearchStrategy[dict[str, Any]]:
    """Whatever a field can carry."""
    match field:
        case Trailing(fields):
            return st.just({}) | values_for(fields)
        case Bcd(name, size) | LateBcd(name, size):
            value: st.SearchStrategy[Any] = st.integers(0, 10 ** (2 * size) - 1)
        case Digits(name, size):
            value = digits(2 * size)
        case Binary(name, size):
            value = st.integers(0, 256**size - 1)
        case Text(name, size):
            value = st.text(st.characters(max_codepoint=0xFF), min_size=size, max_size=size)
        case Raw(name, size):
            value = st.binary(min_size=size, max_size=size)
        case CountedText(name) | RestText(name):
            value = SHORT_TEXT
        case CountedRaw(name):
            value = st.binary(max_size=20)
        case RestRaw(name):
            return st.just({}) | st.fixed_dictionaries({name: st.binary(min_size=1, max_size=20)})
        case Rows(name, element):
            row = values_of(element).map(lambda made: made[element.name])
            value = st.lists(row, max_size=20).map(tuple)
        case Entries(name, fields):
            value = st.lists(values_for(fields), max_size=5).map(tuple)
        case CountedEntries(name, fields):
            value = st.lists(values_for(fields), max_size=5).map(tuple)
        case FixedEntries(name, fields, times):
            value = st.lists(values_for(fields), min_size=times, max_size=times).map(tuple)
        case Sized(inner):
            return values_of(inner)
        case SizedBcd(name, usual):
            return sized_numbers(name, usual)
        case BasePoll(name, rows) | BaseReply(name, rows):
            return base_values(name, rows, answers=isinstance(field, BaseReply))
        case MeterCodes(name, size):
            value = st.lists(st.integers(0, 256**size - 1), max_size=10).map(tuple)
        case TableSizedMeters(name) | SelfSizedMeters(name):
            value = meter_values(field)
        case _:  # pragma: no cover  a new kind of field needs a line here
            raise AssertionError(field)
    return st.fixed_dictionaries({name: value})


def values_for(fields: tuple[Field, ...]) -> st.SearchStrategy[dict[str, Any]]:
    def merge(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        merged = {name: value for part in parts for name, value in part.items()}
        # What follows a trailing group can only be there when the group is.
        lacking = [field for field in fields if isinstance(field, Trailing) and field.name not in merged]
        return {name: value for name, value in merged.items() if not lacking or name != "extra"}

    return st.tuples(*map(values_of, fields)).map(merge)


def requests(row: LongPoll) -> st.SearchStrategy[LongPollRequest]:
    return st.builds(LongPollRequest, st.integers(0, 127), st.just(row.command), values_for(row.request))


def answers(row: LongPoll) -> st.SearchStrategy[DataReply]:
    return st.builds(DataReply, ADDRESSES, st.just(row.command), values_for(row.reply))


def event(address: int, code: int) -> st.SearchStrategy[EventReply]:
    return st.builds(EventReply, st.just(address), st.just(code), values_for(event_fields(code)))


ROWS = list(LONG_POLLS.values())
GENERAL_POLLS = st.builds(GeneralPoll, st.integers(0, 127))
POLLS: st.SearchStrategy[Poll] = GENERAL_POLLS | st.sampled_from(ROWS).flatmap(requests)
DATA_REPLIES = st.sampled_from([row for row in ROWS if row.reply]).flatmap(answers)
EVENTS = st.tuples(ADDRESSES, st.integers(0, 0xFE)).flatmap(lambda pair: event(*pair))

CUTS = st.lists(st.integers(1, 40), max_size=40)
# Bytes in which addresses, commands and frames of address 1 are likely.
FRAGMENTS = st.lists(
    st.sampled_from([
        bytes.fromhex(piece)
        for piece in (
            "01", "81", "00", "80", "FF", "01FF", "011A", "01FF128F96", "01FF885CAD", "011A0000010380D7",
            "010E", "010E0145D1", "01FF7D", "012F", "016F06", "0121", "011F", "51",
            "01FF7E0002000001024100", "3A81",
        )
    ])
    | st.binary(max_size=6)
).map(b"".join)  # fmt: skip
MARKS = st.sets(st.integers(0, 60), max_size=6)


def pieces(data: Sequence[int], cuts: Sequence[int]) -> list[Sequence[int]]:
    parts, at = [], 0
    for cut in cuts:
        parts.append(data[at : at + cut])
        at += cut
    return [*parts, data[at:]]


@given(POLLS)
def test_polls_come_back_as_they_were(poll: Poll) -> None:
    assert decode_poll(encode_poll(poll)) == poll


@given(POLLS)
def test_polls_come_through_the_line(poll: Poll) -> None:
    stream = encode_host_message(encode_poll(poll))

    assert PollReader().feed(WakeupDecoder().feed(stream), 0.0) == [poll]


@given(DATA_REPLIES | EVENTS)
@example(EventReply(1, 0x88, missing_data=True))
def test_replies_come_back_as_they_were(reply: DataReply | EventReply) -> None:
    poll: Poll = (
        LongPollRequest(reply.address, reply.command)
        if isinstance(reply, DataReply)
        else GeneralPoll(reply.address)
    )

    assert decode_reply(encode_reply(reply), poll) == reply


EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.command:02X}")
A_FEW = settings(max_examples=tries(5))


@EVERY_ROW
@A_FEW
@given(data=st.data())
def test_every_poll_comes_back_as_it_was(row: LongPoll, data: st.DataObject) -> None:
    poll = data.draw(requests(row))

    assert decode_poll(encode_poll(poll)) == poll


@EVERY_ROW
@A_FEW
@given(data=st.data())
def test_every_answer_comes_back_as_it_was(row: LongPoll, data: st.DataObject) -> None:
    if not row.reply:
        return
    reply = data.draw(answers(row))

    assert decode_reply(encode_reply(reply), LongPollRequest(reply.address, row.command)) == reply


def framed(command: int, body: bytes, *, has_length: bool) -> bytes:
    """A frame of address 1 that checks out, whatever it carries."""
    return append_crc(bytes((1, command)) + (bytes((len(body),)) if has_length else b"") + body)


# What of a body the values do not keep: reserved bytes that older machines fill with no numbers.
LOSSY = {0x1B}


@given(st.sampled_from(ROWS), st.binary(max_size=60))
def test_any_body_of_a_poll_is_read_as_it_is_written_or_refused(row: LongPoll, body: bytes) -> None:
    frame = framed(row.command, body, has_length=row.request_counted)
    try:
        poll = decode_poll(frame)
    except RemoteProtocolError:
        return

    assert isinstance(poll, LongPollRequest)
    assert encode_poll(poll) in (frame, frame[:2])


@given(st.sampled_from(ROWS), st.binary(max_size=60))
@example(LONG_POLLS[0x72], b"\x00\x87")
@example(LONG_POLLS[0xB0], b"\x01\x09\x81")
@example(LONG_POLLS[0xB0], b"\x01\x09\x02")
def test_any_body_of_an_answer_is_read_as_it_is_written_or_refused(row: LongPoll, body: bytes) -> None:
    frame = framed(row.command, body, has_length=row.reply_counted)
    try:
        reply = decode_reply(frame, LongPollRequest(1, row.command))
    except RemoteProtocolError:
        return

    assert isinstance(reply, DataReply)
    assert row.command in LOSSY or encode_reply(reply) == frame


@given(st.binary(max_size=80))
def test_any_bytes_are_a_poll_or_refused(frame: bytes) -> None:
    try:
        poll: object = decode_poll(frame)
    except RemoteProtocolError as error:
        poll = error.what

    assert isinstance(poll, (GeneralPoll, LongPollRequest, UnknownPoll, str))


@given(st.binary(max_size=80), POLLS)
def test_any_bytes_are_an_answer_or_refused(frame: bytes, poll: Poll) -> None:
    try:
        reply: object = decode_reply(frame, poll)
    except RemoteProtocolError as error:
        reply = error.what

    assert isinstance(reply, (Reply, str))


def hear(poll: Poll, characters: Sequence[int], cuts: Sequence[int], *, real_time: bool) -> list[object]:
    """Everything a reader hears, its bounds checked on the way."""
    reader = ReplyReader(1)
    reader.expect(poll, real_time)
    heard: list[object] = []
    for part in pieces(characters, cuts):
        heard += reader.feed(part)
        kept = len(reader._low) + len(reader._rubbish)
        assert kept <= LONGEST_MESSAGE_BYTES + RUBBISH_LIMIT_BYTES
        assert len(reader._characters) == len(reader._low)
    heard += reader.finish()
    assert not reader.pending
    return heard


ASKED = st.sampled_from([
    GeneralPoll(0),
    GeneralPoll(1),
    LongPollRequest(1, 0x1A),
    LongPollRequest(1, 0x1F),
    LongPollRequest(1, 0x0E, {"enable": 1}),
    LongPollRequest(1, 0x6F, {"game": 0, "meter_codes": (0, 1)}),
])  # fmt: skip


@given(ASKED, FRAGMENTS, MARKS, CUTS, st.booleans())
def test_chunks_change_nothing_for_a_host(
    poll: Poll,
    data: bytes,
    marks: set[int],
    cuts: list[int],
    real_time: bool,  # noqa: FBT001
) -> None:
    characters = [byte | 0x100 if at in marks else byte for at, byte in enumerate(data)]

    whole = hear(poll, characters, [], real_time=real_time)

    assert hear(poll, characters, cuts, real_time=real_time) == whole
    assert hear(poll, characters, [1] * len(characters), real_time=real_time) == whole


@given(st.binary(max_size=2000), CUTS)
def test_any_bytes_are_heard_by_a_host_within_bounds(data: bytes, cuts: list[int]) -> None:
    heard = hear(LongPollRequest(1, 0x1A), WakeupDecoder().feed(data), cuts, real_time=True)

    garbage = sum(len(found.data) for found in heard if isinstance(found, Garbage))
    assert garbage <= len(data)


@given(st.binary(max_size=600), CUTS)
def test_any_bytes_are_polls_bad_polls_or_counted(data: bytes, cuts: list[int]) -> None:
    whole, cut, decoder = PollReader(), PollReader(), WakeupDecoder()
    characters = WakeupDecoder().feed(data)

    polls = whole.feed(characters, 0.0)
    in_pieces = [poll for part in pieces(data, cuts) for poll in cut.feed(decoder.feed(bytes(part)), 0.0)]

    assert in_pieces == polls
    assert (cut.strays, cut.dropped) == (whole.strays, whole.dropped)
    assert len(whole._message) < LONGEST_MESSAGE_BYTES
    known = (GeneralPoll, LongPollRequest, UnknownPoll, BadPoll)
    assert all(isinstance(poll, known) for poll in polls)


@given(st.binary(max_size=600), CUTS)
def test_chunks_change_nothing_on_the_stream(data: bytes, cuts: list[int]) -> None:
    decoder = WakeupDecoder()

    in_pieces = [character for part in pieces(data, cuts) for character in decoder.feed(bytes(part))]

    assert in_pieces == WakeupDecoder().feed(data)


@given(st.binary(max_size=300), CUTS)
def test_the_restorer_loses_and_invents_no_byte(data: bytes, cuts: list[int]) -> None:
    restorer = WakeupRestorer()

    stream = b"".join(restorer.feed(bytes(part)) for part in pieces(data, cuts)) + restorer.gap()

    assert bytes(character & 0xFF for character in WakeupDecoder().feed(stream)) == data


@given(st.lists(POLLS, max_size=10))
def test_the_restorer_finds_where_polls_begin(polls: list[Poll]) -> None:
    """With silence between them; without, a read and the next poll's first bytes could be one's CRC."""
    restorer, stream = WakeupRestorer(), b""

    for poll in polls:
        stream += restorer.feed(encode_poll(poll)) + restorer.gap()

    assert stream == b"".join(encode_host_message(encode_poll(poll)) for poll in polls)
