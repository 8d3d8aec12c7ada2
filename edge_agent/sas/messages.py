"""Messages: what one frame means, for both ends of the line.

Frames here are plain bytes, complete and alone: no wakeup bits, no stray characters, no timing. Those
belong to `wakeup` and `framing`. A frame that breaks a rule raises RemoteProtocolError; a message we
cannot write raises LocalProtocolError. What either says is the poll, the field and the place, and no
byte of the frame besides its address and command: it may be a ticket's number.

    general poll   [80 + address]                    one byte; to address 0 it only synchronises
    long poll      [address][command]…[CRC]          type R ends at the command and has no CRC
    exception      [code]                            answers a general poll
    event          [address][FF][code]…[CRC]         answers any poll once real-time events are on
    data           [address][command]…[CRC]          answers a long poll
    ACK NACK busy  [address] [80 + address] [address][00]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.bodies import LARGEST_BODY_BYTES, decode_body, encode_body, with_length
from edge_agent.sas.crc import CRC_BYTES, append_crc, crc_is_good
from edge_agent.sas.exception_codes import EVENT_MARK, event_fields
from edge_agent.sas.fields import Field, decode_fields, encode_fields, fixed_size
from edge_agent.sas.long_polls import LONG_POLLS, LongPoll, PollType
from edge_agent.sas.poll_lengths import READ_POLL_BYTES, host_poll_length
from edge_agent.sas.polls.multi_denomination import FAILED, MULTI_DENOMINATION

GENERAL_POLL_BIT = 0x80
LAST_ADDRESS = 0x7F
BUSY = 0x00
# The longest answer without a CRC: busy.
SHORT_REPLY_BYTES = 2
ROM_SIGNATURE = 0x21
SELECTED_METERS = 0x2F

# What tells a general poll from long ones, whose commands are their keys.
GENERAL_POLL = -1
# A preamble is told apart by its first five bytes: besides the address, its command, length, denomination
# and base command.
_PREAMBLE_KEY = slice(1, 5)


@dataclass(frozen=True, slots=True)
class GeneralPoll:
    """Has anything happened? Address 0 is the synchronisation poll, which nobody answers."""

    address: int


@dataclass(frozen=True, slots=True)
class LongPollRequest:
    """A question or a command; address 0 is a broadcast."""

    address: int
    command: int
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class UnknownPoll:
    """A long poll no table lays out, framed and checked. Machine side only."""

    address: int
    command: int
    data: bytes


Poll = GeneralPoll | LongPollRequest


@dataclass(frozen=True, slots=True)
class ExceptionReply:
    """A general poll was answered with one exception; code 00 is nothing."""

    address: int
    code: int


@dataclass(frozen=True, slots=True)
class EventReply:
    """A real-time event answered a poll; a long poll so answered is not done."""

    address: int
    code: int
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    missing_data: bool = False  # the frame ended where its data should begin
    unread: bytes = b""  # its data, where they are not laid out as the table says: then there are no values


@dataclass(frozen=True, slots=True)
class DataReply:
    """A long poll was answered with data; what stands behind its layout is `extra` among the values."""

    address: int
    command: int
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Ack:
    """The machine accepted a command that has no data to answer with."""

    address: int


@dataclass(frozen=True, slots=True)
class Nack:
    """The machine refused a command: bad CRC or bad data."""

    address: int


@dataclass(frozen=True, slots=True)
class Busy:
    """The machine cannot serve the poll now; it heard it."""

    address: int


Reply = ExceptionReply | EventReply | DataReply | Ack | Nack | Busy


def encode_poll(poll: Poll) -> bytes:
    """The bytes of a poll."""
    if not 0 <= poll.address <= LAST_ADDRESS:
        raise LocalProtocolError(f"address {poll.address} is not within 0..{LAST_ADDRESS}")
    if isinstance(poll, GeneralPoll):
        return bytes((GENERAL_POLL_BIT | poll.address,))
    row = _row(poll.command)
    head = bytes((poll.address, poll.command))
    if row.type is PollType.R:
        return head
    body = encode_body(row.request, poll.values, has_length=row.request_counted)
    return append_crc(head + body + poll.values.get("extra", b"")[: row.request_slack])


def poll_key(poll: Poll) -> int:
    """What makes two polls to one machine the same, to both ends: the same again asks for a repeat."""
    if isinstance(poll, GeneralPoll):
        return GENERAL_POLL
    if poll.command == MULTI_DENOMINATION:
        return int.from_bytes(encode_poll(poll)[_PREAMBLE_KEY])
    return poll.command


def decode_poll(frame: bytes) -> Poll | UnknownPoll:
    """What a host says with `frame`."""
    if not frame:
        raise RemoteProtocolError("an empty frame is no poll")
    if frame[0] & GENERAL_POLL_BIT:
        return _decode_general_poll(frame)
    length = host_poll_length(frame)
    row = LONG_POLLS.get(frame[1]) if len(frame) > 1 else None
    # One public host sends type R polls with a CRC, and its machines take them.
    checked_read = length == READ_POLL_BYTES and len(frame) == READ_POLL_BYTES + CRC_BYTES
    extra = len(frame) - length if length else 0
    if length is None or not (0 <= extra <= (row.request_slack if row else 0) or checked_read):
        raise RemoteProtocolError(f"a poll of {len(frame)} bytes where {length} are due")
    if len(frame) > READ_POLL_BYTES:
        _check(frame)
    address, command = frame[0], frame[1]
    body = frame[2:-CRC_BYTES] if len(frame) > READ_POLL_BYTES else b""
    if row is None:
        return UnknownPoll(address, command, body)
    return LongPollRequest(address, command, _decode_request(row, body))


def encode_reply(reply: Reply) -> bytes:
    """The bytes of a reply."""
    match reply:
        case ExceptionReply(code=code):
            return bytes((code,))
        case EventReply(address, code, values, missing_data, unread):
            data = unread if missing_data or unread else encode_fields(event_fields(code), values)
            return append_crc(bytes((address, EVENT_MARK, code)) + data)
        case DataReply(address, command, values):
            layout = _row(command)
            if command == MULTI_DENOMINATION:
                values = {**values, "address": address}  # the ACK of a base poll is one
            body = encode_fields(layout.reply, values)
            if "extra" in values and not any(field.name == "extra" for field in layout.reply):
                body += values["extra"]
            return append_crc(bytes((address, command)) + with_length(body, has_length=layout.reply_counted))
        case Ack(address):
            return bytes((address,))
        case Nack(address):
            return bytes((GENERAL_POLL_BIT | address,))
    return bytes((reply.address, BUSY))


def decode_reply(frame: bytes, poll: Poll, *, checked: bool = False) -> Reply:
    """What a machine says with `frame` in answer to `poll`; `checked` if its CRC is known to be good."""
    if len(frame) <= SHORT_REPLY_BYTES:
        return _decode_short(frame, poll)
    if frame[0] != poll.address:
        raise RemoteProtocolError(f"an answer from address {frame[0]}, not {poll.address}")
    if not checked:
        _check(frame)
    command, body = frame[1], frame[2:-CRC_BYTES]
    if command == EVENT_MARK:
        return _decode_event(poll.address, body)
    # A signature that was asked for earlier may answer any later poll.
    if command == ROM_SIGNATURE or (isinstance(poll, LongPollRequest) and command == poll.command):
        values = _decode_data(_row(command), body)
        if command == MULTI_DENOMINATION:
            _check_base(values, poll, body[-1])
        _check_meters(command, values, poll)
        return DataReply(poll.address, command, values)
    raise RemoteProtocolError(f"an answer to long poll {command:02X}, which was not asked")


def _decode_short(frame: bytes, poll: Poll) -> Reply:
    """Answers of one and two bytes, which carry no CRC."""
    address = poll.address
    if isinstance(poll, GeneralPoll):
        if len(frame) == 1 and frame[0] != EVENT_MARK:
            return ExceptionReply(address, frame[0])
    elif frame == bytes((address,)) and _row(poll.command).acknowledged:
        return Ack(address)
    elif frame == bytes((GENERAL_POLL_BIT | address,)) and _row(poll.command).type is not PollType.R:
        return Nack(address)
    elif frame == bytes((address, BUSY)):
        return Busy(address)
    raise RemoteProtocolError(f"{len(frame)} bytes that do not answer this poll")


def _decode_general_poll(frame: bytes) -> GeneralPoll:
    if len(frame) != 1:
        raise RemoteProtocolError(f"a general poll is one byte, not {len(frame)}")
    return GeneralPoll(frame[0] & LAST_ADDRESS)


def _decode_event(address: int, body: bytes) -> EventReply:
    if not body:
        raise RemoteProtocolError("an event without a code")
    code, data = body[0], body[1:]
    fields = event_fields(code)
    if not data and fixed_size(fields):
        return EventReply(address, code, missing_data=True)
    try:
        return EventReply(address, code, decode_fields(fields, data))
    except RemoteProtocolError:
        # That it happened is certain, and a machine that is not understood would say nothing else for ever.
        return EventReply(address, code, unread=data)


def _decode_request(row: LongPoll, body: bytes) -> dict[str, Any]:
    try:
        if row.request_slack:
            return _decode_loosely(row.request, body, row.request_slack)
        return decode_body(row.request, body, has_length=row.request_counted)
    except RemoteProtocolError as error:
        raise RemoteProtocolError(f"{row.name}: {error.what}") from error


def _decode_data(row: LongPoll, body: bytes) -> dict[str, Any]:
    try:
        # Later versions append to what says its own length. Where the layout alone says it, a longer answer
        # is another one, and its amounts would be read at the wrong place.
        extra = LARGEST_BODY_BYTES if row.reply_counted else row.reply_slack
        return decode_body(row.reply, body, has_length=row.reply_counted, extra=extra)
    except RemoteProtocolError as error:
        raise RemoteProtocolError(f"{row.name}: {error.what}") from error


def _decode_loosely(fields: tuple[Field, ...], body: bytes, slack: int) -> dict[str, Any]:
    """A body of a fixed size, and what some hosts put behind it."""
    size = fixed_size(fields) or 0
    extra = body[size:]
    if not extra or len(extra) > slack:
        return decode_fields(fields, body)
    return decode_fields(fields, body[:size]) | {"extra": extra}


def _check_base(values: Mapping[str, Any], poll: Poll, last: int) -> None:
    """An answer about another denomination or base command is a late one; an ACK is the machine's address."""
    asked = poll.values if isinstance(poll, LongPollRequest) else {}
    command, denomination = values["base_command"], values["denomination"]
    if command not in (FAILED, asked.get("base_command", command)):
        raise RemoteProtocolError(f"an answer to base poll {command:02X}, which was not asked")
    if asked.get("denomination") not in (None, 0, denomination):
        raise RemoteProtocolError("an answer about another denomination than was asked about")
    if "acknowledged" in values.get("base", {}) and last & LAST_ADDRESS != poll.address:
        raise RemoteProtocolError("the base poll is answered by another than the machine")


def _check_meters(command: int, values: Mapping[str, Any], poll: Poll) -> None:
    """Meters that do not say how long they are were read at the wrong place where one comes unasked."""
    asked = poll.values if isinstance(poll, LongPollRequest) else {}
    if command == MULTI_DENOMINATION:
        command, values, asked = values["base_command"], values.get("base", {}), asked.get("base", {})
    codes = asked.get("meter_codes")
    if command != SELECTED_METERS or not codes:
        return
    for meter in values.get("meters", ()):
        if meter.code not in codes:
            raise RemoteProtocolError(f"meter {meter.code:02X}, which was not asked")


def _row(command: int) -> LongPoll:
    row = LONG_POLLS.get(command)
    if row is None:
        raise LocalProtocolError(f"long poll {command:02X} has no row in the table")
    return row


def _check(frame: bytes) -> None:
    if not crc_is_good(frame):
        raise RemoteProtocolError(f"the CRC of {len(frame)} bytes is wrong")
