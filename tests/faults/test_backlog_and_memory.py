"""A long time without a cloud: how soon something leaves afterwards, and what memory it takes meanwhile."""

from __future__ import annotations

import time

import pytest

from edge_agent.testing.patience import Stopwatch
from tests.faults.bench import Bench, rss_bytes
from tests.faults.conftest import Counts, Report

pytestmark = pytest.mark.integration

MEGABYTE = 1 << 20
# What they may take more once they are at work. A segment is looked at as a whole, now and then: some 30 MB
# for a moment, of which the allocator keeps most. A million events themselves are 450 MB.
SOURCE_GROWTH_MB, FORWARDER_GROWTH_MB = 48, 12


def first_publish_seconds(bench: Bench) -> float:
    """From the start of the forwarder's process to the first publish of events that the cloud accepts."""
    before = bench.accepted()
    bench.forwarder.start()
    watch, began = Stopwatch(bench.forwarder.pid, bench.cloud.pid), time.monotonic()
    bench.wait_until(lambda: watch.look() >= 0.0 and bench.accepted() > before)
    events = [entry for entry in bench.entries() if "/ev/" in entry.topic]
    return min(watch.look(), events[before].at - began)


def test_the_first_publish_does_not_wait_for_a_backlog(bench: Bench, report: Report) -> None:
    seconds = {}
    bench.start_cloud()
    for backlog, further in ((1_000, 1_000), (100_000, 99_000)):
        bench.append_all(further)

        seconds[backlog] = first_publish_seconds(bench)

        bench.forwarder.kill()

    figures = " and ".join(f"{took:.2f} s with {backlog:,}" for backlog, took in seconds.items())
    report.write("100,000-record backlog at start", f"first publish after {figures} records")
    assert seconds[100_000] < 2 * seconds[1_000] + 1.0


def test_memory_stays_flat_while_the_cloud_is_away(bench: Bench, counts: Counts, report: Report) -> None:
    events = counts(200_000, 1_000_000)
    source = bench.source("--rate", "0", "--batch", "100", "--count", f"{events}")
    source.start()
    bench.wait_until(bench.proven)
    bench.forwarder.start()
    bench.wait_until(lambda: bench.status().get("last_reason"))
    early, began = [rss_bytes(process) for process in (source, bench.forwarder)], bench.head()

    bench.wait_until(lambda: bench.head() >= events * 9 // 10)

    late = [rss_bytes(process) for process in (source, bench.forwarder)]
    bench.wait_until(lambda: bench.said("source", "appended"))
    waiting = bench.depth()
    assert waiting >= events  # and a checkpoint of the chain, if it took long enough
    growth = [(after - before) / MEGABYTE for before, after in zip(early, late, strict=True)]
    source_mb, forwarder_mb = (
        f"{rss / MEGABYTE:.0f} MB ({more:+.1f} MB since the first {began:,})"
        for rss, more in zip(late, growth, strict=True)
    )
    report.write(
        "cloud away for a million events",
        f"{events:,} appended meanwhile; source {source_mb}, forwarder {forwarder_mb}",
        appended=events,
        lost=max(0, events - waiting),
    )
    assert growth[0] < SOURCE_GROWTH_MB
    assert growth[1] < FORWARDER_GROWTH_MB
