"""The trial floor, whole: an outage, every kill, every wire. Lost is 0 and the meters agree."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent.trial.meters import MOVES_MONEY

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

PROMISED = {
    "machines",
    "seconds",
    "raised",
    "journalled",
    "acknowledged",
    "received",
    "repeats",
    "lost",
    "meters_agree",
    "latency_ms",
    "polls_per_second",
    "missed_polls",
    "collector_cpu_percent",
    "forwarder_cpu_percent",
    "rss_mb",
}


def command(state: Path, *arguments: str) -> list[str]:
    small = (
        "--machines",
        "4",
        "--tables",
        "1",
        "--for",
        "12",
        "--rate",
        "4",
        "--seed",
        "20",
        "--outage",
        "0",
    )
    return [sys.executable, "-m", "edge_agent", "simulate", "--state", str(state), *small, *arguments]


def simulate(state: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    run = subprocess.run(command(state, "--json", *arguments), capture_output=True, text=True, check=False)
    assert run.stderr == ""
    return run.returncode, json.loads(run.stdout)


def said(proof: dict[str, Any]) -> str:
    return json.dumps(
        {name: proof[name] for name in ("lost_events", "meter_checks_failed", "gaps", "folder")}, indent=1
    )


def test_nothing_is_lost_in_an_outage_and_a_run_keeps_its_keys_to_itself(tmp_path: Path) -> None:
    status, proof = simulate(tmp_path, "--outage", "4")

    assert proof["lost"] == 0, said(proof)
    assert proof["meters_agree"], said(proof)
    assert status == 0
    assert proof.keys() >= PROMISED
    assert proof["raised"] > 20
    assert proof["acknowledged"] == proof["journalled"] == proof["received"]
    keys = [*tmp_path.rglob("*.key")]
    assert keys
    assert all(stat.S_IMODE(key.stat().st_mode) == 0o600 for key in keys)
    assert "PRIVATE" not in "".join(log.read_text() for log in tmp_path.rglob("*.log"))


def test_an_outage_may_outlast_the_play(tmp_path: Path) -> None:
    status, proof = simulate(tmp_path, "--machines", "1", "--for", "3", "--outage", "4")

    assert status == 0, said(proof)
    assert proof["acknowledged"] == proof["journalled"]


@pytest.mark.parametrize("process", ["collector", "forwarder", "broker", "all"])
def test_nothing_is_lost_when_a_process_is_killed(tmp_path: Path, process: str) -> None:
    status, proof = simulate(tmp_path, "--kill", process)

    assert proof["lost"] == 0, said(proof)
    assert proof["meters_agree"], said(proof)
    assert status == 0
    assert set(proof["kills"]) == ({process} if process != "all" else {"collector", "forwarder", "broker"})


def test_other_settings_reach_their_lines_alone_and_lose_nothing(tmp_path: Path) -> None:
    status, proof = simulate(tmp_path, "--reconfigure")

    log = (Path(proof["folder"]) / "logs" / "collector.log").read_text()
    opened = [json.loads(entry)["line"] for entry in log.splitlines() if '"line opened"' in entry]
    assert {line: opened.count(line) for line in opened} == {
        "slot-001": 4,  # once at the start, and once for each of three changes
        "slot-002": 1,
        "slot-003": 4,
        "slot-004": 1,
        "shuffler-01": 1,
    }
    assert proof["lost"] == 0, said(proof)
    assert proof["meters_agree"], said(proof)
    assert status == 0


@pytest.mark.parametrize("wire", ["lossy", "slow", "cut"])
def test_nothing_is_lost_on_a_bad_wire(tmp_path: Path, wire: str) -> None:
    status, proof = simulate(tmp_path, "--wire", wire, "--rate", "1", "--for", "20")

    assert proof["lost"] == 0, said(proof)
    assert proof["meters_agree"], said(proof)
    assert status == 0


def test_noise_is_never_silent(tmp_path: Path) -> None:
    """A flipped bit can acknowledge what was not heard; then the meters say that money is missing.

    A door or a tilt moves no meter: docs/delivery.md says that noise can take those unseen.
    """
    status, proof = simulate(tmp_path, "--wire", "noisy", "--rate", "1", "--for", "20")

    slots = [event.split() for event in proof["lost_events"] if event.startswith("slot")]
    money = [line for line, code in slots if int(code) in MOVES_MONEY]
    if money:
        assert proof["meter_variances_reported"] or proof["meter_checks_failed"], said(proof)
    assert proof["gaps"] == 0, said(proof)
    assert status == (0 if proof["holds"] else 1)


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = subprocess.Popen(command(tmp_path, "--for", "60"), stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    first.stdout.readline()

    second = subprocess.run(command(tmp_path), capture_output=True, text=True, check=False)
    first.send_signal(signal.SIGKILL)
    first.communicate()

    assert second.returncode == 6
    assert second.stderr.count("\n") == 1
    assert "in use by another run" in second.stderr


def test_an_interrupt_ends_the_play_and_still_proves(tmp_path: Path) -> None:
    run = subprocess.Popen(command(tmp_path, "--for", "600"), stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert any("playing" in line for line in iter(run.stdout.readline, ""))

    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=600)

    assert run.returncode == 0, out
    assert "Nothing was lost" in out
