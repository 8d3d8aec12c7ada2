"""Handpays: the queue, what the host reads of it, and who keys them off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.simulator.games import Bet
from edge_agent.simulator.handpays import CANCELLED_CREDITS, TOP_WIN, Handpay
from edge_agent.simulator.specification import MachineSpec
from edge_agent.testing.machine_bench import ABLE, MachineBench

PLAIN = MachineSpec(3, ABLE.games, attendant_pays_from_cents=1_000)
SECURE = replace(PLAIN, secure_handpays=True)


def bench_of(spec: MachineSpec = SECURE, **change: Any) -> MachineBench:
    bench = MachineBench(replace(spec, **change))
    bench.cabinet.accept_bill(20)
    bench.hear()
    return bench


def win(bench: MachineBench, credits_: int = 3_000) -> None:
    bench.cabinet.games.start(Bet(1, 0), win=credits_)
    bench.hear()
    bench.cabinet.games.finish()


def test_a_large_win_is_pending_then_reset_and_then_the_game_is_over() -> None:
    bench = bench_of()
    win(bench)

    assert bench.hear() == [0x51]
    answer = bench.read(0x1B)
    assert (answer["level"], answer["amount"], answer["reset_id"]) == (TOP_WIN, 3_000, 0x00)
    bench.cabinet.key_off()

    assert bench.hear() == [0x52, 0x7F]
    assert bench.ask(0x14) == {"jackpot": 3_000}
    assert bench.cabinet.accounts.balance == 0


def test_it_is_told_every_fifteen_seconds_until_it_was_read() -> None:
    bench = bench_of()
    bench.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 1_000))
    assert bench.hear() == [0x51]

    bench.wait(15.0)
    assert bench.hear() == [0x51]
    bench.read(0x1B)
    bench.wait(30.0)

    assert bench.hear() == []


def test_five_handpays_wait_to_be_read_first_in_first_out() -> None:
    bench = bench_of()
    for amount in (1, 2, 3, 4, 5):
        bench.cabinet.handpays.call_attendant(Handpay(TOP_WIN, amount))
        bench.cabinet.key_off()

    assert [bench.read(0x1B)["amount"] for _ in range(6)] == [1, 2, 3, 4, 5, 0]


def test_a_handpay_is_told_of_before_its_reset_though_nobody_has_read_the_one_before() -> None:
    bench = bench_of()
    bench.cabinet.handpays.call_attendant(Handpay(TOP_WIN, 1))
    assert bench.hear() == [0x51]
    bench.cabinet.key_off()
    assert bench.hear() == [0x52]

    bench.cabinet.handpays.call_attendant(Handpay(TOP_WIN, 2))

    assert bench.hear() == [0x51]
    bench.cabinet.key_off()
    assert bench.hear() == [0x52]
    assert [bench.read(0x1B)["amount"] for _ in range(3)] == [1, 2, 0]


def test_a_handpay_whose_answer_was_not_heard_stays_unread() -> None:
    bench = bench_of()
    bench.cabinet.handpays.call_attendant(Handpay(TOP_WIN, 7))
    bench.ask(0x1B)

    bench.wait(6.0, polling=False)
    bench.acknowledge()

    assert bench.ask(0x1B)["amount"] == 7


def test_nothing_that_was_told_does_not_take_the_next_handpay_with_it() -> None:
    bench = bench_of()
    assert bench.ask(0x1B)["amount"] == 0

    bench.cabinet.handpays.call_attendant(Handpay(TOP_WIN, 7))
    bench.acknowledge()

    assert bench.ask(0x1B)["amount"] == 7


def test_legacy_reporting_shows_the_lock_up_of_this_moment() -> None:
    bench = bench_of(PLAIN)
    bench.cabinet.handpays.call_attendant(Handpay(TOP_WIN, 7))
    assert bench.hear() == [0x51]
    assert [bench.read(0x1B)["amount"] for _ in range(2)] == [7, 7]

    bench.cabinet.key_off()

    assert bench.read(0x1B)["amount"] == 0
    bench.wait(20.0)
    assert bench.hear() == [0x52]


# -- from afar -------------------------------------------------------------------------------


def test_a_host_resets_a_handpay() -> None:
    bench = bench_of()
    bench.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 2_000))

    assert bench.read(0x94) == {"code": 0x00}

    assert bench.read(0x94) == {"code": 0x02}
    assert bench.cabinet.accounts.handpaid == 2_000
    assert 0x52 in bench.hear()


@pytest.mark.parametrize("reason", ["not allowed", "door"])
def test_a_host_cannot_reset_where_the_machine_does_not_let_it(reason: str) -> None:
    bench = bench_of(remote_reset=reason != "not allowed")
    bench.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 2_000))
    if reason == "door":
        bench.cabinet.open_door()

    assert bench.read(0x94) == {"code": 0x01}
    assert bench.cabinet.handpays.pending is not None


def test_a_jackpot_can_go_to_the_credit_meter() -> None:
    bench = bench_of(resets_to_credits=True)
    win(bench)
    assert bench.read(0x1B)["reset_id"] == 0x01

    assert bench.read(0xA8, reset_method=0x01) == {"code": 0x00}
    bench.read(0x94)

    assert bench.hear() == [0x52, 0x51, 0x5A, 0x7F]
    assert bench.ask(0x12) == {"coin_out": 3_000}
    assert bench.ask(0x14) == {"jackpot": 0}
    assert bench.ask(0x1A) == {"current_credits": 4_999}


def test_a_reset_method_can_be_taken_back_and_holds_for_one_handpay() -> None:
    bench = bench_of(resets_to_credits=True)
    win(bench)
    bench.read(0xA8, reset_method=0x01)

    assert bench.read(0xA8, reset_method=0x00) == {"code": 0x00}
    bench.read(0x94)

    assert bench.ask(0x14) == {"jackpot": 3_000}
    assert bench.read(0xA8, reset_method=0x01) == {"code": 0x02}


def test_cancelled_credits_do_not_go_back_to_the_credit_meter() -> None:
    bench = bench_of(resets_to_credits=True)
    bench.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 2_000))

    assert bench.read(0xA8, reset_method=0x01) == {"code": 0x01}
    assert type(bench.read(0xA8, reset_method=0x02)).__name__ == "Nack"


def test_a_guest_who_wants_to_play_on_cancels_the_request() -> None:
    bench = bench_of()
    bench.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 2_000))
    bench.hear()

    bench.cabinet.cancel_handpay_request()

    assert bench.hear() == [0x55]
    assert bench.read(0x1B)["amount"] == 0
    assert bench.ask(0x1A) == {"current_credits": 2_000}
    assert bench.cabinet.can_play


def test_a_win_cannot_be_given_back() -> None:
    bench = bench_of()
    win(bench)

    bench.cabinet.cancel_handpay_request()

    assert bench.cabinet.handpays.pending is not None


def test_the_queue_and_the_lock_up_outlive_the_process() -> None:
    bench = bench_of()
    for amount in (1, 2):
        bench.cabinet.handpays.call_attendant(Handpay(TOP_WIN, amount))
        bench.cabinet.key_off()
    win(bench, 3_000)

    bench.die_and_return()

    assert [bench.read(0x1B)["amount"] for _ in range(3)] == [1, 2, 3_000]
    assert bench.cabinet.handpays.pending is not None
    bench.cabinet.key_off()
    assert 0x7F in bench.hear()
    assert bench.cabinet.accounts.balance == 0
