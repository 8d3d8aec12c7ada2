"""The order of system calls that puts a poll on the wire: the wakeup bit depends on it and on nothing else.

The kernel's own account comes from strace; where tracing is refused, the same order is recorded at the two
calls by which we reach the kernel.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.links.parity import CMSPAR
from edge_agent.links.uart import UartLink
from edge_agent.station import SerialFormat

pytestmark = pytest.mark.integration

SAS = SerialFormat(baud=19200, wakeup_bit=True)

# A synchronising poll and the meters of a game; a general poll. What each must make of it.
LONG_POLL, GENERAL_POLL = "ff0080 ff0001 2f 03 ffff", "ff0081"
LONG_POLL_ORDER = ["drain and mark", "write 80 01", "drain and space", "write 2f 03 ff"]
GENERAL_POLL_ORDER = ["drain and mark", "write 81", "drain and space"]

HOST = """
import os, sys
from edge_agent.links.uart import UartLink
from edge_agent.station import SerialFormat
link = UartLink(sys.argv[1], SerialFormat(baud=19200, wakeup_bit=True))
link.open()
os.write(1, b"open")
for poll in sys.argv[2:]:
    link.write(bytes.fromhex(poll))
"""


@pytest.fixture
def port() -> Iterator[str]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_the_kernel_is_asked_in_this_order(port: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    tracer = [_strace(), "-f", "-xx", "-s", "64", "-e", "trace=write,ioctl", "-o", str(trace)]

    subprocess.run(
        [*tracer, sys.executable, "-c", HOST, port, LONG_POLL, GENERAL_POLL],
        check=True,
        timeout=60,
    )

    assert _after_opening(trace.read_text()) == LONG_POLL_ORDER + GENERAL_POLL_ORDER


def test_the_calls_are_made_in_this_order(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    link = UartLink(port, SAS)
    link.open()
    calls: list[str] = []
    ioctl, write = fcntl.ioctl, os.write

    def recorded_ioctl(fd: int, request: int, argument: bytes) -> object:
        assert request == termios.TCSETSW, "a flip must drain first"
        (cflag,) = struct.unpack_from("=I", argument, 8)
        calls.append(f"drain and {'mark' if cflag & termios.PARODD else 'space'}")
        return ioctl(fd, request, argument)

    def recorded_write(fd: int, data: bytes) -> int:
        calls.append(f"write {data.hex(' ')}")
        return write(fd, data)

    monkeypatch.setattr("edge_agent.links.parity.fcntl.ioctl", recorded_ioctl)
    monkeypatch.setattr("edge_agent.links.uart.os.write", recorded_write)

    link.write(bytes.fromhex(LONG_POLL))
    link.write(bytes.fromhex(GENERAL_POLL))

    monkeypatch.undo()
    link.close()
    assert calls == LONG_POLL_ORDER + GENERAL_POLL_ORDER


def test_a_nudge_has_two_stop_bits_and_leaves_the_port_as_it_was(
    port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of two stop bits stands where the wakeup bit does, and needs no parity."""
    link = UartLink(port, SAS)
    link.open()
    before = termios.tcgetattr(link.fileno())
    calls: list[str] = []
    tcsetattr, write = termios.tcsetattr, os.write

    def recorded_tcsetattr(fd: int, when: int, attributes: list[Any]) -> None:
        assert when == termios.TCSADRAIN, "a change must drain first"
        parity = bool(attributes[2] & (termios.PARENB | CMSPAR))
        calls.append(f"{1 + bool(attributes[2] & termios.CSTOPB)} stop bits{', parity' * parity}")
        tcsetattr(fd, when, attributes)

    def recorded_write(fd: int, data: bytes) -> int:
        calls.append(f"write {data.hex(' ')}")
        return write(fd, data)

    monkeypatch.setattr("edge_agent.links.parity.termios.tcsetattr", recorded_tcsetattr)
    monkeypatch.setattr("edge_agent.links.uart.os.write", recorded_write)
    link.nudge(0x80)
    monkeypatch.undo()

    assert calls == ["2 stop bits", "write 80", "1 stop bits, parity"]
    assert termios.tcgetattr(link.fileno()) == before
    link.close()


def _strace() -> str:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    if subprocess.run([strace, "-o", os.devnull, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody trace a process")
    return strace


def _after_opening(trace: str) -> list[str]:
    """What was asked of the port once the host had said that it is open."""
    _, _, asked = trace.partition(_hex(b"open"))
    return [call for call in map(_call, asked.splitlines()) if call]


def _call(line: str) -> str:
    if written := re.search(r'\bwrite\(\d+, "((?:\\x[0-9a-f]{2})+)"', line):
        return f"write {written[1].replace(chr(92) + 'x', ' ').strip()}"
    if flags := re.search(r"\bTCSETSW, \{.*c_cflag=([A-Z0-9|]+)", line):
        assert "CMSPAR" in flags[1]
        return f"drain and {'mark' if 'PARODD' in flags[1] else 'space'}"
    assert "TCSETS," not in line, "a flip must drain first"
    return ""


def _hex(text: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text)
