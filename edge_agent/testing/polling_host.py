"""PollingHost: the least a host can do around a HostConnection, with a journal that is a list.

It takes what was heard, appends it, keeps the note and writes, and can be killed at each step.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.sas.host import (
    Answered,
    ExceptionReported,
    HostConnection,
    HostEvent,
)
from edge_agent.sas.messages import GeneralPoll, LongPollRequest, Poll
from edge_agent.testing.mortal_end import Fate, MortalEnd, Step

# The fastest a machine may be polled.
POLL_SECONDS = 0.040
REAL_TIME_COMMAND = 0x0E
# Short questions that every machine answers, asked in turn.
HEARTBEATS = (0x1A, 0x15)

NEVER = float("-inf")


# Makes a connection from the note: the last poll, the last event, and how the machine reported.
MakeConnection = Callable[[bytes, bytes, bool | None], HostConnection]


class PollingHost(MortalEnd):
    """A host that polls one machine and journals what it hears.

    Args:
        address: the machine's.
        real_time: whether to turn real-time events on.
        fate: asked at each step; True kills the process.
        connect: makes the connection from the note.
    """

    connection: HostConnection

    def __init__(
        self,
        address: int = 1,
        *,
        real_time: bool = True,
        fate: Fate = lambda _: False,
        connect: MakeConnection | None = None,
    ) -> None:
        self.address = address
        self.journal: list[ExceptionReported] = []
        self.learnt: list[HostEvent] = []
        self._wants_real_time = real_time
        self._connect = connect or (
            lambda last_poll, last_event, real_time: HostConnection(
                address, last_poll=last_poll, last_event=last_event, real_time=real_time
            )
        )
        self._note: tuple[bytes, bytes, bool | None] = (b"", b"", None)
        self._poll_at = NEVER
        self._beat = 0
        super().__init__(fate)

    def __repr__(self) -> str:
        return f"<PollingHost run {self.runs} journalled {len(self.journal)} {self.connection!r}>"

    @property
    def mind(self) -> HostConnection:
        """See MortalEnd."""
        return self.connection

    def begin(self) -> None:
        """See MortalEnd."""
        self.connection = self._connect(*self._note)
        self._poll_at = NEVER
        self._beat = 0

    def next_deed(self) -> float | None:
        """See MortalEnd."""
        due = self.connection.next_timer()
        if due is None:
            return self._poll_at if self.connection.ready(self._poll_at) else None
        return due

    def collect(self, now: float) -> bytes:
        """See MortalEnd."""
        for event in self.connection.events():
            if isinstance(event, ExceptionReported):
                self.live(Step.BEFORE_APPEND)
                self.journal.append(event)
                self.live(Step.AFTER_APPEND)
            else:
                self.learnt.append(event)
        if self.connection.ready(now) and now >= self._poll_at:
            self.connection.send(self._next_poll())
            self._poll_at = now + POLL_SECONDS
        stream = self.connection.data_to_send(now)
        if stream:
            real_time = True if self.connection.real_time else None
            self._note = (self.connection.last_poll, self.connection.last_event, real_time)
        return self.write(stream)

    def _next_poll(self) -> Poll:
        connection = self.connection
        if connection.confirming:
            return self._heartbeat()
        if connection.real_time != self._wants_real_time and (connection.real_time or self._undisturbed()):
            return LongPollRequest(self.address, REAL_TIME_COMMAND, {"enable": int(self._wants_real_time)})
        return self._heartbeat() if self._wants_real_time else GeneralPoll(self.address)

    def _undisturbed(self) -> bool:
        """Whether the last answer was no event: the moment for a poll that carries data."""
        return bool(self.learnt) and isinstance(self.learnt[-1], Answered)

    def _heartbeat(self) -> LongPollRequest:
        self._beat += 1
        command = HEARTBEATS[self._beat % len(HEARTBEATS)]
        if command == self.connection.must_differ_from:
            command = HEARTBEATS[(self._beat + 1) % len(HEARTBEATS)]
        return LongPollRequest(self.address, command)
