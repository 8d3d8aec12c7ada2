"""The floor's status says how each line is, and since when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from edge_agent.agent.floor_status import FloorStatus
from edge_agent.events import ClockQuality, ClockReading
from edge_agent.line import LOST_STATE, Line
from edge_agent.station import Condition, LineCounters, Shared


@dataclass
class FakeStation:
    counters: LineCounters = field(default_factory=LineCounters)


@dataclass
class FakeLine:
    """As much of a line as its status looks at."""

    name: str
    faults: int = 0
    held_back: bool = False
    trouble: str = ""
    advice: tuple[str, ...] = ()
    station: FakeStation = field(default_factory=FakeStation)

    @property
    def shared(self) -> Shared | None:
        return self.station if isinstance(self.station, Shared) else None


class Bench:
    """One line, and a clock that is told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.line = FakeLine("uart-1")
        self.floor = FloorStatus(
            lambda: {"slot-1001": cast("Line", self.line)}, self.clock, settings="0123456789abcdef"
        )

    def clock(self) -> ClockReading:
        return ClockReading(1_749_630_660.0 + self.now, self.now, "boot", ClockQuality.SYNCHRONISED)

    def look(self) -> dict[str, object]:
        looked = self.floor.look()["lines"]["uart-1"]
        return {name: looked[name] for name in ("device", "state", "since", "last_event_seconds", "faults")}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_state_is_told_with_its_beginning(bench: Bench) -> None:
    bench.look()
    bench.now = 60.0
    bench.line.station.counters.state = "polling"
    bench.look()
    bench.now = 120.0

    assert bench.look() == {
        "device": "slot-1001",
        "state": "polling",
        "since": "2025-06-11T08:32:00Z",
        "last_event_seconds": None,
        "faults": 0,
    }


def test_the_last_event_has_an_age(bench: Bench) -> None:
    bench.look()
    bench.line.station.counters.events = 1
    bench.look()
    bench.now = 2.5

    assert bench.look()["last_event_seconds"] == 2.5


def test_a_line_that_began_again_is_looked_at_afresh(bench: Bench) -> None:
    bench.line.station.counters.events = 5
    bench.look()
    bench.line = FakeLine("uart-1")
    bench.now = 10.0

    assert bench.look()["since"] == "2025-06-11T08:31:10Z"


@dataclass
class SharedStation(FakeStation):
    """A line with two machines."""

    devices: dict[str, LineCounters] = field(
        default_factory=lambda: {
            "slot-1": LineCounters(state="polling"),
            "slot-2": LineCounters(state="silent"),
        }
    )
    troubles: dict[str, str] = field(default_factory=lambda: {"slot-2": "silent for 2.6 s"})


@pytest.fixture
def shared(bench: Bench) -> Bench:
    bench.line = FakeLine("chain-1", station=SharedStation(LineCounters(state="1 of 2 polling")))
    both = {"slot-1": cast("Line", bench.line), "slot-2": cast("Line", bench.line)}
    bench.floor = FloorStatus(lambda: both, bench.clock, settings="0123456789abcdef")
    return bench


def test_machines_that_share_a_line_are_told_one_by_one(shared: Bench) -> None:
    lines = shared.floor.look()["lines"]

    assert {name: (line["device"], line["state"], line["trouble"]) for name, line in lines.items()} == {
        "chain-1/slot-1": ("slot-1", "polling", ""),
        "chain-1/slot-2": ("slot-2", "silent", "silent for 2.6 s"),
    }


def test_a_port_that_is_gone_is_the_trouble_of_all_its_machines(shared: Bench) -> None:
    shared.line.station.counters.state = LOST_STATE
    shared.line.trouble = "port /dev/ttyUSB0 was lost"

    lines = shared.floor.look()["lines"]

    assert {line["trouble"] for line in lines.values()} == {"port /dev/ttyUSB0 was lost"}
    assert {line["state"] for line in lines.values()} == {LOST_STATE}


def test_what_is_raised_is_told_with_its_beginning(bench: Bench) -> None:
    bench.line.station.counters.conditions = {
        "slot_door": Condition("open", 60.0),
        "handpay": Condition("pending", None, sure=False),
    }

    told = bench.floor.look()["lines"]["uart-1"]["conditions"]

    assert told == {
        "slot_door": {"state": "open", "since": "2025-06-11T08:32:00Z", "sure": True},
        "handpay": {"state": "pending", "since": None, "sure": False},
    }
