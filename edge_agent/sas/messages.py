"""Messages: what one frame means, for both ends of the line.

Frames here are plain bytes, complete and alone: no wakeup bits, no stray characters, no timing. Those
belong to `wakeup` and `framing`. A frame that breaks a rule raises RemoteProtocolError; a message we
cannot write raises LocalProtocolError.

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
from edge_agent.sas.crc import CRC_BYTES, append_crc, crc_is_good
from edge_agent.sas.exception_codes import EVENT_MARK, event_fields
from edge_agent.sas.fields import decode_fields, encode_fields, fixed_size
from edge_agent.sas.long_polls import LONG_POLLS, LongPoll, PollType
from edge_agent.sas.poll_lengths import READ_POLL_BYTES, host_poll_length

GENERAL_POLL_BIT = 0x80
LAST_ADDRESS = 0x7F
BUSY = 0x00
# The longest answer without a CRC: busy.
SHORT_REPLY_BYTES = 2
ROM_SIGNATURE = 0x21

LARGEST_BODY_BYTES = 0xFF


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


@dataclass(frozen=True, slots=True)
class DataReply:
    """A long poll was answered with data."""

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
    return append_crc(head + _body(encode_fields(row.request, poll.values), counted=row.request_counted))


def decode_poll(frame: bytes) -> Poll | UnknownPoll:
    """What a host says with `frame`."""
    if not frame:
        raise RemoteProtocolError("an empty frame is no poll")
    if frame[0] & GENERAL_POLL_BIT:
        return _decode_general_poll(frame)
    length = host_poll_length(frame)
    # One public host sends type R polls with a CRC, and its machines take them.
    checked_read = length == READ_POLL_BYTES and len(frame) == READ_POLL_BYTES + CRC_BYTES
    if length != len(frame) and not checked_read:
        raise RemoteProtocolError(f"a poll of {len(frame)} bytes where {length} are due: {frame.hex(' ')}")
    if len(frame) > READ_POLL_BYTES:
        _check(frame)
    address, command = frame[0], frame[1]
    row = LONG_POLLS.get(command)
    body = frame[2:-CRC_BYTES] if len(frame) > READ_POLL_BYTES else b""
    if row is None:
        return UnknownPoll(address, command, body)
    if row.request_counted:
        body = body[1:]  # framing has already used the length byte
    return LongPollRequest(address, command, decode_fields(row.request, body))


def encode_reply(reply: Reply) -> bytes:
    """The bytes of a reply."""
    match reply:
        case ExceptionReply(code=code):
            return bytes((code,))
        case EventReply(address, code, values, missing_data):
            data = b"" if missing_data else encode_fields(event_fields(code), values)
            return append_crc(bytes((address, EVENT_MARK, code)) + data)
        case DataReply(address, command, values):
            layout = _row(command)
            body = encode_fields(layout.reply, values) + values.get("extra", b"")[: layout.reply_slack]
            return append_crc(bytes((address, command)) + _body(body, counted=layout.reply_counted))
        case Ack(address):
            return bytes((address,))
        case Nack(address):
            return bytes((GENERAL_POLL_BIT | address,))
    return bytes((reply.address, BUSY))


def decode_reply(frame: bytes, poll: Poll) -> Reply:
    """What a machine says with `frame` in answer to `poll`."""
    if len(frame) <= SHORT_REPLY_BYTES:
        return _decode_short(frame, poll)
    if frame[0] != poll.address:
        raise RemoteProtocolError(f"an answer from address {frame[0]}, not {poll.address}")
    _check(frame)
    command, body = frame[1], frame[2:-CRC_BYTES]
    if command == EVENT_MARK:
        return _decode_event(poll.address, body)
    # A signature that was asked for earlier may answer any later poll.
    if command == ROM_SIGNATURE or (isinstance(poll, LongPollRequest) and command == poll.command):
        return DataReply(poll.address, command, _decode_data(_row(command), body))
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
    raise RemoteProtocolError(f"{frame.hex(' ') or 'nothing'} does not answer this poll")


def _decode_general_poll(frame: bytes) -> GeneralPoll:
    if len(frame) != 1:
        raise RemoteProtocolError(f"a general poll is one byte, not {frame.hex(' ')}")
    return GeneralPoll(frame[0] & LAST_ADDRESS)


def _decode_event(address: int, body: bytes) -> EventReply:
    if not body:
        raise RemoteProtocolError("an event without a code")
    code, data = body[0], body[1:]
    fields = event_fields(code)
    if not data and fixed_size(fields):
        return EventReply(address, code, missing_data=True)
    return EventReply(address, code, decode_fields(fields, data))


def _decode_data(row: LongPoll, body: bytes) -> dict[str, Any]:
    if row.reply_counted:
        if not body or body[0] != len(body) - 1:
            raise RemoteProtocolError(f"the length byte of long poll {row.command:02X} does not fit")
        return decode_fields(row.reply, body[1:])
    size = fixed_size(row.reply) or 0
    extra = body[size:]
    if not extra or len(extra) > row.reply_slack:
        return decode_fields(row.reply, body)
    return decode_fields(row.reply, body[:size]) | {"extra": extra}


def _row(command: int) -> LongPoll:
    row = LONG_POLLS.get(command)
    if row is None:
        raise LocalProtocolError(f"long poll {command:02X} has no row in the table")
    return row


def _body(body: bytes, *, counted: bool) -> bytes:
    """The body with its length byte, where it has one."""
    if not counted:
        return body
    if len(body) > LARGEST_BODY_BYTES:
        raise LocalProtocolError(f"a body of {len(body)} bytes does not fit its length byte")
    return bytes((len(body),)) + body


def _check(frame: bytes) -> None:
    if not crc_is_good(frame):
        raise RemoteProtocolError(f"the CRC of {frame.hex(' ')} is wrong")
