"""A machine that is attended by hand, and the driver at its port, in virtual time."""

from __future__ import annotations

from typing import Any

from edge_agent.drivers.sas import SasOptions, SasStation
from edge_agent.events import EventBody, Observation
from edge_agent.events.slot import SlotException
from edge_agent.sas.machine import History, MachineConnection
from edge_agent.sas.messages import LongPollRequest
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.simulator.specification import STANDARD, MachineSpec
from edge_agent.station import DeviceIdentity
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import Conversation, StationEnd
from edge_agent.testing.machine_bench import ABLE

IDENTITY = DeviceIdentity("slot-1", "USD")
# What no event may hold.
NUMBER, TRANSACTION = "011234567890123456", "SECRET17"


class Attended:
    """A machine nobody plays, what is done to it by hand, and the driver at its port."""

    def __init__(self, spec: MachineSpec = ABLE, **options: Any) -> None:
        self.clock = VirtualClock(100.0)
        self.spec = spec
        self.asked: list[LongPollRequest] = []
        self.machine: GamingMachine[MachineConnection] = GamingMachine(spec, self._connect, seed=1)
        self.history: list[History] = []
        self.machine.handle_timer(self.clock.now)
        self.machine.stop_play(self.clock.now)
        self.options = SasOptions(**options)
        self.end = StationEnd(SasStation(IDENTITY, self.options), self.clock)
        self.talk = Conversation(self.end, self, self.clock)
        self.journal: list[Observation] = []
        self.run_for(12)
        self.met = [*self.journal]
        self.forget()

    def _connect(self, machine: Any) -> MachineConnection:
        return MachineConnection(
            self.spec.address,
            self,
            secure_validation=self.spec.validation != STANDARD,
            secure_handpays=self.spec.secure_handpays,
            on_acknowledged=machine.acknowledged,
        )

    # The machine's end of the line.

    def answer(self, poll: LongPollRequest, now: float) -> Any:
        self.asked.append(poll)
        return self.machine.answer(poll, now)

    def receive_data(self, stream: bytes, now: float) -> None:
        self.machine.connection.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        self.machine.handle_timer(now)
        self.machine.connection.handle_timer(now)
        self.history += self.machine.connection.history()

    def next_timer(self) -> float | None:
        dues = (self.machine.next_timer(), self.machine.connection.next_timer())
        return min((due for due in dues if due is not None), default=None)

    def data_to_send(self, now: float) -> bytes:
        return self.machine.connection.data_to_send(now)

    # What is looked at.

    @property
    def station(self) -> Any:
        return self.end.station

    @property
    def cabinet(self) -> Any:
        self.machine.cabinet.board.now = self.clock.now
        return self.machine.cabinet

    def run_for(self, seconds: float) -> None:
        self.talk.run_for(seconds)
        self.journal += self.end.take()
        told = "".join(body.model_dump_json() for body in self.bodies)
        assert NUMBER not in told
        assert TRANSACTION not in told

    def forget(self) -> None:
        self.journal.clear()
        self.asked.clear()
        self.history.clear()

    def kill(self) -> None:
        """The collector dies; another begins from its note."""
        self.journal += self.end.take()
        self.end = StationEnd(SasStation(IDENTITY, self.options, self.end.note), self.clock)
        self.talk.host = self.end

    @property
    def bodies(self) -> list[EventBody]:
        return [observation.body for observation in self.journal]

    def of(self, kind: type[Any]) -> list[Any]:
        return [body for body in self.bodies if isinstance(body, kind)]

    def heard(self, code: int) -> int:
        """How often an exception was journalled."""
        return sum(body.code == f"0x{code:02x}" for body in self.of(SlotException))

    def asked_for(self, command: int) -> list[Any]:
        return [poll.values for poll in self.asked if poll.command == command]
