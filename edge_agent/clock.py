"""Clock: both clocks of the gateway at one moment, and what the wall clock is worth.

The monotonic clock orders; UTC leaves. Whether UTC is disciplined is asked of the kernel
(adjtimex(2), STA_UNSYNC), which knows it whichever daemon does the work.
"""

from __future__ import annotations

import ctypes
import time
from datetime import datetime
from pathlib import Path

from edge_agent.events import ClockQuality, ClockReading

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

# struct timex of the kernel is 208 bytes on 64-bit Linux; its `status` is the fifth word.
_TIMEX_BYTES = 208
_TIMEX_STATUS_OFFSET = 40
_STA_UNSYNC = 0x0040
# The kernel decides about synchronisation over minutes; asking once a second is plenty.
_QUALITY_SECONDS = 1.0


class Clock:
    """The gateway's clocks. Cheap to read; safe to share between threads."""

    def __init__(self) -> None:
        self.boot_id = _boot_id()
        self._quality = ClockQuality.UNKNOWN
        self._asked_at = float("-inf")

    monotonic = staticmethod(time.monotonic)

    def reading(self) -> ClockReading:
        """Both clocks now."""
        now = time.monotonic()
        if now - self._asked_at >= _QUALITY_SECONDS:
            self._quality, self._asked_at = kernel_clock_quality(), now
        return ClockReading(utc=time.time(), monotonic=now, boot_id=self.boot_id, quality=self._quality)


def local_time() -> datetime:
    """What the clock on the wall shows, where this gateway stands."""
    return datetime.now().astimezone()


def kernel_clock_quality() -> ClockQuality:
    """What the kernel says of its wall clock."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        result = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    except (OSError, AttributeError):
        return ClockQuality.UNKNOWN
    if result < 0:
        return ClockQuality.UNKNOWN
    status = ctypes.c_int.from_buffer(timex, _TIMEX_STATUS_OFFSET).value
    return ClockQuality.UNSYNCHRONISED if status & _STA_UNSYNC else ClockQuality.SYNCHRONISED


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"
