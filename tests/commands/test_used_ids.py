"""An id is used once, over every restart, and nobody can make us forget it."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.commands import Refused, UsedIds
from edge_agent.commands.used_ids import KEEP_SECONDS, MOST_IDS
from edge_agent.errors import JournalError
from edge_agent.testing.command_bench import NOW, CommandBench

USE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from edge_agent.commands import UsedIds
UsedIds(Path(sys.argv[1]), 0.0, 300.0).use("c-1", 300.0, 0.0)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "used-commands.json"


def test_an_id_is_known_to_whoever_comes_after_kill_minus_nine(path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", USE_AND_DIE, str(path)], check=False)
    assert died.returncode == -signal.SIGKILL

    assert "c-1" in UsedIds(path, 1.0, 300.0)
    assert "c-2" not in UsedIds(path, 1.0, 300.0)


def test_the_file_is_for_our_user_alone(path: Path) -> None:
    UsedIds(path, NOW, 300.0).use("c-1", NOW, NOW)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*path.parent.iterdir()] == [path]


def test_an_id_is_forgotten_a_day_after_it_could_have_been_used(path: Path) -> None:
    used = UsedIds(path, NOW, 300.0)
    used.use("c-1", NOW + 10, NOW)

    used.use("c-2", NOW + KEEP_SECONDS, NOW + KEEP_SECONDS)
    assert "c-1" in used

    used.use("c-3", NOW + KEEP_SECONDS, NOW + KEEP_SECONDS + 10)
    assert "c-1" not in used


def test_ids_are_bounded_and_none_is_forgotten_for_it(
    path: Path, bench: CommandBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.commands.used_ids.MOST_IDS", 3)
    assert MOST_IDS > 3
    for number in range(3):
        bench.used.use(f"old-{number}", NOW, NOW)

    verdict = bench.gate().judge(bench.command(), 0)

    assert isinstance(verdict, Refused)
    assert verdict.reason == "too many commands were asked within a day"
    assert "old-0" in UsedIds(path, NOW, 300.0)


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"c-1": "x"}', b"\xff\xfe"])
def test_a_damaged_record_closes_the_gate_until_all_it_could_have_held_has_expired(
    path: Path, bench: CommandBench, damage: bytes
) -> None:
    path.write_bytes(damage)
    with capture_logs() as logs:
        bench.used = UsedIds(path, NOW, 300.0)
    assert logs[0]["event"] == "used commands are not known; commands are refused for a while"

    early = bench.gate().judge(bench.command(), 0)
    bench.now = NOW + 300
    late = bench.gate().judge(bench.command(), 0)

    assert isinstance(early, Refused)
    assert "was damaged" in early.reason
    assert not isinstance(late, Refused)


def test_what_cannot_be_recorded_is_not_accepted(bench: CommandBench) -> None:
    bench.used = UsedIds(bench.folder / "nowhere" / "used.json", NOW, 300.0)

    verdict = bench.gate().judge(bench.command(), 0)

    assert isinstance(verdict, Refused)
    assert "its use cannot be recorded" in verdict.reason
    with pytest.raises(JournalError):
        bench.used.use("c-9", NOW, NOW)
    assert "c-9" not in bench.used
