"""Tickets that go into the machine: the cycle of one, its refusals and its timeouts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.simulator.accounts import Kind
from edge_agent.simulator.games import Bet
from edge_agent.simulator.redemption import Phase
from edge_agent.testing.machine_bench import ABLE, MachineBench

NUMBER = "011234567890123456"
NICKELS = replace(ABLE, denomination_code=0x02, player_denominations=(0x02,))


def bench_of(**change: Any) -> MachineBench:
    bench = MachineBench(replace(ABLE, validation="system", **change))
    bench.hear()
    return bench


def redeem(bench: MachineBench, code: int = 0x00, cents: int = 2_500, number: str = NUMBER) -> Any:
    return bench.read(0x71, transfer_code=code, amount_cents=cents, parsing_code=0, validation_data=number)


def status(bench: MachineBench) -> Any:
    return bench.read(0x71, transfer_code=0xFF)


def test_a_ticket_goes_from_escrow_to_the_credit_meter() -> None:
    """The worked trace of a ticket in."""
    bench = bench_of()

    assert bench.cabinet.redemption.insert(NUMBER)

    assert bench.general_poll() == 0x67
    held = {"amount_cents": 0, "parsing_code": 0, "validation_data": NUMBER}
    assert bench.read(0x70) == {"status": 0x00, **held}
    worth = {**held, "amount_cents": 2_500}
    assert redeem(bench) == {"machine_status": 0x40, **worth}
    assert status(bench)["machine_status"] == 0x40
    bench.wait(0.6)
    assert bench.hear() == [0x68]
    assert status(bench) == {"machine_status": 0x00, **worth}
    assert status(bench) == {"machine_status": 0xFF}
    assert bench.ask(0x1A) == {"current_credits": 2_500}
    assert bench.ask(0x50, validation_type=0x80)["amount_cents"] == 2_500
    assert bench.ask(0x13) == {"drop": 2_500}
    bench.wait(20.0)
    assert bench.hear() == []


@pytest.mark.parametrize(
    ("code", "kind", "validation_type"),
    [(0, Kind.CASHABLE, 0x80), (1, Kind.RESTRICTED, 0x81), (2, Kind.NONRESTRICTED, 0x82)],
)
def test_each_kind_of_ticket_becomes_credits_of_its_kind(code: int, kind: Kind, validation_type: int) -> None:
    bench = bench_of()
    bench.cabinet.redemption.insert(NUMBER)
    bench.read(0x70)
    redeem(bench, code)
    bench.wait(0.6)

    assert status(bench)["machine_status"] == code
    assert bench.cabinet.accounts.held(kind) == 2_500
    assert bench.ask(0x50, validation_type=validation_type)["count"] == 1


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"code": 0x80}, 0x80),
        ({"code": 0x88}, 0x80),
        ({"code": 0x03}, 0x82),
        ({"number": "009999999999999999"}, 0x81),
        ({"cents": 0}, 0x83),
        ({"cents": 1_000_005}, 0x84),
        ({"cents": 2_501}, 0x85),
    ],
)
def test_a_refused_ticket_comes_back_and_moves_nothing(request_: dict[str, Any], expected: int) -> None:
    bench = MachineBench(replace(NICKELS, validation="system"))
    bench.cabinet.redemption.insert(NUMBER)
    assert bench.hear() == [0x67]
    bench.read(0x70)

    assert redeem(bench, **request_)["machine_status"] == expected

    assert bench.hear() == [0x68]
    assert status(bench)["machine_status"] == expected
    assert bench.cabinet.accounts.credits == bench.cabinet.accounts.tickets_in == 0
    assert bench.cabinet.redemption.insert(NUMBER)


def test_a_ticket_is_refused_while_the_door_is_open() -> None:
    bench = bench_of()
    bench.cabinet.redemption.insert(NUMBER)
    bench.read(0x70)
    bench.cabinet.open_door()

    assert redeem(bench)["machine_status"] == 0x87
    assert not bench.cabinet.redemption.insert(NUMBER)


def test_before_70_and_after_the_end_71_comes_at_the_wrong_moment() -> None:
    bench = bench_of()
    assert redeem(bench) == {"machine_status": 0xC0}
    bench.cabinet.redemption.insert(NUMBER)

    assert redeem(bench) == {"machine_status": 0xC0}
    assert status(bench)["machine_status"] == 0x20
    bench.read(0x70)
    redeem(bench)
    assert redeem(bench) == {"machine_status": 0xC0}


@pytest.mark.parametrize(("read", "seconds"), [(False, 10.0), (True, 30.0)])
def test_a_ticket_nobody_decides_about_comes_back(read: bool, seconds: float) -> None:  # noqa: FBT001  a case
    bench = bench_of()
    bench.cabinet.redemption.insert(NUMBER)
    if read:
        bench.read(0x70)

    bench.wait(seconds - 1.0)
    assert bench.cabinet.redemption.is_busy()
    bench.wait(1.5)

    assert 0x68 in bench.hear()
    assert status(bench)["machine_status"] == 0x88
    assert bench.read(0x70) == {"status": 0xFF}


def test_a_ticket_comes_back_when_the_link_drops() -> None:
    bench = bench_of()
    bench.cabinet.redemption.insert(NUMBER)
    bench.read(0x70)

    bench.wait(7.0, polling=False)
    bench.acknowledge()

    assert status(bench)["machine_status"] == 0x89


def test_the_end_is_told_until_it_was_read_and_acknowledged_and_no_other_ticket_is_taken() -> None:
    bench = bench_of()
    bench.cabinet.redemption.insert(NUMBER)
    bench.hear()
    bench.read(0x70)
    redeem(bench, 0x84)
    assert bench.hear() == [0x68]

    assert not bench.cabinet.redemption.insert(NUMBER)
    bench.wait(15.0)
    assert bench.hear() == [0x68]
    bench.ask(0x71, transfer_code=0xFF)
    assert not bench.cabinet.redemption.insert(NUMBER)
    bench.acknowledge()

    assert bench.cabinet.redemption.insert(NUMBER)


def test_a_status_read_while_it_was_pending_does_not_close_the_cycle() -> None:
    bench = bench_of()
    bench.cabinet.redemption.insert(NUMBER)
    bench.read(0x70)
    redeem(bench)

    assert bench.ask(0x71, transfer_code=0xFF)["machine_status"] == 0x40
    bench.now += 1.0
    bench.machine.handle_timer(bench.now)  # it is stacked before the answer is acknowledged
    bench.acknowledge()

    assert status(bench)["machine_status"] == 0x00


@pytest.mark.parametrize(
    ("phase", "expected"), [(Phase.ESCROW, 0x89), (Phase.READ, 0x89), (Phase.STACKING, 0x00)]
)
@pytest.mark.parametrize("process", [False, True])
def test_the_cycle_survives_a_power_loss(phase: Phase, expected: int, process: bool) -> None:  # noqa: FBT001  a case
    bench = bench_of()
    bench.cabinet.redemption.insert(NUMBER)
    if phase is not Phase.ESCROW:
        bench.read(0x70)
    if phase is Phase.STACKING:
        redeem(bench)

    if process:
        bench.die_and_return()
    else:
        bench.cut_power()
    bench.wait(1.0)

    assert 0x68 in bench.hear()
    assert status(bench)["machine_status"] == expected
    assert bench.cabinet.accounts.credits == (2_500 if expected == 0 else 0)
    assert bench.cabinet.accounts.balance == 0


def test_no_ticket_is_taken_during_a_game_or_without_a_host() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(1)
    bench.cabinet.games.start(Bet(1, 0))
    assert not bench.cabinet.redemption.insert(NUMBER)
    bench.cabinet.games.finish()

    bench.wait(6.0, polling=False)

    assert not bench.cabinet.redemption.insert(NUMBER)
    bench.acknowledge()
    assert bench.cabinet.redemption.insert(NUMBER)


def test_a_host_may_switch_redemption_off() -> None:
    bench = bench_of()
    days = {"cashable_expiration_days": 0, "restricted_expiration_days": 0}
    bench.read(0x7B, control_mask=0x20, status_bits=0, **days)

    assert not bench.cabinet.redemption.insert(NUMBER)
