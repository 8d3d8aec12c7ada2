"""A bench for shared lines: a chain of machines, and a collector that can be killed at any step.

The chain hears whatever the host says, all of it, and answers as its machines do. The collector keeps
the order of a line and its note with the pages: take what was observed, append it, keep the note, write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_agent.events import Observation
from edge_agent.sas.machine import MachineConnection
from edge_agent.station import Station, pack_pages, unpack_pages
from edge_agent.testing.polling_host import Killed, Step

# How long a process is gone that was killed.
RESTART_SECONDS = 0.5


class Chain:
    """Machines on one line: all hear everything, each answers for itself."""

    def __init__(self, machines: Sequence[MachineConnection]) -> None:
        self.machines = machines

    def receive_data(self, stream: bytes, now: float) -> None:
        """See End."""
        for machine in self.machines:
            machine.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        """See End."""
        for machine in self.machines:
            machine.handle_timer(now)

    def next_timer(self) -> float | None:
        """See End."""
        dues = [machine.next_timer() for machine in self.machines]
        return min((due for due in dues if due is not None), default=None)

    def data_to_send(self, now: float) -> bytes:
        """See End."""
        return b"".join([machine.data_to_send(now) for machine in self.machines])


class MortalCollector:
    """A line's loop in virtual time.

    Args:
        make: makes the station from the note.
        fate: asked at each step whether the process is killed there.
    """

    def __init__(
        self, make: Callable[[bytes], Station], fate: Callable[[Step], bool] = lambda _: False
    ) -> None:
        self.journal: list[Observation] = []
        self.runs = 1
        self.station = make(b"")
        self._make = make
        self._fate = fate
        self._pages: dict[int, bytes] = {}
        self._starts_at: float | None = 0.0
        self._dying_words = b""

    def __repr__(self) -> str:
        return f"<MortalCollector run {self.runs} of {self.station!r}>"

    def receive_data(self, stream: bytes, now: float) -> None:
        """See End."""
        if self._starts_at is None:
            self.station.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        """See End."""
        if self._starts_at is not None and now >= self._starts_at:
            self._starts_at = None
            self.station.link_opened(now)
        if self._starts_at is None:
            self.station.handle_timer(now)

    def next_timer(self) -> float | None:
        """See End."""
        return self.station.next_timer() if self._starts_at is None else self._starts_at

    def data_to_send(self, now: float) -> bytes:
        """See End."""
        if self._starts_at is not None:
            return b""
        try:
            return self._collect(now)
        except Killed:
            self.runs += 1
            self.station = self._make(pack_pages(self._pages.values()))
            self._starts_at = now + RESTART_SECONDS
            return self._dying_words

    def _collect(self, now: float) -> bytes:
        self._dying_words = b""
        observations = self.station.take_observations()
        if observations:
            self._live(Step.BEFORE_APPEND)
            self.journal += observations
            self._live(Step.AFTER_APPEND)
        stream = self.station.data_to_send(now)
        self._pages |= {page[0]: page for page in unpack_pages(self.station.note())}
        if stream:
            self._live(Step.BEFORE_WRITE)
            self._dying_words = stream
            self._live(Step.AFTER_WRITE)
        return stream

    def _live(self, step: Step) -> None:
        if self._fate(step):
            raise Killed
