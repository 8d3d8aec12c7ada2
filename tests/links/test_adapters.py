"""Adapters: what sysfs tells of a port, the table of chips, and latency where it may be set."""

from __future__ import annotations

import os
import pty
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.links.adapters import ADAPTERS, UNKNOWN, Port, port_of, stable_name
from edge_agent.links.latency import hear_at_once

BY_DRIVER = {adapter.driver: adapter for adapter in ADAPTERS}


class Sysfs:
    """As much of /sys as tells what is behind a port."""

    def __init__(self, root: Path) -> None:
        self.ttys = root / "class" / "tty"
        self._root = root

    def plug(self, tty: str, driver: str, product: str = "") -> Path:
        """A USB adapter as `tty`; its device's folder, where a latency timer would be."""
        usb = self._root / "devices" / "usb1" / "1-1"
        device = usb / "1-1:1.0" / tty
        for folder, its_driver in ((usb, "usb"), (device.parent, driver), (device, driver)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.joinpath("uevent").touch()
            folder.joinpath("driver").symlink_to(self._root / "bus" / "drivers" / its_driver)
        if product:
            usb.joinpath("product").write_text(f"{product}\n")
        self.ttys.joinpath(tty).mkdir(parents=True)
        self.ttys.joinpath(tty, "device").symlink_to(device)
        return device


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


@pytest.fixture
def terminal() -> Iterator[int]:
    master, slave = pty.openpty()
    yield slave
    os.close(master)
    os.close(slave)


def device(tmp_path: Path, name: str) -> Path:
    """A node of that name that is no pseudo-terminal."""
    node = tmp_path / name
    node.touch()
    return node


def test_a_usb_port_is_known_by_its_driver_and_named_by_its_product(sysfs: Sysfs, tmp_path: Path) -> None:
    sysfs.plug("ttyUSB3", "ftdi_sio", "FT232R USB UART")

    port = port_of(device(tmp_path, "ttyUSB3"), sysfs.ttys)

    assert port == Port(BY_DRIVER["ftdi_sio"], "FT232R USB UART")
    assert str(port) == "FT232R USB UART, driver ftdi_sio"


def test_a_native_port_is_known_by_its_name_whatever_bus_it_is_on(sysfs: Sysfs, tmp_path: Path) -> None:
    sysfs.plug("ttyS4", "exar_serial")

    assert port_of(device(tmp_path, "ttyS4"), sysfs.ttys).adapter is BY_DRIVER["serial8250"]


def test_the_driver_says_more_than_the_name(sysfs: Sysfs, tmp_path: Path) -> None:
    """The mini UART of a Raspberry Pi is ttyS0 too."""
    sysfs.plug("ttyS0", "bcm2835-aux-uart")

    assert port_of(device(tmp_path, "ttyS0"), sysfs.ttys).adapter.flaw


def test_a_chip_nobody_knows_is_treated_as_a_usb_adapter(sysfs: Sysfs, tmp_path: Path) -> None:
    sysfs.plug("ttyUSB0", "brand_new", "Serial Wonder")

    assert port_of(device(tmp_path, "ttyUSB0"), sysfs.ttys) == Port(UNKNOWN, "Serial Wonder")
    assert port_of(device(tmp_path, "ttyUSB1"), sysfs.ttys) == Port(UNKNOWN, "")
    assert UNKNOWN.handover == BY_DRIVER["ftdi_sio"].handover


def test_a_pseudo_terminal_is_known_as_one(terminal: int) -> None:
    assert port_of(Path(os.ttyname(terminal))).adapter.parity is False


def test_the_hand_over_leaves_most_of_the_gap_to_the_flip() -> None:
    """Of 5 ms between two characters; a change of parity takes a USB adapter a frame or three."""
    assert all(0 < adapter.handover <= 0.001 for adapter in ADAPTERS)
    assert {adapter.confidence for adapter in ADAPTERS} <= set("HML")


def test_the_table_names_a_driver_once() -> None:
    assert len(BY_DRIVER) == len(ADAPTERS)


def test_the_name_that_follows_an_adapter_is_found_behind_the_link(tmp_path: Path) -> None:
    node = device(tmp_path, "ttyUSB0")
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-Other-if00").symlink_to(device(tmp_path, "ttyUSB1"))
    (by_id / "usb-FTDI-if00").symlink_to("../ttyUSB0")

    assert stable_name(node, by_id) == by_id / "usb-FTDI-if00"
    assert stable_name(device(tmp_path, "ttyUSB2"), by_id) is None
    assert stable_name(node, tmp_path / "nowhere") is None


def test_a_latency_timer_we_may_write_is_set_to_the_shortest(sysfs: Sysfs, terminal: int) -> None:
    timer = sysfs.plug("ttyUSB0", "ftdi_sio") / "latency_timer"
    timer.write_text("16\n")

    advice = hear_at_once(terminal, "ttyUSB0", Path("/dev/ttyUSB0"), sysfs.ttys)

    assert advice == ()
    assert timer.read_text() == "1"


def test_a_latency_timer_that_stays_is_one_line_of_advice(
    sysfs: Sysfs, terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    timer = sysfs.plug("ttyUSB0", "ftdi_sio") / "latency_timer"
    timer.write_text("16\n")
    monkeypatch.setattr(Path, "write_text", _refused)

    (advice,) = hear_at_once(terminal, "ttyUSB0", Path("/dev/ttyUSB0"), sysfs.ttys)

    assert advice.startswith("port ttyUSB0 hears answers up to 16 ms late — let a udev rule")


@pytest.mark.parametrize(("flags", "set_to"), [(0x40, [0x2040]), (0x2040, [])], ids=["off", "on"])
def test_low_latency_is_set_where_it_is_not_and_nothing_else_is_touched(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch, flags: int, set_to: list[int]
) -> None:
    """A pseudo-terminal has no such mode: this is a driver that has."""
    told: list[int] = []

    def ioctl(_fd: int, request: int, serial: bytearray | bytes) -> int:
        if request == termios.TIOCGSERIAL:
            assert isinstance(serial, bytearray)
            struct.pack_into("=i", serial, 16, flags)
        else:
            assert request == termios.TIOCSSERIAL
            told.append(*struct.unpack_from("=i", serial, 16))
        return 0

    monkeypatch.setattr("edge_agent.links.latency.fcntl.ioctl", ioctl)

    assert hear_at_once(0, "ttyUSB0", Path("/dev/ttyUSB0"), sysfs.ttys) == ()
    assert told == set_to


def test_a_port_without_a_timer_needs_no_advice(sysfs: Sysfs, terminal: int) -> None:
    sysfs.plug("ttyUSB0", "cp210x")

    assert hear_at_once(terminal, "ttyUSB0", Path("/dev/ttyUSB0"), sysfs.ttys) == ()


def _refused(*_: object, **__: object) -> int:
    raise PermissionError
