"""A plan makes sense before anything is started, and a run's folder is its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import ConfigurationError, InUseError
from edge_agent.trial.plan import KEPT_RUNS, TrialPlan, default_state, trial_folder


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"machines": -1}, "--machines -1 is out of range"),
        ({"machines": 0, "tables": 0}, "make 0 lines"),
        ({"machines": 300, "tables": 300}, "make 600 lines"),
        ({"seconds": 0}, "--for 0 is out of range"),
        ({"seconds": float("nan")}, "--for nan is out of range"),
        ({"outage": -1}, "--outage -1 is out of range"),
        ({"poll_ms": 39}, "--poll-ms 39 is out of range"),
        ({"rate": 0}, "--rate 0 is out of range"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(option: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        TrialPlan.of(**option)


def test_a_plan_without_a_seed_gets_one_that_is_told() -> None:
    assert TrialPlan.of().seed != TrialPlan.of().seed
    assert TrialPlan.of(seed=7).seed == 7


def test_all_names_every_process() -> None:
    assert TrialPlan.of(kill="all").killed == ("collector", "forwarder", "broker")
    assert TrialPlan.of(kill="broker").killed == ("broker",)
    assert TrialPlan.of().killed == ()


def test_a_state_folder_belongs_to_one_run(tmp_path: Path) -> None:
    with (
        trial_folder(tmp_path / "state"),
        pytest.raises(InUseError, match=r"in use by another run.*--state"),
        trial_folder(tmp_path / "state"),
    ):
        raise AssertionError("two runs in one folder")


def test_a_state_folder_is_free_again_after_a_run(tmp_path: Path) -> None:
    with trial_folder(tmp_path) as first:
        pass
    with trial_folder(tmp_path) as second:
        assert first.run != second.run
        assert (second / "ports").is_dir()


def test_old_runs_are_removed(tmp_path: Path) -> None:
    for _ in range(KEPT_RUNS + 3):
        with trial_folder(tmp_path) as folder:
            newest = folder.run

    runs = sorted(tmp_path.glob("run-*"))
    assert len(runs) == KEPT_RUNS
    assert runs[-1] == newest


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(ConfigurationError, match=r"cannot be used: Not a directory.*--state"),
        trial_folder(tmp_path / "file" / "x"),
    ):
        raise AssertionError("made a folder in a file")


@pytest.mark.parametrize(
    ("base", "expected"), [("/var/x", "/var/x/edge-agent/trial"), ("relative", None), ("", None)]
)
def test_the_default_state_follows_the_users_system(
    monkeypatch: pytest.MonkeyPatch, base: str, expected: str | None
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", base)

    assert default_state() == (Path(expected) if expected else Path.home() / ".local/state/edge-agent/trial")


def test_nobody_else_may_look_into_a_run(tmp_path: Path) -> None:
    with trial_folder(tmp_path / "state") as folder:
        assert os.stat(folder.run).st_mode & 0o077 == 0  # noqa: PTH116  the mode as the kernel has it


def test_a_folder_named_from_where_one_stands_is_a_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert TrialPlan.of(state=Path("trial")).state == tmp_path / "trial"
