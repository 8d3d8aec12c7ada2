"""Meaning: what an answer says about the poll it answers, and about how the machine reports.

An answer of a byte or two carries no CRC, and may be what is left of an event that was cut to pieces. An
event with a code that no table lists, or with data that no table lays out so, may be one mangled frame in
65,536 that passes the CRC, or any byte of noise. None is believed until the same poll has been answered the
same again.
"""

from __future__ import annotations

from enum import Enum

from edge_agent.sas.exception_codes import EXCEPTIONS, NO_ACTIVITY, WAITING_FOR_PLAYER
from edge_agent.sas.host_bounds import NACKS_BELIEVED
from edge_agent.sas.host_events import (
    Acknowledged,
    Answered,
    HostEvent,
    MachineBusy,
    Refused,
    SignatureHeard,
)
from edge_agent.sas.messages import (
    ROM_SIGNATURE,
    Ack,
    DataReply,
    EventReply,
    ExceptionReply,
    GeneralPoll,
    LongPollRequest,
    Nack,
    Poll,
    Reply,
)
from edge_agent.sas.outstanding import Outstanding

REAL_TIME_COMMAND = 0x0E
# What a machine answers when nothing has happened.
IDLE_CODES = frozenset((NO_ACTIVITY, WAITING_FOR_PLAYER))


class Mode(Enum):
    """How a machine reports exceptions."""

    UNKNOWN = "unknown"
    ONE_BYTE = "one byte"
    REAL_TIME = "real time"


def is_event(reply: Reply) -> bool:
    """Whether it reports something that happened."""
    return isinstance(reply, (EventReply, ExceptionReply)) and reply.code not in IDLE_CODES


def is_doubtful(reply: Reply, asked: Outstanding, mode: Mode) -> bool:
    """Whether it has to be heard a second time before it is believed."""
    match reply:
        case EventReply(code=code) | ExceptionReply(code=code) if code not in EXCEPTIONS:
            forged = True
        case EventReply(unread=unread):
            forged = bool(unread)
        case DataReply():
            forged = False
        case Nack() if asked.garbled and mode is not Mode.ONE_BYTE:
            return asked.nacks + 1 < NACKS_BELIEVED
        case _:
            forged = mode is not Mode.ONE_BYTE
    return forged and asked.heard_once != reply


def may_be_chirp(reply: Reply) -> bool:
    """Whether it is the bare address of the machine, which is also what it chirps."""
    return isinstance(reply, Ack) or (isinstance(reply, ExceptionReply) and reply.code == reply.address)


def mode_after(reply: Reply, poll: Poll, mode: Mode) -> Mode:
    """How the machine reports, as its answer shows."""
    match reply:
        case EventReply():
            return Mode.REAL_TIME
        case ExceptionReply():
            return Mode.ONE_BYTE
        case Ack() if isinstance(poll, LongPollRequest) and poll.command == REAL_TIME_COMMAND:
            return Mode.REAL_TIME if poll.values["enable"] else Mode.ONE_BYTE
        case _:
            return mode


def nothing_pending(reply: Reply, mode: Mode) -> bool:
    """Whether the machine would have answered otherwise, had it anything to report."""
    return isinstance(reply, ExceptionReply) or (isinstance(reply, DataReply) and mode is Mode.REAL_TIME)


def told(reply: Reply, asked: Outstanding) -> HostEvent:
    """What an answer that is no event means for the poll that was asked."""
    poll = asked.poll
    match reply:
        case DataReply(values=values) if isinstance(poll, LongPollRequest) and reply.command == poll.command:
            return Answered(poll, values, possibly_repeated=asked.restarted)
        case DataReply(command=command, values=values) if command == ROM_SIGNATURE:
            return SignatureHeard(values["signature"])
        case ExceptionReply(code=code) | EventReply(code=code) if isinstance(poll, GeneralPoll):
            return Answered(poll, {"exception": code}, possibly_repeated=asked.restarted)
        case Ack():
            return Acknowledged(poll)
        case Nack():
            return Refused(poll)
        case _:
            return MachineBusy(poll)  # it is busy, or says nothing to the point: not done
