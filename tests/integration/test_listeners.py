"""What can be connected to on a gateway: nothing over the network, and on a trial floor only from itself."""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import stat
import subprocess
import sys
import tty
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.credentials.dev_pki import PkiPaths
from edge_agent.health import read_status
from edge_agent.standin import StandinThread
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc"),
]

LISTENING = "0A"  # include/net/tcp_states.h

SETTINGS = """
site: lab
gateway: gw-07
state: {state}
lines: [{{name: shuffler, port: {port}, driver: tdl1}}]
uplink:
  endpoint: localhost
  port: {broker}
  ca: {pki.ca}
  certificate: {pki.device_certificate}
  key: {pki.device_key}
commands: {{allow: [meters, capture, bundle]}}
"""


@dataclass(frozen=True, slots=True)
class Socket:
    """An open socket of the network, as the kernel lists it."""

    protocol: str
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int
    listening: bool
    inode: str


def sockets_of(pid: int) -> list[Socket]:
    """The sockets of the network that a process has open."""
    own = {
        found[1]
        for descriptor in Path(f"/proc/{pid}/fd").iterdir()
        if (found := re.fullmatch(r"socket:\[(\d+)\]", link_of(descriptor)))
    }
    tables = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6")
    return [socket for table in tables for socket in listed(pid, table) if socket.inode in own]


def link_of(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)  # noqa: PTH115  its target is no path
    except OSError:
        return ""  # closed meanwhile


def listed(pid: int, table: str) -> Iterator[Socket]:
    file = Path(f"/proc/{pid}/net/{table}")
    for line in file.read_text().splitlines()[1:] if file.exists() else ():
        fields = line.split()
        address, port = fields[1].split(":")
        words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
        yield Socket(
            table, ipaddress.ip_address(b"".join(words)), int(port, 16), fields[3] == LISTENING, fields[9]
        )


def family(pid: int) -> Iterable[int]:
    """A process and all it has started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


@pytest.fixture
def port() -> Iterator[str]:
    device, line = os.openpty()
    tty.setraw(line)
    yield os.ttyname(line)
    os.close(device)
    os.close(line)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edge_agent", *arguments]
        processes.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
        )
        return processes[-1]

    yield start
    for process in processes:
        for pid in [*family(process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)


def test_a_gateway_listens_to_nobody(
    tmp_path: Path,
    pki: PkiPaths,
    standin: StandinThread,
    port: str,
    started: Callable[..., subprocess.Popen[bytes]],
) -> None:
    """With a line, a broker, commands and the desk between its processes: outbound alone."""
    state, settings = tmp_path / "state", tmp_path / "agent.yaml"
    settings.write_text(SETTINGS.format(state=state, port=port, broker=standin.port, pki=pki))
    collector = started("collect", "--config", str(settings))
    forwarder = started("forward", "--config", str(settings))
    wait_until(lambda: read_status(state / "status" / "forwarder.json").get("connected"))
    wait_until((state / "collector.sock").exists)

    collecting, forwarding = sockets_of(collector.pid), sockets_of(forwarder.pid)

    assert collecting == []
    assert [socket for socket in forwarding if socket.listening] == []
    assert {socket.protocol for socket in forwarding} <= {"tcp", "tcp6"}
    assert forwarding, "its own connection is seen, so a listener would be"
    assert stat.S_IMODE((state / "collector.sock").stat().st_mode) == 0o600


def test_a_trial_floor_listens_to_this_computer_alone(
    tmp_path: Path, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    trial = started(
        *("simulate", "--state", str(tmp_path / "trial"), "--machines", "2", "--tables", "1"),
        *("--for", "30", "--outage", "0", "--json"),
    )

    seen: list[Socket] = []

    def all_is_up() -> bool:
        with suppress(OSError):  # one of them ended while we looked
            pids = list(family(trial.pid))
            seen[:] = [socket for pid in pids for socket in sockets_of(pid) if socket.listening]
            return len(pids) > 2 and bool(seen)
        return False

    wait_until(all_is_up)

    assert all(socket.address.is_loopback for socket in seen), seen
