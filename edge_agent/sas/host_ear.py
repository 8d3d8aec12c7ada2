"""HostEar: the hearing half of a HostConnection: what was asked, what was heard, and what follows from it.

One question at a time. What arrives is an event, an answer, a chirp, garbage or silence; each is told to
the caller, and decides whether the question is asked again, given up, done, or asked of a machine that has
to be woken up first. Nothing here sends anything: the speaking half does, when it is due.
"""

from __future__ import annotations

from enum import Enum

from edge_agent.sas.confirmation import Confirmation, Verdict
from edge_agent.sas.framing import Chirp, Garbage, ReplyReader
from edge_agent.sas.host_bounds import (
    GAP_SECONDS,
    GARBLED_SENDS_OF_A_POLL,
    LINK_DOWN_SECONDS,
    LONGEST_REPLY_SECONDS,
    REFUSED_SECONDS,
    REPEAT_PAUSE_SECONDS,
    SENDS_OF_A_NEW_POLL,
    SENDS_OF_A_POLL,
    SYNCHRONISE_EVERY_SECONDS,
)
from edge_agent.sas.host_events import (
    Answered,
    ChirpHeard,
    ExceptionReported,
    GarbageHeard,
    HostEvent,
    Refused,
    RepeatRecognised,
    Unanswered,
)
from edge_agent.sas.link_watch import LinkWatch
from edge_agent.sas.meaning import (
    REAL_TIME_COMMAND,
    Mode,
    is_doubtful,
    is_event,
    may_be_chirp,
    mode_after,
    nothing_pending,
    told,
)
from edge_agent.sas.messages import (
    EventReply,
    ExceptionReply,
    GeneralPoll,
    LongPollRequest,
    Nack,
    Poll,
    Reply,
    encode_reply,
    poll_key,
)
from edge_agent.sas.outstanding import NEVER, Outstanding
from edge_agent.sas.reply_times import ReplyTimes
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder

_EVENTS = (EventReply, ExceptionReply)


class HostState(Enum):
    """What the connection is about."""

    STARTING = "starting"
    POLLING = "polling"
    REPEATING = "repeating"
    QUIET = "quiet"  # on purpose, so that the machine's link drops and nothing is acknowledged
    SYNCHRONISING = "synchronising"


class HostEar:
    """The hearing half. See HostConnection for the arguments."""

    def __init__(
        self, address: int, last_event: bytes, mode: Mode, reply_window: float, *, shared: bool = False
    ) -> None:
        self.address = address
        self.state = HostState.STARTING
        self.last_event = last_event
        self.refuses_with: int | None = None  # the exception that stands for "not now" on this machine
        self.resynchronisations = 0  # times the machine's link had dropped, and it had to be woken up
        self._mode = mode
        self._times = ReplyTimes(reply_window)
        self._decoder = WakeupDecoder()
        self._reader = ReplyReader(address, shared=shared)
        self._watch = LinkWatch(address, shared=shared)
        self._confirmation = Confirmation(last_event)
        self._events: list[HostEvent] = []
        self._asked: Outstanding | None = None
        self._marked = False  # what was heard last began like a chirp: with the machine's address, marked
        self._refused_since = self._refused_at = NEVER  # when "not now" was said first and last
        self._second_due = False  # the poll before was repeated, and answered once
        self._restarted = False  # the next event may have been journalled by an earlier run
        self._owes_synchronisation = False
        self._answered_polls: set[int] = set()
        self._last_key: int | None = None  # of the poll that left last
        self._sent_at = NEVER
        self._heard_at = NEVER
        self._answered_at = NEVER
        self._synchronised_at = NEVER
        self._free_at = NEVER  # nothing leaves before

    @property
    def real_time(self) -> bool:
        """Whether the machine is known to report real-time events."""
        return self._mode is Mode.REAL_TIME

    @property
    def confirming(self) -> bool:
        """Whether the next poll has to prove that the last event was let go."""
        return self._confirmation.carrier is not None

    @property
    def must_differ_from(self) -> int | None:
        """What the next poll must not be: a long poll's key, GENERAL_POLL, or None for anything goes.

        Where it is not None, the next poll is a long poll with another command.
        """
        return self._confirmation.carrier

    def wait_at_least(self, seconds: float) -> None:
        """An answer may always take so long to begin: this machine is known to be slow."""
        self._times.wait_at_least(seconds)

    def events(self) -> list[HostEvent]:
        """What was learnt since last asked."""
        events, self._events = self._events, []
        return events

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take what arrived. Bytes that make no sense are counted, never raised."""
        characters = self._decoder.feed(stream)
        if not characters:
            return
        self._heard_at = now
        waited = self._reader.pending and self._marked
        self._marked = waited or (WAKEUP | self.address) in characters
        for heard in self._reader.feed(characters):
            self._hear(heard, now)

    # What was heard.

    def _finish(self, now: float) -> None:
        for heard in self._reader.finish():
            self._hear(heard, now)

    def _hear(self, heard: Reply | Chirp | Garbage, now: float) -> None:
        if isinstance(heard, Chirp):
            self._hear_chirp(now)
        elif isinstance(heard, Garbage):
            self._hear_garbage(heard, now)
        elif self.state is HostState.SYNCHRONISING and may_be_chirp(heard):
            # While it is being woken up, the bare address proves nothing.
            self._hear_chirp(now)
        else:
            self._watch.no_chirp()
            self._hear_reply(heard, now)

    def _hear_chirp(self, now: float) -> None:
        self._events.append(ChirpHeard(self.address))
        self._not_an_answer(f"address {self.address:02} chirps and answers nothing: it hears no poll", now)
        asked = self._asked
        quiet = self.state is HostState.QUIET
        waiting = asked is not None and asked.has_left
        if not self._watch.chirped(now, marked=self._marked, quiet=quiet, waiting=waiting):
            return
        if asked is None:
            self._note_link_down()
        else:
            self._synchronise(asked, now)

    def _hear_garbage(self, garbage: Garbage, now: float) -> None:
        self._events.append(GarbageHeard(garbage.data, garbage.reason))
        self._not_an_answer(garbage.reason if garbage.stranger else "", now)
        self._watch.no_chirp()
        if garbage.late:
            self._times.heard_late()
        asked = self._asked
        if asked is None or asked.due is not None:
            return
        if garbage.late:
            return  # what was asked may still be answered: asked again now, it would be answered twice
        self._watch.garbled(now)
        asked.silent, asked.garbled = 0, True
        few = asked.is_command or garbage.answer
        if asked.sends < (SENDS_OF_A_POLL if few else GARBLED_SENDS_OF_A_POLL):
            asked.due = now + REPEAT_PAUSE_SECONDS
        elif garbage.answer and not asked.is_command:
            self._hear_unreadable(asked, now)
        elif poll := self._expendable(asked.poll):
            self._give_up(poll)
        elif self._watch.shared or asked.is_command:
            self._leave_in_peace(now)
        else:
            asked.due = now + REPEAT_PAUSE_SECONDS

    def _hear_unreadable(self, asked: Outstanding, now: float) -> None:
        """The machine answers, and means it: only what it says is lost, and it will not say it otherwise."""
        self._answered(asked, now, proof=True)
        if self._mode is Mode.REAL_TIME:
            self._confirmation.nothing_pending()
        assert isinstance(asked.poll, LongPollRequest)  # noqa: S101  a general poll has no layout
        self._events.append(Unanswered(asked.poll))

    def _not_an_answer(self, name: str, now: float) -> None:
        self._events.extend(self._watch.unread(name, now))

    def _hear_nothing(self, asked: Outstanding, now: float) -> None:
        asked.silent += 1
        asked.late_answers = True
        asked.due = now
        if self.state is HostState.SYNCHRONISING:
            if asked.silent >= self._watch.sends_to_wake:
                self._leave_in_peace(now)
        elif self._watch.is_silent(now):
            self._be_quiet(now)
        elif asked.silent >= self._patience(asked) and (poll := self._expendable(asked.poll)):
            self._give_up(poll)
        elif asked.is_command and asked.sends >= SENDS_OF_A_POLL:
            self._be_quiet(now)
        else:
            self.state = HostState.REPEATING

    def _patience(self, asked: Outstanding) -> int:
        """In how many sends in a row a poll may stay unanswered."""
        is_known = asked.key in self._answered_polls
        return SENDS_OF_A_POLL if is_known or asked.is_command else SENDS_OF_A_NEW_POLL

    def _expendable(self, poll: Poll) -> LongPollRequest | None:
        """The poll, if its silence can hide no exception, and its answer has nothing to prove."""
        if self._mode is not Mode.ONE_BYTE or not isinstance(poll, LongPollRequest):
            return None
        return None if self.confirming and poll_key(poll) in self._answered_polls else poll

    def _give_up(self, poll: LongPollRequest) -> None:
        self._asked = None
        self.state = HostState.POLLING
        if poll.command == REAL_TIME_COMMAND:
            self._mode = Mode.UNKNOWN  # it may have been taken, and its ACK lost
        self._confirmation.unheard()
        self._events.append(Unanswered(poll))

    def _hear_reply(self, reply: Reply, now: float) -> None:
        asked = self._asked
        if asked is None or not asked.has_left:
            self._times.heard_late()
            self._second_due = False
            if isinstance(reply, _EVENTS) and is_event(reply):
                self._hear_event_again(reply)
        elif self._is_refused(reply, now):
            # Nothing was taken in: another poll would acknowledge what may not have been heard.
            self._events.append(Refused(asked.poll))
            self._watch.garbled(now)
            asked.silent, asked.due = 0, now + REPEAT_PAUSE_SECONDS
        elif is_doubtful(reply, asked, self._mode):
            self._not_an_answer("", now)
            asked.heard_once = reply
            asked.nacks = asked.nacks + 1 if isinstance(reply, Nack) else 0
            if asked.is_command and asked.sends >= SENDS_OF_A_POLL:
                self._leave_in_peace(now)
            else:
                asked.due = now + REPEAT_PAUSE_SECONDS
        else:
            self._mode = mode_after(reply, asked.poll, self._mode)
            self._answered(asked, now, proof=not (isinstance(reply, Nack) or self._may_be_second(reply)))
            if isinstance(reply, _EVENTS) and is_event(reply):
                self._hear_event(reply, certain=asked.certain)
            else:
                self._hear_answer(reply, asked, now)

    def _may_be_second(self, reply: Reply) -> bool:
        """Whether it may be the second answer to the poll before, later than any that was waited for."""
        return self._second_due and isinstance(reply, _EVENTS) and encode_reply(reply) == self.last_event

    def _is_refused(self, reply: Reply, now: float) -> bool:
        """Whether a general poll was answered with "not now", as some machines do for about a second."""
        if not isinstance(reply, ExceptionReply) or reply.code != self.refuses_with:
            return False
        if now - self._refused_at >= REFUSED_SECONDS:
            self._refused_since = now
        # What overtakes it in between, such as a flag that is told again and again, begins no other.
        self._refused_at = now
        if now - self._refused_since < REFUSED_SECONDS:
            return True
        self._refused_at = NEVER
        return False

    def _answered(self, asked: Outstanding, now: float, *, proof: bool) -> None:
        """The machine heard `asked`, whatever it answered."""
        if self._watch.shared and now - self._answered_at >= LINK_DOWN_SECONDS:
            # Between its turns the line may have been dead, or kept quiet for another machine.
            self._confirmation.link_dropped()
        self._answered_at = now
        self._events.extend(self._watch.answered(asked))
        self._asked = None
        self.state = HostState.POLLING
        self._second_due = asked.late_answers
        if asked.late_answers:
            self._free_at = max(now, asked.sent_at + self._times.second_window)
        elif asked.sends == 1:
            self._times.learn(now - asked.sent_at)
        if proof:
            self._confirmation.heard(asked.key)

    def _hear_event_again(self, reply: EventReply | ExceptionReply) -> None:
        """An event while nothing is awaited: a second answer to a poll that was repeated.

        The machine takes the poll for the same one, so it says the same again; unless it had nothing to say
        the first time.
        """
        if encode_reply(reply) == self.last_event:
            self._events.append(RepeatRecognised(reply.code))
        else:
            self._hear_event(reply, certain=False)

    def _hear_event(self, reply: EventReply | ExceptionReply, *, certain: bool) -> None:
        frame = encode_reply(reply)
        real_time = isinstance(reply, EventReply)
        heard = reply if isinstance(reply, EventReply) else EventReply(self.address, reply.code)
        verdict = self._confirmation.judge(reply.code, frame, heard.values)
        if verdict is Verdict.REPEATED:
            self._events.append(RepeatRecognised(reply.code))
            # It may be a late answer to an earlier poll: then the answer to this one is still to come.
            self._free_at = self._sent_at + self._times.second_window
        else:
            doubtful = self._restarted or verdict is Verdict.DOUBTFUL
            self._events.append(
                ExceptionReported(
                    self.address,
                    reply.code,
                    heard.values,
                    real_time,
                    doubtful,
                    heard.missing_data,
                    heard.unread,
                )
            )
        self._confirmation.report(reply.code, frame, self._last_key, certain=certain)
        self._restarted = False
        self._owes_synchronisation = True
        self.last_event = frame

    def _hear_answer(self, reply: Reply, asked: Outstanding, now: float) -> None:
        event, poll = told(reply, asked), asked.poll
        self._events.append(event)
        if isinstance(event, Answered):
            self._answered_polls.add(asked.key)
        if nothing_pending(reply, self._mode):
            self._confirmation.nothing_pending()
            self._restarted = False
            self._refused_at = NEVER
        stale = now - self._synchronised_at >= SYNCHRONISE_EVERY_SECONDS
        self._owes_synchronisation = stale or isinstance(poll, GeneralPoll)

    # What follows.

    def _be_quiet(self, now: float) -> None:
        """Send nothing until the machine's link has dropped."""
        self._events.extend(self._watch.fell_silent(now, self._times.window))
        self.state = HostState.QUIET
        self._owes_synchronisation = False

    def _leave_in_peace(self, now: float) -> None:
        """A machine that does not wake up on a shared line must not hold up the rest."""
        if self._watch.shared and self.state is HostState.SYNCHRONISING:
            self._events.extend(self._watch.rest(now))
            self.state = HostState.QUIET
        else:
            self._be_quiet(now)

    def _synchronise(self, asked: Outstanding, now: float) -> None:
        """The machine's link has dropped: it acknowledges nothing, and wants a poll to another address."""
        self._asked = self._watch.wake_with(asked, now)
        self._note_link_down()
        self.state = HostState.SYNCHRONISING

    def _note_link_down(self) -> None:
        """The machine lets nothing go when its link drops, and it may have lost power, and its mode."""
        self.resynchronisations += self.state is not HostState.SYNCHRONISING
        self._owes_synchronisation = True
        self._confirmation.link_dropped()
        if self._mode is Mode.REAL_TIME:
            self._mode = Mode.UNKNOWN

    # When.

    def _gap_ends(self) -> float:
        return self._heard_at + GAP_SECONDS

    def _deadline(self, asked: Outstanding) -> float:
        """When an answer is overdue; one that is arriving may finish, within reason."""
        window = asked.sent_at + self._times.window
        if not self._reader.pending:
            return window
        return min(max(window, self._gap_ends()), window + LONGEST_REPLY_SECONDS)
