"""LinkWatch: whether the machine is there, and when and with what it may be woken up.

A poll to another address wakes a machine whose link has dropped. To any other machine it says that its
answer was heard. So it may be sent only when the machine's link has surely dropped: it has heard nothing
for longer than it waits, or it chirps.

What wakes it is the poll that was not answered, and every other time one that any machine answers. The
machine's poll state is gone, so neither acknowledges anything.

A poll that changes the machine is not what wakes it either: it may have been carried out already.

On a line that machines share, keeping quiet keeps all of them waiting. It is done once, when a machine
falls silent. After that it is looked for now and then, with the poll that any machine answers and that
carries no exception where real-time events are off: if that is not heard, nothing is.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.host_bounds import (
    CERTAIN_CHIRP_SECONDS,
    CHIRP_SPACING_SECONDS,
    CHIRPS_BELIEVED,
    LISTEN_SECONDS,
    LOST_AFTER_POLLS,
    LOST_AFTER_SECONDS,
    QUIET_SECONDS,
    REPLY_WINDOW_SECONDS,
    REST_SECONDS,
    SENDS_OF_A_POLL,
)
from edge_agent.sas.host_events import HostEvent, MachineFound, MachineLost, Unanswered
from edge_agent.sas.messages import LongPollRequest, Poll, UnknownPoll, decode_poll
from edge_agent.sas.outstanding import NEVER, Outstanding, outstanding
from edge_agent.sas.poll_lengths import READ_POLL_BYTES
from edge_agent.sas.unread import Unread

SYNCHRONISATION_POLL = b"\x80"
# Every machine knows its credits, and the answer carries a CRC.
CERTAIN_COMMAND = 0x1A


class LinkWatch:
    """Watches the link to one address; `shared` if others are on the line."""

    def __init__(self, address: int, *, shared: bool = False) -> None:
        self.shared = shared
        self.resting = False  # quiet, and others may be polled: nothing unheard may be acknowledged by it
        self._address = address
        self._found = False
        self._lost = False
        self._asking_since: float | None = None
        self._unanswered = 0  # polls in a row
        self._sent_at = NEVER
        self._unread = Unread()
        self._chirps = 0
        self._chirp_at = NEVER
        self._rounds = 0  # of waking up, since something was answered
        self.quiet_until = NEVER

    def begin_with(
        self,
        last_poll: bytes,
        now: float,
        first: Poll,
        quiet_since: float,
        may_send: Callable[[Poll], bool],
    ) -> Outstanding:
        """What to ask first: what an earlier run asked last, after a moment in which to hear chirps.

        Where it left nothing that may be sent, the machine has to be woken up, with `first`: `quiet_until`
        is set.
        """
        listened = now + LISTEN_SECONDS
        if last_poll == SYNCHRONISATION_POLL:
            # All that was heard before it had been journalled, and nothing was asked after it.
            return outstanding(self._certain_poll(), due=listened)
        poll = self._understood(last_poll)
        if poll is None or not may_send(poll):
            self.quiet_until = quiet_since + QUIET_SECONDS
            return outstanding(first)
        return Outstanding(poll, last_poll, listened, late_answers=True, restarted=True)

    def opened(self) -> None:
        """The link is open: what was not heard while it was closed was not silence."""
        self._asking_since = None
        self._unread.clear()

    def sent(self, now: float) -> None:
        """Something was sent."""
        self._sent_at = now

    def asked(self, now: float) -> None:
        """Something was asked."""
        self._sent_at = now
        self._unanswered += 1
        self._unread.asked(now)
        if self._asking_since is None:
            self._asking_since = now

    def garbled(self, now: float) -> None:
        """The machine gives bytes: it is there."""
        self._asking_since = now
        self._unanswered = 0

    def unread(self, name: str, now: float) -> list[HostEvent]:
        """What was heard is no good answer, `name` says whose if that is known; what that is news of.

        Nothing is asked otherwise for it: the machine may be there, with something to say.
        """
        self._unread.heard(name)
        if self._lost or not self._unread.is_outage(now):
            return []
        self._lost = True
        return [MachineLost(self._unread.seconds(now), self._unread.in_words())]

    def is_silent(self, now: float) -> bool:
        """Whether the machine has left unanswered whatever was asked, for too long."""
        return self._unanswered >= LOST_AFTER_POLLS and self._silent_for(now) >= LOST_AFTER_SECONDS

    def answered(self, asked: Outstanding) -> list[HostEvent]:
        """The machine answered; what that is news of."""
        news: list[HostEvent] = []
        if self._lost or not self._found:
            self._found, self._lost = True, False
            news.append(MachineFound())
        own = asked.instead_of
        if own is not None and not own.restarted and isinstance(own.poll, LongPollRequest):
            news.append(Unanswered(own.poll))
        self._asking_since = None
        self._unanswered = self._rounds = 0
        self._unread.clear()
        return news

    def fell_silent(self, now: float, window: float = REPLY_WINDOW_SECONDS) -> list[HostEvent]:
        """The machine has been silent for too long; what that is news of. Now the host keeps quiet.

        `window`: how long its answers may take to begin: one that is late may have heard so much later.
        """
        self.quiet_until = self._sent_at + QUIET_SECONDS + max(0.0, window - REPLY_WINDOW_SECONDS)
        self.resting = False
        return self._loses(now)

    @property
    def sends_to_wake(self) -> int:
        """How often a machine is asked before it is left in peace; fewer where that holds up others."""
        return 1 if self.shared and self._rounds > 1 else SENDS_OF_A_POLL

    def rest(self, now: float) -> list[HostEvent]:
        """It did not wake up: the others have the line to themselves for a while; what that is news of."""
        shortest, longest = REST_SECONDS
        self.quiet_until = now + min(shortest * 2 ** (self._rounds - 1), longest)
        self.resting = True
        return self._loses(now)

    def chirped(self, now: float, *, marked: bool, quiet: bool, waiting: bool) -> bool:
        """A chirp was heard; whether the machine's link has surely dropped."""
        self._chirps += now - self._chirp_at >= CHIRP_SPACING_SECONDS
        self._chirp_at = now
        if quiet:
            return marked or now - self._sent_at >= CERTAIN_CHIRP_SECONDS
        if waiting and not marked:
            self._chirps = 0  # it may be what is left of the answer
        return self._chirps >= CHIRPS_BELIEVED

    def no_chirp(self) -> None:
        """Something else was heard: chirps before it prove nothing."""
        self._chirps = 0

    def wake_with(self, asked: Outstanding, now: float) -> Outstanding:
        """What to ask of a machine whose link has dropped."""
        self._chirps = 0
        self._rounds += 1
        self.resting = False
        own = asked.instead_of or asked
        if self.shared or own.is_command:
            return outstanding(self._certain_poll(), due=now, instead_of=own)
        # Where events may be pending, a poll that lost its command on the line could pass for another one.
        own_first = len(own.frame) <= READ_POLL_BYTES
        if own_first == bool(self._rounds % 2):
            return Outstanding(own.poll, own.frame, due=now, restarted=own.restarted)
        return outstanding(self._certain_poll(), due=now, instead_of=own)

    def _loses(self, now: float) -> list[HostEvent]:
        if self._lost:
            return []
        self._lost = True
        return [MachineLost(self._silent_for(now), self._unread.speaker())]

    def _silent_for(self, now: float) -> float:
        return now - (now if self._asking_since is None else self._asking_since)

    def _certain_poll(self) -> LongPollRequest:
        return LongPollRequest(self._address, CERTAIN_COMMAND)

    def _understood(self, frame: bytes) -> Poll | None:
        """A poll as an earlier run left it, where it makes sense for this machine."""
        try:
            poll = decode_poll(frame)
        except RemoteProtocolError:
            return None
        return None if isinstance(poll, UnknownPoll) or poll.address != self._address else poll
