"""Ports that are not there and machines that talk nonsense: each is said, and the good lines go on.

One collector has them all, as a gateway on a bad day would, with one good table among them.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.events import identify
from edge_agent.health import read_status
from edge_agent.journal import open_journal
from edge_agent.sas.crc import append_crc
from edge_agent.tdl1 import Kind, Message
from edge_agent.tdl1.frame import encode
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.integration

# Beyond the 0.2 s that machines in the field take, within what a host allows one it does not know yet.
LATE_SECONDS = 0.3

BOOT = {"dev": "SHF", "mfr": "ACME", "model": "S1", "sn": "A1234", "fw": "2.4.1", "boot": "17"}

Answer = Callable[[bytes], bytes]  # what a device says when it hears this


def silent(_heard: bytes) -> bytes:
    return b""


def garbage(_heard: bytes) -> bytes:
    return bytes.fromhex("5a a5 c3 3c 99 e7 7e") * 3


def late(heard: bytes) -> bytes:
    time.sleep(LATE_SECONDS)
    return b"\x00" if heard[-1:] == b"\x81" else b""


def another_machine(_heard: bytes) -> bytes:
    """Answers every poll to machine 1 as machine 2 tells its credits."""
    return append_crc(bytes.fromhex("02 1a 00 00 00 00"))


def another_table(_heard: bytes) -> bytes:
    return encode(Message(2, 0, Kind.HEARTBEAT, "DEV.BOOT", BOOT))


def well(_heard: bytes) -> bytes:
    return encode(Message(1, 0, Kind.HEARTBEAT, "DEV.BOOT", BOOT))


def damaged_frames(_heard: bytes) -> bytes:
    return b"$TDL1|01|0000|H|DEV.BOOT|dev=SHF*0000\r\n"


@dataclass(frozen=True, slots=True)
class Machine:
    """A device that answers badly, and what the line must show of it."""

    driver: str
    answer: Answer
    events: AbstractSet[str]
    chatters: bool = False  # speaks unasked, every 0.1 s


DOWN, UP, ERRORS = "floor.line.down", "floor.line.up", "floor.line.protocol_errors"
MACHINES: Mapping[str, Machine] = {
    "slot-silent": Machine("sas", silent, {DOWN}),
    "slot-garbage": Machine("sas", garbage, {DOWN, ERRORS}),
    "slot-late": Machine("sas", late, {UP}),
    "slot-other": Machine("sas", another_machine, {DOWN, ERRORS}),
    "table-silent": Machine("tdl1", silent, {DOWN}),
    "table-garbage": Machine("tdl1", garbage, {DOWN, ERRORS}, chatters=True),
    "table-damaged": Machine("tdl1", damaged_frames, {DOWN, ERRORS}, chatters=True),
    "table-other": Machine("tdl1", another_table, {DOWN, ERRORS}, chatters=True),
}

# What a line is called that does not yet, or no longer, hear a machine it could believe.
NOT_WELL = {"starting", "silent", "interrogating"}

# What the log says of a port, and what to do about it.
PORTS: Mapping[str, tuple[str, str]] = {
    "absent": ("/dev/ttyNOPE does not exist", "ls /dev/serial/by-id"),
    "file": ("is not a serial port", "name a device"),
    "null": ("/dev/null is not a serial port", "name a device"),
    "busy": ("is held by another program", "fuser -v"),
    "vanishing": ("was lost", "check the cable"),
    "unserved": ("answers and has nothing on TCP port 1", "one connection at a time"),
}


@dataclass
class Day:
    """What was seen of the collector's day."""

    status: Mapping[str, Any] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    raw_log: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    exit_status: int | None = None

    def said_of(self, line: str) -> list[dict[str, Any]]:
        return [entry for entry in self.log if entry.get("line") == line and entry["level"] != "info"]

    def types_of(self, subject: str) -> set[str]:
        return {event["type"] for event in self.events if event["subject"] == subject}


class Pty:
    """A pseudo-terminal, perhaps with a scripted device at its far end."""

    def __init__(self, held: ExitStack) -> None:
        self.device, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self._open = {self.device, self.slave}
        held.callback(self.vanish)

    def play(self, machine: Machine, held: ExitStack) -> None:
        stopping = threading.Event()
        os.set_blocking(self.device, False)
        thread = threading.Thread(target=self._play, args=(machine, stopping), name="device")
        thread.start()
        held.callback(thread.join)
        held.callback(stopping.set)

    def _play(self, machine: Machine, stopping: threading.Event) -> None:
        while not stopping.wait(0.1 if machine.chatters else 0.005):
            try:
                heard = os.read(self.device, 4096)
            except BlockingIOError:
                heard = b""
            said = machine.answer(heard) if heard or machine.chatters else b""
            if said:
                with suppress(BlockingIOError):  # nobody reads, as on a wire
                    os.write(self.device, said)

    def vanish(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open = set()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("bad-day")
    with ExitStack() as held:
        yield _live(folder, held)


def _live(folder: Path, held: ExitStack) -> Day:
    """Run a collector on everything that is bad until it has said so of each, and then once more."""
    (folder / "file").touch()
    good, busy, vanishing = Pty(held), Pty(held), Pty(held)
    good.play(Machine("tdl1", well, set(), chatters=True), held)
    by_id = folder / "usb-FTDI_FT232R_A50285BI-if00-port0"
    by_id.symlink_to(vanishing.port)
    fcntl.flock(busy.slave, fcntl.LOCK_EX | fcntl.LOCK_NB)
    lines = [
        _line("good", good.port, "tdl1"),
        _line("absent", "/dev/ttyNOPE", "sas"),
        _line("file", str(folder / "file"), "sas"),
        _line("null", "/dev/null", "tdl1"),
        _line("busy", busy.port, "tdl1"),
        _line("vanishing", str(by_id), "tdl1"),
        _line("unserved", "tcp:127.0.0.1:1", "tdl1"),
    ]
    for name, machine in MACHINES.items():
        pty = Pty(held)
        pty.play(machine, held)
        lines.append(_line(name, pty.port, machine.driver))
    state = folder / "state"
    day = Day()
    with (folder / "log").open("w") as log:
        collector = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", "collect", "--config", _settings(folder, lines)], stderr=log
        )
    held.callback(collector.wait)
    held.callback(collector.kill)

    def status() -> dict[str, Any]:
        return read_status(state / "status" / "collector.json")

    wait_until(lambda: status().get("lines", {}).get("good"))
    wait_until(lambda: "floor.table.device_booted" in _types(state, "good"))
    by_id.unlink()
    vanishing.vanish()
    wanted: dict[str, AbstractSet[str]] = {name: machine.events for name, machine in MACHINES.items()}
    wanted |= {name: {DOWN} for name in PORTS}
    wait_until(lambda: not _missing(state, wanted), missing=lambda: _missing(state, wanted))
    time.sleep(1.5)  # every port is tried again meanwhile
    os.write(good.device, encode(Message(1, 2, Kind.EVENT, "SHF.START", {"batch": "4411"})))
    wait_until(lambda: "floor.table.shuffler_started" in _types(state, "good"))
    day.status = status()["lines"]
    collector.send_signal(signal.SIGTERM)
    day.exit_status = collector.wait(PATIENCE_SECONDS)
    day.raw_log = (folder / "log").read_text()
    day.log = [json.loads(entry) for entry in day.raw_log.splitlines()]
    day.events = _events(state)
    return day


def test_the_collector_outlives_it_and_no_traceback_is_written(day: Day) -> None:
    assert day.exit_status == 0
    assert "Traceback" not in day.raw_log


def test_the_good_line_goes_on(day: Day) -> None:
    assert {"floor.table.device_booted", "floor.table.shuffler_started"} <= day.types_of("good")
    assert day.said_of("good") == []


@pytest.mark.parametrize("name", PORTS)
def test_a_bad_port_is_said_once_with_its_mend(day: Day, name: str) -> None:
    said, mend = PORTS[name]

    entries = [entry for entry in day.said_of(name) if said in entry["reason"]]

    assert len(entries) == 1
    assert mend in entries[0]["mend"]
    assert day.status[name]["state"] == "link lost"
    assert day.status[name]["faults"] == 0
    assert DOWN in day.types_of(name)


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_that_answers_badly_shows_in_the_status_and_the_journal(day: Day, name: str) -> None:
    machine = MACHINES[name]

    assert machine.events <= day.types_of(name)
    assert day.status[name]["state"] in NOT_WELL
    assert (day.status[name]["protocol_errors"] > 0) == (ERRORS in machine.events)
    assert day.status[name]["events"] == 0
    assert day.status[name]["faults"] == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [("slot-garbage", "only noise: "), ("slot-other", "address 02 answers, this line is set to 01")],
)
def test_a_slot_line_that_hears_no_answer_of_its_machine_is_down_and_says_why(
    day: Day, name: str, reason: str
) -> None:
    reasons = [
        event["data"]["reason"] for event in day.events if event["subject"] == name and event["type"] == DOWN
    ]

    assert len(reasons) == 1
    assert reasons[0].startswith(reason)
    assert day.status[name]["state"] == "silent"


@pytest.mark.parametrize("name", [name for name, machine in MACHINES.items() if ERRORS in machine.events])
def test_what_made_no_sense_is_told_in_words(day: Day, name: str) -> None:
    last = [
        event["data"]["last"] for event in day.events if event["subject"] == name and event["type"] == ERRORS
    ]

    assert last
    assert all(" " in words for words in last)


def _line(name: str, port: str, driver: str) -> dict[str, str]:
    return {"name": name, "port": port, "driver": driver}


def _settings(folder: Path, lines: list[dict[str, str]]) -> str:
    path = folder / "agent.yaml"
    document = {
        "site": "harbour",
        "gateway": "gw-01",
        "state": str(folder / "state"),
        "lines": lines,
        "uplink": {"kind": "file", "path": str(folder / "out.jsonl")},
        "log": {"form": "json"},
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


def _events(state: Path) -> list[dict[str, Any]]:
    with open_journal(state / "journal", role="read") as journal:
        records = [*journal.records()]
        return [json.loads(identify(record.payload, journal.id, record.sequence)) for record in records]


def _types(state: Path, subject: str) -> set[str]:
    return {event["type"] for event in _events(state) if event["subject"] == subject}


def _missing(state: Path, wanted: Mapping[str, AbstractSet[str]]) -> set[tuple[str, str]]:
    there = {(event["subject"], event["type"]) for event in _events(state)}
    return {(name, kind) for name, kinds in wanted.items() for kind in kinds} - there
