"""PollingHost: the least a host can do around a HostConnection, with a journal that is a list.

It keeps the order of a line: take what was heard, append it, keep the note, write. `fate` is asked at
each step whether the process is killed there; then all that was in memory is gone, the journal and the
note stay, and a new run begins a moment later.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from edge_agent.sas.host import (
    Answered,
    ExceptionReported,
    HostConnection,
    HostEvent,
)
from edge_agent.sas.messages import GeneralPoll, LongPollRequest, Poll

# The fastest a machine may be polled.
POLL_SECONDS = 0.040
REAL_TIME_COMMAND = 0x0E
# Short questions that every machine answers, asked in turn.
HEARTBEATS = (0x1A, 0x15)

NEVER = float("-inf")


class Step(Enum):
    """Where a process can be killed."""

    BEFORE_APPEND = "before append"
    AFTER_APPEND = "after append"
    BEFORE_WRITE = "before write"
    AFTER_WRITE = "after write"


class Killed(Exception):  # noqa: N818  what happens to a process
    """The process is gone."""


# Makes a connection from the note: the last poll, the last event, and how the machine reported.
MakeConnection = Callable[[bytes, bytes, bool | None], HostConnection]


class PollingHost:
    """A host that polls one machine and journals what it hears.

    Args:
        address: the machine's.
        real_time: whether to turn real-time events on.
        fate: asked at each step with an event to journal or bytes to write; True kills the process.
        restart_after: how long the process is gone.
        connect: makes the connection from the note.
    """

    def __init__(
        self,
        address: int = 1,
        *,
        real_time: bool = True,
        fate: Callable[[Step], bool] = lambda _: False,
        restart_after: float = 0.5,
        connect: MakeConnection | None = None,
    ) -> None:
        self.address = address
        self.journal: list[ExceptionReported] = []
        self.learnt: list[HostEvent] = []
        self.runs = 0
        self._wants_real_time = real_time
        self._fate = fate
        self._restart_after = restart_after
        self._connect = connect or (
            lambda last_poll, last_event, real_time: HostConnection(
                address, last_poll=last_poll, last_event=last_event, real_time=real_time
            )
        )
        self._note: tuple[bytes, bytes, bool | None] = (b"", b"", None)
        self._poll_at = NEVER
        self._beat = 0
        self._dying_words = b""
        self._starts_at: float | None = 0.0
        self._begin()

    def __repr__(self) -> str:
        return f"<PollingHost run {self.runs} journalled {len(self.journal)} {self.connection!r}>"

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take what arrived; a process that is gone hears nothing."""
        if self._starts_at is None:
            self.connection.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        if self._starts_at is not None and now >= self._starts_at:
            self._starts_at = None
            self.connection.link_opened(now)
        if self._starts_at is None:
            self.connection.handle_timer(now)

    def next_timer(self) -> float | None:
        """When to be called next."""
        if self._starts_at is not None:
            return self._starts_at
        due = self.connection.next_timer()
        if due is None:
            return self._poll_at if self.connection.ready(self._poll_at) else None
        return due

    def data_to_send(self, now: float) -> bytes:
        """Journal what was heard, then say what may acknowledge it."""
        if self._starts_at is not None:
            return b""
        try:
            return self._journal_and_send(now)
        except Killed:
            self._begin()
            self._starts_at = now + self._restart_after
            return self._dying_words

    def _journal_and_send(self, now: float) -> bytes:
        self._dying_words = b""
        for event in self.connection.events():
            if isinstance(event, ExceptionReported):
                self._live(Step.BEFORE_APPEND)
                self.journal.append(event)
                self._live(Step.AFTER_APPEND)
            else:
                self.learnt.append(event)
        if self.connection.ready(now) and now >= self._poll_at:
            self.connection.send(self._next_poll())
            self._poll_at = now + POLL_SECONDS
        stream = self.connection.data_to_send(now)
        if stream:
            real_time = True if self.connection.real_time else None
            self._note = (self.connection.last_poll, self.connection.last_event, real_time)
            self._live(Step.BEFORE_WRITE)
            self._dying_words = stream
            self._live(Step.AFTER_WRITE)
        return stream

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

    def _live(self, step: Step) -> None:
        if self._fate(step):
            raise Killed

    def _begin(self) -> None:
        self.runs += 1
        self.connection = self._connect(*self._note)
        self._poll_at = NEVER
        self._beat = 0
        self._dying_words = b""
