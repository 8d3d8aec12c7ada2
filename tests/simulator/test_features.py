"""Long poll A0 says what the machine does: a bit is set exactly when the polls of that feature answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.sas.code_tables import feature_names, validation_style
from edge_agent.sas.messages import Nack
from edge_agent.simulator.specification import MachineSpec
from edge_agent.testing.machine_bench import ABLE, MachineBench

BARE = MachineSpec(2, ABLE.games, extended_meters=False, rom_signature=False)

WITH_LEVELS = {"progressive_group": 1, "progressive_levels": (10_000,)}
# feature -> (what makes a bare machine have it, polls that come with it)
FEATURES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "jackpot_multiplier": ({"jackpot_multiplier": True}, (0x8B, 0x90)),
    "legacy_bonus_awards": ({"legacy_bonus": True}, (0x8A, 0x90, 0x9A)),
    "tournament": ({"tournament": True}, (0x8C, 0x95, 0x96, 0x97, 0x98, 0x99)),
    "validation_extensions": ({"validation_extensions": True}, (0x7B, 0x7C)),
    "ticket_redemption": ({"ticket_redemption": True}, (0x70, 0x71)),
    "extended_meters": ({"extended_meters": True}, (0x6F, 0xAF)),
    "component_authentication": ({"component_authentication": True}, (0x6E,)),
    "aft": ({"aft": True, "asset_number": 9}, (0x72, 0x73, 0x74, 0x75)),
    "multi_denomination": ({"player_denominations": (0x01, 0x02)}, (0xB0,)),
    "multiple_sas_progressive_wins": ({"multiple_progressive_wins": True, **WITH_LEVELS}, (0x87,)),
    "meter_change_notification": ({"meter_change_notification": True}, (0xB6,)),
    "non_sas_progressive_reporting": ({"own_progressive_levels": (10_000,)}, (0x5D,)),
    "enhanced_progressive_data": ({"enhanced_progressives": True, **WITH_LEVELS}, (0x7A,)),
}
STYLES: dict[str, tuple[int, ...]] = {
    "standard": (0x3D,),
    "system": (0x4D, 0x57, 0x58),
    "secure_enhanced": (0x4C, 0x4D),
}
# What no bit tells, and a machine may have or not.
OTHERS: tuple[tuple[dict[str, Any], tuple[int, ...]], ...] = (
    ({"eft": True}, (0x1D, 0x27, 0x28, 0x63, 0x64, 0x69, 0x6A)),
    (WITH_LEVELS, (0x80, 0x84, 0x85, 0x86)),
    ({"rom_signature": True}, (0x21,)),
    ({"has_hopper": True}, (0x2C, 0x4F)),
    ({"reels": 3}, (0x8F,)),
    ({"deals_cards": True}, (0x8E,)),
    ({"version": "603"}, (0xB7,)),
)

ASKED: dict[int, dict[str, Any]] = {
    0x21: {"seed": 1},
    0x4C: {"machine_id": 0, "sequence": 0},
    0x4D: {"function": 0xFF},
    0x58: {"validation_system": "00", "validation_number": "0" * 16},
    0x63: {"transaction_number": 1, "acknowledgement": 0, "amount": 1},
    0x64: {"transaction_number": 1, "acknowledgement": 0},
    0x69: {"transaction_number": 1, "acknowledgement": 0, "amount": 1},
    0x6E: {"action": 0},
    0x6F: {"game": 0, "meter_codes": (0,)},
    0x71: {"transfer_code": 0xFF},
    0x72: {"transfer_code": 0xFF, "transaction_index": 0},
    0x73: {"registration_code": 0xFF},
    0x74: {"lock_code": 0xFF, "lock_conditions": 0, "lock_timeout_hundredths": 0},
    0x75: {"texts": ()},
    0x7A: {"progressive_group": 1, "levels": ()},
    0x7B: {
        "control_mask": 0,
        "status_bits": 0,
        "cashable_expiration_days": 0,
        "restricted_expiration_days": 0,
    },
    0x7C: {"texts": ()},
    0x80: {"progressive_group": 1, "level": 1, "amount_cents": 1},
    0x86: {"progressive_group": 1, "levels": ()},
    0x8A: {"amount": 1, "tax_status": 0},
    0x8B: {"minimum_win": 1, "maximum_win": 2, "multiplier": 0, "tax_status": 0, "wager_type": 0},
    0x8C: {"game": 0, "time": 0, "credits": 0, "pulses": 0},
    **{command: {"game": 0} for command in range(0x95, 0x9B)},
    0xAF: {"game": 0, "meter_codes": (0,)},
    0xB0: {"denomination": 0, "base_command": 0x11, "base": {}},
    0xB6: {"host_status": 0},
    0xB7: {"asset_number": 0, "location": ""},
}


def features_of(bench: MachineBench) -> tuple[str, ...]:
    answer = bench.ask(0xA0, game=0)
    return feature_names(tuple(answer[f"features{byte}"] for byte in (1, 2, 3, 4)))


def answers(bench: MachineBench, command: int) -> bool:
    answer = bench.ask(command, **ASKED.get(command, {}))
    return answer is not None and not isinstance(answer, Nack)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_bit_is_set_exactly_when_its_polls_answer(feature: str) -> None:
    change, polls = FEATURES[feature]

    for spec, has in ((BARE, False), (replace(BARE, **change), True), (ABLE, True)):
        bench = MachineBench(spec)

        assert (feature in features_of(bench)) is has
        assert [answers(bench, command) for command in polls] == [has] * len(polls)


@pytest.mark.parametrize("style", STYLES)
def test_the_validation_style_is_said_and_has_its_own_polls(style: str) -> None:
    bench = MachineBench(replace(BARE, validation=style))

    answer = bench.ask(0xA0, game=0)

    every = {command for polls in STYLES.values() for command in polls}
    assert validation_style(answer["features1"]) == style
    assert {command for command in every if answers(bench, command)} == set(STYLES[style])


@pytest.mark.parametrize(("change", "polls"), OTHERS, ids=str)
def test_what_no_bit_tells_answers_exactly_when_the_machine_has_it(
    change: dict[str, Any], polls: tuple[int, ...]
) -> None:
    bare, having = MachineBench(BARE), MachineBench(replace(BARE, **change))

    assert [answers(bare, command) for command in polls] == [False] * len(polls)
    assert [answers(having, command) for command in polls] == [True] * len(polls)


def test_a_machine_says_which_of_its_habits_have_bits() -> None:
    assert set(features_of(MachineBench(ABLE))) >= {
        "tickets_to_drop",
        "jackpot_key_off_exception",
        "aft_bonus_awards",
        "session_play",
        "fast_polling",
    }
    assert features_of(MachineBench(replace(BARE, fast_polling=False))) == ("tickets_to_drop",)
