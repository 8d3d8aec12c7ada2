"""MachineConnection: the gaming machine's end of a SAS line, one port, as strict as the text.

A machine keeps what it has just said until the host's next poll tells what became of it:

    the same poll again              NACK: it is said again, three times in all; then the poll state is
                                     reset, and what was said stays queued
    a different poll to the machine  implied acknowledgement: the exception is removed
    any poll to another address, 80 included, or a broadcast: likewise

"Same" is a general poll after a general poll, or the same command; behind a preamble, also the same length,
denomination and base command. After power-up, after 5 s without
an address byte, or after 30 s without an acknowledgement, the link is down: polls to the machine are
ignored, and acknowledge nothing, until one to another address has synchronised it. A machine that hears
no address byte chirps. With real-time events on, an event answers any poll to the machine.

What the machine is and knows is not here: `MachineAnswers` answers long polls, and whoever plays the
machine raises its exceptions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from edge_agent.sas.code_tables import ENABLES
from edge_agent.sas.exception_codes import EXCEPTIONS, NO_ACTIVITY, Reported
from edge_agent.sas.exception_queue import (
    CAPACITY,
    Delivered,
    DroppedByOverflow,
    ExceptionQueue,
    History,
    Pending,
    Raised,
)
from edge_agent.sas.framing import BadPoll, PollReader
from edge_agent.sas.long_polls import LONG_POLLS, PollType
from edge_agent.sas.messages import (
    GENERAL_POLL,
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
    encode_reply,
    poll_key,
)
from edge_agent.sas.poll_reader import GAP_SECONDS
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder, marked, stuff
from edge_agent.sas.wording import worded

__all__ = [
    "Delivered",
    "DroppedByOverflow",
    "Elementary",
    "History",
    "MachineAnswers",
    "MachineConnection",
    "Raised",
]

# SAS 1.3 and 1.6.
LINK_DOWN_SECONDS = 5.0
UNACKNOWLEDGED_SECONDS = 30.0
CHIRP_SECONDS = 0.2
# SAS 1.4: original, repeat, repeat.
SENDS_IN_ALL = 3

REAL_TIME_COMMAND = 0x0E

_NEVER = float("-inf")


class Elementary(Enum):
    """Answers without data."""

    ACK = "ack"
    NACK = "nack"
    BUSY = "busy"


class MachineAnswers(Protocol):
    """Who answers the long polls of a connection."""

    def answer(self, poll: LongPollRequest, now: float) -> Mapping[str, Any] | Elementary | None:
        """The values of the reply's fields, an elementary answer, or None for silence."""


@dataclass(slots=True)
class _Said:
    """What was said last, kept until the host's next poll."""

    key: int
    frame: bytes
    about: Pending | LongPollRequest | DataReply | None = None  # None: nothing is lost with it
    sends: int = 0


class MachineConnection:
    """The machine's end of one port.

    Args:
        address: the machine's, 1..127.
        answers: who answers long polls. 0E is the connection's own.
        capacity: how many ordinary exceptions are kept.
        answer_delay: seconds between a poll and its answer.
        gap: silence that ends a partial poll: 5 ms in the text, 50 ms is kinder to adapters and ptys.
        idle_frames: answer general polls under real-time events with an event frame, as some machines do.
        idle_code: what a machine says that has nothing to tell: 00, or 1F while it waits for its player.
        secure_validation: enhanced or system validation is configured.
        secure_handpays: handpays are reported the secure way.
        on_acknowledged: told of each long poll whose answer the host has acknowledged.
    """

    def __init__(
        self,
        address: int,
        answers: MachineAnswers,
        *,
        capacity: int = CAPACITY,
        answer_delay: float = 0.0,
        gap: float = GAP_SECONDS,
        idle_frames: bool = False,
        idle_code: int = NO_ACTIVITY,
        secure_validation: bool = False,
        secure_handpays: bool = False,
        on_acknowledged: Callable[[LongPollRequest, float], None] | None = None,
    ) -> None:
        self.address = address
        self.link_up = False
        self.real_time = False
        self.powered = True
        self.gap = gap
        self._answers = answers
        self._answer_delay = answer_delay
        self._idle_frames = idle_frames
        self._idle_code = idle_code
        self._on_acknowledged = on_acknowledged
        self._exceptions = ExceptionQueue(
            capacity, secure_validation=secure_validation, secure_handpays=secure_handpays
        )
        self._decoder = WakeupDecoder()
        self._reader = PollReader(gap)
        self._volunteered: DataReply | None = None
        self._said: _Said | None = None
        self._to_say: _Said | None = None
        self._say_at = _NEVER
        self._unacknowledged_since: float | None = None
        self._address_heard_at = _NEVER
        self._chirp_at = _NEVER

    def __repr__(self) -> str:
        link = "up" if self.link_up else "down"
        mode = "real-time" if self.real_time else "one-byte"
        return f"<MachineConnection {self.address:02} {link} {mode} pending {len(self._exceptions)}>"

    @property
    def queue(self) -> tuple[int, ...]:
        """The codes that are pending, flags first."""
        return tuple(pending.code for pending in self._exceptions)

    def history(self) -> list[History]:
        """What was raised, dropped and delivered since last asked."""
        return self._exceptions.history()

    def raise_exception(self, code: int, now: float, values: Mapping[str, Any] | None = None) -> int | None:
        """Put an exception before the host; its serial, or None where this mode does not report the code."""
        row = EXCEPTIONS.get(code)
        if row is not None and row.reported is Reported.REAL_TIME_ONLY and not self.real_time:
            return None
        return self._exceptions.raise_exception(code, now, values or {}, told=self._being_told())

    def settle(self, code: int) -> None:
        """What a priority exception was about is over."""
        self._exceptions.settle(code)

    def volunteer(self, command: int, values: Mapping[str, Any]) -> None:
        """Say the answer to an earlier long poll, in place of an event: it takes as long as it takes."""
        self._volunteered = DataReply(self.address, command, values)

    def pending(self) -> list[tuple[int, Mapping[str, Any]]]:
        """The exceptions that are pending with their data, flags first: what has to outlive the power."""
        return [(pending.code, pending.values) for pending in self._exceptions]

    def power_off(self, now: float) -> None:
        """The port goes dead. What is queued survives; the mode does not."""
        self._drop_link()
        self._volunteered = None
        self.powered = self.real_time = False
        self._address_heard_at = min(self._address_heard_at, now)
        self._decoder = WakeupDecoder()
        self._reader.handle_gap()

    def power_on(self, now: float) -> None:
        """The port comes back, and chirps until it hears a host."""
        self.powered = True
        self._address_heard_at = _NEVER
        self._chirp_at = now + CHIRP_SECONDS

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take what arrived from the host."""
        if not self.powered:
            return
        self._watch_link(now)
        characters = self._decoder.feed(stream)
        if any(character & WAKEUP for character in characters):
            self._address_heard_at = now
            self._to_say = None  # a machine stops transmitting at once
        for poll in self._reader.feed(characters, now):
            self._to_say = None  # of several that it finds at once, the last is answered
            self._take(poll, now)

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        self._watch_link(now)
        deadline = self._reader.deadline
        if deadline is not None and now >= deadline:
            for poll in self._reader.handle_gap():
                self._take(poll, now)

    def next_timer(self) -> float | None:
        """When `handle_timer` and `data_to_send` want to be called next, or None."""
        if not self.powered:
            return None
        timers = [max(self._chirp_at, self._address_heard_at + LINK_DOWN_SECONDS)]
        if self._to_say is not None:
            timers.append(self._say_at)
        if self._reader.deadline is not None:
            timers.append(self._reader.deadline)
        if self._unacknowledged_since is not None:
            timers.append(self._unacknowledged_since + UNACKNOWLEDGED_SECONDS)
        return min(timers)

    def data_to_send(self, now: float) -> bytes:
        """What the machine says now."""
        if not self.powered:
            return b""
        if self._to_say is not None and now >= self._say_at:
            return self._utter(self._to_say, now)
        if now >= self._address_heard_at + LINK_DOWN_SECONDS and now >= self._chirp_at:
            self._chirp_at = now + CHIRP_SECONDS
            return marked(self.address)
        return b""

    def _watch_link(self, now: float) -> None:
        since = self._unacknowledged_since
        if now >= self._address_heard_at + LINK_DOWN_SECONDS or (
            since is not None and now >= since + UNACKNOWLEDGED_SECONDS
        ):
            self._drop_link()

    def _drop_link(self) -> None:
        """The link is down: nothing said before is acknowledged by anything said later."""
        self.link_up = False
        self._said = self._to_say = self._unacknowledged_since = None

    def _take(self, poll: Poll | UnknownPoll | BadPoll, now: float) -> None:
        match poll:
            case BadPoll(address=address):
                # Only polls that carry a CRC can be bad, and those may be refused.
                if address == self.address and self.link_up:
                    self._prepare(_Said(GENERAL_POLL, self._refuses(poll)), now)
            case GeneralPoll(address=address) if address == self.address:
                self._take_own(poll, now)
            case LongPollRequest(address=address) if address == self.address:
                self._take_own(poll, now)
            case UnknownPoll(address=address) if address == self.address:
                self._acknowledge(now)
            case _:
                self._acknowledge(now)
                self.link_up = True
                if isinstance(poll, LongPollRequest) and poll.address == 0 and _is_global(poll.command):
                    self._answers.answer(poll, now)

    def _take_own(self, poll: Poll, now: float) -> None:
        if not self.link_up:
            return
        instead = self._says_instead(poll, now)
        if instead is not None:
            if instead:
                self._prepare(_Said(GENERAL_POLL, instead), now)
            return
        said, key = self._said, poll_key(poll)
        if said is None:
            self._answer(poll, key, now)
        elif said.key != key:
            self._acknowledge(now)
            self._answer(poll, key, now)
        elif said.sends < SENDS_IN_ALL:
            self._prepare(said, now)
        else:
            self._said = None

    def _says_instead(self, poll: Poll, now: float) -> bytes | None:  # noqa: ARG002  for who strays
        """What is said without taking the poll in, b"" for nothing; None: the text is followed, as here."""
        return None

    def _refuses(self, poll: BadPoll) -> bytes:
        """How a poll is refused that makes no sense; machines that stray have other ways."""
        return encode_reply(Nack(poll.address))

    def _being_told(self) -> Pending | None:
        """The exception that the host was told, or is about to be."""
        for said in (self._to_say, self._said):
            if said is not None and isinstance(said.about, Pending):
                return said.about
        return None

    def _acknowledge(self, now: float) -> None:
        """The host has heard what was said last."""
        said, self._said = self._said, None
        self._unacknowledged_since = None
        match said.about if said is not None else None:
            case Pending() as pending:
                self._exceptions.delivered(pending, now)
            case DataReply():
                self._volunteered = None
            case LongPollRequest() as poll:
                self._exceptions.polled(poll, acknowledged=True)
                if self._on_acknowledged is not None:
                    self._on_acknowledged(poll, now)
            case _:
                pass  # nothing was said that could be lost

    def _answer(self, poll: Poll, key: int, now: float) -> None:
        pending = self._exceptions.head(now)
        reports = self.real_time or isinstance(poll, GeneralPoll)
        if self._volunteered is not None and reports:
            self._prepare(_Said(key, encode_reply(self._volunteered), self._volunteered), now)
        elif pending is not None and reports:
            report = worded(self.address, pending.code, pending.values, real_time=self.real_time)
            self._prepare(_Said(key, encode_reply(report), pending), now)
        elif isinstance(poll, LongPollRequest):
            self._answer_long_poll(poll, key, now)
        elif not self.real_time:
            self._prepare(_Said(key, encode_reply(ExceptionReply(self.address, self._idle_code))), now)
        elif self._idle_frames:
            self._prepare(_Said(key, encode_reply(EventReply(self.address, self._idle_code))), now)

    def _answer_long_poll(self, poll: LongPollRequest, key: int, now: float) -> None:
        self._exceptions.polled(poll, acknowledged=False)
        if poll.command == REAL_TIME_COMMAND:
            known = poll.values["enable"] in ENABLES
            self.real_time = bool(poll.values["enable"]) if known else self.real_time
            answer: Mapping[str, Any] | Elementary | None = Elementary.ACK if known else Elementary.NACK
        else:
            answer = self._answers.answer(poll, now)
        if answer is None:
            return
        reply = self._reply(poll, answer)
        about = None if isinstance(reply, Busy | Nack) else poll
        self._prepare(_Said(key, encode_reply(reply), about), now)

    def _reply(self, poll: LongPollRequest, answer: Mapping[str, Any] | Elementary) -> Reply:
        match answer:
            case Elementary.ACK:
                return Ack(self.address)
            case Elementary.NACK:
                return Nack(self.address)
            case Elementary.BUSY:
                return Busy(self.address)
            case _:
                return DataReply(self.address, poll.command, answer)

    def _prepare(self, said: _Said, now: float) -> None:
        self._to_say, self._say_at = said, now + self._answer_delay

    def _utter(self, said: _Said, now: float) -> bytes:
        self._to_say = None
        said.sends += 1
        if said.about is not None:
            self._said = said
            if self._unacknowledged_since is None:
                self._unacknowledged_since = now
        return stuff(said.frame)


def _is_global(command: int) -> bool:
    row = LONG_POLLS.get(command)
    return row is not None and row.type is PollType.G
