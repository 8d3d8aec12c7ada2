"""The gap behind an address stays within what SAS allows, with as many lines as a gateway has."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.testing.gap_bench import LIMIT_SECONDS, Gaps, measure_gaps

pytestmark = pytest.mark.integration

LINES = 64
ROUNDS = 3
SECONDS = 3.0
# Half the limit: a computer that is so late has other things to do.
BUSY_SECONDS = LIMIT_SECONDS / 2


def test_the_rest_follows_its_address_within_5_ms_with_64_lines_running(tmp_path: Path) -> None:
    """At p99.9, in the best of three rounds, and beyond how late this computer wakes who only sleeps.

    What else it does makes gaps longer and never shorter; on one that does nothing else the second term is
    some tenths of a millisecond. Where it is several milliseconds, nothing can be told of ours.
    """
    rounds: list[Gaps] = []
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        rounds.append(measure_gaps(folder, lines=LINES, seconds=SECONDS, poll_ms=40, handover=0.0))
        if ours(rounds[-1]) < LIMIT_SECONDS:
            break

    best = min(rounds, key=ours)
    assert len(best.gaps) > 5 * LINES
    late = min(gaps.late for gaps in rounds)
    if ours(best) >= LIMIT_SECONDS and late > BUSY_SECONDS:
        pytest.skip(f"this computer wakes who only sleeps {late * 1000:.1f} ms late")
    assert ours(best) < LIMIT_SECONDS, [(gaps.quantile(0.999), gaps.late) for gaps in rounds]
    assert best.quantile(0.5) < LIMIT_SECONDS / 20


def ours(gaps: Gaps) -> float:
    """The gap at p99.9, without what the computer itself was late at p99.9."""
    return gaps.quantile(0.999) - gaps.late
