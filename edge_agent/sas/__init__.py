"""SAS 6.02 and 6.03, both ends of the line, as pure state: bytes and time are arguments."""

from __future__ import annotations

from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.exception_codes import EXCEPTIONS, ExceptionCode, exception_name
from edge_agent.sas.framing import BadPoll, Chirp, Garbage, PollReader, ReplyReader, WakeupRestorer
from edge_agent.sas.long_polls import CONFIDENTIAL_FIELDS, LONG_POLLS, LongPoll, PollType, poll_name
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
    UnknownPoll,
    decode_poll,
    decode_reply,
    encode_poll,
    encode_reply,
    poll_key,
)
from edge_agent.sas.meter_codes import METERS, MeterCode, meter_name
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder, encode_host_message, marked, stuff

__all__ = [
    "CONFIDENTIAL_FIELDS",
    "EXCEPTIONS",
    "LONG_POLLS",
    "METERS",
    "WAKEUP",
    "Ack",
    "BadPoll",
    "Busy",
    "Chirp",
    "DataReply",
    "Effect",
    "EventReply",
    "ExceptionCode",
    "ExceptionReply",
    "Garbage",
    "GeneralPoll",
    "LongPoll",
    "LongPollRequest",
    "MeterCode",
    "MeterValue",
    "Nack",
    "Poll",
    "PollReader",
    "PollType",
    "Reply",
    "ReplyReader",
    "UnknownPoll",
    "WakeupDecoder",
    "WakeupRestorer",
    "decode_poll",
    "decode_reply",
    "effect_of",
    "encode_host_message",
    "encode_poll",
    "encode_reply",
    "exception_name",
    "marked",
    "meter_name",
    "poll_key",
    "poll_name",
    "stuff",
]
