"""However much there is to ask, exceptions do not wait for it.

A machine is asked all over again without end, its meters are read without end, and things happen at it at
random. What is measured is the time from what happens to the moment it can be journalled.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from edge_agent.drivers.sas.schedule import HEARTBEATS
from edge_agent.events.slot import SlotException
from edge_agent.sas.machine import Elementary
from edge_agent.sas.messages import LongPollRequest
from edge_agent.simulator.specification import MachineSpec
from edge_agent.testing.machine_bench import ABLE
from tests.drivers.sas.attended import Attended

EVENTS = 150
# Queued, without data, and without a duty: 20 tilts, jams and errors.
TILTS = (
    0x20,
    0x21,
    0x22,
    0x25,
    0x28,
    0x29,
    0x2A,
    0x2B,
    0x40,
    0x41,
    0x42,
    0x43,
    0x44,
    0x45,
    0x60,
    0x61,
    0x74,
    0x78,
)
SLOW = replace(ABLE, fast_polling=False)
# Knows little: most of what it is asked stays unanswered.
SILENT = replace(
    SLOW,
    unsupported=frozenset({0x1B, 0x48, 0x4F, 0x53, 0x55, 0x6F, 0xAF, 0x7B, 0x72, 0x73, 0x74, 0x84, 0xB5}),
)


@dataclass
class Measured:
    """How long exceptions took, and what was asked meanwhile."""

    latencies: list[float]
    asked: list[LongPollRequest]
    polls: int

    def share_within(self, seconds: float) -> float:
        return sum(latency <= seconds for latency in self.latencies) / len(self.latencies)


class Busy(Attended):
    """Once it was met, it cannot serve two long polls in three."""

    def __init__(self, **options: Any) -> None:
        self._chance = random.Random("busy")  # noqa: S311  a story, not a secret
        self._is_met = False
        super().__init__(**options)
        self._is_met = True

    def answer(self, poll: LongPollRequest, now: float) -> Any:
        answer = super().answer(poll, now)
        return Elementary.BUSY if self._is_met and self._chance.random() < 2 / 3 else answer


def measure(at: Attended) -> Measured:
    """Let things happen while everything is due."""
    chance = random.Random("tilts")  # noqa: S311  a story, not a secret
    at.forget()
    before = at.end.station.counters.polls
    raised: list[float] = []
    for number in range(EVENTS):
        at.station.read_meters(at.clock.now)
        at.station._machine.ask_again_soon(at.clock.now - 60.0)
        raised.append(at.clock.now)
        at.machine.connection.raise_exception(TILTS[number % len(TILTS)], at.clock.now)
        at.run_for(chance.uniform(0.3, 1.5))
    at.run_for(5.0)
    heard = [one.at for one in at.journal if isinstance(one.body, SlotException) and is_tilt(one.body)]
    assert len(heard) == EVENTS
    latencies = [at - since for at, since in zip(heard, raised, strict=True)]
    return Measured(latencies, [*at.asked], at.station.counters.polls - before)


def is_tilt(body: SlotException) -> bool:
    return int(body.code, 16) in TILTS


@pytest.mark.parametrize(
    ("spec", "mode", "seconds"),
    [
        (ABLE, "auto", 0.09),
        (ABLE, "off", 0.13),
        (SLOW, "off", 0.65),
        (SILENT, "off", 0.65),
    ],
    ids=["real time", "fast", "slow", "slow and silent"],
)
def test_exceptions_do_not_wait_for_what_is_asked(spec: MachineSpec, mode: str, seconds: float) -> None:
    """Three intervals where long polls and general polls take turns, two where every poll is both."""
    measured = measure(Attended(spec, role="primary", real_time_events=mode))

    assert measured.share_within(seconds) >= 0.99
    assert len(measured.asked) > 100
    if mode == "off":
        assert len(measured.asked) <= measured.polls * 0.52


@pytest.mark.parametrize(("mode", "seconds"), [("auto", 0.2), ("off", 0.13)])
def test_a_busy_machine_is_asked_less_and_heard_all_the_same(mode: str, seconds: float) -> None:
    measured = measure(Busy(role="primary", real_time_events=mode))

    assert measured.share_within(seconds) >= 0.99
    heartbeats = sum(poll.command in HEARTBEATS for poll in measured.asked)
    assert len(measured.asked) - heartbeats < measured.polls * 0.05
