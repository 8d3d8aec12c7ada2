"""A simulated machine, and a technician's laptop or the driver at its port, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import pytest

from edge_agent.cabinet.asking import Asking, Outcome
from edge_agent.cabinet.question import read_question
from edge_agent.cli import main
from edge_agent.drivers.sas import SasOptions, SasStation
from edge_agent.events import Observation
from edge_agent.links.capture import FROM_DEVICE, TO_DEVICE, Travelled
from edge_agent.sas import GeneralPoll, LongPollRequest, PollReader, WakeupDecoder
from edge_agent.sas.machine import Delivered, MachineConnection
from edge_agent.sas.wakeup import marked
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.station import DeviceIdentity
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import Conversation, End, StationEnd, wires_of
from edge_agent.testing.wires import PERFECT, WireProfile

BEGAN = 100.0
# All addresses in turn take about 70 s.
LONGEST_SECONDS = 120.0


@dataclass
class Visit:
    """A machine that nobody plays, and whoever asks it something. Listens in on what it hears."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(BEGAN))
    wire: WireProfile = PERFECT
    asking: Asking | None = None
    mute_chirps: bool = False
    asked: list[int] = field(default_factory=list)  # commands of long polls, in order
    general_polls: set[int] = field(default_factory=set)  # addresses of general polls
    sent_at: list[float] = field(default_factory=list)
    last_heard_by_the_machine: float = BEGAN

    def __post_init__(self) -> None:
        self._reader, self._characters = PollReader(), WakeupDecoder()
        self.move_to(1)

    def move_to(self, address: int) -> None:
        """Another machine, set to that address."""
        self.machine = MachineOnLine(replace(default_floor(1, seed=1)[0], address=address), seed=1)

    @property
    def connection(self) -> MachineConnection:
        return self.machine.connection

    @property
    def delivered(self) -> list[int]:
        """What the machine has let go, by its serial."""
        return [one.serial for one in self.connection.history() if isinstance(one, Delivered)]

    def ask(self, poll: str, *arguments: str, address: int | None = None, consume: bool = False) -> Outcome:
        """Ask, and wait for what comes of it."""
        self.asking = Asking(read_question(poll, arguments, consume=consume), address)
        self.asking.link_opened(self.clock.now)
        self.talk = Conversation(self.asking, self, self.clock, wires=wires_of(self.wire, seed=3))
        until = self.clock.now + LONGEST_SECONDS
        while self.asking.outcome is None and self.clock.now < until:
            self.talk.run_for(0.02)
        assert self.asking.outcome is not None
        return self.asking.outcome

    def meet_another_host(self) -> None:
        """Another host has polled the machine until now."""
        self._hear(marked(0x80))
        self._hear(marked(0x81))

    def have_another_host_hear(self) -> None:
        """It hears the exception that waits, and is unplugged."""
        self._hear(marked(0x80))
        assert self._hear(marked(0x81)) != b"\x00"

    def _hear(self, stream: bytes) -> bytes:
        self.clock.advance(0.2)
        self.last_heard_by_the_machine = self.clock.now
        self.connection.receive_data(stream, self.clock.now)
        return self.connection.data_to_send(self.clock.now)

    # As an end of the line: the machine's, listened in on.

    def receive_data(self, stream: bytes, now: float) -> None:
        self.sent_at.append(now)
        for poll in self._reader.feed(self._characters.feed(stream), now):
            if isinstance(poll, LongPollRequest):
                self.asked.append(poll.command)
            elif isinstance(poll, GeneralPoll):
                self.general_polls.add(poll.address)
        self.connection.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        self.connection.handle_timer(now)

    def next_timer(self) -> float | None:
        return self.connection.next_timer()

    def data_to_send(self, now: float) -> bytes:
        data = self.connection.data_to_send(now)
        return b"" if self.mute_chirps and data.startswith(b"\xff\x00") else data


@pytest.fixture
def visit() -> Visit:
    return Visit()


@pytest.fixture
def converse() -> Callable[[Asking, End], Asking]:
    """Drives an asking against some machine until it has an outcome, or long enough."""

    def drive(asking: Asking, machine: End) -> Asking:
        clock = VirtualClock(BEGAN)
        asking.link_opened(clock.now)
        talk = Conversation(asking, machine, clock)
        while asking.outcome is None and clock.now < BEGAN + 20.0:
            talk.run_for(0.02)
        return asking

    return drive


@dataclass
class Story:
    """A machine that is played, the driver at the other end, and what travelled between them."""

    seed: int
    wire: WireProfile = PERFECT
    rate: float = 8.0
    spec: Mapping[str, Any] = field(default_factory=dict)
    travelled: list[Travelled] = field(default_factory=list)
    tickets: set[str] = field(default_factory=set)

    def tell(self, seconds: float) -> Story:
        """Let it be played for a while."""
        clock = VirtualClock(BEGAN)
        spec = replace(default_floor(1, seed=self.seed)[0], **self.spec)
        machine = MachineOnLine(spec, self.seed, rate=self.rate)
        station = SasStation(DeviceIdentity("machine-01", "USD"), SasOptions(role="primary"))
        self.end = RecordedEnd(station, clock, self.travelled)
        talk = Conversation(self.end, machine, clock, wires=wires_of(self.wire, self.seed))
        for _ in range(int(seconds * 5)):
            talk.run_for(0.2)
            memory = machine.machine.cabinet.validation.memory
            self.tickets.update(record.validation_number for record in memory.records.values())
            if memory.last_ticket is not None:
                self.tickets.add(memory.last_ticket.validation_number)
        return self

    @property
    def observations(self) -> Sequence[Observation]:
        """What the driver made of it."""
        return self.end.observations


class RecordedEnd(StationEnd):
    """A station whose line is recorded."""

    def __init__(self, station: SasStation, clock: VirtualClock, travelled: list[Travelled]) -> None:
        self._travelled, self._clock, self._began = travelled, clock, clock.now
        super().__init__(station, clock)

    def receive_data(self, stream: bytes, now: float) -> None:
        self._travelled.append(Travelled(now - self._began, FROM_DEVICE, stream))
        super().receive_data(stream, now)

    def data_to_send(self, now: float) -> bytes:
        data = super().data_to_send(now)
        if data:
            self._travelled.append(Travelled(now - self._began, TO_DEVICE, data))
        return data


@pytest.fixture(scope="session")
def tell_story() -> Callable[..., Story]:
    """Tells a story: `tell_story(seconds=…, seed=…, wire=…)`; the same one is told once."""

    @lru_cache
    def tell(seconds: float, **about: Any) -> Story:
        return Story(**about).tell(seconds)

    return tell


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; its exit status, what it prints, and what it complains of."""

    def run_it(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return run_it
