"""Order and durations hold whatever is done to the wall clock, and a receiver can put the times right.

A boot of some minutes: the true time passes, the wall clock is set an hour forward or back at any moment, by
people and by daemons, and things are observed and sealed a little later, perhaps after a step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.agent.clock_keeper import body_of
from edge_agent.clock import Clock
from edge_agent.events import Observation, seal
from edge_agent.events.agent import LineUp
from edge_agent.kernel_clock import KernelClock
from edge_agent.testing.clock import VirtualClock

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clocks.md"
NOON = 1_749_643_200.0
HOUR = 3600.0
# From what a line hears to its being sealed.
SEALED_SECONDS = 0.25
GOOD = KernelClock(result=0, status=0x2001, offset=0, maxerror=4_200, tolerance=1)
BAD = KernelClock(result=5, status=0x40, offset=0, maxerror=16_000_000, tolerance=1)

Corrected = Callable[[dict[str, Any], list[dict[str, Any]]], datetime | None]


def corrected_of_the_page() -> Corrected:
    """The rule that the page on the clocks gives receivers."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  our own page
    rule: Corrected = names["corrected"]
    return rule


@dataclass(frozen=True)
class Deed:
    """What happens, after how many seconds."""

    what: str  # see, step, discipline
    after: float
    step: float = 0.0


@dataclass(frozen=True)
class Told:
    """An event as a receiver has it, and when it really was."""

    event: dict[str, Any]
    monotonic: float
    true: float


class Gateway:
    """The real clock and the real envelope, on a wall clock that is set at will."""

    def __init__(self, wrong_by: float) -> None:
        self.monotonic = VirtualClock(50.0)
        self.wrong_by = wrong_by
        self.kernel = BAD if wrong_by else GOOD
        self.told: list[Told] = []
        self._seen: list[float] = []
        self._look_at = 51.0
        self.clock = Clock(
            wall=lambda: NOON + self.monotonic.now + self.wrong_by,
            monotonic=self.monotonic,
            ask=lambda: self.kernel,
            slept=lambda: 0.0,
        )

    def live(self, deeds: list[Deed]) -> None:
        """Go through what happens."""
        self.clock.reading()
        for deed in deeds:
            self._pass(deed.after)
            match deed.what:
                case "see":
                    self._seen.append(self.monotonic.now)
                case "step":
                    self.wrong_by += deed.step
                    self.kernel = BAD
                case _:
                    self._discipline()
        self._pass(2.0)

    def _pass(self, seconds: float) -> None:
        """Time passes; what is due is sealed, and the collector's main thread looks every second."""
        until = self.monotonic.now + seconds
        while self.monotonic.now < until:
            due = self._seen[0] + SEALED_SECONDS if self._seen else until
            self.monotonic.move_to(min(until, due, self._look_at))
            while self._seen and self._seen[0] + SEALED_SECONDS <= self.monotonic.now:
                self._tell(self._seen.pop(0))
            if self.monotonic.now >= self._look_at:
                self.clock.reading()
                self._look_at += 1.0

    def _discipline(self) -> None:
        """A daemon sets the clock right and says so at once."""
        self.wrong_by = 0.0
        self.kernel = GOOD

    def _tell(self, at: float) -> None:
        body = LineUp(line="slot-1", silent_seconds=0.0)
        sealed = seal(Observation("slot-1", at, body), self.clock.reading(), "/s")
        self.told.append(Told(json.loads(sealed), at, NOON + at))

    def steps(self) -> list[dict[str, Any]]:
        """The clock_stepped events."""
        bodies = [body_of(change) for change in self.clock.take_changes() if change.step]
        return [json.loads(body.model_dump_json()) for body in bodies]


SOON = st.floats(0.001, 0.3) | st.floats(0.3, 20)
DEEDS = st.lists(
    st.builds(Deed, st.just("see"), SOON)
    | st.builds(Deed, st.just("step"), SOON, st.sampled_from([HOUR, -HOUR, 60.0, -0.7]))
    | st.builds(Deed, st.just("discipline"), SOON),
    max_size=25,
)
WRONG = st.sampled_from([0.0, -HOUR, HOUR, -40 * 24 * HOUR])


@given(WRONG, DEEDS)
@example(0.0, [Deed("see", 1.0), Deed("step", 0.1, HOUR), Deed("see", 1.0)])
@example(-HOUR, [Deed("see", 1.0), Deed("discipline", 0.1), Deed("see", 1.0)])
def test_order_and_durations_survive_a_clock_that_is_set(wrong_by: float, deeds: list[Deed]) -> None:
    gateway = Gateway(wrong_by)

    gateway.live(deeds)

    moments = [float(told.event["monotonictime"]) for told in gateway.told]
    assert moments == sorted(moments)
    assert len({told.event["bootid"] for told in gateway.told}) <= 1
    for one, other in zip(gateway.told, gateway.told[1:], strict=False):
        duration = float(other.event["monotonictime"]) - float(one.event["monotonictime"])
        assert abs(duration - (other.true - one.true)) < 2e-6


@given(WRONG, DEEDS)
@example(0.0, [Deed("see", 1.0), Deed("step", 0.1, HOUR), Deed("see", 1.0)])
@example(-HOUR, [Deed("see", 1.0), Deed("discipline", 0.1), Deed("see", 1.0)])
@example(0.0, [Deed("step", 0.1, HOUR), Deed("see", 0.05), Deed("see", 0.3)])
def test_an_event_that_calls_its_clock_synchronised_has_the_true_time(
    wrong_by: float, deeds: list[Deed]
) -> None:
    gateway = Gateway(wrong_by)

    gateway.live(deeds)

    for told in gateway.told:
        if told.event["clockquality"] == "synchronised":
            assert off(datetime.fromisoformat(told.event["time"]), told.true) < timedelta(milliseconds=2)


@given(WRONG, DEEDS)
@example(-HOUR, [Deed("see", 1.0), Deed("discipline", 0.1), Deed("see", 1.0)])
def test_a_receiver_puts_every_time_right_once_the_clock_was_right(
    wrong_by: float, deeds: list[Deed]
) -> None:
    corrected = corrected_of_the_page()
    gateway = Gateway(wrong_by)

    gateway.live(deeds)

    events = [told.event for told in gateway.told]
    trusted = any(event["clockquality"] == "synchronised" for event in events)
    for told in gateway.told:
        when = corrected(told.event, events)
        assert (when is not None) == trusted
        assert when is None or off(when, told.true) < timedelta(milliseconds=2)


@given(WRONG, DEEDS)
def test_the_steps_say_the_same_to_who_keeps_nothing(wrong_by: float, deeds: list[Deed]) -> None:
    """Every time, moved by all later steps, is a time of the clock as it is in the end."""
    gateway = Gateway(wrong_by)

    gateway.live([*deeds, Deed("see", 1.0)])

    steps = gateway.steps()
    for told in gateway.told:
        later = sum(
            step["step_ms"]
            for step in steps
            if float(step["monotonictime"]) > float(told.event["monotonictime"])
        )
        moved = datetime.fromisoformat(told.event["time"]) + timedelta(milliseconds=later)
        assert off(moved, told.true + gateway.wrong_by) < timedelta(milliseconds=2 + len(steps))


def off(when: datetime, true: float) -> timedelta:
    return abs(when - datetime.fromtimestamp(true, UTC))
