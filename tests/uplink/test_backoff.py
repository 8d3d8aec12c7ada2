"""Pauses after trouble."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.uplink.backoff import LONGEST_PAUSE_SECONDS, Backoff


def test_without_trouble_there_is_no_pause() -> None:
    assert Backoff(lambda: 0.5).left(0.0) is None


def test_pauses_double_to_a_minute() -> None:
    backoff, now, pauses = Backoff(lambda: 1.0), 0.0, []

    for _failure in range(9):
        backoff.fail(now)
        pauses.append(backoff.until - now)
        now = backoff.until

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_what_fails_during_a_pause_belongs_to_the_same_trouble() -> None:
    backoff = Backoff(lambda: 1.0)

    for _publish in range(20):
        backoff.fail(10.0)

    assert (backoff.failures, backoff.left(10.0)) == (1, 1.0)


def test_a_hold_counts_once_and_is_never_shortened() -> None:
    backoff = Backoff(lambda: 1.0)

    backoff.hold(0.0, 30.0)
    backoff.hold(1.0, 5.0)
    backoff.fail(2.0)

    assert (backoff.failures, backoff.until) == (1, 30.0)


def test_only_what_was_sent_after_the_pause_ends_the_trouble() -> None:
    backoff = Backoff(lambda: 1.0)
    backoff.fail(10.0)

    assert not backoff.succeed(sent_at=9.0)
    assert not backoff.succeed(sent_at=10.5)
    assert backoff.succeed(sent_at=11.0)
    assert backoff.failures == 0
    assert not backoff.succeed(sent_at=12.0)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50))
def test_a_pause_is_anything_up_to_its_longest(draws: list[float]) -> None:
    numbers = iter(draws)
    backoff, now = Backoff(lambda: next(numbers)), 0.0

    for index, draw in enumerate(draws):
        backoff.fail(now)
        assert backoff.until - now <= min(LONGEST_PAUSE_SECONDS, 2**index) * draw + 1e-6
        now = backoff.until
