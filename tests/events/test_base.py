"""Money and credits: whole, or not claimed to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.events import Credits, Money, credits_of, money_of
from edge_agent.events.base import EventBody


@pytest.mark.parametrize(
    ("amount", "ten_thousandths", "minor"),
    [(25, 100, 25), (1, 2_500, 25), (3, 10_000, 300), (2, 50, 1), (0, 5, 0), (200, 5, 10)],
)
def test_money_is_whole_minor_units(amount: int, ten_thousandths: int, minor: int) -> None:
    assert money_of(amount, ten_thousandths, "USD") == Money(minor=minor, currency="USD")


def test_what_is_not_whole_minor_units_is_no_money() -> None:
    assert money_of(1, 5, "USD") is None


def test_a_currency_without_minor_units_counts_its_units() -> None:
    assert money_of(3, 10_000, "JPY", minor_units=0) == Money(minor=3, currency="JPY")
    assert money_of(1, 100, "JPY", minor_units=0) is None


@given(st.integers(0, 10**10), st.sampled_from([1, 5, 100, 500, 2_500, 10_000, 50_000]))
def test_money_is_exact_or_absent(amount: int, ten_thousandths: int) -> None:
    money = money_of(amount, ten_thousandths, "USD")

    assert (money is None) == (amount * ten_thousandths % 100 != 0)
    assert money is None or money.minor * 100 == amount * ten_thousandths


def test_credits_of_a_known_denomination_are_money_too() -> None:
    assert credits_of(4, 2_500, "USD") == Credits(
        credits=4, denomination="0.25", money=Money(minor=100, currency="USD")
    )


@pytest.mark.parametrize(("ten_thousandths", "text"), [(5, "0.0005"), (100, "0.01"), (10_000, "1")])
def test_a_denomination_is_an_exact_decimal(ten_thousandths: int, text: str) -> None:
    assert credits_of(1, ten_thousandths, "USD").denomination == text


def test_credits_of_an_unknown_denomination_are_credits_only() -> None:
    assert credits_of(4, None, "USD") == Credits(credits=4, denomination=None, money=None)


@pytest.mark.parametrize("minor", ["100", 1.0, None, True])
def test_money_converts_nothing_silently(minor: object) -> None:
    with pytest.raises(ValidationError, match="minor"):
        Money.model_validate({"minor": minor, "currency": "USD"})


def test_money_knows_only_currency_codes() -> None:
    with pytest.raises(ValidationError, match="currency"):
        Money(minor=1, currency="usd")


def test_a_body_that_names_no_type_cannot_be_published() -> None:
    with pytest.raises(AttributeError, match="type_name"):
        _ = EventBody().event_type


def test_what_a_model_refuses_it_does_not_quote() -> None:
    with pytest.raises(ValidationError, match="minor") as refused:
        Money.model_validate({"minor": "6172839405162738", "currency": "USD"})

    assert "6172839405162738" not in str(refused.value)
