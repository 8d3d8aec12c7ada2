"""A disk that is full, and one that turns read-only under whoever writes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.testing.small_disk import SmallDisk, can_mount
from tests.faults.bench import Bench
from tests.faults.conftest import Counts, Report

pytestmark = pytest.mark.integration

# Beside the agent's reserve of 64 MB there is room for a minute of events.
MEGABYTES = 112


@pytest.fixture
def disk(tmp_path: Path, bench: Bench) -> Iterator[SmallDisk]:
    """A small disk, on which the gateway has its state."""
    if not can_mount(tmp_path):
        pytest.skip("a small file system needs root and loop devices")
    with SmallDisk(tmp_path, MEGABYTES) as disk:
        bench.state = disk.path / "state"
        bench.configure()
        yield disk
        bench.close()  # before the disk is unmounted


@pytest.mark.parametrize("reserve", ["64", "0"], ids=["reserve", "no reserve"])
def test_a_full_disk_holds_the_floor_back_and_loses_nothing(
    bench: Bench, disk: SmallDisk, counts: Counts, report: Report, reserve: str
) -> None:
    """With a reserve the journal sees it coming; without one it meets the error in the middle of a write."""
    times = counts(2, 20)
    source = bench.running_source("--rate", "500", "--minimum-free-mb", reserve)

    for _ in range(times):
        refusals = bench.refusals()
        disk.fill(leave_megabytes=0 if reserve == "0" else 32)
        bench.wait_for_more(bench.refusals, refusals)
        time.sleep(0.5)
        disk.free()
        bench.wait_for_more(bench.proven, bench.proven())
    source.stop()
    bench.drain()

    judgement = bench.judge()
    how = "ENOSPC in the middle of a write" if reserve == "0" else "below the reserve"
    report.add("disk full and freed again", f"{how}, {times} times, at 500 events/s", judgement)
    assert judgement.holds, judgement


def test_a_disk_that_turns_read_only_loses_nothing(
    bench: Bench, disk: SmallDisk, counts: Counts, report: Report
) -> None:
    times = counts(2, 20)
    source = bench.running_source("--rate", "500", "--minimum-free-mb", "1")

    for _ in range(times):
        refusals = bench.refusals()
        disk.fail()
        bench.wait_for_more(bench.refusals, refusals)
        time.sleep(1)
        assert bench.forwarder.status in {None, 5}, bench.logs()
        for process in (source, bench.forwarder):
            process.kill()
        disk.unmount()
        disk.check()
        disk.mount()
        source.start()
        bench.start_forwarder()
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("read-only file system", f"ext4 aborted under both processes, {times} times", judgement)
    assert judgement.holds, judgement
    assert "Traceback" not in (bench.folder / "logs" / "forwarder.log").read_text()


def test_a_collector_on_a_read_only_disk_says_so_in_one_line(bench: Bench, disk: SmallDisk) -> None:
    source = bench.source()
    source.start()
    bench.wait_until(bench.proven)
    source.kill()
    disk.unmount()
    disk.mount(read_only=True)

    collect = [sys.executable, "-m", "edge_agent", "collect", "--config", str(bench.settings_file)]
    ended = subprocess.run(collect, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode in {2, 5}, ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "Read-only file system" in ended.stderr
