"""Listening: the hearing half of a host, for a line on which another host polls, or once polled.

What the other host asks is told by `overhear`, what the machine answers by `receive_data`; what was learnt
comes out as the same events that a host of ours would have. Nothing is ever sent. Time is the recorded
time, so the same bytes at the same times are heard the same by everybody.
"""

from __future__ import annotations

from edge_agent.cabinet.explain import poll_of
from edge_agent.sas import WAKEUP, EventReply, ExceptionReply, WakeupDecoder
from edge_agent.sas.host_bounds import CERTAIN_CHIRP_SECONDS, LINK_DOWN_SECONDS, REPLY_WINDOW_SECONDS
from edge_agent.sas.host_ear import HostEar, HostState
from edge_agent.sas.host_events import RepeatRecognised
from edge_agent.sas.meaning import Mode
from edge_agent.sas.messages import GENERAL_POLL_BIT, poll_key
from edge_agent.sas.outstanding import Outstanding

__all__ = ["Listener", "messages_of"]


class Listener(HostEar):
    """Hears one machine answer somebody else's polls.

    The machine is taken to report in one byte until it shows otherwise: the other host knew, and does not
    ask twice to make sure for us.
    """

    def __init__(self, address: int) -> None:
        super().__init__(address, b"", Mode.ONE_BYTE, REPLY_WINDOW_SECONDS)
        self.state = HostState.POLLING
        self._overheard_at = float("inf")  # when the host said something last
        self._previous = b""  # the message before this one, whoever it was for
        self._told = False  # it was answered with an event
        self._asked_again = (
            False  # the poll is one that was just answered with an event: it asks for a repeat
        )

    def __repr__(self) -> str:
        return f"<Listener {self.address:02} {self._mode.value}>"

    def overhear(self, message: bytes, now: float) -> None:
        """The host says one message, to whomever."""
        if self._reader.pending:
            self._finish(now)  # the host took the answer for over, however short the silence
        if now - self._overheard_at >= LINK_DOWN_SECONDS:
            self._note_link_down()
        self._overheard_at = now
        again = self._told and message == self._previous
        self._told, self._previous = False, message
        poll = poll_of(message)
        if poll is None or poll.address != self.address:
            return
        asked = self._asked
        if asked is not None and self._watch.is_silent(now):
            self._events.extend(self._watch.fell_silent(now))
        if asked is None or asked.frame != message:
            asked = self._asked = Outstanding(poll, message)
        asked.due = None
        asked.sends += 1
        asked.sent_at = self._sent_at = now
        self._asked_again = again
        self._last_key = poll_key(poll)
        self._watch.asked(now)
        self._reader.expect(poll, self._mode is not Mode.ONE_BYTE)

    def pass_time(self, now: float) -> None:
        """Act on the silence before `now`: it ends what the machine was saying."""
        if self._reader.pending and now >= self._gap_ends():
            self._finish(self._gap_ends())

    def _hear_event(self, reply: EventReply | ExceptionReply, *, certain: bool) -> None:
        before, self._told = self.last_event, True
        heard = len(self._events)
        super()._hear_event(reply, certain=certain)
        if self._asked_again and self.last_event == before:
            # Asked the same twice in a row, a machine says the same again: nothing new has happened.
            self._events[heard:] = [RepeatRecognised(reply.code)]

    def _hear_chirp(self, now: float) -> None:
        super()._hear_chirp(now)
        if self._marked and now - self._overheard_at >= CERTAIN_CHIRP_SECONDS:
            self._note_link_down()  # no late answer is marked, nor comes that late

    def _synchronise(self, asked: Outstanding, now: float) -> None:  # noqa: ARG002  nothing is sent here
        """The machine's link has dropped; waking it is the other host's to do."""
        self._note_link_down()


def messages_of(stream: bytes) -> list[bytes]:
    """The host messages in one write: each begins with a wakeup bit."""
    messages: list[bytearray] = []
    for character in WakeupDecoder().feed(stream):
        byte = character & 0xFF
        finished = bool(messages and messages[-1][0] & GENERAL_POLL_BIT)
        if character & WAKEUP or not messages or finished:
            messages.append(bytearray())
        messages[-1].append(byte)
    return [bytes(message) for message in messages]
