"""Whether the wall clock was set between two looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.clock_steps import LEAST_STEP_SECONDS, Change, Discipline, Look, StepWatch
from edge_agent.events import ClockQuality, ClockSource

NOON = 1_749_643_200.0
HOUR = 3600.0
GOOD = Discipline(ClockQuality.SYNCHRONISED, ClockSource.NTP, 0, 10)
BAD = Discipline(ClockQuality.UNSYNCHRONISED, ClockSource.NONE)


class Bench:
    """A watch, and the clocks it is shown."""

    def __init__(self) -> None:
        self.monotonic = 100.0
        self.ahead = NOON
        self.slept = 0.0
        self.watch = StepWatch(lambda: self.slept)

    def look(self, seconds: float = 1.0, discipline: Discipline = GOOD) -> Change | None:
        self.monotonic += seconds
        return self.watch.look(self.monotonic + self.ahead, self.monotonic, discipline)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.look()
    return bench


def test_a_first_look_has_nothing_to_be_held_against() -> None:
    assert Bench().look() is None


@pytest.mark.parametrize("step", [HOUR, -HOUR, 0.6, -0.6, 86_400 * 365.0])
def test_a_clock_that_was_set_is_noticed_once(bench: Bench, step: float) -> None:
    bench.ahead += step

    change = bench.look()

    assert change is not None
    assert change.step == pytest.approx(step, abs=1e-6)
    assert change.after.monotonic == 102.0
    assert bench.look() is None


@pytest.mark.parametrize("step", [0.4, -0.4, 0.0])
def test_a_step_that_daemons_make_every_day_is_no_news(bench: Bench, step: float) -> None:
    bench.ahead += step

    assert bench.look() is None


@given(st.floats(-0.1, 0.1))
def test_slewing_is_no_step_however_long_it_lasts(pace: float) -> None:
    """On Linux both clocks are slewed together. If they were not: a tenth is what chrony slews at most."""
    bench = Bench()

    for _ in range(600):
        bench.ahead += pace
        assert bench.look() is None


@pytest.mark.parametrize("slept", [0.7, 8 * HOUR])
def test_a_computer_that_slept_has_a_clock_that_was_not_set(bench: Bench, slept: float) -> None:
    bench.ahead += slept
    bench.slept += slept

    assert bench.look() is None
    bench.ahead += HOUR
    assert (change := bench.look()) is not None
    assert change.step == pytest.approx(HOUR)


def test_a_clock_that_was_set_while_the_computer_slept_is_noticed(bench: Bench) -> None:
    bench.ahead += 8 * HOUR + HOUR
    bench.slept += 8 * HOUR

    change = bench.look()

    assert change is not None
    assert change.step == pytest.approx(HOUR)


@pytest.mark.parametrize(
    "discipline", [BAD, Discipline(), Discipline(ClockQuality.SYNCHRONISED, ClockSource.PPS)]
)
def test_a_clock_that_is_worth_something_else_is_noticed_once(bench: Bench, discipline: Discipline) -> None:
    change = bench.look(discipline=discipline)

    assert change is not None
    assert change.step == 0.0
    assert (change.before.quality, change.before.source) == (GOOD.quality, GOOD.source)
    assert (change.after.quality, change.after.source) == (discipline.quality, discipline.source)
    assert bench.look(discipline=discipline) is None


def test_how_far_a_synchronised_clock_is_off_is_no_news(bench: Bench) -> None:
    assert bench.look(discipline=Discipline(GOOD.quality, GOOD.source, -7, 200)) is None


def test_a_run_goes_on_from_the_last_look_of_the_one_before() -> None:
    last = Look(50.0, NOON, 0.0, BAD.quality, BAD.source)
    watch = StepWatch(lambda: 0.0, last)

    change = watch.look(NOON + 100.0 + HOUR, 100.0, GOOD)

    assert change is not None
    assert change.step == pytest.approx(HOUR)
    assert change.before == last


def test_the_clocks_have_parted_only_beyond_the_least_step(bench: Bench) -> None:
    together = bench.monotonic + bench.ahead

    assert not bench.watch.parted(together + LEAST_STEP_SECONDS - 1e-3, bench.monotonic)
    assert bench.watch.parted(together + LEAST_STEP_SECONDS + 1e-3, bench.monotonic)
    assert bench.watch.parted(together - LEAST_STEP_SECONDS - 1e-3, bench.monotonic)
