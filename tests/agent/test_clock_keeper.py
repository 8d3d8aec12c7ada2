"""What is journalled of the clock, and when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import structlog

from edge_agent.agent.clock_keeper import ClockKeeper, go_on
from edge_agent.agent.journalist import Journalist
from edge_agent.clock import Clock
from edge_agent.errors import JournalFull
from edge_agent.kernel_clock import KernelClock
from edge_agent.testing.clock import VirtualClock

NOON = 1_749_643_200.0
HOUR = 3600.0
GOOD = KernelClock(result=0, status=0x2001, offset=0, maxerror=4_200, tolerance=1)
BAD = KernelClock(result=5, status=0x40, offset=0, maxerror=16_000_000, tolerance=1)


class Paper:
    """A journal in memory that may be full."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.full = False

    def append(self, payloads: Sequence[bytes]) -> range:
        if self.full:
            raise JournalFull("the disk is full")
        self.events += [json.loads(payload) for payload in payloads]
        return range(len(self.events), len(self.events) + 1)


class Bench:
    """A keeper, its clock and its journal."""

    def __init__(self) -> None:
        self.monotonic = VirtualClock(100.0)
        self.ahead = NOON
        self.kernel = GOOD
        self.slept = 0.0
        self.paper = Paper()
        self.begin(None)

    def begin(self, previous: object) -> None:
        """A collector begins, with the status of the one before."""
        clock = Clock(
            wall=lambda: self.monotonic.now + self.ahead,
            monotonic=self.monotonic,
            ask=lambda: self.kernel,
            slept=lambda: self.slept,
        )
        journalist = Journalist.__new__(Journalist)
        journalist._gateway, journalist._source = "gw-07", "/floor/lab/gw-07"
        journalist.clock, journalist.append = clock, self.paper.append
        go_on(clock, previous)
        self.keeper = ClockKeeper(clock, journalist)

    def look(self, seconds: float = 1.0) -> None:
        self.monotonic.advance(seconds)
        self.keeper.look()

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.paper.events]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.look()
    return bench


def test_a_clock_that_runs_is_nothing_to_tell(bench: Bench) -> None:
    for _ in range(100):
        bench.look()

    assert bench.types == []


def test_a_step_is_told_with_what_a_receiver_needs(bench: Bench) -> None:
    bench.kernel, bench.ahead = BAD, bench.ahead - HOUR
    bench.look()

    (event,) = bench.paper.events
    assert event["type"] == "floor.agent.clock_stepped"
    assert event["subject"] == "gw-07"
    assert event["monotonictime"] == "102.000000"
    assert event["time"] == "2025-06-11T11:01:42.000Z"
    assert event["clockquality"] == "unsynchronised"
    assert event["data"] == {
        "monotonictime": "102.000000",
        "quality_before": "synchronised",
        "quality_after": "unsynchronised",
        "source_before": "ntp",
        "source_after": "none",
        "before": "2025-06-11T12:01:42.000Z",
        "after": "2025-06-11T11:01:42.000Z",
        "step_ms": -3_600_000,
    }


def test_a_clock_that_became_synchronised_is_told(bench: Bench) -> None:
    bench.kernel = BAD
    bench.look()
    bench.kernel = GOOD
    bench.look()

    assert bench.types == ["floor.agent.clock_quality_changed"] * 2
    assert [event["data"]["quality_after"] for event in bench.paper.events] == [
        "unsynchronised",
        "synchronised",
    ]


def test_what_a_full_journal_refuses_is_told_once_there_is_room(bench: Bench) -> None:
    bench.paper.full, bench.ahead = True, bench.ahead + HOUR
    bench.look()
    bench.ahead -= 2 * HOUR
    bench.look()
    assert bench.types == []

    bench.paper.full = False
    bench.look()

    assert [event["data"]["step_ms"] for event in bench.paper.events] == [3_600_000, -7_200_000]
    assert [event["monotonictime"] for event in bench.paper.events] == ["102.000000", "103.000000"]


def test_a_step_while_no_collector_ran_is_noticed_by_the_next_one(bench: Bench) -> None:
    status = json.loads(json.dumps(bench.keeper.status()))
    bench.ahead += HOUR
    bench.begin(status)

    bench.look(30.0)

    assert [event["data"]["step_ms"] for event in bench.paper.events] == [3_600_000]


def test_a_collector_that_begins_again_has_nothing_to_tell_of_a_clock_left_alone(bench: Bench) -> None:
    bench.begin(json.loads(json.dumps(bench.keeper.status())))

    bench.look(30.0)

    assert bench.types == []


@pytest.mark.parametrize(
    "change",
    [
        {"boot_id": "another boot"},
        {"ahead": "much"},
        {"quality": "splendid"},
        {"source": None},
        {"monotonic": True},
    ],
)
def test_a_look_of_another_boot_or_of_no_sense_is_nothing_to_go_on_from(
    bench: Bench, change: dict[str, object]
) -> None:
    status = {**bench.keeper.status(), **change}
    bench.ahead += HOUR
    bench.begin(status)

    bench.look()

    assert bench.types == []


def test_before_the_first_look_there_is_nothing_to_go_on_from() -> None:
    assert Bench().keeper.status() == {}


def test_the_log_says_that_the_clock_was_stepped(bench: Bench) -> None:
    bench.ahead += HOUR

    with structlog.testing.capture_logs() as logs:
        bench.look()

    assert [(entry["event"], entry["log_level"], entry.get("seconds")) for entry in logs] == [
        ("the clock was stepped", "warning", 3600.0)
    ]
