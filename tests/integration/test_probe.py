"""`probe`, at a simulated machine on a pseudo-terminal, and at ports with nobody behind them."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator

import pytest

from edge_agent.drivers.sas.driver import SERIAL_FORMAT
from edge_agent.links import PortKind, open_link
from edge_agent.links.base import OfAKind
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from tests.integration.conftest import machine, run

pytestmark = pytest.mark.integration

HOLD = (
    "import sys; from edge_agent.links import open_link;"
    "from edge_agent.drivers.sas.driver import SERIAL_FORMAT;"
    "link = open_link(sys.argv[1], SERIAL_FORMAT); link.open(); print('held', flush=True); sys.stdin.read()"
)


def probe(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run("probe", *arguments)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with machine(tmp_path_factory.mktemp("machine") / "sas", "--address", "4") as served:
        yield served


@pytest.fixture
def unserved() -> Iterator[str]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_a_good_line_is_told_and_what_the_machine_keeps_is_there_for_the_next(port: str) -> None:
    first = probe(port, "--seconds", "0.5")
    second = probe(port, "--seconds", "0.5", "--address", "9", "--json")

    assert first.returncode == 0, first.stdout + first.stderr
    lines = first.stdout.splitlines()
    assert lines[0] == "  port           pseudo-terminal; has no wakeup bit"
    assert lines[-2:] == [
        "verdict: the line is good; machine 04 has exception 17 to tell, and still has it",
        "next: start the agent: it journals what the machine has kept",
    ]
    told = json.loads(second.stdout)
    assert (second.returncode, told["verdict"], told["good"]) == (1, "another_address", False)
    assert told["summary"] == "machine 04 is here, and address 09 was expected"
    findings = told["findings"]
    assert (findings["found"], findings["missing"], findings["waiting"]) == ([4], 0, 0x17)
    assert first.stderr == second.stderr == ""


def test_nobody_behind_a_pseudo_terminal_is_said_of_it(unserved: str) -> None:
    probed = probe(unserved, "--seconds", "1")

    assert probed.returncode == 1
    assert re.search(r"^  heard unasked  nothing in [5-9]\.\d s$", probed.stdout, re.MULTILINE)
    assert "verdict: nobody answers behind this pseudo-terminal\n" in probed.stdout


def test_a_visit_that_is_interrupted_ends_in_good_order(unserved: str) -> None:
    command = [sys.executable, "-m", "edge_agent", "probe", unserved]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        wait_until(lambda: _is_held(unserved), PATIENCE_SECONDS)
        running.send_signal(signal.SIGINT)
        said, complaint = running.communicate(timeout=PATIENCE_SECONDS)

    assert (running.returncode, complaint) == (1, "")
    assert "verdict: " in said


def test_a_port_that_another_process_holds_is_refused_in_one_line(unserved: str) -> None:
    command = [sys.executable, "-c", HOLD, unserved]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        probed = probe(unserved)
        holder.communicate("", timeout=PATIENCE_SECONDS)

    assert (probed.returncode, probed.stdout) == (6, "")
    assert probed.stderr.startswith(f"edge-agent: port {unserved} is held by another program")
    assert probed.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["/nowhere"], 4, "port /nowhere does not exist — "),
        (["/dev/null"], 4, "port /dev/null is not a serial port — "),
        (["/nowhere", "--address", "0"], 2, "address 0 is out of range — "),
        (["/nowhere", "--seconds", "0"], 2, "--seconds 0 is no time — "),
    ],
)
def test_what_cannot_be_probed_is_one_line(arguments: list[str], status: int, complaint: str) -> None:
    probed = probe(*arguments)

    assert (probed.returncode, probed.stdout) == (status, "")
    assert probed.stderr.startswith(f"edge-agent: {complaint}")
    assert probed.stderr.count("\n") == 1


def test_links_say_what_their_port_is(unserved: str) -> None:
    link = open_link(unserved, SERIAL_FORMAT)
    link.open()
    raw, blind = (open_link(f"tcp:127.0.0.1:9{option}", SERIAL_FORMAT) for option in ("", "?marks=none"))

    assert all(isinstance(one, OfAKind) for one in (link, raw, blind))
    kinds = [one.kind for one in (link, raw, blind) if isinstance(one, OfAKind)]
    link.close()
    assert kinds == [
        PortKind("pseudo-terminal", sends_wakeup=False, hears_wakeup=False),
        PortKind("device server"),
        PortKind("device server", sends_wakeup=False, hears_wakeup=False),
    ]


def _is_held(port: str) -> bool:
    """Whether somebody has the port for himself."""
    other = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(other)
    return False
