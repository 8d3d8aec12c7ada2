"""Latency: have an adapter hand over what it hears at once, where it can and we may.

An FTDI chip keeps received characters for 16 ms unless they fill a packet. Low-latency mode sets that to
1 ms and needs no rights beyond the port's; drivers without it may still have the timer in sysfs, which the
superuser may write. An answer that comes 16 ms later is still an answer, so what cannot be set is advice,
never a failure.
"""

from __future__ import annotations

import fcntl
import struct
import termios
from contextlib import suppress
from pathlib import Path

from edge_agent.links.adapters import SYSFS_TTYS

# Milliseconds; the chip's own smallest.
SHORTEST_TIMER = 1

# Linux tty_flags.h, and where serial.h has it: behind type, line, port and irq.
_LOW_LATENCY, _FLAGS_OFFSET, _SERIAL_STRUCT_BYTES = 1 << 13, 16, 128


def hear_at_once(fd: int, name: str, device: Path, ttys: Path = SYSFS_TTYS) -> tuple[str, ...]:
    """Set the shortest latency the driver gives us; advice if the chip still waits."""
    with suppress(OSError):  # a driver without the mode; its timer says what is so
        _set_low_latency(fd)
    timer = ttys / device.name / "device" / "latency_timer"
    if _milliseconds(timer) > SHORTEST_TIMER:
        with suppress(OSError):  # the superuser's
            timer.write_text(str(SHORTEST_TIMER), encoding="ascii")
    left = _milliseconds(timer)
    if left <= SHORTEST_TIMER:
        return ()
    advice = "let a udev rule set its latency_timer to 1; see docs/ports.md"
    return (f"port {name} hears answers up to {left} ms late — {advice}",)


def _set_low_latency(fd: int) -> None:
    serial = bytearray(_SERIAL_STRUCT_BYTES)
    fcntl.ioctl(fd, termios.TIOCGSERIAL, serial)
    (flags,) = struct.unpack_from("=i", serial, _FLAGS_OFFSET)
    if not flags & _LOW_LATENCY:
        struct.pack_into("=i", serial, _FLAGS_OFFSET, flags | _LOW_LATENCY)
        fcntl.ioctl(fd, termios.TIOCSSERIAL, bytes(serial))


def _milliseconds(timer: Path) -> int:
    """What the timer is set to; 0 where there is none."""
    try:
        return int(timer.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
