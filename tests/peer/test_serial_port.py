"""A real port as a machine's port, on pseudo-terminals: no more of a serial port is to be had here."""

from __future__ import annotations

import os
import termios
import time
import tty
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.errors import LinkError
from edge_agent.links.adapters import ADAPTERS, ErrorFlags
from edge_agent.links.adapters import Port as Behind
from edge_agent.links.uart import UartLink
from edge_agent.peer.ports import make_port
from edge_agent.peer.serial_port import OPEN_AGAIN_SECONDS, SAS_FORMAT, SerialPort
from edge_agent.sas.wakeup import marked, stuff
from edge_agent.testing.patience import wait_until

pytestmark = pytest.mark.integration

ANSWER = bytes.fromhex("01 FF 1F 6A 4D")


class Wire:
    """The other end of the wire, where the host is."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.host, self._machine = os.openpty()
        tty.setraw(self._machine)
        name.symlink_to(os.ttyname(self._machine))

    def pass_marks(self) -> None:
        """From now on the terminal passes marks on as they are written, and doubles nothing."""
        attributes = termios.tcgetattr(self._machine)
        attributes[0] = 0  # neither INPCK nor PARMRK
        termios.tcsetattr(self._machine, termios.TCSANOW, attributes)

    def pull_out(self) -> None:
        """The adapter is pulled out."""
        self.name.unlink()
        os.close(self.host)
        os.close(self._machine)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path / "ttyUSB0")
    yield wire
    if wire.name.is_symlink():
        wire.pull_out()


def hears(port: SerialPort, wanted: bytes) -> None:
    heard = b""

    def so_far() -> bool:
        nonlocal heard
        heard += port.read(time.monotonic()) or b""
        return len(heard) >= len(wanted)

    wait_until(so_far, missing=lambda: heard)
    assert heard == wanted


def opened(wire: Wire, *, by_table: bool = False) -> SerialPort:
    port = make_port(f"uart:{wire.name}", by_table=by_table)
    assert isinstance(port, SerialPort)
    port.open(lambda _: None)
    return port


def test_on_another_programs_pseudo_terminal_the_table_tells(wire: Wire) -> None:
    port = opened(wire)
    os.write(wire.host, bytes.fromhex("80 01 1A"))

    hears(port, marked(0x80) + marked(1) + b"\x1a")
    port.write(stuff(ANSWER))
    port.write(marked(1))

    said = b""
    while len(said) < len(ANSWER) + 1:
        said += os.read(wire.host, 100)
    assert said == ANSWER + b"\x01"
    port.close()


def flagged(wire: Wire, flags: ErrorFlags, *, by_table: bool = False) -> SerialPort:
    """A port whose adapter flags so; what the test writes is what the kernel would have made of it."""
    row = next(adapter for adapter in ADAPTERS if adapter.flags is flags)
    without_parity = Behind(replace(row, handover=0.0, parity=False), "")
    port = SerialPort(UartLink(str(wire.name), SAS_FORMAT, lambda _: without_parity), by_table=by_table)
    port.open(lambda _: None)
    wire.pass_marks()
    return port


def test_where_each_character_has_its_own_wakeup_bit_it_is_believed(wire: Wire) -> None:
    port = flagged(wire, ErrorFlags.CHARACTER)
    os.write(wire.host, marked(0x80) + b"\x01\x1a")

    hears(port, marked(0x80) + b"\x01\x1a")
    port.close()


def test_unless_the_table_is_to_tell(wire: Wire) -> None:
    port = flagged(wire, ErrorFlags.CHARACTER, by_table=True)
    os.write(wire.host, marked(0x01) + marked(0x1A) + b"\x80")

    hears(port, marked(0x01) + b"\x1a" + marked(0x80))
    port.close()


def test_where_whole_transfers_are_flagged_only_a_wakeup_bit_alone_is_believed(wire: Wire) -> None:
    port = flagged(wire, ErrorFlags.TRANSFER)
    os.write(wire.host, marked(0x01) + marked(0x72))  # one transfer, one of them had it
    hears(port, marked(0x01) + b"\x72")

    os.write(wire.host, marked(0x81))

    hears(port, marked(0x81))
    port.close()


def test_a_lost_port_is_opened_again_once_a_second(wire: Wire) -> None:
    port = opened(wire)
    wire.pull_out()

    assert port.read(10.0) is None
    assert port.next_timer() == 10.0 + OPEN_AGAIN_SECONDS
    port.write(b"\x01")  # lost, as on a wire that nobody holds
    assert port.read(10.1) is None
    port.handle_timer(10.0 + OPEN_AGAIN_SECONDS)
    assert port.next_timer() == 10.0 + 2 * OPEN_AGAIN_SECONDS
    again = Wire(wire.name)
    port.handle_timer(10.0 + 2 * OPEN_AGAIN_SECONDS - 0.1)
    assert not port.has_host
    port.handle_timer(10.0 + 2 * OPEN_AGAIN_SECONDS)

    assert port.next_timer() is None
    os.write(again.host, b"\x80")
    hears(port, marked(0x80))
    port.close()


def test_a_port_lost_as_it_is_written_to_is_opened_again(wire: Wire) -> None:
    port = opened(wire)
    wire.pull_out()

    port.write(b"\x01")

    assert not port.has_host
    port.close()


def test_a_port_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="does not exist — check the cable"):
        SerialPort(UartLink(str(tmp_path / "ttyUSB9"), SAS_FORMAT)).open(lambda _: None)
