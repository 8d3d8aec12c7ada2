"""A scene for each quirk: a machine of some personality and a host, in virtual time.

The machine's story is not played: a test acts at its cabinet. The host is the agent's own driver, as a line
drives it; or a hand that writes bytes, where the quirk is what a machine does to a host that acts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from edge_agent.drivers.sas import SasOptions, SasStation
from edge_agent.drivers.sas.vendors import vendors_of
from edge_agent.events import EventBody, Observation
from edge_agent.events.slot import SlotException
from edge_agent.sas.machine import Delivered, DroppedByOverflow, MachineAnswers, Raised
from edge_agent.sas.messages import LongPollRequest, Reply, decode_poll, decode_reply
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder, encode_host_message, marked
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.games import Bet
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.simulator.personalities import load_personality
from edge_agent.simulator.specification import STANDARD
from edge_agent.simulator.tempered_port import TemperedPort
from edge_agent.station import DeviceIdentity, LineCounters
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import Conversation, StationEnd, wires_of
from edge_agent.testing.wires import HostileWire

IDENTITY = DeviceIdentity("slot-1", "USD")
# What an interrogation and the first reading take, on the slowest machine here.
MEETING_SECONDS = 20.0
SYNCHRONISE = b"\x80"


class Machine:
    """A machine of a personality, which does nothing unless a test acts at its cabinet.

    Args:
        personality: its name.
        knobs: of its temperament, where they are not the personality's.
        spec: fields of its specification, likewise.
    """

    def __init__(
        self,
        personality: str,
        knobs: Mapping[str, Any],
        spec: Mapping[str, Any],
        gap: float = 0.050,
    ) -> None:
        loaded = load_personality(personality)
        self.spec = replace(loaded.spec, **spec)
        self._temperament = replace(loaded.temperament, **knobs)
        self._gap = gap
        self.game = GamingMachine(self.spec, self._connect, seed=1)
        self.port: TemperedPort = self.game.connection
        self.port.power_on(0.0)
        self.game.handle_timer(0.0)
        self.game.stop_play(0.0)
        self._history: list[Any] = []

    def _connect(self, answers: MachineAnswers) -> TemperedPort:
        return TemperedPort(
            self.spec.address,
            answers,
            self._temperament,
            seed=1,
            gap=self._gap,
            secure_validation=self.spec.validation != STANDARD,
            secure_handpays=self.spec.secure_handpays,
            on_acknowledged=self._acknowledged,
        )

    def _acknowledged(self, poll: LongPollRequest, now: float) -> None:
        self.game.acknowledged(poll, now)

    def at(self, now: float) -> Cabinet:
        """Its cabinet, to act at."""
        self.game.cabinet.board.now = now
        return self.game.cabinet

    @property
    def history(self) -> list[Any]:
        """What was raised and acknowledged so far."""
        self._history += self.port.history()
        return self._history

    @property
    def raised(self) -> list[int]:
        """The codes of what it raised, re-issues aside."""
        return [event.code for event in self.history if isinstance(event, Raised) and not event.reissued]

    @property
    def delivered(self) -> int:
        """How many exceptions the host has acknowledged."""
        return sum(isinstance(event, Delivered) for event in self.history)

    @property
    def dropped(self) -> int:
        """How many exceptions it lost because its queue was full."""
        return sum(isinstance(event, DroppedByOverflow) for event in self.history)

    def receive_data(self, stream: bytes, now: float) -> None:
        """See End."""
        self.port.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        """See End."""
        self.game.handle_timer(now)
        self.port.handle_timer(now)

    def next_timer(self) -> float | None:
        """See End."""
        dues = (self.port.next_timer(), self.game.next_timer())
        return min((due for due in dues if due is not None), default=None)

    def data_to_send(self, now: float) -> bytes:
        """See End."""
        return self.port.data_to_send(now)


class Scene:
    """The agent's driver at one end of a line, a machine at the other."""

    def __init__(
        self,
        personality: str = "plain",
        *,
        options: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
        wires: tuple[HostileWire, HostileWire] | None = None,
        **knobs: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.machine = Machine(personality, knobs, spec or {})
        self._options = SasOptions.model_validate(dict(options or {}))
        self.wires = wires or wires_of()
        self.restart()

    def restart(self, note: bytes = b"") -> None:
        """Another run of the host, from a note."""
        station = SasStation(IDENTITY, self._options, note, vendors_of(self._options.vendor))
        self.host = StationEnd(station, self.clock)
        self.written: deque[bytes] = deque(maxlen=100_000)
        self._talk = Conversation(
            _Tapped(self.host, self.written), self.machine, self.clock, wires=self.wires
        )

    @property
    def cabinet(self) -> Cabinet:
        """The machine's, to act at."""
        return self.machine.at(self.clock.now)

    @property
    def port(self) -> TemperedPort:
        """The machine's end of the line."""
        return self.machine.port

    @property
    def station_counters(self) -> LineCounters:
        """What the line has done."""
        return self.host.station.counters

    @property
    def polls(self) -> list[list[int]]:
        """What was sent, poll by poll, each character with its wakeup bit."""
        polls: list[list[int]] = []
        for character in WakeupDecoder().feed(b"".join(self.written)):
            if character & WAKEUP:
                polls.append([])
            polls[-1].append(character)
        return polls

    def asked(self, command: int) -> int:
        """How often a long poll was sent."""
        return sum(poll[:2] == [WAKEUP | self.machine.spec.address, command] for poll in self.polls)

    @property
    def journal(self) -> list[Observation]:
        """What was journalled."""
        return self.host.observations

    def of(self, kind: type[EventBody]) -> list[Any]:
        """What was journalled of one kind."""
        return [observation.body for observation in self.journal if isinstance(observation.body, kind)]

    @property
    def heard(self) -> list[int]:
        """The codes of the exceptions that were journalled."""
        return [int(body.code, 16) for body in self.of(SlotException)]

    @property
    def certain(self) -> list[int]:
        """The same without those that are flagged as possibly repeated."""
        return [int(body.code, 16) for body in self.of(SlotException) if not body.possibly_repeated]

    def meet(self) -> Scene:
        """Run until the machine is known and its meters were read; forget what was journalled."""
        self.run_for(MEETING_SECONDS)
        assert self.of(EventBody), "nothing was heard"
        self.journal.clear()
        self.written.clear()
        return self

    def run_for(self, seconds: float) -> None:
        """Let them talk."""
        self._talk.run_for(seconds)

    def raise_exception(self, code: int, **values: Any) -> None:
        """Something happens at the machine that moves no account."""
        self.port.raise_exception(code, self.clock.now, values)

    def doors(self, times: int, every: float = 0.3) -> list[int]:
        """Somebody opens and closes the door; what has to be journalled."""
        for _ in range(times):
            self.cabinet.open_door()
            self.run_for(every)
            self.cabinet.close_door()
            self.run_for(every)
        return [0x11, 0x12] * times

    def play(self, win: int = 5, seconds: float = 3.0) -> None:
        """One game that takes so long, with the guest's own money."""
        self.cabinet.games.start(Bet(self.machine.spec.games[0].bets[0], 0))
        self.run_for(seconds)
        self.cabinet.games.end(win)


class _Tapped:
    """The host's end, with what it writes kept."""

    def __init__(self, host: StationEnd, written: deque[bytes]) -> None:
        self._host = host
        self._written = written
        self.receive_data = host.receive_data
        self.handle_timer = host.handle_timer
        self.next_timer = host.next_timer

    def data_to_send(self, now: float) -> bytes:
        data = self._host.data_to_send(now)
        if data:
            self._written.append(data)
        return data


class Hand:
    """A host that is a hand: it writes what it is told, and hears what comes back.

    Args:
        machine: whom it talks to.
    """

    def __init__(self, personality: str = "plain", gap: float = 0.050, **knobs: Any) -> None:
        spec = knobs.pop("spec", {})
        self.machine = Machine(personality, knobs, spec, gap)
        self.now = 10.0
        self.synchronise()

    @property
    def cabinet(self) -> Cabinet:
        """The machine's, to act at."""
        return self.machine.at(self.now)

    def write(self, stream: bytes, wait: float = 0.03) -> bytes:
        """A marked stream goes out; what comes back within `wait` seconds, as plain bytes."""
        self.machine.receive_data(stream, self.now)
        heard = b""
        until = self.now + wait
        while True:
            self.machine.handle_timer(self.now)
            heard += self.machine.data_to_send(self.now)
            due = self.machine.next_timer()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
        self.now = until
        return bytes([character & 0xFF for character in WakeupDecoder().feed(heard)])

    def ask(self, message: bytes | str) -> bytes:
        """A message goes out as a host should send it: the wakeup bit on its first byte."""
        plain = bytes.fromhex(message) if isinstance(message, str) else message
        return self.write(encode_host_message(plain))

    def read(self, message: bytes | str) -> Reply:
        """The same, with the answer understood."""
        plain = bytes.fromhex(message) if isinstance(message, str) else message
        poll = decode_poll(plain)
        return decode_reply(self.ask(plain), poll)  # type: ignore[arg-type]  # tests ask polls of the table

    def synchronise(self) -> None:
        """A poll to address 0: the machine is awake, and has been heard."""
        assert self.write(marked(SYNCHRONISE[0])) == b""

    def exception(self) -> int:
        """What the machine reports, acknowledged."""
        (code,) = self.ask("81")
        self.synchronise()
        return code

    def wait(self, seconds: float) -> None:
        """Time passes, with the line kept alive."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + 1.0)
            self.synchronise()


@pytest.fixture
def scene() -> Callable[..., Scene]:
    """Sets a scene."""
    return Scene


@pytest.fixture
def hand() -> Callable[..., Hand]:
    """Sits down at a machine."""
    return Hand
