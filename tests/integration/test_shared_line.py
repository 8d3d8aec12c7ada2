"""A real collector on a line that three machines share, each with guests, and killed in the middle of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.health import read_status
from edge_agent.journal import open_journal
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from tests.peer.conftest import Alone

pytestmark = pytest.mark.integration

SUBJECTS = ("slot-1", "slot-2", "slot-3")


class Gateway:
    """A collector with one line and three machines on it."""

    def __init__(self, folder: Path, port: Path) -> None:
        self.state = folder / "state"
        self._file = folder / "config.yaml"
        machines = [{"address": number, "subject": f"slot-{number}"} for number in (1, 2, 3)]
        line = {"name": "chain-1", "port": str(port), "options": {"machines": machines}}
        settings = {"site": "lab", "gateway": "gw-07", "state": str(self.state), "lines": [line]}
        self._file.write_text(yaml.safe_dump(settings))
        self.start()

    def start(self) -> None:
        """Start the collector."""
        command = [sys.executable, "-m", "edge_agent", "collect", "--config", str(self._file)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        assert self.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL

    def states(self) -> dict[str, str]:
        """How each machine is, by the status file."""
        status = read_status(self.state / "status" / "collector.json") or {}
        return {line["device"]: line["state"] for line in status.get("lines", {}).values()}

    def end(self) -> None:
        """Stop it."""
        self.process.terminate()
        assert self.process.wait(PATIENCE_SECONDS) == 0

    def events(self) -> list[dict[str, Any]]:
        """What was journalled."""
        with open_journal(self.state / "journal", role="forward") as journal:
            records = [*journal.records()]
        return [json.loads(record.payload) for record in records]


def test_what_three_machines_on_one_line_were_told_we_heard_is_journalled_over_a_kill(tmp_path: Path) -> None:
    with Alone(tmp_path, "--address", "1-3", "--play", "--rate", "4", "--seed", "3") as alone:
        gateway = Gateway(tmp_path, alone.port)
        wait_until(lambda: gateway.states() == dict.fromkeys(SUBJECTS, "polling"), seconds=PATIENCE_SECONDS)
        gateway.kill()
        before = len(alone.told("acknowledged"))
        gateway.start()
        wait_until(lambda: len(alone.told("acknowledged")) > before + 20, seconds=PATIENCE_SECONDS)
        gateway.end()
        raised, acknowledged = alone.told("raised"), alone.told("acknowledged")

    events = gateway.events()
    for address, subject in enumerate(SUBJECTS, 1):
        code_of = {entry["serial"]: entry["code"] for entry in raised if entry["address"] == address}
        codes = [code_of[entry["serial"]] for entry in acknowledged if entry["address"] == address]
        journalled = iter([int(code, 16) for code in codes_of(events, subject)])
        assert len(codes) > 5
        assert all(code in journalled for code in codes), f"{subject}: not all of it, in order"


def codes_of(events: list[dict[str, Any]], subject: str) -> list[str]:
    """The exceptions of one machine, in order."""
    own = [event for event in events if event["subject"] == subject]
    return [event["data"]["code"] for event in own if "real_time" in event["data"]]
