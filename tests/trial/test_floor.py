"""The floor's loop: real pseudo-terminals, stable names, timers, a ledger and the truth."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent.health import read_status
from edge_agent.links.uart import UartLink
from edge_agent.peer.pty_port import PtyPort
from edge_agent.station import SerialFormat
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from edge_agent.trial.floor import Floor, FloorLine

pytestmark = pytest.mark.integration

PLAIN = SerialFormat(9600, wakeup_bit=False)


class Parrot:
    """A device that says back what it hears, and something of its own every 20 ms."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.stopped = False
        self.pending = 0
        self.says = b""
        self._due: float | None = None
        self._told: list[Mapping[str, Any]] = []

    def receive_data(self, stream: bytes, now: float) -> None:
        self.heard.append(stream)
        self.says += stream
        self._told.append({"what": "raised", "serial": len(self.heard), "code": 1, "at": now})

    def handle_timer(self, now: float) -> None:
        if self._due is None or now >= self._due:
            self._due = now + 0.02
            self.says += b"" if self.stopped else b"."

    def next_timer(self) -> float | None:
        return self._due

    def data_to_send(self, _now: float) -> bytes:
        said, self.says = self.says, b""
        return said

    def stop_play(self, _now: float) -> None:
        self.stopped = True

    def history(self) -> Iterator[Mapping[str, Any]]:
        told, self._told = self._told, []
        yield from told

    def truth(self) -> Mapping[str, Any]:
        return {"heard": len(self.heard)}


class Running:
    """A floor in a thread."""

    def __init__(self, folder: Path) -> None:
        self.parrots = [Parrot(), Parrot()]
        names = ("one", "two")
        lines = [
            FloorLine(name, parrot, PtyPort(name, folder / name, None))
            for name, parrot in zip(names, self.parrots, strict=True)
        ]
        self.ledger = io.StringIO()
        self.floor = Floor(lines, self.ledger, folder / "status.json")
        self._thread = threading.Thread(target=self.floor.run)
        self._thread.start()
        self.links = [UartLink(str(folder / name), PLAIN) for name in names]
        for name, link in zip(names, self.links, strict=True):
            wait_until((folder / name).exists)
            link.open()

    def end(self) -> None:
        self.floor.ending = True
        self._thread.join()
        for link in self.links:
            link.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    floor = Running(tmp_path)
    yield floor
    floor.end()


def test_a_device_hears_and_answers_through_its_name(running: Running) -> None:
    running.links[0].write(b"hello")

    wait_until(lambda: running.parrots[0].heard)
    wait_until(lambda: b"hello" in running.links[0].read(1.0))
    assert running.parrots[1].heard == []


def test_devices_live_on_when_nobody_speaks(running: Running) -> None:
    said = b""
    while len(said) < 5:
        said += running.links[1].read(1.0)

    assert set(said) == {ord(".")}


def test_what_happens_is_written_down(running: Running, tmp_path: Path) -> None:
    running.links[0].write(b"x")

    wait_until(lambda: read_status(tmp_path / "status.json").get("raised") == 1)
    entry = json.loads(running.ledger.getvalue())
    assert (entry["line"], entry["what"], entry["serial"]) == ("one", "raised", 1)


def test_guests_are_asked_to_go_once(running: Running) -> None:
    running.floor.stopping_play = True

    wait_until(lambda: all(parrot.stopped for parrot in running.parrots))


def test_a_line_that_nobody_reads_does_not_stop_the_floor(running: Running) -> None:
    running.parrots[0].says = b"x" * 1_000_000

    running.links[1].write(b"still there?")

    wait_until(lambda: running.parrots[1].heard)


def plan(folder: Path) -> Path:
    (folder / "ports").mkdir()
    machines, tables = ["slot-001", "slot-002"], ["shuffler-01"]
    settings = {"machines": machines, "tables": tables, "seed": 7, "rate": 20.0, "wire": "perfect"}
    (folder / "floor.json").write_text(json.dumps(settings))
    return folder


def test_the_process_plays_and_writes_the_truth(tmp_path: Path) -> None:
    folder = plan(tmp_path)
    process = subprocess.Popen([sys.executable, "-m", "edge_agent.trial.floor", str(folder)])

    status = folder / "floor-status.json"
    wait_until(lambda: all(read_status(status).get("pending", {"": 0}).values()))
    process.send_signal(signal.SIGUSR1)
    process.send_signal(signal.SIGTERM)

    assert process.wait(PATIENCE_SECONDS) == 0
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["slot-001"]["coin_in"] > 0
    assert truth["shuffler-01"]["last_sequence"] >= 1
    assert not list((folder / "ports").iterdir())
