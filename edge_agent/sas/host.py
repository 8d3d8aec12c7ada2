"""HostConnection: the host's end of the line to one gaming machine, so that no exception is lost.

SAS has no acknowledgement byte. A machine takes the next different poll for "heard", the same poll for
"say it again". So what the host sends next is the promise, and these are the rules it is made by:

1. Append, then poll. While the caller has not taken an event, nothing leaves.
2. After silence or garbage, the same poll again, byte for byte: any other would acknowledge what was
   not heard.
3. After a restart, the poll that left last comes first. Its first event is possibly repeated: it may
   have been journalled just before the process died.
4. Two different polls before the same question. An event is acknowledged by 80, and then by a long poll
   with another command than carried it, repeated until it is answered: that answer proves that the
   machine has let the event go. Without proof, the same event again is recognised or called doubtful.
5. Under real-time events only long polls: an idle machine may leave a general poll unanswered, but never
   a long poll, so silence always means trouble. Otherwise an 80 goes between two general polls, or the
   second would ask for a repeat.
6. Synchronise only after a silence that the machine has felt too. A poll to another address wakes a
   machine whose link has dropped, and acknowledges otherwise. So the host keeps quiet for longer than the
   5 s after which a machine drops its link, or until it chirps, which says the same.
7. With real-time events off, silence after a long poll hides no exception: it is given up after three
   tries, and the machine may just not know it.
8. A poll that was repeated may be answered twice. Before a different one leaves, the second answer gets
   its time, or it would pass for the answer to the next poll.
9. An answer of a byte or two carries no CRC and may be what is left of an event. Unless real-time events
   are known to be off, it is believed when the repeated poll is answered the same.

Time is monotonic seconds; streams are marked as in `wakeup`. Polls are the caller's to choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.exception_codes import NO_ACTIVITY, WAITING_FOR_PLAYER
from edge_agent.sas.framing import Chirp, Garbage, ReplyReader
from edge_agent.sas.host_events import (
    Acknowledged,
    Answered,
    ChirpHeard,
    ExceptionReported,
    GarbageHeard,
    HostEvent,
    MachineBusy,
    MachineFound,
    MachineLost,
    Refused,
    RepeatRecognised,
    Unanswered,
)
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
    encode_poll,
    encode_reply,
)
from edge_agent.sas.repeats import Unconfirmed, Verdict
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder, encode_host_message

__all__ = [
    "GENERAL_POLL",
    "SYNCHRONISATION_POLL",
    "Acknowledged",
    "Answered",
    "ChirpHeard",
    "ExceptionReported",
    "GarbageHeard",
    "HostConnection",
    "HostEvent",
    "HostState",
    "MachineBusy",
    "MachineFound",
    "MachineLost",
    "Refused",
    "RepeatRecognised",
    "Unanswered",
]

# `must_differ_from` when a general poll carried the event: no long poll has this number.
GENERAL_POLL = -1
SYNCHRONISATION_POLL = b"\x80"

# The text allows 20 ms until an answer starts; machines in the field take up to 200 ms.
REPLY_WINDOW_SECONDS = 0.200
# The text allows 5 ms between the characters of an answer; USB adapters deliver in 16 ms pieces.
GAP_SECONDS = 0.020
# The longest answer takes 150 ms at 19,200 baud. A line that never falls silent is not waited for.
LONGEST_REPLY_SECONDS = 0.200
# A machine that has just said something is repeated to at the fastest interval the text knows.
REPEAT_PAUSE_SECONDS = 0.040
# A dozen windows: longer than a machine is busy with itself, shorter than anyone's patience.
LOST_AFTER_SECONDS = 2.5
# A machine drops its link after 5 s without an address byte; half a second for both clocks.
QUIET_SECONDS = 5.5
# A machine that hears no host chirps every 200 ms: two chirps are heard within this.
LISTEN_SECONDS = 0.45
# Chirps are 200 ms apart; two pieces of one answer are not this far apart.
CHIRP_SPACING_SECONDS = 0.1
# Without its mark a chirp is just a byte: not before every late answer has had its time.
CERTAIN_CHIRP_SECONDS = 0.5
# A machine waits 5 s for a poll to any other address before it feels alone; one a second is plenty.
SYNCHRONISE_EVERY_SECONDS = 1.0

# SAS 1.4: original, repeat, repeat.
SENDS_OF_A_POLL = 3
# An answer that is garbled each time is one we cannot read; exceptions must not wait for it.
GARBLED_SENDS_OF_A_POLL = 6
# A machine that answers no long poll at all must not stop the general polls.
CONFIRMATIONS_TRIED = 2

# One chirp may be noise.
CHIRPS_BELIEVED = 2
# Address, FF, code.
EVENT_CODE_AT = 2

# What a machine answers when nothing has happened.
IDLE_CODES = frozenset((NO_ACTIVITY, WAITING_FOR_PLAYER))
REAL_TIME_COMMAND = 0x0E
# Asked when something must be: every machine knows its credits, and the answer carries a CRC.
CERTAIN_COMMAND = 0x1A

_SYNCHRONISE = encode_host_message(SYNCHRONISATION_POLL)
_NEVER = float("-inf")


class HostState(Enum):
    """What the connection is about."""

    STARTING = "starting"
    POLLING = "polling"
    REPEATING = "repeating"
    QUIET = "quiet"  # on purpose, so that the machine's link drops and nothing is acknowledged
    SYNCHRONISING = "synchronising"


@dataclass(slots=True)
class _Asked:
    """A poll that has not been answered."""

    poll: Poll
    frame: bytes
    due: float | None  # when it is to leave, or leave again; None while its answer is awaited
    sends: int = 0
    silent: int = 0  # sends in a row after which nothing was heard
    sent_at: float = _NEVER
    late_answers: bool = False  # answers to earlier sends may still come
    instead_of: Poll | None = None  # what was asked before the line had to be synchronised
    heard_once: Reply | None = None  # an answer without a CRC, to be heard again
    restarted: bool = False

    @property
    def certain(self) -> bool:
        """Whether the machine cannot have reset its poll state meanwhile: then it acknowledges."""
        return self.sends < SENDS_OF_A_POLL and not self.restarted


class HostConnection:
    """The host's end for one address.

    Each time around, the caller calls `handle_timer`, takes `events` and makes them durable, then writes
    what `data_to_send` gives, keeping `last_poll` and `last_event` outside the process before it does.

    Args:
        address: the machine's, 1..127.
        last_poll: what an earlier run sent last; b"" if there was none.
        last_event: what an earlier run journalled last; b"" if nothing.
        real_time: how the machine reports, where the caller knows; None where it has to be found out.
        reply_window: how long an answer may take to begin.
    """

    def __init__(
        self,
        address: int,
        *,
        last_poll: bytes = b"",
        last_event: bytes = b"",
        real_time: bool | None = None,
        reply_window: float = REPLY_WINDOW_SECONDS,
    ) -> None:
        self.address = address
        self.state = HostState.STARTING
        self.last_poll = last_poll
        self.last_event = last_event
        self._mode = real_time
        self._window = reply_window
        self._decoder = WakeupDecoder()
        self._reader = ReplyReader(address)
        self._events: list[HostEvent] = []
        self._asked: _Asked | None = None
        self._open = False
        self._found = False
        self._lost = False
        self._restarted = False  # the next event may have been journalled by an earlier run
        self.repeats = 0  # polls sent again
        self._carrier: int | None = None  # the command that brought an event not confirmed yet
        self._certain = False  # the machine cannot have reset its poll state before the event was heard
        self._confirmations = 0
        self._unconfirmed = Unconfirmed()
        self._owes_synchronisation = False
        self._synchronised_at = _NEVER
        self._last_key: int | None = None  # of the poll that left last
        self._same_key: int | None = None  # what the machine would take for a request to repeat
        self._free_at = _NEVER
        self._sent_at = _NEVER
        self._heard_at = _NEVER
        self._asking_since: float | None = None
        self._quiet_until = _NEVER
        self._rounds = 0  # of synchronising, since something was answered
        self._chirps = 0
        self._chirp_at = _NEVER
        if last_event:
            self._unconfirmed.add(_event_code(last_event), last_event)

    def __repr__(self) -> str:
        asked = f" asked {self._asked.frame.hex(' ')} x{self._asked.sends}" if self._asked else ""
        return f"<HostConnection {self.address:02} {self.state.value}{asked}>"

    @property
    def real_time(self) -> bool:
        """Whether the machine is known to report real-time events."""
        return self._mode is True

    @property
    def confirming(self) -> bool:
        """Whether the next poll has to prove that the last event was let go."""
        return self._carrier is not None

    @property
    def must_differ_from(self) -> int | None:
        """What the next poll must not be: a long poll's command, GENERAL_POLL, or None for anything goes.

        Where it is not None, the next poll is a long poll with another command.
        """
        return self._carrier

    def ready(self, now: float) -> bool:
        """Whether a new poll may be given."""
        return self.state is HostState.POLLING and self._asked is None and self._open and now >= self._free_at

    def send(self, poll: Poll) -> None:
        """Give the next poll. It leaves with the next `data_to_send`, unless an answer may still come."""
        if self._asked is not None or self.state is not HostState.POLLING:
            raise LocalProtocolError(f"{self!r} is not ready for a poll", "wait until it is")
        self._check(poll)
        if _key(poll) == self._same_key:
            # The same command at once asks for a repeat, not for fresh data.
            self._owes_synchronisation = True
        self._asked = _Asked(poll, encode_poll(poll), due=_NEVER)

    def events(self) -> list[HostEvent]:
        """What was learnt since last asked."""
        events, self._events = self._events, []
        return events

    def link_opened(self, now: float) -> None:
        """Begin, or go on with the poll that was not answered."""
        self._open = True
        self._asking_since = None
        if self.state is HostState.STARTING:
            self._start(now)
        elif self._asked is not None and self.state is not HostState.QUIET:
            self._asked.due = now
            self._asked.late_answers = True

    def link_lost(self, now: float) -> None:
        """Forget half-received characters; keep what was asked and what is owed."""
        self._open = False
        self._heard_at = min(self._heard_at, now)
        self._decoder = WakeupDecoder()
        self._reader.finish()

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take what arrived. Bytes that make no sense are counted, never raised."""
        characters = self._decoder.feed(stream)
        if not characters:
            return
        self._heard_at = now
        marked = (WAKEUP | self.address) in characters
        for heard in self._reader.feed(characters):
            self._hear(heard, now, marked=marked)

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        if now >= self._free_at:
            self._free_at = _NEVER
        if self._reader.pending and now >= self._gap_ends():
            self._finish(now)
        asked = self._asked
        if self.state is HostState.QUIET:
            if asked is not None and now >= self._quiet_until:
                self._synchronise(asked, now)
        elif asked is not None and asked.due is None and now >= self._deadline(asked):
            self._finish(now)
            if self._asked is asked and asked.due is None:
                self._hear_nothing(asked, now)

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next, or None."""
        if not self._open:
            return None
        timers = []
        if self._reader.pending:
            timers.append(self._gap_ends())
        asked = self._asked
        if self.state is HostState.QUIET:
            timers.append(self._quiet_until)
        elif asked is None:
            timers.append(self._free_at)
        elif asked.due is None:
            timers.append(self._deadline(asked))
        else:
            timers.append(max(asked.due, self._free_at))
        return min((timer for timer in timers if timer > _NEVER), default=None)

    def data_to_send(self, now: float) -> bytes:
        """What to write now. It may acknowledge every event taken before, and none that was not taken."""
        if self._events or not self._open or now < self._free_at or self.state is HostState.QUIET:
            return b""
        asked = self._asked
        if asked is None:
            return self._synchronisation(now)
        if asked.due is None or now < asked.due:
            return b""
        return self._synchronisation(now) + self._send(asked, now)

    # Sending.

    def _synchronisation(self, now: float) -> bytes:
        """The poll to address 0, where it is owed: it acknowledges, and keeps the machine synchronised."""
        if not self._owes_synchronisation:
            return b""
        self._owes_synchronisation = False
        self._synchronised_at = self._sent_at = now
        self._same_key = None
        self.last_poll = SYNCHRONISATION_POLL
        return _SYNCHRONISE

    def _send(self, asked: _Asked, now: float) -> bytes:
        if asked.sends:
            self.repeats += 1
        asked.sends += 1
        asked.due = None
        asked.sent_at = self._sent_at = now
        if self._asking_since is None:
            self._asking_since = now
        if self.state is HostState.STARTING:
            self.state = HostState.REPEATING
        self._last_key = self._same_key = _key(asked.poll)
        self._reader.expect(asked.poll, self._mode is not False)
        self.last_poll = asked.frame
        return encode_host_message(asked.frame)

    def _check(self, poll: Poll) -> None:
        """Refuse a poll that would break a rule."""
        if poll.address != self.address:
            raise LocalProtocolError(f"a poll for address {poll.address} on the connection of {self.address}")
        general = isinstance(poll, GeneralPoll)
        if general and self._mode:
            raise LocalProtocolError(
                "a general poll under real-time events: silence could mean anything", "send a long poll"
            )
        if self._carrier is not None and (general or _key(poll) == self._carrier):
            raise LocalProtocolError(
                "this poll would not prove that the last event was let go", "send a different long poll"
            )

    # Starting and synchronising.

    def _start(self, now: float) -> None:
        if self.last_poll == SYNCHRONISATION_POLL:
            # All that was heard before it had been journalled, and nothing was asked after it.
            self.state = HostState.POLLING
            self._owes_synchronisation = True
            return
        poll = self._poll_left_last()
        if poll is None:
            self._asked = _asked(GeneralPoll(self.address), due=None)
            self._be_quiet(now)
            return
        self._restarted = True
        due = now + LISTEN_SECONDS
        self._asked = _Asked(poll, self.last_poll, due, late_answers=True, restarted=True)

    def _poll_left_last(self) -> Poll | None:
        """What an earlier run sent last, where that makes sense for this machine."""
        try:
            poll = decode_poll(self.last_poll)
        except RemoteProtocolError:
            return None
        return None if isinstance(poll, UnknownPoll) or poll.address != self.address else poll

    def _be_quiet(self, since: float) -> None:
        """Send nothing until the machine's link has dropped."""
        self.state = HostState.QUIET
        self._quiet_until = since + QUIET_SECONDS
        self._owes_synchronisation = False

    def _be_lost(self, asked: _Asked, now: float) -> None:
        if not self._lost and self._asking_since is not None:
            self._lost = True
            self._events.append(MachineLost(now - self._asking_since))
        self._be_quiet(asked.sent_at)

    def _synchronise(self, asked: _Asked, now: float) -> None:
        """The machine's link has dropped: it acknowledges nothing, and wants a poll to another address.

        What was asked is asked again, and every other time a poll that any machine answers.
        """
        self._rounds += 1
        own = asked.instead_of or asked.poll
        certain = LongPollRequest(self.address, CERTAIN_COMMAND)
        self._asked = _asked(own, due=now) if self._rounds % 2 else _asked(certain, due=now, instead_of=own)
        self.state = HostState.SYNCHRONISING
        self._owes_synchronisation = True
        self._forget_mode()

    def _forget_mode(self) -> None:
        """A machine whose link dropped may have lost power, and real-time events with it."""
        self._mode = self._mode and None

    # Hearing.

    def _finish(self, now: float) -> None:
        for heard in self._reader.finish():
            self._hear(heard, now, marked=False)

    def _hear(self, heard: Reply | Chirp | Garbage, now: float, *, marked: bool) -> None:
        if isinstance(heard, Chirp) or self._may_be_chirp(heard):
            self._hear_chirp(now, marked=marked)
            return
        self._chirps = 0
        asked = self._asked
        match heard:
            case Garbage():
                self._hear_garbage(heard, now)
            case EventReply(code=code) if code not in IDLE_CODES:
                self._mode = True
                self._hear_event(heard, now)
            case _ if asked is None or asked.sends == 0:
                pass  # a second answer to a poll that was repeated
            case Ack() | Nack() | Busy() | ExceptionReply() if self._doubts(heard, asked):
                asked.heard_once = heard
                asked.due = now + REPEAT_PAUSE_SECONDS
            case ExceptionReply(code=code):
                self._mode = False
                if code in IDLE_CODES:
                    self._hear_answer(heard, asked, now)
                else:
                    self._hear_event(heard, now)
            case _:
                self._hear_answer(heard, asked, now)

    def _may_be_chirp(self, heard: Reply | Garbage) -> bool:
        """While the machine is being woken up, its bare address proves nothing."""
        lone = isinstance(heard, Ack) or (isinstance(heard, ExceptionReply) and heard.code == self.address)
        return lone and self.state is HostState.SYNCHRONISING

    def _doubts(self, short: Reply, asked: _Asked) -> bool:
        return self._mode is not False and asked.heard_once != short

    def _hear_chirp(self, now: float, *, marked: bool) -> None:
        self._events.append(ChirpHeard(self.address))
        asked = self._asked
        spaced = now - self._chirp_at >= CHIRP_SPACING_SECONDS
        self._chirp_at = now
        if self.state is HostState.QUIET and asked is not None:
            if marked or now - self._sent_at >= CERTAIN_CHIRP_SECONDS:
                self._synchronise(asked, now)
            return
        if asked is not None and asked.sends and not marked:
            return  # it may be what is left of the answer
        self._chirps += spaced
        if self._chirps >= CHIRPS_BELIEVED:
            self._chirps = 0
            if asked is None:
                self._owes_synchronisation = True
                self._forget_mode()
            else:
                self._synchronise(asked, now)

    def _hear_garbage(self, garbage: Garbage, now: float) -> None:
        self._events.append(GarbageHeard(garbage.data, garbage.reason))
        asked = self._asked
        if asked is None or asked.due is not None:
            return
        asked.silent = 0
        self._asking_since = now
        if self._may_give_up(asked) and asked.sends >= GARBLED_SENDS_OF_A_POLL:
            self._give_up(asked)
        else:
            asked.due = now + REPEAT_PAUSE_SECONDS

    def _hear_nothing(self, asked: _Asked, now: float) -> None:
        asked.silent += 1
        asked.late_answers = True
        asked.due = now
        if self.state is HostState.SYNCHRONISING:
            if asked.silent >= SENDS_OF_A_POLL:
                self._be_lost(asked, now)
        elif self._asking_since is not None and now - self._asking_since >= LOST_AFTER_SECONDS:
            self._be_lost(asked, now)
        elif self._may_give_up(asked) and asked.silent >= SENDS_OF_A_POLL:
            self._give_up(asked)
        else:
            self.state = HostState.REPEATING

    def _may_give_up(self, asked: _Asked) -> bool:
        """Whether its silence can hide no exception."""
        return self._mode is False and isinstance(asked.poll, LongPollRequest)

    def _give_up(self, asked: _Asked) -> None:
        self._asked = None
        self.state = HostState.POLLING
        if isinstance(asked.poll, LongPollRequest):
            self._events.append(Unanswered(asked.poll))
        if self._carrier is not None:
            self._confirmations += 1
            if self._confirmations >= CONFIRMATIONS_TRIED:
                self._carrier = None  # not confirmed, only not asked again

    def _hear_event(self, reply: EventReply | ExceptionReply, now: float) -> None:
        frame = encode_reply(reply)
        asked = self._asked
        if asked is None or asked.sends == 0:
            if frame == self.last_event:
                self._events.append(RepeatRecognised(reply.code))
                return
            carrier = self._last_key
        else:
            self._answered(asked, now)
            carrier = _key(asked.poll)
        verdict = self._unconfirmed.judge(reply.code, frame)
        if verdict is Verdict.REPEATED:
            self._events.append(RepeatRecognised(reply.code))
            self._free_at = max(self._free_at, self._sent_at + self._window)
        else:
            self._events.append(self._reported(reply, doubtful=verdict is Verdict.DOUBTFUL))
        self._restarted = False
        self._remember(reply.code, frame, carrier, certain=asked is not None and asked.certain)

    def _reported(self, reply: EventReply | ExceptionReply, *, doubtful: bool) -> ExceptionReported:
        event = isinstance(reply, EventReply)
        return ExceptionReported(
            self.address,
            reply.code,
            reply.values if isinstance(reply, EventReply) else {},
            real_time=event,
            possibly_repeated=doubtful or self._restarted,
            missing_data=isinstance(reply, EventReply) and reply.missing_data,
        )

    def _remember(self, code: int, frame: bytes, carrier: int | None, *, certain: bool) -> None:
        """An event is the caller's now: what has to be done before the machine may be asked the same."""
        self.last_event = frame
        self._unconfirmed.add(code, frame)
        self._carrier = carrier
        self._certain = certain
        self._confirmations = 0
        self._owes_synchronisation = True

    def _hear_answer(self, reply: Reply, asked: _Asked, now: float) -> None:
        poll = asked.poll
        event: HostEvent
        match reply:
            case DataReply(command=command, values=values) if command == _key(poll):
                event = Answered(poll, values)
            case ExceptionReply(code=code) | EventReply(code=code) if isinstance(poll, GeneralPoll):
                event = Answered(poll, {"exception": code})
            case Ack():
                event = Acknowledged(poll)
                self._note_mode(poll)
            case Nack():
                event = Refused(poll)
            case _:
                event = MachineBusy(poll)  # it said something else: not done
        self._answered(asked, now, heard_well=not isinstance(reply, Nack))
        self._restarted = False
        if self._nothing_pending(reply):
            self._unconfirmed.confirm()
        self._events.append(event)
        stale = now - self._synchronised_at >= SYNCHRONISE_EVERY_SECONDS
        self._owes_synchronisation = stale or isinstance(poll, GeneralPoll)

    def _nothing_pending(self, reply: Reply) -> bool:
        """Whether the machine would have answered otherwise, had it anything to report."""
        return isinstance(reply, ExceptionReply) or (self._mode is True and isinstance(reply, DataReply))

    def _note_mode(self, poll: Poll) -> None:
        if isinstance(poll, LongPollRequest) and poll.command == REAL_TIME_COMMAND:
            self._mode = bool(poll.values["enable"])

    def _answered(self, asked: _Asked, now: float, *, heard_well: bool = True) -> None:
        """The machine heard `asked`; what it answered is the caller's business."""
        if not self._found or self._lost:
            self._found, self._lost = True, False
            self._events.append(MachineFound())
        if isinstance(asked.instead_of, LongPollRequest):
            self._events.append(Unanswered(asked.instead_of))
        self._asked = None
        self.state = HostState.POLLING
        self._asking_since = None
        self._rounds = 0
        if asked.late_answers:
            self._free_at = max(now, asked.sent_at + self._window)
        if self._carrier is not None and heard_well and _key(asked.poll) != self._carrier:
            self._carrier = None
            if self._certain:
                self._unconfirmed.confirm()

    # When.

    def _gap_ends(self) -> float:
        return self._heard_at + GAP_SECONDS

    def _deadline(self, asked: _Asked) -> float:
        """When an answer is overdue; one that is arriving may finish, within reason."""
        window = asked.sent_at + self._window
        if not self._reader.pending:
            return window
        return min(max(window, self._gap_ends()), window + LONGEST_REPLY_SECONDS)


def _asked(poll: Poll, *, due: float | None, instead_of: Poll | None = None) -> _Asked:
    return _Asked(poll, encode_poll(poll), due, instead_of=instead_of)


def _key(poll: Poll) -> int:
    """What makes two polls the same to a machine."""
    return poll.command if isinstance(poll, LongPollRequest) else GENERAL_POLL


def _event_code(frame: bytes) -> int:
    """The code of an event as `last_event` keeps it: a frame, or one byte."""
    return frame[EVENT_CODE_AT] if len(frame) > EVENT_CODE_AT else frame[0]
