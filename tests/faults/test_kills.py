"""SIGKILL of whoever appends, whoever forwards, and both, at random moments.

The collector's own process is killed the same way, with machines on pseudo-terminals, by
`edge-agent simulate --kill collector`, which compares with what the machines raised.
"""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.bench import Bench
from tests.faults.conftest import Counts, Report

pytestmark = pytest.mark.integration

# So kills also come while a process starts, opens the journal and connects; in every other round both are
# at work before.
SOONEST, LATEST = 0.05, 0.9


def test_processes_killed_at_random_moments_lose_nothing(
    bench: Bench, counts: Counts, report: Report
) -> None:
    rounds, seed = counts(10, 200), 20260101
    fate = random.Random(seed)  # noqa: S311  a story, not a secret
    source = bench.running_source("--rate", "500")

    for round_ in range(rounds):
        if round_ % 2:
            bench.wait_for_more(bench.proven, bench.proven())
            bench.wait_for_more(bench.accepted, bench.accepted())
        time.sleep(fate.uniform(SOONEST, LATEST))
        killed = fate.choice([[source], [bench.forwarder], [source, bench.forwarder]])
        for process in killed:
            process.kill()
        for process in killed:
            process.start()
    bench.wait_for_more(bench.proven, bench.proven())  # it still appends
    source.stop()
    bench.drain()

    judgement = bench.judge()
    killed_both = f"source {source.kills} times, forwarder {bench.forwarder.kills} times"
    done = f"at random moments, {rounds} rounds (seed {seed}): {killed_both}"
    report.add("kill -9", done, judgement)
    assert judgement.holds, judgement
