"""Trace: what travelled, frame by frame and explained, each answer with the poll it answers.

Reads and writes are cut otherwise than messages are: a read may hold two answers, or half of one. The same
readers find the frames here that the agent's own ends use; what they can make nothing of is shown as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge_agent.cabinet.explain import explain_host, explain_machine, poll_of
from edge_agent.cabinet.explanation import UNKNOWN, Explanation, Piece, Side
from edge_agent.cabinet.listening import messages_of
from edge_agent.errors import ProtocolError
from edge_agent.links.capture import TO_DEVICE, Travelled
from edge_agent.sas import (
    LONG_POLLS,
    Ack,
    Chirp,
    EventReply,
    Garbage,
    GeneralPoll,
    LongPollRequest,
    Poll,
    Reply,
    ReplyReader,
    WakeupDecoder,
    encode_reply,
)
from edge_agent.sas.host_bounds import GAP_SECONDS
from edge_agent.sas.meaning import IDLE_CODES, REAL_TIME_COMMAND
from edge_agent.sas.messages import SHORT_REPLY_BYTES
from edge_agent.sas.wakeup import MARK


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame on its way."""

    at: float  # seconds since the trace began
    explanation: Explanation
    marked: bool = False  # its first character bore the wakeup bit
    poll: Poll | None = None  # what it answers, or is

    @property
    def to_machine(self) -> bool:
        """Whether the host said it."""
        return self.explanation.side == "host"

    @property
    def command(self) -> int | None:
        """The long poll it is, or answers."""
        return self.poll.command if isinstance(self.poll, LongPollRequest) else _value(self, "command")

    @property
    def exception(self) -> int | None:
        """The exception it tells."""
        return _value(self, "exception")

    @property
    def is_idle(self) -> bool:
        """Whether it says that nothing has happened."""
        return not self.to_machine and self.exception in IDLE_CODES


@dataclass(frozen=True, slots=True)
class Withheld:
    """A read or write of which somebody else kept the size alone."""

    at: float
    direction: str
    size: int  # bytes


class Trace:
    """Turns what travelled into frames. Half a frame waits for the rest, or for a pause."""

    def __init__(self) -> None:
        self._characters = WakeupDecoder()
        self._reader: ReplyReader | None = None  # of who was asked last; None where the poll made no sense
        self._address = 0
        self._poll: Poll | None = None
        self._real_time = False
        self._unread = bytearray()  # what came without a poll that could be understood
        self._heard = bytearray()  # since the last poll; what was made of it is taken out again
        self._heard_at = 0.0

    def take(self, entry: Travelled | Withheld) -> Iterator[Seen]:
        """The frames that are complete with this read or write."""
        yield from self.pass_time(entry.at)
        if isinstance(entry, Withheld):
            yield from self._finish(entry.at)
            yield Seen(entry.at, _withheld(entry), poll=self._poll)
            return
        if entry.direction == TO_DEVICE:
            yield from self._finish(entry.at)
            marked = entry.data.startswith(MARK)
            for message in messages_of(entry.data):
                yield self._host(message, entry.at, marked=marked)
            return
        characters = self._characters.feed(entry.data)
        self._heard_at = entry.at
        if self._reader is None:
            self._unread += bytes(character & 0xFF for character in characters)
        else:
            self._heard += bytes(character & 0xFF for character in characters)
            for heard in self._reader.feed(characters):
                yield self._machine(heard, entry.at)

    def pass_time(self, now: float) -> Iterator[Seen]:
        """Act on a pause."""
        if now - self._heard_at >= GAP_SECONDS:
            yield from self._finish(self._heard_at)

    def _finish(self, at: float) -> Iterator[Seen]:
        if self._unread:
            data = bytes(self._unread)
            self._unread.clear()
            yield Seen(at, explain_machine(data))
        if self._reader is not None and self._reader.pending:
            for heard in self._reader.finish():
                yield self._machine(heard, at)
        if self._heard:
            yield Seen(at, _strays(bytes(self._heard)), poll=self._poll)
            self._heard.clear()

    def _host(self, message: bytes, at: float, *, marked: bool) -> Seen:
        poll = poll_of(message)
        if poll is None or poll.address != 0:
            self._expect(poll)
        return Seen(at, explain_host(message), marked, poll)

    def _expect(self, poll: Poll | None) -> None:
        self._poll = poll
        known = isinstance(poll, GeneralPoll) or (poll is not None and poll.command in LONG_POLLS)
        if poll is None or not known:
            self._reader = None
            return
        if self._reader is None or poll.address != self._address:
            self._reader, self._address = ReplyReader(poll.address), poll.address
        self._reader.expect(poll, self._real_time)

    def _machine(self, heard: Reply | Chirp | Garbage, at: float) -> Seen:
        seen = self._explained(heard, at)
        start = self._heard.find(seen.explanation.data)
        if start >= 0:
            del self._heard[start : start + len(seen.explanation.data)]
        return seen

    def _explained(self, heard: Reply | Chirp | Garbage, at: float) -> Seen:
        if isinstance(heard, Chirp):
            return Seen(at, _chirp(heard.address), marked=True)
        if isinstance(heard, Garbage):
            return Seen(at, _garbage(heard, self._poll), poll=self._poll)
        self._learn(heard)
        try:
            frame = encode_reply(heard)
        except ProtocolError as error:  # read by the tables, and not to be written by them
            return Seen(at, _garbage(Garbage(b"", error.what), self._poll), poll=self._poll)
        return Seen(at, explain_machine(frame, self._poll), poll=self._poll)

    def _learn(self, reply: Reply) -> None:
        """How the machine reports decides what one byte may be."""
        match self._poll:
            case LongPollRequest(command=command, values={"enable": enable}) if isinstance(reply, Ack):
                if command == REAL_TIME_COMMAND:
                    self._real_time = bool(enable)
            case _:
                self._real_time = self._real_time or isinstance(reply, EventReply)


def _value(seen: Seen, name: str) -> int | None:
    for piece in seen.explanation.pieces:
        if piece.name == name and isinstance(piece.value, int):
            return piece.value
    return None


def _withheld(entry: Withheld) -> Explanation:
    side: Side = "host" if entry.direction == TO_DEVICE else "machine"
    title = f"{entry.size} bytes withheld: they may hold a ticket's number or a card"
    return Explanation(side, "withheld", title, b"")


def _chirp(address: int) -> Explanation:
    title = f"machine {address:02}: chirps, it hears no host"
    data = bytes((address,))
    return Explanation("machine", "chirp", title, data, address, (Piece(0, data, "address", address),))


def _strays(data: bytes) -> Explanation:
    """What the readers pass over without a word."""
    piece = Piece(0, data, "strays", data)
    return Explanation(
        "machine", "strays", "chirps, idle bytes, or an echo of the poll", data, None, (piece,)
    )


def _garbage(garbage: Garbage, poll: Poll | None) -> Explanation:
    """Characters that answer nothing; where they look like a frame, what it might have been."""
    data = garbage.data
    if len(data) > SHORT_REPLY_BYTES and poll is not None and data[0] == poll.address:
        found = explain_machine(data)
        return replace(found, doubts=(*found.doubts, garbage.reason))
    piece = Piece(0, data, UNKNOWN, data, known=False)
    return Explanation(
        "machine", UNKNOWN, "bytes that make no sense", data, None, (piece,), None, (garbage.reason,)
    )
