"""A wall clock that is set an hour forward or back while everything runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge_agent.testing.another_world import set_wall_offset
from tests.faults.bench import Bench
from tests.faults.conftest import Counts, Report

pytestmark = pytest.mark.integration

HOUR = 3600.0


@pytest.mark.parametrize(
    "steps", [(HOUR,), (-HOUR,), (HOUR, -HOUR)], ids=["forward", "back", "there and back"]
)
def test_a_step_of_an_hour_loses_nothing_and_stops_nothing(
    bench: Bench, tmp_path: Path, counts: Counts, report: Report, steps: tuple[float, ...]
) -> None:
    """Also with receipts outstanding and a pause on: neither may be measured with a clock that can be set."""
    wall, seconds = tmp_path / "wall", counts(1, 5)
    set_wall_offset(wall, 0.0)
    bench.forwarder_in_another_world("--wall", str(wall))
    source = bench.running_source("--rate", "500", another_world=("--wall", str(wall)))

    for step in steps:
        with bench.control() as control:
            retries = bench.status().get("retries", 0)
            control.refuse(0x97, following=2)
            bench.wait_for_more(lambda: int(bench.status().get("retries", 0)), retries)
            set_wall_offset(wall, step)
            time.sleep(seconds)
        bench.wait_for_more(lambda: int(bench.status()["delivered"]), bench.status()["delivered"] + 5)
        assert 0 <= bench.status()["oldest_seconds"] <= HOUR + 60
    source.stop()
    bench.drain()

    judgement = bench.judge()
    names = ", ".join(f"{step / HOUR:+.0f} h" for step in steps)
    report.add("clock steps", f"{names} under both processes, during a pause after 0x97", judgement)
    assert judgement.holds, judgement
