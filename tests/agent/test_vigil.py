"""What the supervisor is told of the lines: nothing, once one does not come round."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.agent.lines import Lines
from edge_agent.agent.vigil import Vigil
from edge_agent.drivers.tdl1 import Tdl1Driver
from edge_agent.errors import JournalFull
from edge_agent.health import Heartbeat
from edge_agent.line import Line
from edge_agent.links.memory import MemoryLink
from edge_agent.notebook import Notebook
from edge_agent.settings import LineSettings
from edge_agent.station import DeviceIdentity
from edge_agent.supervision import Supervisor
from edge_agent.testing.patience import wait_until
from edge_agent.testing.service_manager import ServiceManager

WATCHDOG_SECONDS = 60.0
ONE, TWO = (LineSettings(name=name, port=f"/dev/{name}", driver="tdl1") for name in ("one", "two"))


class HangingLink:
    """A port whose driver hangs in the kernel, when told to."""

    name = "hanging"

    def __init__(self, floor: Floor) -> None:
        self.written = b""
        self._floor = floor

    def open(self) -> None:
        return

    def read(self, timeout: float) -> bytes:
        if self._floor.hanging.is_set():
            self._floor.hung.set()
            self._floor.let_go.wait()
        self._floor.let_go.wait(min(timeout, 0.005))
        return b""

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        return


class Floor:
    """Two lines on memory, in one of which reading can be made to hang, and a clock that is told."""

    def __init__(self, folder: Path, manager: ServiceManager) -> None:
        self.now = 0.0
        self.full = False
        self.manager = manager
        self.hanging, self.hung, self.let_go = threading.Event(), threading.Event(), threading.Event()
        self.folder = folder
        self.lines = Lines(self.make)
        self.heartbeat = Heartbeat(folder / "status.json", dict)
        supervisor = Supervisor(
            manager.environment(watchdog_seconds=WATCHDOG_SECONDS), monotonic=self.monotonic
        )
        self.vigil = Vigil(supervisor, self.lines, self.heartbeat, self.monotonic)
        self.lines.become([ONE, TWO])

    def monotonic(self) -> float:
        return self.now

    def make(self, settings: LineSettings, held: ExitStack) -> Line:
        return Line(
            name=settings.name,
            link=HangingLink(self) if settings.name == "one" else MemoryLink.pair()[0],
            station=lambda note: Tdl1Driver().station(DeviceIdentity(settings.name, "USD"), {}, note),
            seal=lambda observation: observation.body.model_dump_json().encode(),
            append=self.append,
            notebook=held.enter_context(Notebook(self.folder / settings.name)),
            monotonic=self.monotonic,
        )

    def append(self, _payloads: Sequence[bytes]) -> None:
        if self.full:
            raise JournalFull("the disk is full", "free some space")

    def close(self) -> None:
        self.let_go.set()
        self.lines.become([])
        for line in self.lines.watched():
            line.join(5)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with ServiceManager(tmp_path / "notify") as manager:
        floor = Floor(tmp_path, manager)
        yield floor
        floor.close()


def hang(floor: Floor) -> None:
    floor.hanging.set()
    assert floor.hung.wait(5)


def test_alive_is_said_with_the_states_of_the_lines(floor: Floor) -> None:
    floor.vigil.look()

    words = floor.manager.listen(1)
    assert words is not None
    assert words["WATCHDOG"] == "1"
    assert words["STATUS"].startswith("2 lines: ")


def test_nothing_is_said_once_a_line_hangs_for_half_the_watchdogs_limit(floor: Floor) -> None:
    hang(floor)
    floor.now = WATCHDOG_SECONDS / 2
    floor.vigil.look()
    in_time = floor.manager.listen()

    floor.now = WATCHDOG_SECONDS / 2 + 1
    floor.vigil.look()

    assert in_time is not None
    assert floor.manager.listen() is None


def test_where_a_line_hangs_is_logged_once(floor: Floor) -> None:
    hang(floor)
    floor.now = WATCHDOG_SECONDS

    with capture_logs() as said:
        floor.vigil.look()
        floor.vigil.look()

    (entry,) = [entry for entry in said if entry["log_level"] == "error" and entry["thread"] == "line[one]"]
    assert any(" read" in call for call in entry["where"])


def test_a_line_that_comes_round_again_is_alive(floor: Floor) -> None:
    hang(floor)
    floor.now = WATCHDOG_SECONDS
    floor.vigil.look()
    floor.hanging.clear()
    floor.let_go.set()
    floor.heartbeat.start()
    floor.heartbeat.stop()

    # Every thread reads the told clock, and the heartbeat the real one.
    floor.now = floor.heartbeat._turned_at
    for _ in range(500):
        floor.vigil.look()
        if floor.manager.listen(0.01):
            break
    else:
        pytest.fail("it was never said that all is alive")


def test_a_hung_line_that_is_no_longer_wanted_is_still_watched(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds its port and its note; only a new process mends that."""
    monkeypatch.setattr("edge_agent.agent.lines.STOP_SECONDS", 0.01)
    hang(floor)
    floor.lines.become([TWO])

    floor.now = WATCHDOG_SECONDS
    floor.vigil.look()

    assert floor.manager.listen() is None


def test_a_heartbeat_that_hangs_is_a_reason_too(tmp_path: Path) -> None:
    let_go = threading.Event()
    heartbeat = Heartbeat(tmp_path / "status.json", lambda: {"hung": let_go.wait()})
    with ServiceManager(tmp_path / "notify") as manager:
        now = 0.0
        supervisor = Supervisor(manager.environment(watchdog_seconds=4), monotonic=lambda: now)
        vigil = Vigil(supervisor, Lines(lambda *_: pytest.fail("no line is made")), heartbeat, lambda: now)
        heartbeat.start()
        try:
            now = heartbeat._turned_at + 1
            vigil.look()
            in_time = manager.listen()
            now += 10
            vigil.look()
            late = manager.listen()
        finally:
            let_go.set()
            heartbeat.stop()

    assert (in_time, late) == ({"WATCHDOG": "1", "STATUS": "0 lines"}, None)


def test_lines_that_the_journal_refuses_are_alive_and_said_to_be_held_back(floor: Floor) -> None:
    floor.full = True
    floor.let_go.set()  # reading no longer waits
    floor.lines.become([])
    floor.lines.become([ONE, TWO])

    def held_back() -> bool:
        floor.now += 0.5  # until a silent device is said to be down, which the journal refuses
        return "held back" in floor.vigil.summary()

    wait_until(held_back)

    floor.heartbeat._turned_at = floor.now
    floor.vigil.look()

    words = floor.manager.listen(1)
    assert words is not None
    assert "held back by the journal" in words["STATUS"]


def test_one_line_is_no_lines(floor: Floor) -> None:
    floor.lines.become([TWO])

    assert floor.vigil.summary().startswith("1 line: 1 ")
