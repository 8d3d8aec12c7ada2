"""A serial port over a real pseudo-terminal: parity flips in order, marks, and what goes wrong."""

from __future__ import annotations

import errno
import fcntl
import os
import termios
import threading
import time
import tty
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import serial

from edge_agent.errors import AgentError, ConfigurationError, InUseError, LinkError
from edge_agent.links import open_link
from edge_agent.links.adapters import ADAPTERS, PSEUDO_TERMINAL, UNKNOWN, ErrorFlags, Port, stable_name
from edge_agent.links.parity import CMSPAR
from edge_agent.links.uart import UartLink
from edge_agent.station import SerialFormat

SAS = SerialFormat(baud=19200, wakeup_bit=True)
PLAIN = SerialFormat(baud=9600, wakeup_bit=False)

TIOCGEXCL = 0x80045440  # asm-generic/ioctls.h

pytestmark = pytest.mark.integration


class Pty:
    """A pseudo-terminal with us at the device's end."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)

    def read(self, characters: int) -> str:
        """So many characters of what the host wrote, in hex; a write may arrive in pieces."""
        data = b""
        while len(data) < characters:
            data += os.read(self.master, characters - len(data))
        return data.hex()

    def flags(self) -> int:
        """The control flags the host has set."""
        cflag: int = termios.tcgetattr(self.master)[2]
        return cflag

    def close(self) -> None:
        for descriptor in (self.master, self.slave):
            try:
                os.close(descriptor)
            except OSError:
                continue


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    pair.close()


def test_what_the_host_writes_reaches_the_device(pty: Pty) -> None:
    link = UartLink(pty.port, SAS)
    link.open()

    link.write(bytes.fromhex("ff0001 1a ffff"))

    assert pty.read(3) == "011aff"
    link.close()


def test_the_port_rests_in_space_parity(pty: Pty) -> None:
    link = UartLink(pty.port, SAS)
    link.open()

    link.write(bytes.fromhex("ff0081"))

    assert pty.flags() & CMSPAR
    assert not pty.flags() & termios.PARODD
    link.close()


def test_what_the_device_writes_arrives_in_the_marked_form(pty: Pty) -> None:
    link = UartLink(pty.port, SAS)
    link.open()

    os.write(pty.master, bytes.fromhex("01ff12"))

    assert link.read(1.0).hex() == "01ffff12"
    link.close()


def test_a_plain_line_carries_the_same_form(pty: Pty) -> None:
    link = UartLink(pty.port, PLAIN)
    link.open()

    os.write(pty.master, b"$\xff\r\n")
    link.write(b"a\xff\xffb")

    assert link.read(1.0) == b"$\xff\xff\r\n"
    assert pty.read(3) == "61ff62"
    link.close()


def test_silence_reads_as_nothing(pty: Pty) -> None:
    link = UartLink(pty.port, SAS)
    link.open()

    assert link.read(0.0) == b""
    link.close()


def test_a_port_may_be_opened_again(pty: Pty) -> None:
    link = UartLink(pty.port, SAS)
    link.open()
    link.close()
    link.open()

    os.write(pty.master, b"\x00")

    assert link.read(1.0) == b"\x00"
    assert repr(link).endswith("open>")
    link.close()


def test_a_port_that_vanishes_is_lost(pty: Pty) -> None:
    link = UartLink(pty.port, SAS)
    link.open()
    pty.close()

    with pytest.raises(LinkError, match="was lost"):
        link.read(1.0)
    with pytest.raises(LinkError, match="was lost"):
        link.write(b"\x01")
    link.close()


def test_a_device_that_takes_no_more_bytes_is_lost(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.links.uart.WRITE_SECONDS", 0.05)
    link = UartLink(pty.port, PLAIN)
    link.open()

    with pytest.raises(LinkError, match=r"takes no more bytes|Resource temporarily unavailable"):
        link.write(b"x" * 1_000_000)
    link.close()


def test_a_port_held_by_another_is_in_use(pty: Pty) -> None:
    holder, other = UartLink(pty.port, SAS), UartLink(pty.port, SAS)
    holder.open()

    with pytest.raises(InUseError, match=r"held by another program.*fuser"):
        other.open()
    holder.close()


def test_a_port_that_does_not_exist_is_named() -> None:
    with pytest.raises(LinkError, match=r"/dev/ttyNOPE does not exist .* /dev/serial/by-id"):
        UartLink("/dev/ttyNOPE", SAS).open()


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.EACCES, LinkError, "may not be opened by this user — add the user to the group dialout"),
        (errno.EBUSY, InUseError, "is held by another program, or by another line — stop it"),
        (errno.EIO, LinkError, "has no device behind it — plug the adapter in again"),
        (errno.ENODEV, LinkError, "has no device behind it"),
        (errno.ENOTTY, LinkError, "is not a serial port — name a device"),
        (errno.EMFILE, LinkError, "cannot be opened: .*Too many open files.* — check the port"),
    ],
    ids=errno.errorcode.get,
)
def test_what_the_system_refuses_is_one_line_with_its_mend(
    pty: Pty, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[AgentError], said: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(number, f"could not open port: {os.strerror(number)}")

    monkeypatch.setattr("edge_agent.links.uart.serial.Serial", refuse)

    with pytest.raises(kind, match=rf"^port {pty.port} {said}"):
        UartLink(pty.port, SAS).open()


def test_a_name_that_leads_in_a_circle_or_nowhere_is_said(tmp_path: Path) -> None:
    (tmp_path / "usb-A").symlink_to(tmp_path / "usb-B")
    (tmp_path / "usb-B").symlink_to(tmp_path / "usb-A")
    (tmp_path / "usb-C").symlink_to(tmp_path / "ttyUSB7")

    with pytest.raises(LinkError, match=r"usb-A cannot be opened: .*[Ss]ymlink"):
        UartLink(str(tmp_path / "usb-A"), SAS).open()
    with pytest.raises(LinkError, match=r"usb-C does not exist"):
        UartLink(str(tmp_path / "usb-C"), SAS).open()


def test_a_port_that_goes_while_it_is_set_up_is_said(pty: Pty) -> None:
    def vanish(_device: Path) -> Port:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    link = UartLink(pty.port, SAS, behind=vanish)

    with pytest.raises(LinkError, match=r"cannot be set up: .*Input/output error"):
        link.open()
    assert repr(link).endswith("closed>")


def test_another_program_without_manners_is_kept_out(pty: Pty) -> None:
    """The lock is for those that ask for it; TIOCEXCL refuses the rest, save the superuser."""
    chip = replace(PSEUDO_TERMINAL, parity=True, driver="chip")
    link = UartLink(pty.port, PLAIN, behind=lambda _: Port(chip, ""))
    link.open()

    exclusive = fcntl.ioctl(pty.master, TIOCGEXCL, bytes(4))

    assert int.from_bytes(exclusive, "little") == 0, "the far end is another terminal"
    assert int.from_bytes(fcntl.ioctl(pty.slave, TIOCGEXCL, bytes(4)), "little") == 1
    link.close()


def test_a_file_is_not_a_serial_port(tmp_path: Path) -> None:
    (tmp_path / "port").touch()

    with pytest.raises(LinkError, match="is not a serial port"):
        UartLink(str(tmp_path / "port"), SAS).open()


def test_a_character_device_that_is_not_a_tty_is_refused() -> None:
    with pytest.raises(LinkError, match=r"/dev/null"):
        UartLink("/dev/null", SAS).open()


def test_an_adapter_that_ignores_mark_parity_is_refused(pty: Pty) -> None:
    """A pty takes CMSPAR but never PARENB: asked as if it were an adapter, it must be refused."""
    link = UartLink(pty.port, SAS, behind=lambda _: Port(UNKNOWN, "CP2101 Bridge"))

    with pytest.raises(
        LinkError, match=r"does not take mark and space parity.*CP2101 Bridge, driver unknown.*FTDI"
    ):
        link.open()


def test_a_chip_without_a_parity_bit_is_refused_although_its_driver_takes_the_flags(pty: Pty) -> None:
    (mini,) = [adapter for adapter in ADAPTERS if adapter.flaw]

    with pytest.raises(LinkError, match=r"cannot send the wakeup bit: the mini UART has no parity bit"):
        UartLink(pty.port, SAS, behind=lambda _: Port(mini, "")).open()
    UartLink(pty.port, PLAIN, behind=lambda _: Port(mini, "")).open()


def test_a_port_named_by_its_number_is_told_its_better_name(
    pty: Pty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id = tmp_path / "usb-FTDI_FT232R_A50285BI-if00-port0"
    by_id.symlink_to(pty.port)
    monkeypatch.setattr("edge_agent.links.uart.stable_name", lambda device: stable_name(device, tmp_path))
    by_number, by_name = UartLink(pty.port, SAS), UartLink(str(by_id), SAS)

    for link in (by_number, by_name):
        link.open()
        link.close()

    assert [advice.endswith(f"— name it {by_id}") for advice in by_number.advice] == [True]
    assert by_name.advice == ()


def test_what_a_usb_transfer_marked_together_is_an_answer_and_one_alone_a_chirp(pty: Pty) -> None:
    """A pty marks nothing, so here the far end does: the port is told to double no FF."""
    chip = replace(PSEUDO_TERMINAL, flags=ErrorFlags.TRANSFER)
    link = UartLink(pty.port, SAS, behind=lambda _: Port(chip, ""))
    link.open()
    attributes = termios.tcgetattr(pty.master)
    attributes[0] &= ~termios.PARMRK
    termios.tcsetattr(pty.master, termios.TCSANOW, attributes)

    os.write(pty.master, bytes.fromhex("ff0001 1a ff0001 ff00ff ff001c"))

    assert link.read(1.0).hex(" ") == "ff 00 01 1a 01 ff ff 1c"
    link.close()


def test_the_rest_waits_until_the_address_has_left(pty: Pty) -> None:
    chip = replace(PSEUDO_TERMINAL, handover=0.001)
    link = UartLink(pty.port, SAS, behind=lambda _: Port(chip, ""))
    link.open()

    began = time.monotonic()
    link.write(bytes.fromhex("ff0080 ff0001 2f 03"))
    took = time.monotonic() - began

    # Two characters of 11 bits at 19200 baud, and one USB frame.
    assert took >= 0.001 + 2 * 11 / 19200
    link.close()


def test_a_reader_wakes_when_bytes_arrive(pty: Pty) -> None:
    link = UartLink(pty.port, SAS)
    link.open()
    writer = threading.Timer(0.05, os.write, (pty.master, b"\x12"))
    writer.start()

    assert link.read(10.0) == b"\x12"
    writer.join()
    link.close()


@pytest.mark.parametrize(
    ("spec", "mend"),
    [
        ("ttyUSB0", "write /dev/ttyUSB0"),
        ("dev/ttyS1", "write /dev/ttyS1"),
        ("serial/by-id/usb-FTDI-if00", "write /dev/serial/by-id/usb-FTDI-if00"),
        ("COM3", "use a device path or one of uart:"),
        ("carrier-pigeon:1", "use a device path"),
        ("uart:", "use a device path"),
        ("", "use a device path"),
    ],
)
def test_a_spec_that_names_no_link_is_refused_with_what_was_meant(spec: str, mend: str) -> None:
    with pytest.raises(ConfigurationError, match=f"names no known kind of link — {mend}"):
        open_link(spec, SAS)


def test_a_spec_or_a_path_names_a_port(pty: Pty) -> None:
    for spec in (pty.port, f"uart:{pty.port}"):
        assert open_link(spec, SAS).name == pty.port
