"""A bench for drivers: a line in virtual time, whose collector can be killed at any step.

The journal is a list, the note is kept as a line keeps it, and the calls come in the order in
which a line makes them. A `StationCase` says which driver is on the bench, and which simulated
device is at the other end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.events import EventBody, Observation
from edge_agent.station import DeviceIdentity, Driver, Station

# A line looks at its station at least this often, whatever the station waits for.
LONGEST_WAIT_SECONDS = 0.25

# Time does not stand still, however often somebody wants to be called.
SHORTEST_STEP_SECONDS = 0.001

# Where a collector may die: either side of each thing it does for an event.
STAGES = ("before_append", "after_append", "after_note", "after_write")

IDENTITY = DeviceIdentity(subject="device-under-test", currency="USD")


class ConformanceError(AssertionError):
    """A driver does not do what every driver has to do."""


def require(condition: object, what: str) -> None:
    """Raise ConformanceError saying what was broken, unless the condition holds."""
    if not condition:
        raise ConformanceError(what)


class DeviceUnderTest(Protocol):
    """A simulated device at the other end of the line, in the marked form of `edge_agent.links`."""

    @property
    def pending(self) -> int:
        """Events raised and not yet acknowledged: what the device would lose with its power."""

    def raise_event(self, now: float) -> Hashable:
        """Make something happen that the host must hear; gives a name for it."""

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what the station sent."""

    def handle_timer(self, now: float) -> None:
        """Time has passed."""

    def next_timer(self) -> float | None:
        """When to be called next."""

    def data_to_send(self, now: float) -> bytes:
        """What it says now."""


@dataclass(frozen=True, slots=True)
class StationCase:
    """A driver, and what the suite needs to know to try it."""

    driver: Driver
    make_device: Callable[[], DeviceUnderTest]
    tells_of: Callable[[EventBody], Hashable | None]  # the name `raise_event` gave, or None for other events
    options: Mapping[str, object] = field(default_factory=dict)
    settle_seconds: float = 30.0  # by when an event must have got through, after any trouble

    def make_station(self, note: bytes = b"") -> Station:
        """The station under test."""
        return self.driver.station(IDENTITY, self.options, note)


class Bench:
    """A line in virtual time: a station, a device, a journal that is a list, a note that is kept.

    `stop_at` names a stage at which the collector dies, once; a new station begins from the note.
    """

    def __init__(self, case: StationCase, *, chunk_bytes: int | None = None) -> None:
        self.case = case
        self.now = 100.0
        self.device = case.make_device()
        self.journal: list[Observation] = []
        self.note = b""
        self.stop_at: str | None = None
        self.written = b""
        self._chunk_bytes = chunk_bytes
        self.station = case.make_station()
        self.station.link_opened(self.now)

    @property
    def told(self) -> list[Hashable]:
        """The names of the raised events that are in the journal, in order."""
        names = (self.case.tells_of(observation.body) for observation in self.journal)
        return [name for name in names if name is not None]

    def run_for(self, seconds: float) -> None:
        """Let the line run."""
        until = self.now + seconds
        while self.now < until:
            self.step()

    def run_until_settled(self) -> None:
        """Let the line run until the device has nothing left that was not acknowledged."""
        until = self.now + self.case.settle_seconds
        while self.now < until and self.device.pending:
            self.step()
        require(
            not self.device.pending,
            f"after {self.case.settle_seconds:g} s the device still keeps {self.device.pending} events",
        )

    def step(self) -> None:
        """Once around the line's loop, then on to the next moment anything happens."""
        try:
            self._collect()
        except _Died:
            self.restart()
        wait = self._next_moment() - self.now
        self.now += min(max(wait, SHORTEST_STEP_SECONDS), LONGEST_WAIT_SECONDS)
        self.device.handle_timer(self.now)
        self.hear(self.device.data_to_send(self.now))

    def hear(self, data: bytes) -> None:
        """Bytes arrive at the station, in chunks if so wished."""
        size = self._chunk_bytes or max(1, len(data))
        for at in range(0, len(data), size):
            self.station.receive_data(data[at : at + size], self.now)

    def restart(self) -> None:
        """The collector was killed; another begins from the note that was kept."""
        self.station = self.case.make_station(self.note)
        self.station.link_opened(self.now)

    def _collect(self) -> None:
        self.station.handle_timer(self.now)
        observations = list(self.station.take_observations())
        if observations:
            self._maybe_die("before_append")
            self.journal += observations
            self._maybe_die("after_append")
        data = self.station.data_to_send(self.now)
        self.note = self.station.note()
        if observations:
            self._maybe_die("after_note")
        self.written += data
        if data:
            self.device.receive_data(data, self.now)
        if observations:
            self._maybe_die("after_write")

    def _maybe_die(self, stage: str) -> None:
        if self.stop_at == stage:
            self.stop_at = None
            raise _Died

    def _next_moment(self) -> float:
        dues = (self.station.next_timer(), self.device.next_timer())
        return min((due for due in dues if due is not None), default=self.now + LONGEST_WAIT_SECONDS)


class _Died(Exception):  # noqa: N818  an event of the story, not an error
    """The collector was killed here."""
