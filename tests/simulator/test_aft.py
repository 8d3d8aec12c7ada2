"""AFT transfers: one cycle to its end, what refuses it, where the money goes, and the history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edge_agent.simulator.accounts import Kind
from edge_agent.simulator.aft_rules import REFUSALS
from edge_agent.simulator.games import Bet
from edge_agent.simulator.handpays import CANCELLED_CREDITS, TOP_WIN, Handpay
from edge_agent.testing.machine_bench import ABLE, MachineBench
from tests.simulator.conftest import bench_of

ASSET = 300
KEY = bytes(range(1, 21))
NO_KEY = bytes(20)
NICKELS = replace(ABLE, denomination_code=0x02, player_denominations=(0x02,))
IDENTITY = {"machine_id": 0x654321, "sequence": 0}


def transfer(transaction_id: str = "T0001", **change: Any) -> dict[str, Any]:
    """An in-house transfer of $10.00 to the machine, unless something else is said."""
    return {
        "transfer_code": 0x00,
        "transaction_index": 0,
        "transfer_type": 0x00,
        "cashable_cents": 1_000,
        "restricted_cents": 0,
        "nonrestricted_cents": 0,
        "transfer_flags": 0,
        "asset_number": ASSET,
        "registration_key": NO_KEY,
        "transaction_id": transaction_id,
        "expiration": "00000000",
        "pool": 0,
        "receipt_data": (),
        **change,
    }


def start(bench: MachineBench, transaction_id: str = "T0001", **change: Any) -> Any:
    return bench.read(0x72, **transfer(transaction_id, **change))


def look(bench: MachineBench, code: int = 0xFE, index: int = 0) -> Any:
    return bench.read(0x72, transfer_code=code, transaction_index=index)


def complete(bench: MachineBench, transaction_id: str = "T0001", **change: Any) -> Any:
    """The whole cycle; its final answer."""
    assert start(bench, transaction_id, **change)["transfer_status"] == 0x40
    bench.wait(0.5)
    return look(bench, 0xFF)


def register(bench: MachineBench, pos_id: int = 5) -> None:
    for code in (0x00, 0x01):
        bench.read(0x73, registration_code=code, asset_number=ASSET, registration_key=KEY, pos_id=pos_id)


def credits_of(bench: MachineBench) -> tuple[int, int, int]:
    accounts = bench.cabinet.accounts
    return accounts.cashable, accounts.restricted, accounts.nonrestricted


# -- one cycle -------------------------------------------------------------------------------


def test_a_transfer_is_pending_then_done_and_told_until_it_was_read() -> None:
    """The worked trace of a transfer in."""
    bench = bench_of()
    bench.read(0x7F, date="07042026", time="123110")

    pending = start(bench)
    assert (pending["transfer_status"], pending["receipt_status"]) == (0x40, 0xFF)
    assert (pending["cashable_cents"], pending["cumulative_cashable_cents"]) == (1_000, None)
    bench.wait(0.5)

    assert bench.hear() == [0x69]
    bench.wait(15.0)
    assert bench.hear() == [0x69]
    done = look(bench, 0xFF)
    assert (done["history_position"], done["transfer_status"]) == (0, 0x00)
    assert (done["date"], done["time"]) == ("07042026", "123110")
    assert [done[f"cumulative_{kind}_cents"] for kind in ("cashable", "restricted", "nonrestricted")] == [
        1_000,
        0,
        0,
    ]
    bench.wait(30.0)
    assert bench.hear() == []
    assert bench.ask(0x1A) == {"current_credits": 1_000}
    assert look(bench)["history_position"] == 1


def test_until_the_end_was_read_with_ff_and_acknowledged_everything_else_comes_at_the_wrong_moment() -> None:
    bench = bench_of()
    start(bench)
    assert start(bench, "T0002") == {"history_position": 0, "transfer_status": 0xC0}
    bench.wait(0.5)

    assert start(bench, "T0002")["transfer_status"] == 0xC0
    assert look(bench)["transfer_status"] == 0x00  # FE closes nothing
    assert start(bench, "T0002")["transfer_status"] == 0xC0
    look(bench, 0xFF)

    assert start(bench, "T0002")["transfer_status"] == 0x40


def test_an_end_read_while_it_was_pending_closes_nothing() -> None:
    bench = bench_of()
    start(bench)

    assert bench.ask(0x72, transfer_code=0xFF, transaction_index=0)["transfer_status"] == 0x40
    bench.now += 1.0
    bench.machine.handle_timer(bench.now)
    bench.acknowledge()

    assert start(bench, "T0002")["transfer_status"] == 0xC0
    assert look(bench, 0xFF)["transfer_status"] == 0x00


def test_a_transfer_waits_for_the_game_under_way() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(1)
    bench.cabinet.games.start(Bet(1, 0))

    start(bench)
    bench.wait(5.0)
    assert look(bench)["transfer_status"] == 0x40
    bench.cabinet.games.finish()
    bench.wait(0.5)

    assert look(bench)["transfer_status"] == 0x00


def test_a_pending_transfer_can_be_cancelled_and_nothing_moved() -> None:
    bench = bench_of()
    start(bench)

    assert bench.read(0x72, transfer_code=0x80) == {"history_position": 0, "transfer_status": 0x80}
    bench.wait(5.0)

    final = look(bench, 0xFF)
    assert (final["transfer_status"], final["cashable_cents"]) == (0x80, 0)
    assert credits_of(bench) == (0, 0, 0)
    assert start(bench)["transfer_status"] == 0x40


def test_there_is_nothing_to_cancel_before_a_transfer_and_after_it() -> None:
    bench = bench_of()
    assert bench.read(0x72, transfer_code=0x80)["transfer_status"] == 0xC0
    start(bench)
    bench.wait(0.5)

    assert bench.read(0x72, transfer_code=0x80)["transfer_status"] == 0xC0
    assert look(bench)["transfer_status"] == 0x00


def test_a_code_nobody_knows_is_unsupported() -> None:
    assert start(bench_of(), transfer_code=0x02) == {"history_position": 0, "transfer_status": 0xC1}


def test_the_same_poll_sent_again_moves_money_once() -> None:
    bench = bench_of()
    for _ in range(4):  # original, two repeats, and one that is taken in afresh
        bench.repeat_long(0x72, **transfer())
    bench.wait(1.0)

    assert credits_of(bench) == (1_000, 0, 0)


# -- refusals --------------------------------------------------------------------------------

Prepare = Callable[[MachineBench], object]


def _door(bench: MachineBench) -> None:
    bench.cabinet.open_door()


def _holds_restricted(bench: MachineBench) -> None:
    complete(bench, "R", cashable_cents=0, restricted_cents=500, pool=7)


def _handpay(bench: MachineBench) -> None:
    bench.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 100))


def _locked_out(bench: MachineBench) -> None:
    bench.read(0x01)


def _done_before(bench: MachineBench) -> None:
    complete(bench)


def _registered_without_pos(bench: MachineBench) -> None:
    register(bench, pos_id=0)


DEBIT = {"transfer_type": 0x40, "registration_key": KEY}
TO_HOST = {"transfer_type": 0x80, "transfer_code": 0x00}
TICKET = {"transfer_type": 0x20}
RECEIPT = ({"code": 0x00, "data": b"Cage"},)
REFUSED: tuple[tuple[int, dict[str, Any], Prepare | None], ...] = (
    (0x82, {"transfer_type": 0x55}, None),
    (0x95, {"transaction_id": ""}, None),
    (0x95, {"transaction_id": "T\x07"}, None),
    (0x95, {"transaction_id": "T" * 21}, None),
    (0x81, {}, _done_before),
    (0x93, {"asset_number": 0}, None),
    (0x93, {"asset_number": 301}, None),
    (0x88, DEBIT, None),
    (0x89, {"registration_key": KEY}, None),
    (0x89, {**DEBIT, "registration_key": bytes(19) + b"\x01"}, register),
    (0x8A, DEBIT, _registered_without_pos),
    (0x94, {"transfer_flags": 0x40}, None),
    (0x8B, {"transfer_type": 0x90}, None),
    (0x87, {}, _door),
    (0x87, {}, _handpay),
    (0x87, {}, _locked_out),
    (0x92, {"transfer_type": 0x10, "transfer_flags": 0x80, "receipt_data": RECEIPT}, None),
    (0x91, {"transfer_flags": 0x80}, None),
    (0x83, {"transfer_type": 0x40, "restricted_cents": 5, "registration_key": KEY}, register),
    (0x83, {**TICKET, "restricted_cents": 1_000}, None),
    (0x83, {"restricted_cents": 100, "expiration": "13322026"}, None),
    (0x8D, {**TICKET, "cashable_cents": 0, "restricted_cents": 100, "expiration": "02302026"}, None),
    (0x85, {"cashable_cents": 1_001}, None),
    (0x84, {"cashable_cents": 500_005}, None),
    (0x84, {"cashable_cents": 400_000, "nonrestricted_cents": 200_000}, None),
    (0x84, TO_HOST, None),
    (0x8F, {"restricted_cents": 100, "pool": 8}, _holds_restricted),
)


@pytest.mark.parametrize(("expected", "change", "prepare"), REFUSED)
def test_a_transfer_is_refused_for_its_reason_at_once_and_stands_in_nobodys_way(
    expected: int, change: dict[str, Any], prepare: Prepare | None
) -> None:
    bench = MachineBench(NICKELS)
    bench.read(0x4C, **IDENTITY)
    if prepare:
        prepare(bench)
    bench.hear()
    before = credits_of(bench)

    answer = bench.read(0x72, **{**transfer(), **change})

    assert answer["transfer_status"] == expected
    assert look(bench, 0xFF)["transfer_status"] == expected
    bench.wait(2.0)
    assert 0x69 not in bench.hear()
    assert credits_of(bench) == before


@pytest.mark.parametrize(
    ("expected", "without", "change"),
    [
        (0x82, {"aft_bonus": False}, {"transfer_type": 0x10}),
        (0x82, {"aft_debit": False}, DEBIT),
        (0x82, {"aft_to_ticket": False}, TICKET),
        (0x90, {"aft_receipts": False}, {"transfer_flags": 0x80, "receipt_data": RECEIPT}),
        (0x86, {"aft_partial_to_host": False}, {"transfer_type": 0x80, "transfer_code": 0x01}),
        (0x8E, {"unread_records": 1}, TICKET),
    ],
)
def test_a_transfer_is_refused_where_the_machine_cannot_do_it(
    expected: int, without: dict[str, Any], change: dict[str, Any]
) -> None:
    bench = bench_of(**without)
    bench.cabinet.accept_bill(5)
    bench.cabinet.cash_out.begin("")

    assert start(bench, **change)["transfer_status"] == expected


def test_every_refusal_of_the_rules_has_its_case() -> None:
    cases = {status for status, _, _ in REFUSED} | {0x82, 0x90, 0x86, 0x8E}

    assert cases == set(REFUSALS)


# -- where the money goes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "held", "meters"),
    [
        (
            {"cashable_cents": 100, "restricted_cents": 200, "nonrestricted_cents": 300},
            (100, 200, 300),
            (0xA0, 0xA2, 0xA4),
        ),
        (
            {"transfer_type": 0x10, "cashable_cents": 100, "nonrestricted_cents": 300},
            (100, 0, 300),
            (0xAE, 0xB0),
        ),
    ],
)
def test_each_kind_of_credits_has_its_meter(
    change: dict[str, Any], held: tuple[int, int, int], meters: tuple[int, ...]
) -> None:
    bench = bench_of()

    complete(bench, **change)

    answer = bench.ask(0x6F, game=0, meter_codes=tuple(code + way for code in meters for way in (0, 1)))
    moved = [cents for cents in held if cents]
    assert credits_of(bench) == held
    assert [meter.digits for meter in answer["meters"]] == [n for cents in moved for n in (cents, 1)]
    assert bench.cabinet.accounts.balance == 0


def test_a_bonus_is_won_and_not_put_in() -> None:
    bench = bench_of()

    complete(bench, transfer_type=0x10)

    assert bench.ask(0x12) == {"coin_out": 1_000}
    assert bench.ask(0x13) == {"drop": 0}
    meters = bench.ask(0x6F, game=0, meter_codes=(0x1C, 0x1E, 0x17))["meters"]
    assert [meter.digits for meter in meters] == [0, 1_000, 0]


def test_a_jackpot_bonus_is_paid_by_hand() -> None:
    bench = bench_of()

    complete(bench, transfer_type=0x11)

    assert bench.cabinet.handpays.pending == Handpay(TOP_WIN, 1_000, is_bonus=True)
    bench.cabinet.key_off()
    assert bench.ask(0x14) == {"jackpot": 1_000}
    meters = bench.ask(0x6F, game=0, meter_codes=(0x21, 0xAE, 0x1F))["meters"]
    assert [meter.digits for meter in meters] == [1_000, 1_000, 0]
    assert credits_of(bench) == (0, 0, 0)
    assert bench.cabinet.accounts.balance == 0


def test_a_debit_transfer_needs_the_registration_and_has_its_own_meter() -> None:
    bench = bench_of()
    register(bench)

    assert complete(bench, transfer_type=0x40, registration_key=KEY)["cumulative_cashable_cents"] == 1_000
    assert bench.cabinet.accounts.transfer(0xA6).credits == 1_000


@pytest.mark.parametrize(
    ("change", "validation_type", "meter"),
    [
        ({"transfer_type": 0x20}, 0x02, 0xA8),
        (
            {"transfer_type": 0x20, "cashable_cents": 0, "restricted_cents": 1_000, "expiration": "00000030"},
            0x03,
            0xAA,
        ),
        ({"transfer_type": 0x60, "registration_key": KEY}, 0x04, 0xAC),
    ],
)
def test_money_can_go_straight_onto_a_ticket(
    change: dict[str, Any], validation_type: int, meter: int
) -> None:
    bench = bench_of()
    register(bench)
    bench.hear()

    assert complete(bench, **change)["transfer_status"] == 0x00

    record = bench.read(0x4D, function=0x00)
    assert (record["validation_type"], record["amount_cents"]) == (validation_type, 1_000)
    assert bench.ask(0x50, validation_type=validation_type)["amount_cents"] == 1_000
    assert bench.cabinet.accounts.transfer(meter).credits == 1_000
    assert credits_of(bench) == (0, 0, 0)
    assert bench.cabinet.accounts.balance == 0


@pytest.mark.parametrize(("number", "expected"), [("1" * 16, 0x00), (None, 0x8E)])
def test_a_ticket_of_a_transfer_waits_for_the_hosts_number(number: str | None, expected: int) -> None:
    bench = bench_of(validation="system")
    start(bench, transfer_type=0x20)
    bench.wait(0.5)
    assert look(bench)["transfer_status"] == 0x40
    assert bench.read(0x57)["amount_cents"] == 1_000

    if number:
        bench.read(0x58, validation_system="01", validation_number=number)
    else:
        bench.wait(11.0)

    assert look(bench, 0xFF)["transfer_status"] == expected
    assert bench.cabinet.accounts.tickets_out == (1_000 if number else 0)
    assert bench.cabinet.accounts.balance == 0


def test_a_receipt_that_was_asked_for_is_printed() -> None:
    bench = bench_of()

    pending = start(bench, transfer_flags=0x80, receipt_data=RECEIPT)
    bench.wait(0.5)

    assert pending["receipt_status"] == 0x40
    assert look(bench)["receipt_status"] == 0x00


def test_the_host_takes_everything_where_part_of_it_is_allowed() -> None:
    bench = bench_of()
    complete(bench, cashable_cents=700, restricted_cents=200, nonrestricted_cents=100)

    everything = 9_999_999_999
    final = complete(
        bench,
        "T0002",
        transfer_type=0x80,
        transfer_code=0x01,
        cashable_cents=everything,
        restricted_cents=everything,
        nonrestricted_cents=everything,
    )

    assert final["transfer_status"] == 0x01
    assert [final[f"{kind}_cents"] for kind in ("cashable", "restricted", "nonrestricted")] == [700, 200, 100]
    assert [bench.cabinet.accounts.transfer(meter).credits for meter in (0xB8, 0xBA, 0xBC)] == [700, 200, 100]
    assert credits_of(bench) == (0, 0, 0)


def test_the_host_takes_an_exact_amount_in_full() -> None:
    bench = bench_of()
    complete(bench, cashable_cents=700)

    assert complete(bench, "T0002", transfer_type=0x80, cashable_cents=300)["transfer_status"] == 0x00
    assert credits_of(bench) == (400, 0, 0)


def test_what_does_not_fit_is_left_out_of_a_partial_transfer() -> None:
    bench = bench_of(credit_limit_cents=900)

    final = complete(bench, transfer_code=0x01, cashable_cents=800, restricted_cents=800)

    assert final["transfer_status"] == 0x01
    assert credits_of(bench) == (800, 100, 0)


def test_what_no_longer_fits_when_the_game_is_over_fails() -> None:
    bench = bench_of(credit_limit_cents=1_100)
    bench.cabinet.accept_bill(1)
    bench.cabinet.games.start(Bet(1, 0), win=200)
    start(bench)

    bench.cabinet.games.finish()
    bench.wait(0.5)

    assert 0x69 in bench.hear()
    final = look(bench, 0xFF)
    assert (final["transfer_status"], final["cashable_cents"]) == (0x84, 0)
    assert credits_of(bench) == (299, 0, 0)


def test_a_door_that_opens_before_a_transfer_was_done_ends_it() -> None:
    bench = bench_of()
    start(bench)
    bench.cabinet.open_door()
    bench.wait(0.5)

    assert look(bench, 0xFF)["transfer_status"] == 0x87
    assert credits_of(bench) == (0, 0, 0)


# -- history ---------------------------------------------------------------------------------


def test_the_history_is_read_by_position_and_from_the_newest_back() -> None:
    bench = bench_of()
    for number in range(1, 130):
        complete(bench, f"T{number:04d}", cashable_cents=1)

    def told(index: int) -> tuple[int, str]:
        answer = look(bench, 0xFE, index)
        return answer["history_position"], answer["transaction_id"]

    assert told(0x00) == told(0xFF) == (2, "T0129")
    assert told(0xFE) == (1, "T0128")
    assert told(0xFD) == (127, "T0127")
    assert told(0x03) == (3, "T0003")
    assert told(0x81) == (3, "T0003")


def test_where_nothing_was_logged_there_is_nothing_to_tell() -> None:
    bench = bench_of()
    complete(bench)

    nothing = {"history_position": 0, "transfer_status": 0xFF, "receipt_status": 0xFF}
    assert look(bench, 0xFE, 0x02) == look(bench, 0xFE, 0xFE) == look(bench, 0xFE, 0x80) == nothing


def test_only_what_moved_money_is_logged() -> None:
    bench = bench_of()
    start(bench)
    bench.read(0x72, transfer_code=0x80)
    look(bench, 0xFF)
    start(bench, asset_number=1)
    look(bench, 0xFF)

    assert look(bench)["transfer_status"] == 0xFF


@pytest.mark.parametrize("process", [False, True])
def test_a_pending_transfer_and_the_history_outlive_the_power(process: bool) -> None:  # noqa: FBT001  a case
    bench = bench_of()
    complete(bench, "T0001")
    start(bench, "T0002")

    if process:
        bench.die_and_return()
    else:
        bench.cut_power()
    bench.wait(1.0)

    assert look(bench, 0xFF)["transaction_id"] == "T0002"
    assert look(bench, 0xFE, 1)["transaction_id"] == "T0001"
    assert look(bench)["history_position"] == 2
    assert credits_of(bench) == (2_000, 0, 0)


def test_receipt_texts_are_kept_until_they_are_nothing() -> None:
    bench = bench_of()

    bench.read(0x75, texts=({"code": 0x00, "text": "Cage"}, {"code": 0x10, "text": "Thank you"}))
    bench.read(0x75, texts=({"code": 0x00, "text": ""},))

    assert bench.cabinet.aft.memory.receipt_texts == {0x10: "Thank you"}
    for text in ({"code": 0x33, "text": "?"}, {"code": 0x00, "text": "x" * 23}):
        assert type(bench.read(0x75, texts=(text,))).__name__ == "Nack"


def test_restricted_credits_keep_the_pool_and_the_date_they_came_with() -> None:
    bench = bench_of()

    complete(bench, cashable_cents=0, restricted_cents=500, pool=7, expiration="12312026")

    answer = bench.ask(0x74, lock_code=0xFF, lock_conditions=0, lock_timeout_hundredths=0)
    assert (answer["restricted_pool"], answer["restricted_expiration"]) == (7, "12312026")
    assert (answer["restricted_cents"], answer["cashable_cents"]) == (500, 0)
    assert bench.cabinet.accounts.held(Kind.RESTRICTED) == 500
