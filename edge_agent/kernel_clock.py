"""The kernel's word on its wall clock: whether anything disciplines it, what, and how far it may be off.

The kernel knows it whichever daemon does the work: adjtimex(2) needs no privilege to read. A kernel that
cannot say, such as one that is only imitated, makes the clock `unknown` and never `synchronised`.
"""

from __future__ import annotations

import ctypes
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from edge_agent.clock_steps import Discipline
from edge_agent.events import ClockQuality, ClockSource

# <linux/timex.h>
_STA_PPSTIME = 0x0004
_STA_UNSYNC = 0x0040
_STA_PPSSIGNAL = 0x0100
_STA_CLOCKERR = 0x1000
_STA_NANO = 0x2000
_TIME_ERROR = 5

# The bound grows by half a millisecond every second until a daemon sets it anew. In such steps it is
# the same from one event to the next, which is what compression lives on; it is always rounded up.
_ERROR_STEPS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What adjtimex(2) tells: its result, and those fields of struct timex that are the same everywhere."""

    result: int
    status: int
    offset: int  # microseconds, or nanoseconds where the status says so
    maxerror: int  # microseconds
    tolerance: int  # of the frequency; no kernel has none


def discipline_of(clock: KernelClock | None) -> Discipline:
    """What a wall clock is worth by what the kernel tells of it; None for a kernel that tells nothing."""
    if clock is None or clock.result < 0 or clock.tolerance == 0:
        return Discipline()
    if clock.result == _TIME_ERROR or clock.status & (_STA_UNSYNC | _STA_CLOCKERR):
        return Discipline(ClockQuality.UNSYNCHRONISED, ClockSource.NONE)
    by_pulse = clock.status & _STA_PPSSIGNAL and clock.status & _STA_PPSTIME
    return Discipline(
        ClockQuality.SYNCHRONISED,
        ClockSource.PPS if by_pulse else ClockSource.NTP,
        round(clock.offset / (1_000_000 if clock.status & _STA_NANO else 1_000)),
        _rounded_up(clock.maxerror / 1_000),
    )


def ask_kernel() -> KernelClock | None:
    """What the kernel tells now; None where it tells nothing."""
    timex = _Timex()
    try:
        result = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):  # no such call in this C library
        return None
    return KernelClock(result, timex.status, timex.offset, timex.maxerror, timex.tolerance)


def slept_seconds(
    monotonic: Callable[[], float] = time.monotonic, since_boot: Callable[[], float] | None = None
) -> float:
    """How long the computer has slept since boot, which the monotonic clock leaves out; 0 if nobody knows."""
    counting_all = since_boot or _since_boot
    # Two clocks cannot be read at once: the closest of three tries.
    return min(max(0.0, counting_all() - monotonic()) for _ in range(3))


class _Timex(ctypes.Structure):
    """The fields of struct timex up to `tolerance`, and room for the others on any machine."""

    _fields_: ClassVar = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("others", ctypes.c_byte * 184),
    ]


def _rounded_up(milliseconds: float) -> int:
    place = bisect_left(_ERROR_STEPS_MS, milliseconds)
    return _ERROR_STEPS_MS[min(place, len(_ERROR_STEPS_MS) - 1)]


def _since_boot() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux alone has it
    return time.monotonic() if clock is None else time.clock_gettime(clock)
