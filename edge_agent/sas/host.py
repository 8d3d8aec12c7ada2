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
7. With real-time events off, silence after a long poll hides no exception. One that was ever answered is
   given up after three tries; one that never was after the first, for the machine may just not know it.
8. A poll that was repeated may be answered twice. Before a different one leaves, the second answer gets
   its time, or it would pass for the answer to the next poll: a second, until the line has proved quick. It
   may be an event where the first was none.
9. An answer of a byte or two carries no CRC and may be what is left of an event. Unless real-time events
   are known to be off, it is believed when the repeated poll is answered the same; a NACK after something
   that could not be read, when it is said four times in a row. So is, always, what has a code that no table
   lists: a 16-bit CRC lets one mangled frame in 65,536 pass, and any byte of noise would be an exception.

10. A poll that changes the machine leaves three times at most, and never again once the machine's link may
   have dropped: a machine would carry it out twice. Whether it was is then for the caller to find out.

One thing is left to the caller. A long poll that carries data and loses its command on a bad line may pass
for another command, and so acknowledge. Where events may be pending, two-byte polls are the safe ones:
0E is best sent right after one of them was answered with data.

Time is monotonic seconds; streams are marked as in `wakeup`. Which polls to send is the caller's choice.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.errors import LocalProtocolError
from edge_agent.sas.host_bounds import REPLY_WINDOW_SECONDS
from edge_agent.sas.host_ear import HostEar, HostState
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
    SignatureHeard,
    Unanswered,
)
from edge_agent.sas.link_watch import SYNCHRONISATION_POLL
from edge_agent.sas.meaning import Mode
from edge_agent.sas.messages import GENERAL_POLL, GeneralPoll, LongPollRequest, Poll, poll_key
from edge_agent.sas.outstanding import NEVER, Outstanding, outstanding
from edge_agent.sas.wakeup import WakeupDecoder, encode_host_message

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
    "SignatureHeard",
    "Unanswered",
]

_SYNCHRONISE = encode_host_message(SYNCHRONISATION_POLL)


class HostConnection(HostEar):
    """The host's end for one address.

    Each time around, the caller calls `handle_timer`, takes `events` and makes them durable, then writes
    what `data_to_send` gives, keeping `last_poll` and `last_event` outside the process before it does.

    Args:
        address: the machine's, 1..127.
        last_poll: what an earlier run sent last; b"" if there was none.
        last_event: what an earlier run journalled last; b"" if nothing.
        real_time: how the machine reported when the earlier run ended, if that is known. It holds if the
            machine answers without being woken up: one that lost power would not.
        reply_window: how long an answer may take to begin.
        first_poll: what to wake a machine with that nobody knows; a general poll if left out, which may
            bring an exception.
        may_send: which polls may leave. What `send` is given is held to it, and what an earlier run left in
            the note: a poll that may not leave is not repeated, and the machine is woken up instead.
        shared: other machines are polled on the same line, between the polls of this connection.
    """

    def __init__(
        self,
        address: int,
        *,
        last_poll: bytes = b"",
        last_event: bytes = b"",
        real_time: bool | None = None,
        reply_window: float = REPLY_WINDOW_SECONDS,
        first_poll: LongPollRequest | None = None,
        may_send: Callable[[Poll], bool] = lambda _: True,
        shared: bool = False,
    ) -> None:
        mode = Mode.UNKNOWN
        if real_time is not None:
            mode = Mode.REAL_TIME if real_time else Mode.ONE_BYTE
        super().__init__(address, last_event, mode, reply_window, shared=shared)
        self.last_poll = last_poll
        self._first_poll: Poll = first_poll or GeneralPoll(address)
        self.repeats = 0  # polls sent again
        self._open = False
        self._may_send = may_send
        self._same_key: int | None = None  # what the machine would take for a request to repeat

    def __repr__(self) -> str:
        asked = f" asked {self._asked.frame.hex(' ')} x{self._asked.sends}" if self._asked else ""
        return f"<HostConnection {self.address:02} {self.state.value}{asked}>"

    def ready(self, now: float) -> bool:
        """Whether a new poll may be given."""
        return self.state is HostState.POLLING and self._asked is None and self._open and now >= self._free_at

    @property
    def keeps_quiet(self) -> bool:
        """Whether nothing may be sent to any address, so that the machine's link drops."""
        return self.state is HostState.QUIET and not self._watch.resting

    def holds_line(self, now: float) -> bool:
        """Whether no other address may be polled now.

        A poll to another address says to this machine that its answer was heard. So none leaves while an
        answer may be under way, or while the host keeps quiet for the link to drop.
        """
        if self.state is HostState.QUIET:
            return self.keeps_quiet
        asked = self._asked
        return now < self._free_at or (asked is not None and (asked.has_left or asked.restarted))

    def neighbour_polled(self, now: float) -> None:
        """Another address was polled on this line: that acknowledges and synchronises as 80 does."""
        self._owes_synchronisation = False
        self._synchronised_at = now
        self._same_key = None

    def send(self, poll: Poll) -> None:
        """Give the next poll. It leaves with the next `data_to_send`, unless an answer may still come."""
        if self._asked is not None or self.state is not HostState.POLLING:
            raise LocalProtocolError(f"{self!r} is not ready for a poll", "wait until it is")
        self._check(poll)
        self._asked = outstanding(poll)
        if self._asked.key == self._same_key:
            # The same command at once asks for a repeat, not for fresh data.
            self._owes_synchronisation = True

    def link_opened(self, now: float, *, quiet_since: float | None = None) -> None:
        """Begin, or go on with the poll that was not answered.

        `quiet_since`: when the line is known to have fallen silent, if that was before now.
        """
        self._open = True
        self._watch.opened()
        if self.state is HostState.STARTING:
            self._start(now, now if quiet_since is None else quiet_since)
        elif self._asked is not None and self._asked.has_left and self._asked.is_command:
            self._be_quiet(now)
        elif self._asked is not None and self.state is not HostState.QUIET:
            self._asked.due = now
            self._asked.late_answers = True

    def link_lost(self, now: float) -> None:  # noqa: ARG002  the moment is the caller's to report
        """Forget half-received characters; keep what was asked and what is owed."""
        self._open = False
        self._decoder = WakeupDecoder()
        self._reader.finish()

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        if not self._open:
            return
        if now >= self._free_at:
            self._free_at = NEVER
        if self._reader.pending and now >= self._gap_ends():
            self._finish(now)
        asked = self._asked
        if asked is None:
            return
        if self.state is HostState.QUIET:
            if now >= self._watch.quiet_until:
                self._synchronise(asked, now)
        elif asked.due is None and now >= self._deadline(asked):
            self._finish(now)
            if self._asked is asked and asked.due is None:
                self._hear_nothing(asked, now)

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next, or None."""
        if not self._open:
            return None
        asked = self._asked
        if asked is None:
            timer = self._free_at
        elif self.state is HostState.QUIET:
            timer = self._watch.quiet_until
        elif asked.due is None:
            timer = self._deadline(asked)
        else:
            timer = max(asked.due, self._free_at)
        if self._reader.pending:
            timer = min(timer, self._gap_ends()) if timer > NEVER else self._gap_ends()
        return timer if timer > NEVER else None

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

    def _synchronisation(self, now: float) -> bytes:
        """The poll to address 0, where it is owed: it acknowledges, and keeps the machine synchronised."""
        if not self._owes_synchronisation:
            return b""
        self._owes_synchronisation = False
        self._synchronised_at = self._sent_at = now
        self._watch.sent(now)
        self._same_key = None
        self.last_poll = SYNCHRONISATION_POLL
        return _SYNCHRONISE

    def _send(self, asked: Outstanding, now: float) -> bytes:
        self.repeats += asked.has_left
        asked.sends += 1
        asked.due = None
        asked.sent_at = self._sent_at = now
        self._watch.asked(now)
        if self.state is HostState.STARTING:
            self.state = HostState.REPEATING
        self._last_key = self._same_key = asked.key
        self._reader.expect(
            asked.poll, self._mode is not Mode.ONE_BYTE, again=asked.late_answers, frame=asked.frame
        )
        self.last_poll = asked.frame
        return encode_host_message(asked.frame)

    def _check(self, poll: Poll) -> None:
        """Refuse a poll that would break a rule."""
        if poll.address != self.address:
            raise LocalProtocolError(f"a poll for address {poll.address} on the connection of {self.address}")
        if not self._may_send(poll):
            raise LocalProtocolError(f"{_named(poll)} may not leave here", "send what this host may ask")
        if self.real_time and isinstance(poll, GeneralPoll):
            raise LocalProtocolError(
                "a general poll under real-time events: silence could mean anything", "send a long poll"
            )
        if not self._confirmation.proves(poll_key(poll)):
            raise LocalProtocolError(
                "this poll would not prove that the last event was let go", "send a different long poll"
            )

    def _start(self, now: float, quiet_since: float) -> None:
        self._asked = self._watch.begin_with(
            self.last_poll, now, self._first_poll, quiet_since, self._may_send
        )
        # On a shared line the poll that told this machine it was heard may have been lost on the way.
        self._restarted = self._asked.restarted or (self._watch.shared and bool(self.last_event))
        if self._watch.quiet_until > NEVER:
            self.state = HostState.QUIET


def _named(poll: Poll) -> str:
    """A poll without its data, which no log may show."""
    return f"long poll {poll.command:02X}" if isinstance(poll, LongPollRequest) else "a general poll"
