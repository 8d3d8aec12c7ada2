"""Poll counters over several lives of a line and of the collector."""

from __future__ import annotations

from typing import Any

from edge_agent.trial.polls import Polls


def status(polls: int, pid: int = 1) -> dict[str, Any]:
    counted = dict.fromkeys(Polls.COUNTED, 0) | {"polls": polls}
    return {"pid": pid, "lines": {"slot-001": counted}}


def test_what_was_polled_before_the_play_does_not_count() -> None:
    polls = Polls()
    polls.begin(status(100))

    polls.see(status(130))

    assert polls.totals()["polls"] == 30


def test_a_line_or_a_collector_that_begins_again_counts_from_zero() -> None:
    polls = Polls()
    polls.begin(status(0))

    for said in (status(30), {}, status(5), status(7), status(20, pid=2)):
        polls.see(said)

    assert polls.totals()["polls"] == 30 + 7 + 20
