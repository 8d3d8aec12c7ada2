"""The view shows each line, the journal, the uplink and how far the run is; plain lines elsewhere."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from edge_agent.trial.plan import TrialPlan
from edge_agent.trial.run import Progress
from edge_agent.trial.view import _Picture, _Plain, open_view


def line(polls: int, **more: Any) -> dict[str, Any]:
    return {
        "state": "polling",
        "polls": polls,
        "events": 3,
        "protocol_errors": 0,
        "last_event": "game_ended",
        **more,
    }


def progress(*, at: float = 10.0, polls: int = 100, depth: int = 0, connected: bool = True) -> Progress:
    return Progress(
        plan=TrialPlan.of(machines=2, tables=1, seconds=60, seed=1),
        phase="playing",
        elapsed=15.0,
        collector={
            "monotonic": at,
            "lines": {"slot-001": line(polls), "slot-002": line(0, state="silent", protocol_errors=4)},
            "journal": {"head": 321, "bytes": 4096},
        },
        forwarder={
            "monotonic": at,
            "connected": connected,
            "published": 7,
            "in_flight": 2,
            "depth": depth,
            "oldest_seconds": 1.5,
            "last_reason": "" if connected else "the connection is refused",
        },
    )


def picture(*shown: Progress, height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=100, height=height, force_terminal=True, color_system=None)
    with Live(console=console, auto_refresh=False) as live:
        view = _Picture(live)
        view.note("something happened")
        for one in shown:
            view.show(one)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_the_picture_shows_lines_journal_uplink_and_progress() -> None:
    shown = picture(progress(polls=100), progress(at=12.0, polls=150))

    for part in (
        "slot-001",
        "polling",
        "25",
        "silent",
        "game_ended",
        "321 records",
        "connected",
        "2 in flight",
        "15 of 60 s",
    ):
        assert part in shown
    assert "something happened" in shown


def test_the_picture_shows_a_journal_that_fills_while_the_cloud_is_away() -> None:
    shown = picture(progress(depth=250, connected=False))

    assert "250 waiting" in shown
    assert "oldest 1.5 s" in shown
    assert "cloud away" in shown
    assert "the connection is refused" in shown


def test_the_picture_can_be_drawn_before_anybody_has_said_anything() -> None:
    assert "starting" in picture(Progress(plan=TrialPlan.of(seed=1)))


def test_more_lines_than_fit_are_counted() -> None:
    assert "… and" not in picture(progress())
    many = progress()
    many.collector = {**many.collector, "lines": {f"slot-{number:03d}": line(1) for number in range(64)}}

    assert "… and 38 more lines" in picture(many)


def test_plain_lines_come_at_a_calm_pace(capsys: pytest.CaptureFixture[str]) -> None:
    view = _Plain()

    view.show(progress())
    view.show(progress())
    view.note("the cloud is back")

    first, second = capsys.readouterr().out.splitlines()
    assert "100 polls, 6 events, 321 records, 0 waiting, connected" in first
    assert second.endswith("the cloud is back")


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet_is_silent(capsys: pytest.CaptureFixture[str], *, quiet: bool) -> None:
    with open_view(quiet=quiet) as view:
        view.show(progress())
        view.note("hello")

    assert bool(capsys.readouterr().out) is not quiet
