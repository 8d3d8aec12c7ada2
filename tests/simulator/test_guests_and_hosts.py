"""Guests at a machine that a host locks out, empties of games, or pays a bonus on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.sas.messages import Nack
from edge_agent.simulator.specification import Chances
from edge_agent.testing.machine_bench import ABLE, MachineBench

QUIET = replace(ABLE, chances=Chances(*[0.0] * 11), validation="standard", meter_change_notification=False)


def playing(**change: Any) -> MachineBench:
    """A machine whose guest is in the middle of it."""
    bench = MachineBench(replace(QUIET, **change), guests=True)
    while bench.cabinet.accounts.games_played < 3:
        bench.wait(0.5)
    return bench


def test_a_guest_who_is_locked_out_waits_a_while_then_cashes_out_and_goes() -> None:
    bench = playing()
    bench.read(0x01)
    bench.wait(5.0)
    played = bench.cabinet.accounts.games_played

    bench.wait(120.0)

    assert bench.cabinet.accounts.games_played == played
    assert bench.cabinet.accounts.credits == 0
    assert bench.cabinet.accounts.balance == 0
    bench.read(0x02)
    bench.wait(120.0)
    assert bench.cabinet.accounts.games_played > played


def test_no_guest_sits_down_where_every_game_is_disabled() -> None:
    bench = MachineBench(QUIET, guests=True)
    for game in (1, 2):
        bench.read(0x09, game=game, enable=0)

    bench.wait(120.0)

    assert bench.cabinet.accounts.games_played == bench.cabinet.accounts.bills == 0


def test_no_bill_goes_in_where_the_acceptor_is_off() -> None:
    bench = MachineBench(QUIET, guests=True)
    bench.read(0x07)

    bench.wait(120.0)

    assert bench.cabinet.accounts.bills == 0


def test_an_attendant_comes_for_a_bonus_that_is_paid_by_hand() -> None:
    bench = playing()
    bonus = {
        "transfer_code": 0x00,
        "transaction_index": 0,
        "transfer_type": 0x11,
        "cashable_cents": 1_000,
        "restricted_cents": 0,
        "nonrestricted_cents": 0,
        "transfer_flags": 0,
        "asset_number": 300,
        "registration_key": bytes(20),
        "transaction_id": "B1",
        "expiration": "00000000",
        "pool": 0,
        "receipt_data": (),
    }
    assert bench.read(0x72, **bonus)["transfer_status"] == 0x40

    bench.wait(120.0)

    assert bench.cabinet.accounts.attendant_bonus == 1_000
    assert bench.cabinet.handpays.pending is None


def test_points_are_played_for_in_a_tournament() -> None:
    bench = MachineBench(QUIET, guests=True)
    bench.read(0x8C, game=1, time=9_900, credits=1_000, pulses=0)

    bench.wait(120.0)

    assert bench.ask(0x95, game=0)["tournament_games_played"] > 5
    assert bench.ask(0x15) == {"games_played": 0}
    assert bench.cabinet.accounts.bills == 0


def test_an_operator_agrees_to_the_registration_a_host_asked_for() -> None:
    bench = MachineBench(QUIET, guests=True)
    bench.read(0x73, registration_code=0x40, asset_number=300, registration_key=b"\x01" * 20, pos_id=1)

    bench.wait(400.0)

    assert bench.cabinet.registration.memory.operator_agreed


def test_it_tells_its_limit_and_its_one_wager_category() -> None:
    bench = MachineBench(replace(QUIET, ticket_limit_cents=5_000))
    bench.cabinet.accounts.games[1].coin_in = 10**8 + 7

    assert bench.ask(0xA4, game=0) == {"game": 0, "limit": 5_000}
    assert bench.ask(0xA4, game=3) is None
    category = bench.ask(0xB4, game=2, category=0)
    assert (category["payback"], category["coin_in"]) == ("9400", 7)
    assert bench.ask(0xB4, game=2, category=1) is None
    assert bench.ask(0xB4, game=3, category=0) is None


def test_before_any_ticket_there_is_nothing_to_tell_and_types_nobody_knows_are_refused() -> None:
    bench = MachineBench(QUIET)

    assert bench.ask(0x3D) == {"validation_number": "00000000", "amount_cents": 0}
    assert isinstance(bench.ask(0x50, validation_type=0x33), Nack)


@pytest.mark.parametrize("field", ["location", "address_1", "address_2"])
def test_a_text_too_long_for_a_ticket_is_refused_whole(field: str) -> None:
    bench = MachineBench(QUIET)
    data = {"host_id": 7, "expiration_days": 5, "location": "", "address_1": "", "address_2": ""}

    assert isinstance(bench.read(0x7D, **{**data, field: "x" * 41}), Nack)

    assert bench.cabinet.validation.memory.host_id == 0
    bench.read(0x7D, **{**data, field: "x" * 40})
    assert bench.cabinet.validation.memory.cashable_days == 5
