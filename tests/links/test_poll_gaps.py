"""Poll gaps: a device server's own answers say how long it paused behind an address."""

from __future__ import annotations

import pytest

from edge_agent.links.poll_gaps import ALLOWED, JUDGED_POLLS, PollGaps

CHARACTER = 11 / 19200


def polled(gaps: PollGaps, pause: float, times: int = 1) -> list[bool]:
    """Whether each of so many polls gave a judgement."""
    judged = []
    for number in range(times):
        gaps.marked(float(number))
        judged.append(gaps.spaced(number + CHARACTER + pause))
    return judged


def test_a_thousand_polls_are_judged_together() -> None:
    gaps = PollGaps(CHARACTER)

    assert polled(gaps, 0.004, JUDGED_POLLS) == [False] * (JUDGED_POLLS - 1) + [True]
    assert not gaps.too_slow


@pytest.mark.parametrize(("pause", "slow"), [(0.0049, 0), (0.0051, ALLOWED + 1)])
def test_a_pause_beyond_5_ms_behind_the_address_itself_counts(pause: float, slow: int) -> None:
    gaps = PollGaps(CHARACTER)
    polled(gaps, pause, ALLOWED + 1)
    polled(gaps, 0.001, JUDGED_POLLS - ALLOWED - 1)

    assert gaps.slow_of_judged == slow
    assert gaps.too_slow == (slow > ALLOWED)


def test_a_judgement_is_of_the_last_thousand_alone() -> None:
    gaps = PollGaps(CHARACTER)
    polled(gaps, 0.010, JUDGED_POLLS)
    assert gaps.slow_of_judged == JUDGED_POLLS

    polled(gaps, 0.001, JUDGED_POLLS)
    assert gaps.slow_of_judged == 0


def test_a_change_to_space_without_an_address_is_no_poll() -> None:
    gaps = PollGaps(CHARACTER)

    assert [gaps.spaced(1.0) for _ in range(JUDGED_POLLS + 1)] == [False] * (JUDGED_POLLS + 1)
