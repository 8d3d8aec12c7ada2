"""Machines that could exist, and those that could not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.sas.code_tables import DENOMINATIONS
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.paytable import Paytable
from edge_agent.simulator.specification import GameSpec, MachineSpec

GAME = GameSpec("Test", "000001", 9_000, (1, 2, 3))
PENNIES = MachineSpec(3, (GAME,))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"games": ()}, "no game"),
        ({"games": (replace(GAME, bets=()),)}, "no game"),
        ({"games": (replace(GAME, bets=(3, 2)),)}, "rising bets"),
        ({"games": (replace(GAME, bets=(0, 2)),)}, "rising bets"),
        ({"games": (replace(GAME, bets=(10_000,)),)}, "rising bets"),
        ({"denomination_code": 0x1B}, "denomination 1B"),
        ({"denomination_code": 0x00}, "denomination 00"),
        ({"denomination_code": 0x02, "player_denominations": (0x01,)}, "not a multiple"),
        ({"bills": ()}, "whole number of credits"),
        ({"bills": (3,)}, "whole number of credits"),
        ({"denomination_code": 0x07, "bills": (1,)}, "whole number of credits"),
        ({"bills": (5,), "past_twenties": 1}, "does not take"),
        ({"reels": 10}, "10 reels"),
        ({"progressive_levels": (100,)}, "group 0 with 1 levels"),
        ({"progressive_group": 1}, "group 1 with 0 levels"),
        ({"progressive_group": 256, "progressive_levels": (100,)}, "group 256"),
        ({"progressive_group": 1, "progressive_levels": (100,) * 33}, "too many"),
        ({"own_progressive_levels": (100,) * 33}, "too many"),
        ({"denomination_code": 0x04, "bills": (1,), "own_progressive_levels": (110,)}, "progressive level"),
        ({"validation": "enhanced"}, "'enhanced'"),
        ({"unread_records": 0}, "0 unread"),
        ({"unread_records": 32}, "32 unread"),
        ({"asset_number": 1 << 32}, "asset number 4294967296"),
        ({"aft": True}, "asset number 0"),
        ({"aft": True, "asset_number": 1, "eft": True}, "two ways"),
    ],
)
def test_a_machine_that_could_not_exist_is_refused(change: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigurationError, match=names) as refused:
        replace(PENNIES, **change)

    assert "machine 3" in refused.value.what
    assert refused.value.mend


def test_denominations_are_exact() -> None:
    quarters = replace(PENNIES, denomination_code=0x04, player_denominations=(0x04, 0x06))

    assert quarters.denomination_cents == 25
    assert [quarters.credits_per(code) for code in (0x04, 0x06, 0x02)] == [1, 4, 0]


def test_a_floor_is_the_same_for_the_same_seed() -> None:
    assert default_floor(20, seed=5) == default_floor(20, seed=5)
    assert default_floor(20, seed=5) != default_floor(20, seed=6)


def test_a_floor_is_mixed() -> None:
    floor = default_floor(40, seed=1)

    assert [spec.number for spec in floor] == list(range(1, 41))
    assert {DENOMINATIONS[spec.denomination_code] for spec in floor} == {100, 500, 2_500, 10_000}
    assert {len(spec.games) for spec in floor} == {1, 2, 3}
    assert {spec.version for spec in floor} == {"602", "603"}
    assert len({spec.past_twenties for spec in floor}) > 30
    for game in (game for spec in floor for game in spec.games):
        assert Paytable.of(game.base_percent_hundredths).percent_hundredths == game.base_percent_hundredths
        assert len(game.paytable_id) == 6
