"""Framing, host side: which of the characters that come back are the answer.

A poll is expected first; what arrives afterwards is matched against everything that may answer it:

    complete at once     frames with a good CRC; a one-byte exception the table knows; a marked chirp
    complete by silence  ACK, NACK, busy; a chirp without its mark; an exception that could be anything else;
                         nothing to report, which is what a stray zero before an exception looks like;
                         an event with a good CRC that is longer or shorter than the tables have it;
                         any exception on a shared line, where a neighbour may talk out of turn
    never                the rest: Garbage, with the reason

Machines answer late, glued together, with chirps in front and 00 behind, and loops echo what we sent. So
the reader looks for the first position at which a whole frame checks out. What stood before it is Garbage,
unless it is only addresses and idle bytes. What is decided depends on the characters and on `finish`,
never on how they were cut into chunks, and no more is kept than one frame and one run of rubbish.

Some answers repeat their poll byte for byte: the ID that was set, the status of no ticket. Such bytes are an
echo only on a line that echoes, and only once: whether it does is what the last answer showed.

Measuring the silence is the caller's: `finish` says that the gap was long enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.crc import CRC_BYTES, crc_is_good
from edge_agent.sas.exception_codes import EVENT_MARK, EXCEPTIONS, event_fields
from edge_agent.sas.fields import fixed_size
from edge_agent.sas.long_polls import LONG_POLLS, LongPoll
from edge_agent.sas.messages import (
    GENERAL_POLL_BIT,
    SHORT_REPLY_BYTES,
    ExceptionReply,
    GeneralPoll,
    LongPollRequest,
    Poll,
    Reply,
    decode_reply,
    encode_poll,
)
from edge_agent.sas.poll_lengths import LONGEST_MESSAGE_BYTES, READ_POLL_BYTES, UNCOUNTED_BYTES
from edge_agent.sas.polls.multi_denomination import MULTI_DENOMINATION
from edge_agent.sas.wakeup import WAKEUP

# Rubbish is reported in pieces of the longest message, so that it cannot pile up.
RUBBISH_LIMIT_BYTES = LONGEST_MESSAGE_BYTES

# Address, command or FF, and CRC; an event has its code besides.
FRAME_BYTES = 2 + CRC_BYTES
EVENT_BYTES = FRAME_BYTES + 1
# The longest event of the tables has fifteen bytes; an unlisted one may have twice that.
LONGEST_EVENT_BYTES = 32

_IDLE = 0x00  # stray zeros come from restarting UARTs
_SYNC_POLL = GENERAL_POLL_BIT
_STRAYS = bytes((_IDLE, _SYNC_POLL))


@dataclass(frozen=True, slots=True)
class Chirp:
    """A machine that hears no host said its address."""

    address: int


@dataclass(frozen=True, slots=True)
class Garbage:
    """Characters that answer nothing."""

    data: bytes
    reason: str
    stranger: bool = False  # a machine of another address said it; the reason names it
    late: bool = False  # a whole answer, to something else: that to what was asked may still come
    answer: bool = False  # it checks out and answers what was asked, but is not laid out so


@dataclass(frozen=True, slots=True)
class _Echo:
    """Our own characters, come back over a loop."""


def _sizes(row: LongPoll) -> tuple[int, ...]:
    size = FRAME_BYTES + (fixed_size(row.reply) or 0)
    return tuple(range(size, size + row.reply_slack + 1))


# By command: where an answer may end that is laid out the same each time.
_SIZES: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        row.command: _sizes(row)
        for row in LONG_POLLS.values()
        if row.reply and row.layout_known and not row.reply_counted
    }
)

Heard = Reply | Chirp | Garbage

# How many characters stand first, and what they are: None is rubbish. No step: more characters decide.
_Step = tuple[int, Heard | _Echo | None]


class ReplyReader:
    """Finds the answers of one machine among the characters of its line."""

    def __init__(self, address: int, *, shared: bool = False) -> None:
        self._address = address
        self._shared = shared  # what a neighbour says begins with a byte that may be an exception
        self._characters: list[int] = []  # undecided, wakeup bits kept
        self._low = bytearray()  # the same without wakeup bits
        self._rubbish = bytearray()  # decided: no part of an answer
        self._quiet = frozenset((address, _IDLE, _SYNC_POLL))  # strays not worth a word
        self._poll: Poll = GeneralPoll(0)
        self._sent = encode_poll(self._poll)
        self._answered = True
        self._repeated = False  # a general poll, which may be answered once for each time it was sent
        self._real_time = False
        self._echoes = False  # the line gives back what we send
        self._echoed = False  # it has, since the poll left
        self._mirrored = False  # the answer may be the bytes of the poll

    @property
    def pending(self) -> bool:
        """Whether characters wait for more, or for `finish`."""
        return bool(self._low or self._rubbish)

    def expect(
        self,
        poll: Poll,
        real_time: bool,  # noqa: FBT001  how it reports now
        *,
        again: bool = False,
        frame: bytes = b"",
    ) -> None:
        """`poll` goes out, for the first time or again; what is left of earlier characters is forgotten.

        `frame`: what it is in bytes, where that is known.
        """
        self._poll = poll
        self._sent = frame or encode_poll(poll)
        self._real_time = real_time
        self._answered = poll.address != self._address
        self._repeated = again and isinstance(poll, GeneralPoll)
        self._echoed = False
        self._mirrored = isinstance(poll, LongPollRequest) and LONG_POLLS[poll.command].mirrored
        self._forget()

    def feed(self, characters: Sequence[int]) -> list[Heard]:
        """What is complete with these characters."""
        heard: list[Heard] = []
        for start in range(0, len(characters), LONGEST_MESSAGE_BYTES):
            piece = characters[start : start + LONGEST_MESSAGE_BYTES]
            self._characters.extend(piece)
            self._low.extend([character & 0xFF for character in piece])
            heard.extend(self._scan(final=False))
        return heard

    def finish(self) -> list[Heard]:
        """The line has been silent: what is complete by that, and the rest as Garbage."""
        heard = self._scan(final=True)
        alone = self._alone() or self._event_of_another_length()
        if alone is None:
            return heard + self._leftover()
        self._answered = not self._repeated
        self._rubbish.clear()
        return [*heard, alone]

    def _forget(self) -> None:
        self._characters.clear()
        self._low.clear()
        self._rubbish.clear()

    def _scan(self, *, final: bool) -> list[Heard]:
        """Take steps for as long as what stands first can be told."""
        heard: list[Heard] = []
        while self._low and (step := self._step(final=final)):
            size, found = step
            if found is None:
                self._rubbish += self._low[:size]
                if len(self._rubbish) >= RUBBISH_LIMIT_BYTES:
                    heard += self._leftover()
            elif isinstance(found, _Echo):
                self._echoed = True
            else:
                if self._rubbish:
                    heard += self._before()
                heard.append(found)
            del self._characters[:size], self._low[:size]
        return heard

    def _step(self, *, final: bool) -> _Step | None:
        if self._characters[0] & WAKEUP:
            return self._marked(final=final)
        if isinstance(self._poll, GeneralPoll) and self._low[0] in (self._sent[0], _SYNC_POLL):
            return self._poll_byte(final=final)
        if self._may_be_echo():
            if len(self._low) >= len(self._sent):
                return len(self._sent), _Echo()
            if not final:
                return None
        if self._low[0] == self._address:
            return self._addressed(final=final)
        return self._exception(final=final)

    def _may_be_echo(self) -> bool:
        """Whether what stands first is our own poll, or the beginning of it, and would pass for a frame."""
        if len(self._sent) <= READ_POLL_BYTES or not self._sent.startswith(self._low[: len(self._sent)]):
            return False
        return not self._mirrored or (self._echoes and not self._echoed)

    def _marked(self, *, final: bool) -> _Step | None:
        """Only hosts begin with a wakeup bit, and chirps."""
        first = self._low[0]
        if self._sent.startswith(self._low[: len(self._sent)]):
            if len(self._low) >= len(self._sent):
                return len(self._sent), _Echo()
            if not final:
                return None
        if first & GENERAL_POLL_BIT or not first:
            return 1, _Echo()
        if first != self._address:
            # No proof of anything about our machine; it names the one that is connected instead.
            return 1, Garbage(bytes((first,)), self._stranger(first, "chirps"), stranger=True)
        return 1, Chirp(first)

    def _poll_byte(self, *, final: bool) -> _Step | None:
        """The byte of a general poll: an echo when an answer follows it, else an exception of that number."""
        if len(self._low) > 1:
            return 1, _Echo()
        return (1, None) if final else None

    def _addressed(self, *, final: bool) -> _Step | None:
        """A frame, or a stray address."""
        for size in self._frame_sizes(final=final):
            if len(self._low) >= size:
                frame = bytes(self._low[:size])
                if crc_is_good(frame):
                    return size, self._decoded(frame)
            elif not final:
                return None
        # A type R poll has no CRC: it is an echo only where the answer, or nothing, follows.
        if self._low.startswith(self._sent) and self._low[len(self._sent) :][:1] in (b"", self._low[:1]):
            return len(self._sent), _Echo()
        return 1, None

    def _frame_sizes(self, *, final: bool) -> tuple[int, ...]:
        """Where a frame that begins here may end, likeliest first; one more byte where that must be seen."""
        more = len(self._low) + 1
        if len(self._low) < READ_POLL_BYTES:
            return (more,)
        command = self._low[1]
        if sizes := _SIZES.get(command):
            return sizes
        third = self._low[2] if len(self._low) > READ_POLL_BYTES else None
        if command == EVENT_MARK:
            return (more,) if third is None else self._event_sizes(third, final=final)
        row = LONG_POLLS.get(command)
        if row is None or not row.reply:
            return ()
        if row.reply_counted:
            return (more,) if third is None else (UNCOUNTED_BYTES + third,)
        # Nobody knows how long it is: only silence ends it.
        return (FRAME_BYTES if more <= FRAME_BYTES else len(self._low) if final else more,)

    def _event_sizes(self, code: int, *, final: bool) -> tuple[int, ...]:
        data = fixed_size(event_fields(code))
        if data == 0:
            return (EVENT_BYTES,)
        if data:
            return EVENT_BYTES + data, EVENT_BYTES  # machines have been seen to leave the data out
        if len(self._low) > LONGEST_EVENT_BYTES:
            return (EVENT_BYTES,)
        return EVENT_BYTES, len(self._low) if final else len(self._low) + 1

    def _exception(self, *, final: bool) -> _Step | None:
        """One byte that answers a general poll; anything doubtful waits for the silence."""
        code = self._low[0]
        expected = isinstance(self._poll, GeneralPoll) and not (self._real_time or self._answered)
        if not expected or code not in EXCEPTIONS or self._rubbish:
            return 1, None
        if self._shared and not final and len(self._low) < LONGEST_MESSAGE_BYTES:
            return None
        if size := self._of_neighbour():
            return size, None
        if code == _IDLE and len(self._low) > 1:
            return 1, None  # a stray: what the machine reports is right behind it
        if code == _IDLE and not final:
            return None
        self._answered = not self._repeated
        return 1, ExceptionReply(self._address, code)

    def _of_neighbour(self) -> int:
        """How long the frame of another machine is that begins here; 0 for none, as on a line of its own."""
        if not self._shared or self._low[0] & GENERAL_POLL_BIT:
            return 0
        sizes = range(FRAME_BYTES, len(self._low) + 1)
        return next((size for size in sizes if crc_is_good(self._low[:size])), 0)

    def _alone(self) -> Reply | None:
        """An answer without a CRC, which only silence on both sides tells from a piece of something else."""
        if self._answered:
            return None
        data = bytes(self._rubbish)
        if isinstance(self._poll, GeneralPoll):
            data = data.lstrip(bytes((_IDLE,))) or data[:1]
            if data == bytes((self._address,)) and self._address not in EXCEPTIONS:
                return None  # a chirp without its mark
        else:
            data = data.lstrip(_STRAYS)
        if not 0 < len(data) <= SHORT_REPLY_BYTES:
            return None
        try:
            return decode_reply(data, self._poll)
        except RemoteProtocolError:
            return None

    def _event_of_another_length(self) -> Reply | None:
        """An event that is all that was heard, and is longer or shorter than the tables have it."""
        heard = bytes(self._rubbish)
        at = heard.find(bytes((self._address, EVENT_MARK)))
        frame = heard[at:] if at >= 0 else b""
        if self._answered or not EVENT_BYTES <= len(frame) <= LONGEST_EVENT_BYTES or not crc_is_good(frame):
            return None
        return decode_reply(frame, self._poll, checked=True)

    def _decoded(self, frame: bytes) -> Reply | Garbage:
        try:
            reply = decode_reply(frame, self._poll, checked=True)
        except RemoteProtocolError as error:
            late = frame[1] not in (EVENT_MARK, *self._sent[1:2])
            return Garbage(frame, error.what, late=late, answer=self._is_asked(frame[1]))
        self._answered = not self._repeated
        self._echoes = self._echoed
        return reply

    def _is_asked(self, command: int) -> bool:
        """Whether it is what was asked; behind a preamble, it may be an earlier one's."""
        asked = isinstance(self._poll, LongPollRequest) and self._poll.command == command
        return asked and command != MULTI_DENOMINATION

    def _before(self) -> list[Heard]:
        """The rubbish in front of something that made sense."""
        rubbish = bytes(self._rubbish)
        self._rubbish.clear()
        return [] if self._quiet.issuperset(rubbish) else [self._garbage(rubbish, "in front of a message")]

    def _leftover(self) -> list[Heard]:
        """Rubbish with nothing behind it."""
        rubbish = bytes(self._rubbish)
        self._rubbish.clear()
        core = rubbish.strip(_STRAYS)
        if core and not core.strip(bytes((self._address,))):
            return [Chirp(self._address)] * len(core)
        if not core and (self._answered or _IDLE not in rubbish):
            return []
        return [self._garbage(rubbish, "no message in it")]

    def _garbage(self, rubbish: bytes, reason: str) -> Garbage:
        """Rubbish, or what another machine answers: it begins with that one's address, and checks out."""
        frame = rubbish.lstrip(_STRAYS)
        first = frame[0] if len(frame) >= FRAME_BYTES else self._address
        if first == self._address or first & GENERAL_POLL_BIT or not crc_is_good(frame):
            return Garbage(rubbish, reason)
        return Garbage(rubbish, self._stranger(first, "answers"), stranger=True)

    def _stranger(self, address: int, does: str) -> str:
        return f"address {address:02} {does}, this line is set to {self._address:02}"
