"""Do the events explain the meters?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.sas.reconcile import CLASSIC_DIGITS, MOST_DOUBTFUL, Account, Accounts, Variance

MODULUS = 10**CLASSIC_DIGITS


def account(before: int) -> Account:
    one = Account("coin_in", "credits")
    one.begin(before)
    return one


def test_events_that_explain_the_rise_are_no_variance() -> None:
    coin_in = account(100)

    coin_in.add(2)
    coin_in.add(3)

    assert coin_in.settle(105) is None


def test_a_lost_event_is_a_variance_of_what_it_was_worth() -> None:
    coin_in = account(100)

    coin_in.add(2)

    assert coin_in.settle(105) == Variance("coin_in", "credits", 100, 105, 2, 3)


def test_an_event_too_many_is_a_negative_variance() -> None:
    coin_in = account(100)

    coin_in.add(2)
    coin_in.add(2)

    assert coin_in.settle(102) == Variance("coin_in", "credits", 100, 102, 4, -2)


def test_the_first_reading_is_a_beginning() -> None:
    coin_in = Account("coin_in", "credits")
    coin_in.add(7)

    assert coin_in.settle(1_000) is None
    assert coin_in.settle(1_000) is None


def test_a_roll_over_is_a_rise() -> None:
    coin_in = account(MODULUS - 3)

    coin_in.add(5)

    assert coin_in.settle(2) is None


def test_a_variance_is_reported_once() -> None:
    coin_in = account(0)

    assert coin_in.settle(5) is not None
    assert coin_in.settle(5) is None


@pytest.mark.parametrize("genuine", [False, True])
def test_the_meters_decide_whether_a_doubtful_event_counts(genuine: bool) -> None:  # noqa: FBT001  both ways
    coin_in = account(0)

    coin_in.add(5)
    coin_in.add(5, doubtful=True)

    assert coin_in.settle(10 if genuine else 5) is None


def test_any_part_of_the_doubtful_events_may_be_repeats() -> None:
    coin_in = account(0)
    for amount in (1, 2, 4):
        coin_in.add(amount, doubtful=True)

    assert coin_in.settle(5) is None


def test_a_variance_beside_doubtful_events_is_the_smallest_there_can_be() -> None:
    coin_in = account(0)
    coin_in.add(5)
    coin_in.add(5, doubtful=True)

    assert coin_in.settle(11) == Variance("coin_in", "credits", 0, 11, 10, 1)


def test_more_doubtful_events_than_can_be_tried_explain_what_lies_in_their_reach() -> None:
    coin_in = account(0)
    for _ in range(MOST_DOUBTFUL + 1):
        coin_in.add(10, doubtful=True)

    assert coin_in.settle(7) is None
    assert coin_in.doubtful == []


def test_more_doubtful_events_than_can_be_tried_do_not_explain_more_than_they_sum_to() -> None:
    coin_in = account(0)
    for _ in range(MOST_DOUBTFUL + 1):
        coin_in.add(10, doubtful=True)

    variance = coin_in.settle(200)

    assert variance is not None
    assert variance.unexplained == 200 - 10 * (MOST_DOUBTFUL + 1)


def test_an_amount_nobody_told_leaves_the_account_blind_until_the_next_reading() -> None:
    coin_in = account(0)
    coin_in.add(None)

    assert coin_in.settle(5) is None
    assert coin_in.settle(6) is not None


def test_wins_are_not_compared_while_a_handpay_is_pending() -> None:
    accounts = Accounts()
    accounts.settle({"won": 0})
    accounts.won.add(500)
    accounts.handpay_pending = True

    meanwhile = accounts.settle({"won": 0})
    accounts.handpay_pending = False
    afterwards = accounts.settle({"won": 500})

    assert meanwhile == afterwards == []


def test_games_are_counted_at_both_ends_and_reported_once() -> None:
    accounts = Accounts()
    accounts.settle({"games_played": 10})
    accounts.starts.add(1)
    accounts.ends.add(1)

    assert accounts.settle({"games_played": 12}) == [Variance("games_played", "count", 10, 12, 1, 1)]


def test_a_lost_game_end_shows_even_if_its_start_was_heard() -> None:
    accounts = Accounts()
    accounts.settle({"games_played": 10})
    accounts.starts.add(1)

    assert accounts.settle({"games_played": 11}) == [Variance("games_played", "count", 10, 11, 0, 1)]


def test_a_meter_that_was_not_read_keeps_its_beginning() -> None:
    accounts = Accounts()
    accounts.settle({"bills_credits": 0, "coin_in": 0})
    accounts.bills.add(20)

    accounts.settle({"coin_in": 0})

    assert accounts.settle({"bills_credits": 20}) == []


def test_meters_that_begin_again_are_compared_with_nothing() -> None:
    accounts = Accounts()
    accounts.settle({"coin_in": 5_000})
    accounts.coin_in.add(3)

    accounts.forget()

    assert accounts.settle({"coin_in": 0}) == []


@given(
    before=st.integers(0, MODULUS - 1),
    certain=st.lists(st.integers(0, 10_000), max_size=20),
    doubtful=st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), max_size=MOST_DOUBTFUL + 3),
)
def test_what_was_played_is_always_explained(
    before: int, certain: list[int], doubtful: list[tuple[int, bool]]
) -> None:
    """Whatever the meter stood at and whichever doubtful events were genuine."""
    one = account(before)
    for amount in certain:
        one.add(amount)
    for amount, _ in doubtful:
        one.add(amount, doubtful=True)
    rise = sum(certain) + sum(amount for amount, genuine in doubtful if genuine)

    assert one.settle((before + rise) % MODULUS) is None


@given(before=st.integers(0, MODULUS - 1), heard=st.integers(0, 10_000), missed=st.integers(1, 10_000))
def test_what_was_missed_is_reported_to_the_credit(before: int, heard: int, missed: int) -> None:
    one = account(before)
    one.add(heard)

    variance = one.settle((before + heard + missed) % MODULUS)

    assert variance is not None
    assert variance.unexplained == missed
