"""The desk of a real collector: what is said there is in its journal, kill -9 or not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.desk import desk_path, say_through
from edge_agent.errors import JournalError
from edge_agent.events.agent import LineDown
from edge_agent.journal import open_journal
from edge_agent.testing.patience import wait_until

pytestmark = pytest.mark.integration


@contextmanager
def collector(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    config = folder / "agent.yaml"
    config.write_text(f"site: harbour\ngateway: gw-01\nstate: {folder}/state\n")
    process = subprocess.Popen([sys.executable, "-m", "edge_agent", "collect", "--config", str(config)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def say_when_it_answers(state: Path, line: str) -> None:
    def said() -> bool:
        with suppress(JournalError):
            say_through(desk_path(state))(LineDown(line=line, reason="said at the desk"))
            return True
        return False

    wait_until(said)


def lines_told(state: Path) -> list[str]:
    with open_journal(state / "journal", role="read") as journal:
        events = [json.loads(record.payload) for record in journal.records()]
    return [event["data"]["line"] for event in events if event["type"] == "floor.line.down"]


def test_what_was_said_survives_the_collector_and_its_successor_hears_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with collector(tmp_path) as process:
        say_when_it_answers(state, "before")
        process.kill()
        process.wait()
        assert desk_path(state).is_socket()

    with collector(tmp_path):
        say_when_it_answers(state, "after")

        assert lines_told(state) == ["before", "after"]
