"""Both clocks at one moment, and what has changed about them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from edge_agent.clock import Clock
from edge_agent.events import ClockQuality, ClockSource
from edge_agent.kernel_clock import KernelClock
from edge_agent.testing.clock import VirtualClock

NOON = 1_749_643_200.0
HOUR = 3600.0
GOOD = KernelClock(result=0, status=0x2001, offset=2_000_000, maxerror=4_200, tolerance=1)
BAD = KernelClock(result=5, status=0x40, offset=0, maxerror=16_000_000, tolerance=1)


class Bench:
    """A clock, and what moves it."""

    def __init__(self) -> None:
        self.monotonic = VirtualClock(100.0)
        self.ahead = NOON
        self.kernel = GOOD
        self.asked = 0
        self.clock = self.made()

    def made(self, monotonic: Callable[[], float] | None = None) -> Clock:
        return Clock(
            wall=lambda: self.monotonic.now + self.ahead,
            monotonic=monotonic or self.monotonic,
            ask=self._ask,
            slept=lambda: 0.0,
        )

    def set_clock(self, step: float) -> None:
        """As the kernel does it: whoever sets its clock is trusted no longer."""
        self.ahead += step
        self.kernel = BAD

    def _ask(self) -> KernelClock:
        self.asked += 1
        return self.kernel


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_reading_has_both_clocks_and_what_the_kernel_says(bench: Bench) -> None:
    reading = bench.clock.reading()

    assert (reading.utc, reading.monotonic) == (NOON + 100.0, 100.0)
    assert (reading.quality, reading.source) == (ClockQuality.SYNCHRONISED, ClockSource.NTP)
    assert (reading.offset_ms, reading.error_ms) == (2, 5)
    assert reading.boot_id == bench.clock.boot_id


def test_the_kernel_is_asked_once_a_second(bench: Bench) -> None:
    for _ in range(30):
        bench.clock.reading()
        bench.monotonic.advance(0.1)

    assert bench.asked == 3


def test_a_clock_that_was_just_set_is_not_called_synchronised_for_another_second(bench: Bench) -> None:
    bench.clock.reading()
    bench.monotonic.advance(0.01)
    bench.set_clock(HOUR)

    reading = bench.clock.reading()

    assert reading.quality is ClockQuality.UNSYNCHRONISED
    assert reading.offset_ms is None


def test_a_moment_before_a_step_is_told_by_the_clock_of_before(bench: Bench) -> None:
    bench.clock.reading()
    bench.monotonic.advance(0.5)
    bench.set_clock(-HOUR)

    reading = bench.clock.reading()

    earlier = reading.at(100.4)
    assert earlier.utc_of(100.4).timestamp() == pytest.approx(NOON + 100.4, abs=1e-3)
    assert earlier.quality is ClockQuality.SYNCHRONISED
    assert reading.at(100.5) is reading


def test_changes_are_taken_once(bench: Bench) -> None:
    bench.clock.reading()
    bench.set_clock(HOUR)
    bench.clock.reading()
    bench.monotonic.advance(1.0)
    bench.kernel = GOOD
    bench.clock.reading()

    changes = bench.clock.take_changes()

    assert [round(change.step) for change in changes] == [HOUR, 0]
    assert [change.after.quality for change in changes] == [
        ClockQuality.UNSYNCHRONISED,
        ClockQuality.SYNCHRONISED,
    ]
    assert bench.clock.take_changes() == []


def test_a_thread_that_lost_the_processor_between_the_clocks_has_seen_no_step(bench: Bench) -> None:
    """The wall clock is read two seconds after the monotonic one, but at most three times in a row."""
    readings = 0

    def interrupted() -> float:
        nonlocal readings
        readings += 1
        now = bench.monotonic.now
        if readings in {3, 5, 7}:
            bench.monotonic.advance(2.0)
        return now

    clock = bench.made(interrupted)
    clock.reading()

    reading = clock.reading()

    assert reading.utc - reading.monotonic == pytest.approx(NOON)
    assert clock.take_changes() == []


def test_clocks_that_are_never_read_at_once_are_not_held_against_each_other(bench: Bench) -> None:
    def slow() -> float:
        bench.monotonic.advance(2.0)
        return bench.monotonic.now - 2.0

    clock = bench.made(slow)

    assert [clock.reading().quality for _ in range(3)] == [ClockQuality.UNKNOWN] * 3
    assert clock.take_changes() == []


def test_a_step_is_told_once_however_many_threads_read_the_clock() -> None:
    wall = VirtualClock(NOON)
    clock = Clock(wall=wall, monotonic=VirtualClock(5.0), slept=lambda: 0.0)
    clock.reading()
    began = threading.Barrier(9)

    def read() -> None:
        began.wait()
        for _ in range(300):
            clock.reading()

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    began.wait()
    wall.advance(HOUR)
    for thread in threads:
        thread.join()

    clock.reading()
    assert [change.step for change in clock.take_changes()] == [HOUR]


def test_changes_that_nobody_takes_are_bounded(bench: Bench) -> None:
    for _ in range(200):
        bench.set_clock(HOUR)
        bench.clock.reading()

    assert len(bench.clock.take_changes()) == 64


def test_this_gateways_own_clock_can_be_read() -> None:
    clock = Clock()

    one, other = clock.reading(), clock.reading()

    assert one.boot_id == other.boot_id != ""
    assert one.monotonic <= other.monotonic
    assert one.utc > NOON
