"""A gaming machine at its end of a line: the machine, its SAS port and the wires, as one.

Bytes and time in, bytes out. What it raised, what it lost itself and what the host acknowledged
is its history; what its meters say in the end, its truth. It takes and gives the marked stream that
links carry: of what it says only chirps are marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge_agent.sas.machine import DroppedByOverflow, MachineAnswers, Raised
from edge_agent.sas.messages import LongPollRequest
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.simulator.specification import STANDARD, MachineSpec
from edge_agent.simulator.temperament import PLAIN, Temperament
from edge_agent.simulator.tempered_port import TemperedPort
from edge_agent.simulator.travelling import Travelling, Wire
from edge_agent.simulator.unmarked import PARTIAL_POLL_SECONDS


class MachineOnLine:
    """One gaming machine at its end of a line.

    Args:
        spec: what the machine is.
        seed: of its story.
        rate: how much faster than life it is played.
        temperament: how it behaves on the line.
        memory: what `remember` gave in an earlier life; None for a new machine. Raises ConfigurationError
            where it is not this machine's.
        to_machine: the wire from the host; None for a perfect one.
        to_host: the wire to the host.
    """

    def __init__(
        self,
        spec: MachineSpec,
        seed: int,
        *,
        rate: float = 1.0,
        temperament: Temperament = PLAIN,
        memory: Mapping[str, Any] | None = None,
        to_machine: Wire | None = None,
        to_host: Wire | None = None,
    ) -> None:
        self._spec = spec
        self._temperament = temperament
        self._seed = seed
        self.machine = GamingMachine(spec, self._connect, seed, rate, memory)
        self.connection = self.machine.connection
        self._to_machine = Travelling(to_machine)
        self._to_host = Travelling(to_host)
        self._told: list[dict[str, Any]] = []
        self._outstanding = 0
        self._stopping = False

    def __repr__(self) -> str:
        return f"<MachineOnLine {self.machine.spec.number} {self.connection!r}>"

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take a marked stream from the host."""
        self._to_machine.send(stream, now)

    def handle_timer(self, now: float) -> None:
        """Live on."""
        self.machine.handle_timer(now)
        arrived = self._to_machine.arrived(now)
        if arrived:
            self.connection.receive_data(arrived, now)
        self.connection.handle_timer(now)
        self._to_host.send(self.connection.data_to_send(now), now)

    def next_timer(self) -> float | None:
        """When to be called next."""
        dues = (
            self.machine.next_timer(),
            self.connection.next_timer(),
            self._to_machine.next_timer(),
            self._to_host.next_timer(),
        )
        return min((due for due in dues if due is not None), default=None)

    def data_to_send(self, now: float) -> bytes:
        """What reaches the host now, as a marked stream."""
        self.handle_timer(now)
        return self._to_host.arrived(now)

    def stop_play(self, now: float) -> None:
        """Finish what is half done, cash nothing, raise no more."""
        self._stopping = True
        self.machine.stop_play(now)

    @property
    def pending(self) -> int:
        """What it has raised and the host has not acknowledged; one more while it may still raise."""
        self._take_history()
        return self._outstanding + (self._stopping and self.machine.is_playing)

    def history(self) -> Iterator[dict[str, Any]]:
        """What was raised, dropped and acknowledged since last asked."""
        self._take_history()
        told, self._told = self._told, []
        yield from told

    def remember(self) -> dict[str, Any]:
        """All that outlives the power, as JSON can hold it."""
        return self.machine.remember()

    def truth(self) -> dict[str, int]:
        """What the machine's own meters say: money in cents, games counted."""
        return self.machine.meters_in_minor_units()

    def _connect(self, answers: MachineAnswers) -> TemperedPort:
        return TemperedPort(
            self._spec.address,
            answers,
            self._temperament,
            seed=self._seed,
            capacity=self._spec.queue_capacity,
            gap=PARTIAL_POLL_SECONDS,
            secure_validation=self._spec.validation != STANDARD,
            secure_handpays=self._spec.secure_handpays,
            on_acknowledged=self._acknowledged,
        )

    def _acknowledged(self, poll: LongPollRequest, now: float) -> None:
        self.machine.acknowledged(poll, now)

    def _take_history(self) -> None:
        for happened in self.connection.history():
            match happened:
                case Raised(serial, code, values, at):
                    self._outstanding += 1
                    told = {"what": "raised", "serial": serial, "code": code, "values": values, "at": at}
                case DroppedByOverflow(serial, code, at):
                    self._outstanding -= 1
                    told = {"what": "dropped", "serial": serial, "code": code, "at": at}
                case _:
                    self._outstanding -= 1
                    told = {"what": "acknowledged", "serial": happened.serial, "at": happened.at}
            self._told.append(told)
