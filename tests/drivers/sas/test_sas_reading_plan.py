"""Which polls carry the meters, for which machine."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from edge_agent.drivers.sas.profile import AFT, EXTENDED_METERS, MachineProfile
from edge_agent.drivers.sas.reading_plan import (
    CLASSIC_CODES,
    CLASSIC_SINGLES,
    EXTENDED,
    EXTENDED_TOO,
    FURTHER_CODES,
    OTHER_SINGLES,
    SELECTED,
    SETTLING_CODES,
    SINGLE_POLLS,
    TRANSFER_CODES,
    left_out,
    proven_singles,
    requests_for,
)
from edge_agent.events.slot import SnapshotReason
from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.messages import LongPollRequest
from edge_agent.sas.meter_codes import METERS
from edge_agent.sas.meter_fields import METERS_A_POLL, MeterValue

PENNY = MachineProfile(denomination=100)
MODERN = replace(PENNY, features=(EXTENDED_METERS,))
TRANSFERS = replace(PENNY, features=(EXTENDED_METERS, AFT))
OLD = replace(PENNY, unsupported=frozenset({0x0F, 0x19, SELECTED}))


def commands(reason: SnapshotReason, profile: MachineProfile) -> list[int]:
    return [request.command for request in requests_for(reason, 1, profile)]


def asked(profile: MachineProfile, lacking: dict[int, frozenset[int]]) -> dict[int, list[int]]:
    """What each poll of a long reading asks for."""
    found: dict[int, list[int]] = {}
    for request in requests_for("start", 1, profile, lacking):
        found.setdefault(request.command, []).extend(request.values.get("meter_codes", ()))
    return found


def test_a_short_reading_has_what_the_accounts_need() -> None:
    assert commands("game_end", MODERN) == [0x0F, 0x1A, EXTENDED, 0x46, 0x11]


def test_a_long_reading_asks_extended_meters_under_two_commands() -> None:
    assert commands("door", MODERN) == [0x0F, 0x1A, EXTENDED, 0x46, EXTENDED_TOO, 0x1E, 0x11]


def test_a_machine_that_transfers_is_asked_for_each_kind_of_transfer() -> None:
    requests = requests_for("start", 1, TRANSFERS)

    assert [one.command for one in requests] == [
        0x0F,
        0x1A,
        EXTENDED,
        0x46,
        EXTENDED_TOO,
        0x1E,
        EXTENDED,
        0x11,
    ]
    assert requests[6].values["meter_codes"] == TRANSFER_CODES


def test_a_machine_without_extended_meters_is_asked_twice_for_selected_ones() -> None:
    requests = requests_for("start", 1, PENNY)

    selected = [request.values["meter_codes"] for request in requests if request.command == SELECTED]
    assert selected == [SETTLING_CODES, FURTHER_CODES]


def test_what_a_machine_does_not_answer_is_replaced_or_left_out() -> None:
    old = replace(PENNY, unsupported=frozenset({0x0F, 0x46, SELECTED, 0x11, *SINGLE_POLLS.values()}))

    assert commands("money", old) == [0x19, 0x1A, 0x20, 0x19]


@pytest.mark.parametrize("profile", [PENNY, MODERN, TRANSFERS, OLD])
@pytest.mark.parametrize("reason", ["start", "game_end"])
def test_no_two_polls_in_a_row_are_alike(profile: MachineProfile, reason: SnapshotReason) -> None:
    assert all(one != following for one, following in pairwise(commands(reason, profile)))


@pytest.mark.parametrize("profile", [PENNY, MODERN, TRANSFERS, OLD])
@pytest.mark.parametrize("reason", ["start", "game_end"])
def test_a_reading_begins_and_ends_with_coin_in(profile: MachineProfile, reason: SnapshotReason) -> None:
    requests = requests_for(reason, 1, profile)

    for end in (requests[0], requests[-1]):
        assert "coin_in" in {field.name for field in LONG_POLLS[end.command].reply}


@pytest.mark.parametrize("profile", [PENNY, MODERN, TRANSFERS, OLD])
def test_a_reading_only_reads(profile: MachineProfile) -> None:
    assert {effect_of(request) for request in requests_for("start", 1, profile)} == {Effect.READS}


@pytest.mark.parametrize("codes", [SETTLING_CODES, FURTHER_CODES, TRANSFER_CODES, CLASSIC_CODES])
def test_selected_meters_fit_one_poll_and_are_in_the_table(codes: tuple[int, ...]) -> None:
    assert len(codes) <= METERS_A_POLL
    assert set(codes) <= set(METERS)


def test_what_extended_meters_leave_out_is_asked_as_selected_ones() -> None:
    missing = frozenset({0x0B, 0x3E})

    plan = asked(MODERN, {EXTENDED: missing})

    assert set(plan[SELECTED]) == missing
    assert not missing & {*plan[EXTENDED], *plan[EXTENDED_TOO]}
    assert {*plan[EXTENDED], *plan[EXTENDED_TOO]} == {*SETTLING_CODES, *FURTHER_CODES} - missing


def test_what_extended_meters_leave_out_has_a_poll_of_its_own_where_there_are_no_selected_ones() -> None:
    missing = frozenset({0x3E, 0x0D})
    without = MODERN.without(SELECTED)
    singles = proven_singles(without, lambda _: True)

    plan = [request.command for request in requests_for("start", 1, without, {EXTENDED: missing}, singles)]

    assert 0x49 in plan
    assert 0x4A not in plan


def test_a_poll_the_machine_was_never_asked_is_not_asked_in_a_reading() -> None:
    """With real-time events on, silence has to mean trouble."""
    missing = frozenset({0x03, 0x3E})

    assert 0x49 not in set(asked(MODERN, {EXTENDED: missing, SELECTED: missing}))
    assert proven_singles(OLD, lambda command: command == 0x49) == {0x49}
    assert proven_singles(MODERN, lambda _: True) == frozenset()
    assert proven_singles(PENNY.without(0x0F, 0x19), lambda _: True) == {*CLASSIC_SINGLES, 0x15}
    assert proven_singles(PENNY.without(SELECTED), lambda _: True) == set(OTHER_SINGLES)


def test_a_machine_that_answers_no_group_is_asked_meter_by_meter() -> None:
    singles = proven_singles(OLD, lambda _: True)

    plan = {request.command for request in requests_for("start", 1, OLD, {}, singles)}

    assert plan == {0x11, 0x1A, 0x46, 0x1E, *SINGLE_POLLS.values()}


def test_a_machine_without_the_classic_groups_is_asked_for_their_meters_by_code() -> None:
    plan = asked(replace(MODERN, unsupported=frozenset({0x0F, 0x19})), {})

    assert set(CLASSIC_CODES) <= {*plan[EXTENDED], *plan[EXTENDED_TOO]}
    assert commands("start", replace(MODERN, unsupported=frozenset({0x0F, 0x19})))[0] == 0x11


@pytest.mark.parametrize(("code", "command"), SINGLE_POLLS.items())
def test_a_poll_of_its_own_carries_the_meter(code: int, command: int) -> None:
    assert METERS[code].name in {field.name for field in LONG_POLLS[command].reply}


@pytest.mark.parametrize(
    ("command", "kind"), [(EXTENDED, EXTENDED), (EXTENDED_TOO, EXTENDED), (SELECTED, SELECTED)]
)
def test_a_meter_without_digits_is_left_out(command: int, kind: int) -> None:
    poll = LongPollRequest(1, command, {"game": 0, "meter_codes": (0x03, 0x0B, 0x0D)})

    missing = left_out(poll, {"meters": (MeterValue(0x03, 7, 4), MeterValue(0x0B, 0, 0))})

    assert missing == (kind, frozenset({0x0B, 0x0D}))


def test_an_answer_that_has_all_it_was_asked_for_leaves_nothing_out() -> None:
    poll = LongPollRequest(1, EXTENDED, {"game": 0, "meter_codes": (0x03,)})

    assert left_out(poll, {"meters": (MeterValue(0x03, 7, 4),)}) is None
    assert left_out(LongPollRequest(1, 0x1A), {"current_credits": 1}) is None
