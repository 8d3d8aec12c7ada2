"""Host events: what a HostConnection tells its caller, one small value each.

An `ExceptionReported` is the machine's to forget once the caller lets the next bytes go: it is made
durable first. The others are facts about a poll or about the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_agent.sas.messages import LongPollRequest, Poll


@dataclass(frozen=True, slots=True)
class ExceptionReported:
    """The machine had something to say."""

    address: int
    code: int
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    real_time: bool = False  # it came as an event frame, with its data
    possibly_repeated: bool = False  # it may have been reported before, and nothing in it tells
    missing_data: bool = False  # the frame ended where its data should begin
    unread: bytes = b""  # its data, where they are not laid out as the table says


@dataclass(frozen=True, slots=True)
class Answered:
    """A poll was answered with data; a general poll with nothing to report."""

    poll: Poll
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    possibly_repeated: bool = False  # an earlier run asked the same, and may have heard the answer


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A command was accepted."""

    poll: Poll


@dataclass(frozen=True, slots=True)
class SignatureHeard:
    """The signature of the machine's programs, which long poll 21 had asked for, came in place of an answer.

    What was asked instead is not done.
    """

    signature: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A poll was refused: a command by NACK, a general poll by what this machine says for "not now"."""

    poll: Poll


@dataclass(frozen=True, slots=True)
class MachineBusy:
    """The machine heard the poll and cannot serve it now. Ask again later."""

    poll: Poll


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A long poll was given up. A machine that does not know a command is silent to it."""

    poll: LongPollRequest


@dataclass(frozen=True, slots=True)
class ChirpHeard:
    """The machine says its address because it hears no host."""

    address: int


@dataclass(frozen=True, slots=True)
class MachineFound:
    """The machine answers, for the first time or again."""


@dataclass(frozen=True, slots=True)
class MachineLost:
    """The machine does not answer: it is silent, or what is heard is no answer of its."""

    silent_for: float  # seconds without a good answer
    heard: str = ""  # what was heard instead, in words; "" for silence


@dataclass(frozen=True, slots=True)
class GarbageHeard:
    """Characters that answer nothing."""

    data: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class RepeatRecognised:
    """The machine repeated an event that was reported before, as its data prove."""

    code: int


HostEvent = (
    ExceptionReported
    | Answered
    | Acknowledged
    | SignatureHeard
    | Refused
    | MachineBusy
    | Unanswered
    | ChirpHeard
    | MachineFound
    | MachineLost
    | GarbageHeard
    | RepeatRecognised
)
