"""`capture` at a simulated machine, and `replay` of what it made."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.links.capture import read_capture_file
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from tests.integration.conftest import command, machine, run

pytestmark = pytest.mark.integration


# Exception 7E, as a machine says it that is met just now.
GAME_STARTED = "< 7e\n"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    """A machine that is played, at address 1."""
    with machine(tmp_path / "sas", "--play", "--rate", "10", "--seed", "4") as served:
        yield served


def test_a_visit_is_captured_until_it_is_interrupted_and_replayed(port: str, tmp_path: Path) -> None:
    file = tmp_path / "visit.capture"
    with subprocess.Popen(
        command("capture", port, str(file)), stderr=subprocess.PIPE, text=True
    ) as capturing:
        wait_until(lambda: file.exists() and GAME_STARTED in file.read_text(), PATIENCE_SECONDS)
        capturing.send_signal(signal.SIGINT)
        _, complaint = capturing.communicate(timeout=PATIENCE_SECONDS)

    once, again = run("replay", str(file)), run("replay", str(file))
    events = [json.loads(line) for line in once.stdout.splitlines()]
    assert capturing.returncode == 0
    assert complaint.endswith("reads and writes, numbers masked\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_capture_file(file).about["numbers"] == "masked"
    assert (once.returncode, once.stderr, once.stdout) == (0, "", again.stdout)
    assert events[0]["type"] == "floor.line.up"
    assert "floor.slot.game_started" in {event["type"] for event in events}


def test_what_the_machine_was_told_is_in_the_file_after_a_kill(port: str, tmp_path: Path) -> None:
    """The file is the journal of the visit: whatever it holds is whole up to its last line."""
    file = tmp_path / "visit.capture"
    with subprocess.Popen(command("capture", port, str(file), "--address", "1")) as capturing:
        wait_until(lambda: file.exists() and file.read_text().count("\n") > 60, PATIENCE_SECONDS)
        time.sleep(0.2)
        capturing.kill()

    text = file.read_text()
    file.write_text(text[: text.rindex("\n") + 1])
    assert len(read_capture_file(file).entries) > 40


def test_a_port_is_watched_and_what_it_tells_is_kept(port: str, tmp_path: Path) -> None:
    file = tmp_path / "kept.capture"

    watched = run("watch", port, "--keep", str(file), "--address", "1", "--for", "9", "--no-idle")

    assert watched.returncode == 0, watched.stderr
    assert "machine 01: answer to " in watched.stdout
    shown = run("watch", str(file), "--no-idle", "--address", "1")
    words = [line.split("  ")[-1] for line in shown.stdout.splitlines()]
    assert [line.split("  ")[-1] for line in watched.stdout.splitlines()][:20] == words[:20]


def test_a_time_may_be_given_and_a_tap_sends_nothing(port: str, tmp_path: Path) -> None:
    file = tmp_path / "tap.capture"

    tapped = run("capture", port, str(file), "--tap", "--for", "2")

    assert tapped.returncode == 0, tapped.stderr
    entries = read_capture_file(file).entries
    assert {entry.direction for entry in entries} == {"<"}  # chirps, and nobody who polls


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["capture", "/nowhere", "FILE"], 4, "port /nowhere does not exist — "),
        (["capture", "/nowhere", "FILE", "--address", "0"], 2, "address 0 is out of range — "),
        (["replay", "FILE"], 2, "capture FILE cannot be read: No such file or directory — "),
        (["replay", "/dev/null"], 2, "/dev/null is no file — "),
        (["replay", "FILE", "--currency", "dollars"], 2, "currency 'dollars' is none — "),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, arguments: list[str], status: int, complaint: str
) -> None:
    file = str(tmp_path / "some.capture")

    done = run(*(file if argument == "FILE" else argument for argument in arguments))

    assert done.returncode == status
    assert done.stderr.startswith(f"edge-agent: {complaint.replace('FILE', file)}")
    assert done.stderr.count("\n") == 1


def test_a_file_that_exists_is_not_written_over(port: str, tmp_path: Path) -> None:
    file = tmp_path / "some.capture"
    file.write_text("mine")

    done = run("capture", port, str(file), "--address", "1", "--for", "1")

    assert done.returncode == 2
    assert f"{file} exists — name another file for the capture" in done.stderr
    assert file.read_text() == "mine"
