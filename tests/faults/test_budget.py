"""A budget that is used up while the cloud is away: telemetry goes, while what is left is being sent."""

from __future__ import annotations

import pytest

from tests.faults.bench import Bench
from tests.faults.conftest import Counts, Report

pytestmark = pytest.mark.integration

# Small segments are written anew more often, under the eyes of whoever reads them.
SMALL = ("--budget-mb", "6", "--segment-kb", "256")


def test_over_its_budget_a_journal_lets_telemetry_go_and_the_cloud_knows_exactly_which(
    bench: Bench, counts: Counts, report: Report
) -> None:
    appended = counts(11_000, 60_000)
    away = bench.source("--rate", "0", "--batch", "25", "--count", str(appended), *SMALL)
    away.start()
    bench.wait_until(lambda: bench.said("source", "appended"))
    away.stop()

    source = bench.source("--rate", "300", "--batch", "25", *SMALL)
    source.start()
    bench.start_cloud()
    bench.start_forwarder()
    bench.wait_for_more(bench.proven, appended + 1_000)
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("budget used up", "while the cloud was away, and while it drained", judgement)
    assert judgement.holds, judgement
    assert judgement.recorded
