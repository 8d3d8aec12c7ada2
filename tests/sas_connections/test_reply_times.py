"""How long answers are waited for."""

from __future__ import annotations

import pytest

from edge_agent.sas.host_bounds import LONGEST_WINDOW_SECONDS, PROOF_ANSWERS, QUICK_SECONDS
from edge_agent.sas.reply_times import ReplyTimes


def after(*delays: float, shortest: float = 0.2) -> ReplyTimes:
    times = ReplyTimes(shortest)
    for delay in delays:
        times.learn(delay)
    return times


@pytest.mark.parametrize(
    ("delays", "window"),
    [((), 0.5), ((0.01,), 0.2), ((0.1,), 0.2), ((0.2,), 0.4), ((0.4, 0.01), 0.796), ((0.6,), 1.0)],
)
def test_an_answer_gets_twice_what_the_slowest_of_late_took(delays: tuple[float, ...], window: float) -> None:
    assert after(*delays).window == pytest.approx(window)


def test_no_answer_is_given_up_sooner_than_is_wanted() -> None:
    times = after(0.01, shortest=0.3)
    assert times.window == 0.3

    times.wait_at_least(0.45)
    assert times.window == 0.45

    times.learn(0.01)
    assert times.window == 0.45


def test_a_first_wait_may_be_longer_than_the_usual_one() -> None:
    assert after(shortest=0.8).window == 0.8


@pytest.mark.parametrize(
    ("delays", "second"),
    [
        ([QUICK_SECONDS] * (PROOF_ANSWERS - 1), 1.0),
        ([QUICK_SECONDS] * PROOF_ANSWERS, 0.2),
        ([0.101] * PROOF_ANSWERS, 1.0),
        ([0.101, *[0.01] * PROOF_ANSWERS], 0.2),
        ([*[0.01] * PROOF_ANSWERS, 0.3], 1.0),
    ],
)
def test_a_second_answer_is_waited_for_until_the_line_has_proved_quick(
    delays: list[float], second: float
) -> None:
    times = after(*delays)

    assert times.second_window == pytest.approx(second)
    assert times.window < 1.0


def test_a_late_answer_takes_the_proof_away() -> None:
    times = after(*[0.01] * PROOF_ANSWERS)

    times.heard_late()

    assert times.second_window == 1.0
    for _ in range(PROOF_ANSWERS):
        times.learn(0.01)
    assert times.second_window == 0.2


def test_a_machine_that_needs_longer_gives_its_second_answers_longer_still() -> None:
    assert after(shortest=1.5).second_window == 1.5


@pytest.mark.parametrize("spoilt", ["late", "slow"])
def test_what_was_proved_is_to_be_proved_again_from_the_first_answer_on(spoilt: str) -> None:
    times = after(*[0.01] * PROOF_ANSWERS)
    if spoilt == "late":
        times.heard_late()
    else:
        times.learn(QUICK_SECONDS + 0.001)

    for _ in range(PROOF_ANSWERS - 1):
        times.learn(0.01)
        assert times.second_window == LONGEST_WINDOW_SECONDS

    times.learn(0.01)
    assert times.second_window < LONGEST_WINDOW_SECONDS
