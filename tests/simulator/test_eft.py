"""The transfers from before AFT: offered, confirmed, logged."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.simulator.games import Bet
from edge_agent.simulator.specification import MachineSpec
from edge_agent.testing.machine_bench import ABLE, MachineBench

OLD = MachineSpec(4, ABLE.games, version="300", extended_meters=False, eft=True, credit_limit_cents=5_000)
CASHABLE, PROMOTIONAL, OUT, PROMOTIONAL_OUT = 0x69, 0x63, 0x64, 0x6B


def bench_of() -> MachineBench:
    bench = MachineBench(OLD)
    bench.hear()
    return bench


def move(bench: MachineBench, command: int, amount: int = 0, number: int = 1) -> list[int]:
    """Both phases; their statuses."""
    amounts = {} if command in {OUT, PROMOTIONAL_OUT} else {"amount": amount}
    return [
        bench.read(command, transaction_number=number, acknowledgement=phase, **amounts)["status"]
        for phase in (0, 1)
    ]


def test_a_transfer_takes_an_offer_and_a_confirmation() -> None:
    bench = bench_of()

    offered = bench.read(CASHABLE, transaction_number=1, acknowledgement=0, amount=500)
    assert offered == {"transaction_number": 1, "acknowledgement": 0, "status": 0, "amount": 500}
    assert bench.ask(0x1A) == {"current_credits": 0}
    bench.read(CASHABLE, transaction_number=1, acknowledgement=1, amount=500)

    assert bench.ask(0x1A) == {"current_credits": 500}
    assert bench.ask(0x1D)["cashable_in"] == 500
    assert bench.cabinet.accounts.balance == 0


def test_promotional_credits_cannot_be_cashed() -> None:
    bench = bench_of()

    assert move(bench, PROMOTIONAL, 300) == [0, 0]
    assert move(bench, CASHABLE, 100) == [0, 0]
    assert move(bench, OUT, number=2) == [0, 0]

    assert bench.ask(0x27) == {"current_non_cashable_promotional_credits": 300}
    assert bench.ask(0x1D) == {
        "promotional_in": 300,
        "non_cashable_in": 0,
        "transferred_out": 100,
        "cashable_in": 100,
    }
    assert bench.cabinet.accounts.balance == 0


def test_the_last_five_are_logged_newest_first() -> None:
    bench = bench_of()
    for number in range(1, 8):
        move(bench, CASHABLE, number, number)

    log = bench.ask(0x28)["transfers"]

    assert [entry["transaction_number"] for entry in log] == [7, 6, 5, 4, 3]
    assert log[0] == {
        "command": CASHABLE,
        "transaction_number": 7,
        "acknowledgement": 1,
        "status": 0,
        "amount": 7,
    }


@pytest.mark.parametrize("act", ["confirm alone", "other amount", "other phase"])
def test_what_was_not_offered_cannot_be_confirmed(act: str) -> None:
    bench = bench_of()
    if act == "other amount":
        bench.read(CASHABLE, transaction_number=1, acknowledgement=0, amount=5)
    phase = 2 if act == "other phase" else 1

    answer = bench.read(CASHABLE, transaction_number=1, acknowledgement=phase, amount=6)

    assert answer["status"] == 0x08
    assert bench.ask(0x1A) == {"current_credits": 0}


def test_a_transaction_number_is_used_once() -> None:
    bench = bench_of()
    move(bench, CASHABLE, 5)

    assert move(bench, CASHABLE, 5)[0] == 0x0B
    assert move(bench, CASHABLE, 5, 2) == [0, 0]


def _door(bench: MachineBench) -> None:
    bench.cabinet.open_door()


def _tilt(bench: MachineBench) -> None:
    bench.cabinet.note(0x20)


def _menu(bench: MachineBench) -> None:
    bench.cabinet.note(0x84)


def _game(bench: MachineBench) -> None:
    bench.cabinet.accept_bill(1)
    bench.cabinet.games.start(Bet(1, 0))


@pytest.mark.parametrize(
    ("prepare", "amount", "expected"),
    [
        (_door, 5, 0x02),
        (_tilt, 5, 0x07),
        (_menu, 5, 0x0D),
        (_game, 5, 0x09),
        (None, 5_001, 0x04),
        (None, 0, 0xFD),
    ],
)
def test_a_transfer_is_refused_for_its_reason(prepare: Any, amount: int, expected: int) -> None:
    bench = bench_of()
    if prepare:
        prepare(bench)

    assert move(bench, CASHABLE, amount)[0] == expected
    assert bench.ask(0x6A)["flags"] == (0x00 if prepare else 0x03)
    assert bench.ask(0x1D)["cashable_in"] == 0


def test_promotional_credits_go_to_the_host_alone_and_all_of_them() -> None:
    bench = bench_of()
    move(bench, PROMOTIONAL, 300)
    move(bench, CASHABLE, 100)

    assert move(bench, PROMOTIONAL_OUT, number=3) == [0, 0]

    assert bench.ask(0x1A) == {"current_credits": 100}
    assert bench.ask(0x27) == {"current_non_cashable_promotional_credits": 0}
    assert bench.ask(0x1D)["transferred_out"] == 300
    assert bench.cabinet.accounts.balance == 0


def test_the_last_cash_out_is_told_until_the_host_has_heard_it() -> None:
    bench = bench_of()
    move(bench, CASHABLE, 100)
    bench.cabinet.cash_out.begin("12345678")

    told = {"acknowledgement": 0, "status": 0, "amount": 100}
    assert bench.read(0x66, acknowledgement=0) == told
    assert bench.read(0x66, acknowledgement=0) == told
    assert bench.read(0x66, acknowledgement=1)["amount"] == 100
    assert bench.read(0x66, acknowledgement=0)["amount"] == 0
