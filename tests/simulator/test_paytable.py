"""A paytable gives back what it states."""

from __future__ import annotations

import random

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.simulator.paytable import CHANCES, LEAST_PAYBACK, PERCENT_HUNDREDTHS, Paytable


@pytest.mark.parametrize("percent", [LEAST_PAYBACK, 8_755, 9_234, PERCENT_HUNDREDTHS])
def test_the_payback_is_exactly_what_is_stated(percent: int) -> None:
    table = Paytable.of(percent)

    assert sum(pays * chances for pays, chances in table.rows) * PERCENT_HUNDREDTHS == percent * CHANCES
    assert table.percent_hundredths == percent
    assert sum(chances for _, chances in table.rows) < CHANCES


@pytest.mark.parametrize("percent", [0, LEAST_PAYBACK - 1, PERCENT_HUNDREDTHS + 1])
def test_a_payback_it_cannot_give_is_refused(percent: int) -> None:
    with pytest.raises(ConfigurationError, match="payback"):
        Paytable.of(percent)


def test_many_games_give_back_about_that() -> None:
    table, chance = Paytable.of(9_000), random.Random(1)  # noqa: S311  a story, not a secret

    paid = sum(table.spin(chance) for _ in range(200_000))

    assert 0.86 < paid / 200_000 < 0.94


def test_every_row_can_be_won_and_nothing_too() -> None:
    table, chance = Paytable.of(9_000), random.Random(2)  # noqa: S311  a story, not a secret

    assert {table.spin(chance) for _ in range(300_000)} == {0, *(pays for pays, _ in table.rows)}
