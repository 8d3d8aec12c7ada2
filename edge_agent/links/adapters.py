"""Adapters: what the chip behind a port does with the wakeup bit, by its kernel driver.

How long a character takes to reach the wire after the kernel has handed it over, what a drain means
there, and whether a received wakeup bit can be seen, differ from chip to chip. The rows come from the
drivers' source in Linux; the confidence is `H` where the source says so, `M` where the chip has to keep
a promise that the source only passes on.

A port is known by what sysfs says of it: the driver of its device, or of the nearest parent that has one
of the table, and the product's name for messages.

A drain is not the whole answer. Linux polls a transmitter that is not empty once a tick of its clock, so
a drain that begins too early takes 4 to 8 ms on the usual 250 Hz kernel and breaks the 5 ms between two
characters. So we first sleep for the time the characters take, and then drain: the first look finds the
transmitter empty, and a chip that is slower than its row costs time, never the wakeup bit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_PTY_MAJORS = range(136, 144)  # Documentation/admin-guide/devices.txt: Unix98 pty slaves

SYSFS_TTYS = Path("/sys/class/tty")
BY_ID = Path("/dev/serial/by-id")

BUY = "use an adapter with an FTDI chip, such as an FT232R cable, or a native RS-232 port"


class ErrorFlags(Enum):
    """Which received characters carry a parity error, when one of them had it."""

    CHARACTER = "that character"
    TRANSFER = "all characters of a USB transfer"
    NONE = "none: the chip does not say"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A kind of chip, as its kernel driver drives it."""

    driver: str  # as sysfs names it
    chips: str
    handover: float  # seconds until a written character begins on the wire, at most
    drains: str  # what a drain waits for: "the wire", "the chip's queue" or "the hand-over"
    flags: ErrorFlags
    confidence: str
    parity: bool = True  # whether there is a parity bit at all
    flaw: str = ""  # why it cannot send the wakeup bit, although its driver takes the flags


@dataclass(frozen=True, slots=True)
class Port:
    """A port's adapter, and what its maker calls it."""

    adapter: Adapter
    product: str  # "" where sysfs names none

    def __str__(self) -> str:
        driver = f"driver {self.adapter.driver}"
        return f"{self.product}, {driver}" if self.product else driver


# A full-speed device is served once a USB frame, which takes one millisecond.
_USB_FRAME = 0.001
# A native port takes characters at once; this is for the interrupt that moves them.
_AT_ONCE = 0.0001

_C, _T, _N = ErrorFlags.CHARACTER, ErrorFlags.TRANSFER, ErrorFlags.NONE

ADAPTERS = (
    Adapter("serial8250", "native and PCI ports (16550)", _AT_ONCE, "the wire", _C, "H"),
    Adapter("uart-pl011", "ARM PL011, as on a Raspberry Pi's GPIO header", _AT_ONCE, "the wire", _C, "H"),
    Adapter(
        "bcm2835-aux-uart",
        "Raspberry Pi mini UART",
        _AT_ONCE,
        "the wire",
        _C,
        "H",
        flaw="the mini UART has no parity bit; `dtoverlay=disable-bt` gives the header the other one",
    ),
    Adapter("ftdi_sio", "FTDI FT232R, FT231X, FT4232H", _USB_FRAME, "the wire", _T, "H"),
    Adapter("pl2303", "Prolific PL2303", _USB_FRAME, "the hand-over", _T, "M"),
    Adapter("cp210x", "Silicon Labs CP2102, CP2104, CP2105", _USB_FRAME, "the chip's queue", _C, "M"),
    Adapter("ch341-uart", "WCH CH340, CH341", _USB_FRAME, "the hand-over", _N, "M"),
    Adapter("cdc_acm", "USB CDC, such as microcontrollers", _USB_FRAME, "the hand-over", _N, "M"),
)

PSEUDO_TERMINAL = Adapter("pty", "pseudo-terminal", 0.0, "the hand-over", ErrorFlags.NONE, "H", parity=False)
# Taken for USB: waiting a frame too long costs a fifth of the gap, too short costs the wakeup bit.
UNKNOWN = Adapter("unknown", "unknown", _USB_FRAME, "the hand-over", ErrorFlags.CHARACTER, "L")

_BY_DRIVER = {adapter.driver: adapter for adapter in ADAPTERS}
# Native ports hang on drivers of many names (PCI, ACPI, device tree), and all are named alike.
_BY_NAME = {"ttyS": _BY_DRIVER["serial8250"], "ttyAMA": _BY_DRIVER["uart-pl011"]}


def port_of(device: Path, ttys: Path = SYSFS_TTYS) -> Port:
    """What is behind a device such as /dev/ttyUSB0; UNKNOWN if neither sysfs nor its name says."""
    if os.major(device.stat().st_rdev) in _PTY_MAJORS:
        return Port(PSEUDO_TERMINAL, "")
    parents = list(_parents(ttys / device.name / "device"))
    product = next(filter(None, map(_product, parents)), "")
    drivers = [parent.joinpath("driver").resolve().name for parent in parents]
    known = next((_BY_DRIVER[driver] for driver in drivers if driver in _BY_DRIVER), None)
    return Port(known or _BY_NAME.get(device.name.rstrip("0123456789"), UNKNOWN), product)


def stable_name(device: Path, by_id: Path = BY_ID) -> Path | None:
    """The name of a device that follows its adapter from socket to socket, if it has one."""
    if not by_id.is_dir():
        return None
    return next((name for name in sorted(by_id.iterdir()) if name.resolve() == device), None)


def _parents(device: Path) -> Iterator[Path]:
    """A device and what it hangs on, up to its bus."""
    here = device.resolve()
    while here.joinpath("uevent").exists():
        yield here
        here = here.parent


def _product(device: Path) -> str:
    try:
        return device.joinpath("product").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
