"""A collector whose wall clock is set an hour forward and back while a device speaks: the real process.

Nobody may set the clock of the computer that runs the tests, so the process is given a wall clock of its own,
which it is told over its standard input to set.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import JournalError
from edge_agent.health import read_status
from edge_agent.journal import open_journal
from edge_agent.tdl1.frame import encode
from edge_agent.tdl1.messages import Kind, Message
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.integration

HOUR = 3600.0

# A device that did not say who it is is asked for half a minute before it is taken as it is.
BOOT = encode(
    Message(
        1,
        0,
        Kind.HEARTBEAT,
        "DEV.BOOT",
        {"dev": "SHF", "mfr": "ACME", "model": "S1", "sn": "A1", "boot": "17"},
    )
)

SETTINGS = """
site: harbour
gateway: gw-01
state: {state}
lines: [{{name: shuffler, port: {port}, driver: tdl1}}]
log: {{form: json}}
"""

COLLECTOR = """
import sys, threading, time
from pathlib import Path
from edge_agent.agent.collector import collect_until
from edge_agent.agent.sources import FileSource
from edge_agent.agent.wishes import asked_by_signals
from edge_agent.clock import Clock

ahead = [float(sys.argv[2])]

def obey():
    for line in sys.stdin:
        ahead[0] += float(line)

threading.Thread(target=obey, daemon=True).start()
with asked_by_signals() as wishes:
    collect_until(FileSource(Path(sys.argv[1])), wishes, Clock(wall=lambda: time.time() + ahead[0]))
"""


class Floor:
    """A shuffler on a pseudo-terminal, and a collector that can be told another time of day."""

    def __init__(self, folder: Path) -> None:
        self.ahead = 0.0
        self._device, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._state = folder / "state"
        self._config = folder / "agent.yaml"
        self._config.write_text(SETTINGS.format(state=self._state, port=os.ttyname(self._slave)))
        self._sequence = 0
        self._process: subprocess.Popen[str] | None = None
        self.said: dict[str, tuple[float, float]] = {}  # batch: not before and not after, in UTC

    def start(self) -> None:
        words = [sys.executable, "-c", COLLECTOR, str(self._config), str(self.ahead)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        wait_until(lambda: self.status().get("pid") == self.process.pid and self.status().get("lines"))

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0

    def set_clock(self, seconds: float) -> None:
        self.ahead += seconds
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()

    def say(self, batch: str) -> None:
        """Something happens at the device, which repeats it until it is journalled."""
        not_before = time.time()
        self._sequence += 1
        message = encode(Message(1, self._sequence, Kind.EVENT, "SHF.START", {"batch": batch}))

        def journalled() -> bool:
            os.write(self._device, BOOT + message if self._sequence == 1 else message)
            time.sleep(0.1)
            return any(event["data"].get("batch") == batch for event in self.events())

        wait_until(journalled)
        self.said[batch] = (not_before, time.time())

    def status(self) -> dict[str, Any]:
        return read_status(self._state / "status" / "collector.json")

    def events(self) -> list[dict[str, Any]]:
        try:
            with open_journal(self._state / "journal", role="read") as journal:
                return [json.loads(record.payload) for record in journal.read(0, 10_000, 1 << 24).records]
        except JournalError:
            return []

    def steps(self) -> list[dict[str, Any]]:
        """What the clock_stepped events say."""
        return [event["data"] for event in self.events() if event["type"] == "floor.agent.clock_stepped"]

    def games(self) -> list[dict[str, Any]]:
        """What the device said, as it was journalled."""
        return [event for event in self.events() if event["type"] == "floor.table.shuffler_started"]

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        os.close(self._device)
        os.close(self._slave)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    floor = Floor(tmp_path)
    yield floor
    floor.close()


def test_order_durations_and_times_survive_a_clock_that_is_set(floor: Floor) -> None:
    floor.start()
    floor.say("before")
    floor.set_clock(HOUR)
    floor.say("an hour ahead")
    floor.set_clock(-2 * HOUR)
    wait_until(lambda: len(floor.steps()) == 2)  # nothing happens at the device: it is noticed all the same
    floor.say("an hour behind")
    floor.set_clock(HOUR)
    wait_until(lambda: len(floor.steps()) == 3)
    floor.stop()

    games, steps = floor.games(), floor.steps()
    assert [game["data"]["batch"] for game in games] == ["before", "an hour ahead", "an hour behind"]
    moments = [float(game["monotonictime"]) for game in games]
    assert moments == sorted(moments)
    times = [datetime.fromisoformat(game["time"]) for game in games]
    assert times != sorted(times)  # as the gateway had them then: nothing was rewritten
    assert [round(step["step_ms"], -2) for step in steps] == [3_600_000, -7_200_000, 3_600_000]
    put_right = [when + later(steps, moment) for when, moment in zip(times, moments, strict=True)]
    for game, when in zip(games, put_right, strict=True):
        not_before, not_after = floor.said[game["data"]["batch"]]
        assert not_before - 0.1 <= when.timestamp() <= not_after + 0.1
    for number in (0, 1):
        duration = (put_right[number + 1] - put_right[number]).total_seconds()
        assert duration == pytest.approx(moments[number + 1] - moments[number], abs=0.05)


def test_a_clock_that_was_set_while_no_collector_ran_is_noticed(floor: Floor) -> None:
    floor.start()
    floor.say("before")
    floor.stop()
    floor.ahead -= HOUR
    floor.start()

    wait_until(floor.steps)

    (step,) = floor.steps()
    assert round(step["step_ms"], -2) == -3_600_000
    floor.stop()


def later(steps: list[dict[str, Any]], moment: float) -> timedelta:
    """By how much the clock was set after a moment."""
    return timedelta(
        milliseconds=sum(step["step_ms"] for step in steps if float(step["monotonictime"]) > moment)
    )
