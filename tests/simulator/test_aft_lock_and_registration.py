"""The AFT lock, the registration, and the cash-outs that are offered to the host."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.simulator.games import Bet
from edge_agent.simulator.handpays import CANCELLED_CREDITS, TOP_WIN, Handpay
from edge_agent.testing.machine_bench import MachineBench
from tests.simulator.conftest import bench_of

ASSET = 300
KEY = bytes(range(1, 21))
NO_KEY = bytes(20)
LOCKED, PENDING, FREE = 0x00, 0x40, 0xFF
EVERYTHING = 9_999_999_999


def lock(bench: MachineBench, code: int = 0xFF, conditions: int = 0, timeout: int = 0) -> Any:
    return bench.read(0x74, lock_code=code, lock_conditions=conditions, lock_timeout_hundredths=timeout)


def transfer(bench: MachineBench, **change: Any) -> Any:
    return bench.read(
        0x72,
        **{
            "transfer_code": 0x00,
            "transaction_index": 0,
            "transfer_type": 0x00,
            "cashable_cents": 1_000,
            "restricted_cents": 0,
            "nonrestricted_cents": 0,
            "transfer_flags": 0,
            "asset_number": ASSET,
            "registration_key": NO_KEY,
            "transaction_id": "T1",
            "expiration": "00000000",
            "pool": 0,
            "receipt_data": (),
            **change,
        },
    )


# -- the lock --------------------------------------------------------------------------------


def test_an_idle_machine_locks_at_once_and_says_so_every_five_seconds() -> None:
    bench = bench_of()

    assert lock(bench, 0x00, 0x01, 2_000)["lock_status"] == LOCKED

    assert bench.hear() == [0x6F]
    bench.wait(5.0)
    assert bench.hear() == [0x6F]
    bench.wait(15.0)
    bench.hear()
    assert lock(bench)["lock_status"] == FREE
    bench.wait(10.0)
    assert bench.hear() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_a_locked_machine_does_not_play(*, is_locked: bool) -> None:
    bench = bench_of()
    lock(bench, 0x00 if is_locked else 0xFF, 0x01, 2_000)

    assert bench.cabinet.can_play is not is_locked


def test_a_lock_waits_for_the_game_under_way() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(1)
    bench.cabinet.games.start(Bet(1, 0))

    assert lock(bench, 0x00, 0x01, 1_000)["lock_status"] == PENDING
    bench.cabinet.games.finish()
    bench.wait(0.2)

    assert lock(bench)["lock_status"] == LOCKED


def test_a_lock_that_is_not_granted_in_its_time_is_given_up() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(1)
    bench.cabinet.games.start(Bet(1, 0))
    lock(bench, 0x00, 0x01, 100)

    bench.wait(1.1)
    bench.cabinet.games.finish()
    bench.wait(1.0)

    assert lock(bench)["lock_status"] == FREE


@pytest.mark.parametrize(("conditions", "timeout"), [(0x00, 1_000), (0x01, 0), (0xF0, 1_000)])
def test_a_lock_that_asks_for_nothing_is_not_granted(conditions: int, timeout: int) -> None:
    assert lock(bench_of(), 0x00, conditions, timeout)["lock_status"] == FREE


def test_a_lock_for_what_is_not_possible_stays_pending() -> None:
    bench = bench_of()

    assert lock(bench, 0x00, 0x02, 1_000)["lock_status"] == PENDING  # there is nothing to take

    bench.cabinet.accept_bill(1)
    bench.wait(0.2)
    assert lock(bench)["lock_status"] == LOCKED


def test_the_host_ends_a_lock() -> None:
    bench = bench_of()
    lock(bench, 0x00, 0x01, 9_999)

    assert lock(bench, 0x80)["lock_status"] == FREE


def test_the_lock_ends_with_the_transfer_it_was_for() -> None:
    bench = bench_of()
    lock(bench, 0x00, 0x01, 9_999)

    assert transfer(bench, transfer_flags=0x40)["transfer_status"] == 0x40
    bench.wait(0.5)

    assert lock(bench)["lock_status"] == FREE


def test_a_transfer_may_keep_the_machine_locked() -> None:
    bench = bench_of()

    transfer(bench, transfer_flags=0x10, lock_timeout_hundredths=500)
    bench.wait(0.5)

    assert lock(bench)["lock_status"] == LOCKED
    bench.wait(5.0)
    assert lock(bench)["lock_status"] == FREE


def test_no_lock_outlasts_the_power() -> None:
    bench = bench_of()
    lock(bench, 0x00, 0x01, 9_999)

    bench.cut_power(7.0)

    assert lock(bench)["lock_status"] == FREE


def test_the_status_says_what_is_possible_now() -> None:
    bench = bench_of()
    answer = lock(bench)
    assert (answer["asset_number"], answer["max_history_index"]) == (ASSET, 0x7F)
    assert answer["available_transfers"] == 0x01 | 0x04 | 0x10 | 0x20
    assert answer["aft_status"] == 0xF3

    bench.cabinet.accept_bill(20)
    assert lock(bench)["available_transfers"] == 0x37
    assert lock(bench)["cashable_cents"] == 2_000
    bench.cabinet.open_door()
    assert lock(bench)["available_transfers"] == 0


def test_the_limit_is_what_still_fits() -> None:
    bench = bench_of(credit_limit_cents=5_000, aft_transfer_limit_cents=4_000)
    assert lock(bench)["transfer_limit_cents"] == 4_000

    bench.cabinet.accept_bill(20)

    assert lock(bench)["transfer_limit_cents"] == 3_000


# -- registration ----------------------------------------------------------------------------


def register(bench: MachineBench, code: int, *, key: bytes = KEY, asset: int = ASSET, pos: int = 5) -> Any:
    return bench.read(0x73, registration_code=code, asset_number=asset, registration_key=key, pos_id=pos)


def status(bench: MachineBench) -> int:
    answer: int = bench.read(0x73, registration_code=0xFF)["registration_status"]
    return answer


def test_a_host_registers_a_machine_in_two_steps() -> None:
    bench = bench_of()
    assert status(bench) == 0x80

    assert register(bench, 0x00)["registration_status"] == 0x00
    answer = register(bench, 0x01)

    assert answer == {
        "registration_status": 0x01,
        "asset_number": ASSET,
        "registration_key": KEY,
        "pos_id": 5,
    }
    assert lock(bench)["aft_status"] & 0x08


def test_with_an_operator_it_takes_the_operators_word() -> None:
    bench = bench_of()

    assert register(bench, 0x40)["registration_status"] == 0x40
    assert register(bench, 0x01)["registration_status"] == 0x40
    bench.cabinet.registration.operator_agrees()

    assert bench.hear() == [0x6D]
    assert register(bench, 0x01)["registration_status"] == 0x01


def test_an_operator_begins_and_cancels() -> None:
    bench = bench_of()

    bench.cabinet.registration.operator_asks()
    register(bench, 0x00)
    register(bench, 0x01)
    bench.cabinet.registration.operator_cancels()

    assert bench.hear() == [0x6C, 0x6E]
    assert status(bench) == 0x80


def test_an_operator_has_nothing_to_agree_to_unless_asked() -> None:
    bench = bench_of()

    bench.cabinet.registration.operator_agrees()

    assert bench.hear() == []


@pytest.mark.parametrize(
    "change", [{"key": NO_KEY}, {"asset": 301}], ids=["no key", "another machine's asset number"]
)
def test_what_makes_no_registration_is_not_one(change: dict[str, Any]) -> None:
    bench = bench_of()
    register(bench, 0x00)

    assert register(bench, 0x01, **change)["registration_status"] != 0x01


def test_registering_without_being_ready_does_nothing() -> None:
    assert register(bench_of(), 0x01)["registration_status"] == 0x80


@pytest.mark.parametrize("form", ["short", "long"])
def test_a_registration_ends_in_either_form(form: str) -> None:
    bench = bench_of()
    register(bench, 0x00)
    register(bench, 0x01)

    answer = register(bench, 0x80) if form == "long" else bench.read(0x73, registration_code=0x80)

    assert (answer["registration_status"], answer["registration_key"]) == (0x80, NO_KEY)


def test_a_pos_id_may_stay_as_it_was() -> None:
    bench = bench_of()
    register(bench, 0x00)
    register(bench, 0x01)

    register(bench, 0x00)

    assert register(bench, 0x01, pos=0xFFFF_FFFF)["pos_id"] == 5


# -- cash-out to the host --------------------------------------------------------------------


def offer(**change: Any) -> MachineBench:
    """A machine whose guest leaves with $20, offered to the host."""
    bench = bench_of(aft_host_cash_out=True, **change)
    bench.cabinet.accept_bill(20)
    bench.hear()
    bench.cabinet.cash_out.begin("")
    return bench


def take(bench: MachineBench, transfer_type: int = 0x80, **change: Any) -> Any:
    return transfer(
        bench, transfer_type=transfer_type, transfer_code=0x01, cashable_cents=EVERYTHING, **change
    )


def test_the_host_takes_what_a_guest_leaves_with() -> None:
    bench = offer()
    assert bench.hear() == [0x6A, 0x66]
    bench.wait(0.8)
    assert bench.hear() == [0x6A]

    assert take(bench)["transfer_status"] == 0x40
    bench.wait(0.5)

    assert bench.hear() == [0x69]
    assert bench.cabinet.accounts.transfer(0xB8).credits == 2_000
    assert not bench.cabinet.board.situation.cashing_out
    assert bench.cabinet.accounts.credits == 0
    assert bench.ask(0x13) == {"drop": 2_000}
    assert bench.ask(0x10) == {"cancelled_credits": 2_000}


def test_a_host_that_stays_silent_leaves_the_credits_to_the_printer() -> None:
    bench = offer()
    bench.hear()

    bench.wait(7.5)
    assert bench.cabinet.board.situation.cashing_out
    bench.wait(1.0)

    assert bench.hear()[0] == 0x3D
    assert bench.cabinet.accounts.tickets_out == 2_000


def test_what_the_host_leaves_is_printed() -> None:
    bench = offer()

    transfer(bench, transfer_type=0x80, cashable_cents=1_500)
    bench.wait(0.5)

    assert bench.cabinet.accounts.transfer(0xB8).credits == 1_500
    assert bench.cabinet.accounts.tickets_out == 500


def test_a_cancelled_transfer_leaves_the_credits_to_the_printer() -> None:
    bench = offer()
    take(bench)

    bench.read(0x72, transfer_code=0x80)

    assert bench.cabinet.accounts.tickets_out == 2_000
    assert not bench.cabinet.board.situation.cashing_out


def test_a_host_that_wants_it_hard_leaves_nothing_to_the_printer() -> None:
    bench = bench_of()
    transfer(bench, transfer_flags=0x07)
    bench.wait(0.5)
    bench.read(0x72, transfer_code=0xFF, transaction_index=0)
    assert lock(bench)["host_cash_out_status"] == 0x07

    bench.cabinet.cash_out.begin("")
    bench.wait(9.0)

    assert bench.cabinet.handpays.pending == Handpay(CANCELLED_CREDITS, 1_000)
    assert bench.cabinet.accounts.tickets_out == 0


def test_without_the_control_flag_a_transfer_sets_nothing() -> None:
    bench = bench_of(aft_host_cash_out=True)

    transfer(bench, transfer_flags=0x04)

    assert lock(bench)["host_cash_out_status"] == 0x03


def win_offered() -> MachineBench:
    bench = bench_of(aft_host_cash_out=True, attendant_pays_from_cents=1_000)
    bench.cabinet.accept_bill(1)
    bench.cabinet.games.start(Bet(1, 0), win=3_000)
    bench.hear()
    bench.cabinet.games.finish()
    return bench


def test_the_host_takes_a_win_instead_of_the_attendant_paying_it() -> None:
    bench = win_offered()
    assert bench.hear() == [0x6B]
    assert lock(bench)["available_transfers"] & 0x08

    assert take(bench, 0x90)["transfer_status"] == 0x40
    bench.wait(0.5)

    assert bench.hear() == [0x69, 0x7F]
    final = bench.read(0x72, transfer_code=0xFF, transaction_index=0)
    assert (final["transfer_status"], final["cashable_cents"]) == (0x01, 3_000)
    assert bench.ask(0x12) == {"coin_out": 3_000}
    assert bench.cabinet.accounts.credits == 99
    assert bench.cabinet.accounts.balance == 0


def test_a_win_the_host_does_not_take_is_paid_by_hand() -> None:
    bench = win_offered()

    bench.wait(8.5)

    pending = bench.cabinet.handpays.pending
    assert pending is not None
    assert (pending.level, pending.credits) == (TOP_WIN, 3_000)
    bench.cabinet.key_off()
    assert bench.ask(0x14) == {"jackpot": 3_000}
    assert bench.cabinet.accounts.balance == 0


def test_an_offer_is_renewed_when_the_power_comes_back() -> None:
    bench = offer()

    bench.die_and_return()
    assert bench.cabinet.board.situation.cashing_out
    bench.wait(9.0)

    assert bench.cabinet.accounts.tickets_out == 2_000
    assert not bench.cabinet.board.situation.cashing_out
