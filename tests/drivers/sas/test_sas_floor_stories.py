"""A machine that is played, on wires good and bad, with the collector killed now and then.

Whatever the wire loses, holds back or cuts, every exception the machine keeps is journalled, and what
it was worth explains the machine's own meters.
"""

from __future__ import annotations

import random
from collections import Counter, deque

import pytest

from edge_agent.drivers.sas import SasOptions, SasStation
from edge_agent.events import EventBody, Observation
from edge_agent.events.agent import LineDown
from edge_agent.events.slot import (
    MachineIdentified,
    MetersRead,
    MeterVariance,
    SequenceViolation,
    SlotException,
)
from edge_agent.sas.code_tables import BILL_EXCEPTIONS
from edge_agent.sas.machine import Delivered, DroppedByOverflow, History, MachineConnection, Raised
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.station import DeviceIdentity
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import Conversation, StationEnd, wires_of
from edge_agent.testing.tries import tries
from edge_agent.testing.wires import (
    CUT,
    ECHOING,
    LOSSY,
    NOISY,
    ONE_BYTE_AT_A_TIME,
    PERFECT,
    SLOW,
    WireProfile,
)

IDENTITY = DeviceIdentity("slot-1", "USD")
BILL_ACCEPTED = 0x4F
PLAY_SECONDS, SETTLE_SECONDS = 90.0, 40.0
# How often a machine's process gets no time, and for how long at most: too little to work with, and what a
# loaded computer gives it.
Breath = tuple[float, float]
SUFFOCATING, SHORT_OF_BREATH, BUSY = (1.0, 0.6), (2.0, 0.4), (5.0, 0.15)
BEING_MET_SECONDS = 90.0
SEEDS = (1, 2, 3)[: tries(1)]  # one every day, on every wire

# Meters every wire lets through, by the machine's own name for them.
PUBLISHED_AS = {
    "coin_in": "coin_in",
    "coin_out": "coin_out",
    "jackpot": "jackpot",
    "bills_in": "bills_credits",
}


class PlayedMachine:
    """A gaming machine and its port as one end of a line."""

    def __init__(self, seed: int, clock: VirtualClock, rate: float) -> None:
        spec = default_floor(1, seed)[0]
        self.machine = GamingMachine(
            spec, lambda answers: MachineConnection(spec.address, answers), seed, rate
        )
        self.history: list[History] = []
        self._port = self.machine.connection
        self.machine.handle_timer(clock.now)

    def receive_data(self, stream: bytes, now: float) -> None:
        self._port.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        due = self.machine.next_timer()
        if due is not None and due <= now:
            self.machine.handle_timer(now)
        self._port.handle_timer(now)
        self.history += self._port.history()

    def next_timer(self) -> float | None:
        dues = (self.machine.next_timer(), self._port.next_timer())
        return min((due for due in dues if due is not None), default=None)

    def data_to_send(self, now: float) -> bytes:
        return self._port.data_to_send(now)


class OutOfBreath:
    """An end of a line whose process gets no time now and then: it hears late, and several things at once."""

    def __init__(self, end: PlayedMachine, seed: int, breath: Breath) -> None:
        self._end = end
        self._apart, self._longest = breath
        self._chance = random.Random(f"breath/{seed}")  # noqa: S311  a story
        self._stalls_at = self._until = 0.0
        self._unheard = b""

    def _stalled(self, now: float) -> bool:
        if now >= self._stalls_at:
            self._stalls_at = now + self._chance.expovariate(1 / self._apart)
            self._until = now + self._chance.uniform(0, self._longest)
        return now < self._until

    def receive_data(self, stream: bytes, now: float) -> None:
        self._unheard += stream
        self.handle_timer(now)

    def handle_timer(self, now: float) -> None:
        if self._stalled(now):
            return
        if self._unheard:
            stream, self._unheard = self._unheard, b""
            self._end.receive_data(stream, now)
        self._end.handle_timer(now)

    def next_timer(self) -> float | None:
        return max(self._end.next_timer() or 0.0, self._until)

    def data_to_send(self, now: float) -> bytes:
        return b"" if self._stalled(now) else self._end.data_to_send(now)


# Both directions of a wire are cut by turns, and a machine that drops its link needs both: what it still
# holds is late, not lost.
MOST_SETTLES = 5


class Floor:
    """One machine, one line, one collector at a time."""

    def __init__(
        self, wire: WireProfile, seed: int, rate: float = 2.0, *, breath: Breath | None = None
    ) -> None:
        self.clock = VirtualClock(100.0)
        self.played = PlayedMachine(seed, self.clock, rate)
        self.journal: list[Observation] = []
        self.end = StationEnd(SasStation(IDENTITY, SasOptions()), self.clock)
        machine = OutOfBreath(self.played, seed, breath) if breath else self.played
        self.talk = Conversation(self.end, machine, self.clock, wires=wires_of(wire, seed))

    def run_for(self, seconds: float) -> None:
        self.talk.run_for(seconds)
        self.journal += self.end.take()

    def kill(self) -> None:
        """The collector dies with all it had heard and not yet journalled; another begins from its note."""
        note = self.end.note
        self.end = StationEnd(SasStation(IDENTITY, SasOptions(), note), self.clock)
        self.talk.host = self.end

    def play(self, kills: int = 0, seed: int = 0) -> None:
        """Play, kill, let the guests go and the meters settle."""
        chance = random.Random(f"kills/{seed}")  # noqa: S311  a story
        pauses = sorted(chance.uniform(0, PLAY_SECONDS) for _ in range(kills))
        began = self.clock.now
        for pause in pauses:
            self.run_for(began + pause - self.clock.now)
            self.kill()
        self.run_for(began + PLAY_SECONDS - self.clock.now)
        self.played.machine.stop_play(self.clock.now)
        for _ in range(MOST_SETTLES):
            self.run_for(SETTLE_SECONDS)
            if not self.raised() - self.journalled():
                break

    @property
    def bodies(self) -> list[EventBody]:
        return [observation.body for observation in self.journal]

    def raised(self) -> Counter[int]:
        """The codes the machine raised and did not drop itself; bills under one code."""
        kept = {one.serial: one.code for one in self.played.history if isinstance(one, Raised)}
        for one in self.played.history:
            if isinstance(one, DroppedByOverflow):
                kept.pop(one.serial, None)
        return Counter(alike(code) for code in kept.values())

    def journalled(self) -> Counter[int]:
        codes = (int(body.code, 16) for body in self.bodies if isinstance(body, SlotException))
        return Counter(alike(code) for code in codes)


def alike(code: int) -> int:
    """A bill has a code of its own in one-byte mode, and 4F with real-time events on."""
    return BILL_ACCEPTED if code in BILL_EXCEPTIONS else code


@pytest.mark.parametrize("kills", [0, 4])
@pytest.mark.parametrize(
    "wire", [PERFECT, ONE_BYTE_AT_A_TIME, ECHOING, SLOW, LOSSY, CUT], ids=lambda wire: wire.name
)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_exception_is_journalled_and_explains_the_meters(
    wire: WireProfile, kills: int, seed: int
) -> None:
    floor = Floor(wire, seed)

    floor.play(kills, seed)

    assert not floor.raised() - floor.journalled()
    readings = [body for body in floor.bodies if isinstance(body, MetersRead)]
    assert readings[-1].settled
    meters = {meter.name: meter for meter in readings[-1].meters}
    truth = floor.played.machine.meters_in_minor_units()
    published = {name: meters[meter].money for name, meter in PUBLISHED_AS.items()}
    assert {name: money.minor for name, money in published.items() if money} == {
        name: truth[name] for name in PUBLISHED_AS
    }
    overflowed = any(isinstance(one, DroppedByOverflow) for one in floor.played.history)
    variances = [body for body in floor.bodies if isinstance(body, MeterVariance)]
    assert overflowed or not variances
    assert overflowed or not [body for body in floor.bodies if isinstance(body, SequenceViolation)]


@pytest.mark.parametrize("seed", range(tries(20)))
def test_a_floor_out_of_breath_does_not_hide_what_a_credit_is_worth(seed: int) -> None:
    """Answers that come late look like silence, and a question not asked after that takes all money away."""
    floor = Floor(SLOW, seed, breath=SUFFOCATING)

    floor.run_for(BEING_MET_SECONDS)

    met = [body for body in floor.bodies if isinstance(body, MachineIdentified)]
    assert met[-1].denomination is not None


@pytest.mark.parametrize(("seed", "breath"), [(2, BUSY), (28, BUSY), (29, SHORT_OF_BREATH)])
def test_a_machine_that_gets_little_time_is_heard_once_and_in_its_order(seed: int, breath: Breath) -> None:
    """What comes late was taken for the answer to another poll, and so for heard, or for another event."""
    floor = Floor(SLOW, seed, breath=breath)

    floor.play()

    assert not floor.raised() - floor.journalled()
    doubtful = [body for body in floor.bodies if isinstance(body, SlotException) and body.possibly_repeated]
    assert (floor.journalled() - floor.raised()).total() <= len(doubtful)
    assert not [body for body in floor.bodies if isinstance(body, SequenceViolation)]


@pytest.mark.parametrize("seed", [8, 19, 23, *range(100, 100 + tries(4))])
def test_what_a_machine_does_not_know_takes_it_down_no_line_that_loses_answers(seed: int) -> None:
    """Asked under real-time events it would be asked for ever: silence means trouble then."""
    floor = Floor(LOSSY, seed)

    floor.run_for(BEING_MET_SECONDS)

    downs = [body for body in floor.bodies if isinstance(body, LineDown)]
    assert len(downs) <= 1  # twelve polls lost in a row


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_loses_nothing_silently(seed: int) -> None:
    """A flipped bit can forge an address, and so an acknowledgement: then the meters say so."""
    floor = Floor(NOISY, seed)

    floor.play()

    lost = floor.raised() - floor.journalled()
    variances = [body for body in floor.bodies if isinstance(body, MeterVariance)]
    assert variances or not lost & Counter({0x7E: 99, 0x7F: 99, BILL_ACCEPTED: 99})


def test_a_rush_that_overflows_the_machine_is_told_with_its_cause() -> None:
    """Nobody listens for a while: the machine drops its oldest exceptions and says so."""
    floor = Floor(PERFECT, seed=2, rate=20.0)
    floor.run_for(30)
    floor.end.station.link_lost(floor.clock.now, "unplugged")
    floor.talk.to_machine.cut(floor.clock.now, 20)
    floor.run_for(20)
    floor.end.station.link_opened(floor.clock.now)
    floor.play()

    assert any(isinstance(one, DroppedByOverflow) for one in floor.played.history)
    assert not floor.raised() - floor.journalled()
    causes = {body.likely_cause for body in floor.bodies if isinstance(body, MeterVariance)}
    assert causes == {"overflow"}


def test_what_was_journalled_was_delivered_in_order() -> None:
    floor = Floor(PERFECT, seed=3)

    floor.play(kills=3, seed=3)

    delivered = deque(one.serial for one in floor.played.history if isinstance(one, Delivered))
    codes = {one.serial: alike(one.code) for one in floor.played.history if isinstance(one, Raised)}
    expected = [codes[serial] for serial in delivered]
    heard = [
        alike(int(body.code, 16))
        for body in floor.bodies
        if isinstance(body, SlotException) and not body.possibly_repeated
    ]
    position = 0
    for code in heard:
        position = expected.index(code, position) + 1
    assert position <= len(expected)
