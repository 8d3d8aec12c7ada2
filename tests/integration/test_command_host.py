"""CommandHost against a real collector, and a machine that runs alone at the end of its line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.agent.command_desk import SOCKET_NAME
from edge_agent.command_host import CommandHost
from edge_agent.errors import JournalError, LocalProtocolError
from edge_agent.health import read_status
from edge_agent.journal import open_journal
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from tests.peer.conftest import Alone

pytestmark = pytest.mark.integration


class Gateway:
    """A collector with one line."""

    def __init__(self, folder: Path, port: Path, **options: Any) -> None:
        self.state = folder / "state"
        settings = {
            "site": "lab",
            "gateway": "gw-07",
            "state": str(self.state),
            "lines": [{"name": "slot-1001", "port": str(port), "options": options}],
        }
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "edge_agent", "collect", "--config", str(file)]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log)
        wait_until(self.polls, seconds=PATIENCE_SECONDS)

    def polls(self) -> bool:
        """Whether the machine has been met."""
        status = read_status(self.state / "status" / "collector.json") or {}
        return bool(status.get("lines", {}).get("slot-1001", {}).get("state") == "polling")

    def end(self) -> None:
        """Stop it."""
        self.process.terminate()
        assert self.process.wait(PATIENCE_SECONDS) == 0

    def records(self) -> list[dict[str, Any]]:
        """What was journalled of commands."""
        with open_journal(self.state / "journal", role="forward") as journal:
            records = [*journal.records()]
        events = [json.loads(record.payload) for record in records]
        return [record["data"] for record in events if record["type"] == "floor.slot.commanded"]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Alone]:
    with Alone(tmp_path, "--seed", "1") as alone:
        yield alone


def test_a_machine_is_shut_down_and_both_records_say_who_and_why(tmp_path: Path, machine: Alone) -> None:
    gateway = Gateway(tmp_path, machine.port, command_host=["shutdown"])
    host = CommandHost(gateway.state, asked_by="floor-console")

    answer = host.send("slot-1001", "shutdown", reason="emptied for moving")
    with pytest.raises(LocalProtocolError, match="'startup' may not be sent to slot-1001"):
        host.send("slot-1001", "startup", reason="back")
    with pytest.raises(LocalProtocolError, match="no line here takes commands for 'slot-9'"):
        host.send("slot-9", "shutdown", reason="wrong")
    mode = (gateway.state / SOCKET_NAME).stat().st_mode & 0o777
    gateway.end()

    assert mode == 0o600
    records = gateway.records()
    assert [record["outcome"] for record in records] == ["accepted", "acknowledged"]
    assert {(record["id"], record["asked_by"], record["reason"]) for record in records} == {
        (answer.id, "floor-console", "emptied for moving")
    }
    assert "a machine is commanded" in (tmp_path / "log").read_text()


def test_without_a_list_there_is_no_door(tmp_path: Path, machine: Alone) -> None:
    gateway = Gateway(tmp_path, machine.port)

    assert not os.path.lexists(gateway.state / SOCKET_NAME)
    with pytest.raises(JournalError, match="does not answer"):
        CommandHost(gateway.state, asked_by="anybody").send("slot-1001", "shutdown", reason="to see")
    gateway.end()
