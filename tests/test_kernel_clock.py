"""What the kernel says of its wall clock."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import replace

import pytest

from edge_agent.clock_steps import Discipline
from edge_agent.events import ClockQuality, ClockSource
from edge_agent.kernel_clock import KernelClock, ask_kernel, discipline_of, slept_seconds

PLL, PPSFREQ, PPSTIME, UNSYNC, PPSSIGNAL, CLOCKERR, NANO = 0x1, 0x2, 0x4, 0x40, 0x100, 0x1000, 0x2000
SYNCHRONISED = KernelClock(result=0, status=PLL | NANO, offset=0, maxerror=4_200, tolerance=32_768_000)


@pytest.mark.parametrize(
    ("status", "source"),
    [
        (PLL, ClockSource.NTP),
        (0, ClockSource.NTP),  # chrony steers the frequency itself
        (PLL | PPSFREQ | PPSSIGNAL, ClockSource.NTP),  # the pulse gives the pace, and not the time
        (PLL | PPSTIME | PPSFREQ | PPSSIGNAL, ClockSource.PPS),
        (PLL | PPSTIME | PPSFREQ, ClockSource.NTP),  # the pulse has gone
    ],
)
def test_a_disciplined_clock_has_a_source(status: int, source: ClockSource) -> None:
    discipline = discipline_of(replace(SYNCHRONISED, status=status))

    assert (discipline.quality, discipline.source) == (ClockQuality.SYNCHRONISED, source)


@pytest.mark.parametrize(
    "clock",
    [
        replace(SYNCHRONISED, status=UNSYNC),
        replace(SYNCHRONISED, status=PLL | CLOCKERR),
        replace(SYNCHRONISED, result=5),  # the kernel's own verdict
        replace(SYNCHRONISED, result=5, status=UNSYNC, maxerror=16_000_000),  # as after booting
    ],
)
def test_a_clock_that_nothing_disciplines_says_nothing_of_its_error(clock: KernelClock) -> None:
    assert discipline_of(clock) == Discipline(ClockQuality.UNSYNCHRONISED, ClockSource.NONE)


@pytest.mark.parametrize(
    "clock",
    [
        None,
        replace(SYNCHRONISED, result=-1),
        KernelClock(result=0, status=0, offset=0, maxerror=0, tolerance=0),  # imitated: nothing was written
    ],
)
def test_a_kernel_that_cannot_say_is_never_taken_for_a_good_clock(clock: KernelClock | None) -> None:
    assert discipline_of(clock) == Discipline(ClockQuality.UNKNOWN, ClockSource.UNKNOWN)


@pytest.mark.parametrize(
    ("offset", "status", "milliseconds"),
    [
        (1_499_999, NANO, 1),
        (-2_600_000, NANO, -3),
        (1_499, 0, 1),
        (-2_600, 0, -3),
        (300_000, NANO, 0),
    ],
)
def test_an_offset_is_whole_milliseconds_in_either_unit(offset: int, status: int, milliseconds: int) -> None:
    assert discipline_of(replace(SYNCHRONISED, status=status, offset=offset)).offset_ms == milliseconds


@pytest.mark.parametrize(
    ("microseconds", "milliseconds"),
    [(0, 1), (999, 1), (1_001, 2), (2_001, 5), (4_200, 5), (20_000, 20), (20_001, 50), (16_000_000, 20_000)],
)
def test_an_error_is_never_rounded_down(microseconds: int, milliseconds: int) -> None:
    assert discipline_of(replace(SYNCHRONISED, maxerror=microseconds)).error_ms == milliseconds


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex is Linux's own")
def test_this_kernel_says_what_its_own_library_says() -> None:
    """`ntp_adjtime` is another door of the C library to the same call."""
    told = ask_kernel()

    state = ctypes.CDLL(None).ntp_adjtime(ctypes.create_string_buffer(256))
    assert told is not None
    assert told.result == state
    assert told.tolerance > 0
    assert discipline_of(told).quality is not ClockQuality.UNKNOWN


def test_a_computer_that_has_not_slept_has_two_clocks_that_agree() -> None:
    assert slept_seconds(lambda: 100.0, lambda: 100.0) == 0.0
    assert slept_seconds(lambda: 100.0, lambda: 107.5) == 7.5


def test_what_lies_between_reading_two_clocks_is_no_sleep() -> None:
    late = iter([103.0, 100.0, 101.0])

    assert slept_seconds(lambda: 100.0, lambda: next(late)) == 0.0


def test_this_computer_knows_how_long_it_slept() -> None:
    assert slept_seconds() >= 0.0
