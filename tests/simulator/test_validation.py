"""Tickets that leave the machine, in all three styles of validation, and the records of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.sas.messages import Nack
from edge_agent.sas.validation_number import secure_enhanced
from edge_agent.simulator.accounts import Kind
from edge_agent.simulator.handpays import CANCELLED_CREDITS, TOP_WIN, Handpay
from edge_agent.testing.machine_bench import ABLE, MachineBench

IDENTITY = {"machine_id": 0x654321, "sequence": 0}
NOTHING_SET = {
    "control_mask": 0,
    "status_bits": 0,
    "cashable_expiration_days": 0,
    "restricted_expiration_days": 0,
}


def bench_of(style: str, **change: Any) -> MachineBench:
    """A machine with $25 on it that validates in this way; what its start told is heard."""
    bench = MachineBench(replace(ABLE, validation=style, **change))
    if style == "secure_enhanced":
        bench.read(0x4C, **IDENTITY)
    bench.cabinet.accept_bill(20)
    bench.cabinet.accept_bill(5)
    bench.hear()
    return bench


def test_a_standard_ticket_is_told_once_and_read_with_3d() -> None:
    bench = bench_of("standard")

    bench.cabinet.cash_out.begin("12345678")

    assert bench.hear() == [0x3D]
    assert bench.read(0x3D) == {"validation_number": "12345678", "amount_cents": 2_500}
    bench.wait(20.0)
    assert bench.hear() == []


def test_a_secure_machine_asks_for_its_identity_until_it_has_one() -> None:
    bench = MachineBench()

    assert bench.hear() == [0x3F]
    bench.wait(15.0)
    assert bench.hear() == [0x3F]
    bench.read(0x4C, machine_id=0, sequence=0)
    bench.wait(15.0)
    assert bench.hear() == [0x3F]

    assert bench.read(0x4C, **IDENTITY) == IDENTITY
    bench.wait(30.0)
    assert bench.hear() == []


def test_a_secure_machine_makes_the_number_itself_and_keeps_a_record_until_it_is_read() -> None:
    bench = bench_of("secure_enhanced")
    bench.read(0x7F, date="07042026", time="123058")

    bench.cabinet.cash_out.begin("")

    assert bench.hear() == [0x3D]
    record = bench.ask(0x4D, function=0x00)
    assert record == {
        "validation_type": 0x00,
        "index": 1,
        "date": "07042026",
        "time": "123058",
        "validation_number": secure_enhanced(0x654321, 1)[2:],
        "amount_cents": 2_500,
        "ticket_number": 1,
        "validation_system": "00",
        "expiration": "00009999",
        "pool": 0,
    }
    bench.acknowledge()
    assert bench.ask(0x4D, function=0xFF)["index"] == 0
    assert bench.ask(0x4D, function=0x01) == record
    bench.wait(20.0)
    assert bench.hear() == []


def test_a_record_that_was_only_looked_at_is_told_again() -> None:
    bench = bench_of("secure_enhanced")
    bench.cabinet.cash_out.begin("")
    assert bench.hear() == [0x3D]

    assert bench.read(0x4D, function=0xFF)["index"] == 1
    assert bench.read(0x4D, function=0x01)["index"] == 1

    bench.wait(14.0)
    assert bench.hear() == []
    bench.wait(2.0)
    assert bench.hear() == [0x3D]


@pytest.mark.parametrize("function", [0x20, 0xFE])
def test_an_index_beyond_the_buffer_is_refused_and_reads_nothing(function: int) -> None:
    bench = bench_of("secure_enhanced")
    bench.cabinet.cash_out.begin("")

    assert bench.hear() == [0x3D]
    assert isinstance(bench.read(0x4D, function=function), Nack)
    assert bench.ask(0x4D, function=0x1F)["index"] == 0
    assert bench.ask(0x4D, function=0xFF)["index"] == 1


def test_a_record_whose_answer_is_refused_stays_unread() -> None:
    bench = bench_of("secure_enhanced")
    bench.cabinet.cash_out.begin("")
    bench.hear()
    bench.ask(0x4D, function=0x00)

    bench.wait(6.0, polling=False)  # the link drops: nothing acknowledges the answer any more
    bench.acknowledge()

    assert bench.ask(0x4D, function=0xFF)["index"] == 1


def test_a_zero_record_that_was_told_does_not_take_the_next_one_with_it() -> None:
    bench = bench_of("secure_enhanced")

    assert bench.ask(0x4D, function=0x00)["index"] == 0
    bench.cabinet.cash_out.begin("")
    bench.acknowledge()

    assert bench.ask(0x4D, function=0xFF)["index"] == 1


def test_the_sequence_follows_the_identity_and_a_repeated_one_does_not_turn_it_back() -> None:
    bench = bench_of("secure_enhanced", unread_records=31)
    numbers = []
    for given in (IDENTITY, IDENTITY, {"machine_id": 0x654321, "sequence": 9}):
        bench.read(0x4C, **given)
        bench.cabinet.accept_bill(1)
        bench.cabinet.cash_out.begin("")
        numbers.append(bench.read(0x4D, function=0x00)["validation_number"])

    expected = [secure_enhanced(0x654321, sequence)[2:] for sequence in (1, 2, 10)]
    assert numbers == expected
    assert bench.ask(0x4C, machine_id=0, sequence=0)["sequence"] == 10


def test_without_an_identity_an_attendant_pays() -> None:
    bench = MachineBench()
    bench.cabinet.accept_bill(5)

    bench.cabinet.cash_out.begin("")

    assert 0x51 in bench.hear()
    assert bench.ask(0x1B)["level"] == CANCELLED_CREDITS
    assert bench.cabinet.accounts.tickets_out == 0


def test_clearing_the_configured_bit_cancels_the_identity() -> None:
    bench = bench_of("secure_enhanced")
    assert bench.ask(0x7B, **NOTHING_SET)["status_bits"] & 0x8000

    answer = bench.read(0x7B, **{**NOTHING_SET, "control_mask": 0x8000})

    assert not answer["status_bits"] & 0x8000
    assert bench.hear() == [0x3F]


def test_a_full_buffer_of_unread_records_validates_nothing_more() -> None:
    bench = bench_of("secure_enhanced", unread_records=2)
    for _ in range(2):
        bench.cabinet.accept_bill(1)
        bench.cabinet.cash_out.begin("")
    bench.cabinet.accept_bill(1)

    bench.cabinet.cash_out.begin("")

    assert bench.cabinet.handpays.pending == Handpay(CANCELLED_CREDITS, 100)
    assert bench.cabinet.accounts.ticket(0).count == 2


def test_records_are_read_oldest_first_and_their_indices_go_round() -> None:
    bench = bench_of("secure_enhanced")
    for index in range(1, 34):
        bench.cabinet.accept_bill(1)
        bench.cabinet.cash_out.begin("")
        assert bench.read(0x4D, function=0x00)["index"] == (index - 1) % 31 + 1

    assert bench.ask(0x4D, function=0x01)["ticket_number"] == 32
    assert bench.ask(0x4D, function=0x03)["ticket_number"] == 3
    assert isinstance(bench.ask(0x4D, function=0x20), Nack)


# -- system validation -----------------------------------------------------------------------


def test_a_system_ticket_gets_its_number_from_the_host() -> None:
    """The worked trace of system validation, byte for byte where the layouts leave nothing open."""
    bench = bench_of("system")
    bench.read(0x7F, date="07042026", time="123058")
    bench.cabinet.cash_out.begin("")

    assert bench.general_poll() == 0x57
    assert bench.read(0x57) == {"cash_out_type": 0x00, "amount_cents": 2_500}
    assert bench.read(0x58, validation_system="01", validation_number="1234567890123456") == {"status": 0}
    assert bench.hear() == [0x3D]
    record = bench.read(0x4D, function=0x00)
    assert (record["validation_system"], record["validation_number"]) == ("01", "1234567890123456")
    assert (record["amount_cents"], record["date"], record["time"]) == (2_500, "07042026", "123058")
    assert bench.cabinet.accounts.credits == 0


def test_a_cash_out_that_waits_for_the_host_is_told_again() -> None:
    bench = bench_of("system")
    bench.cabinet.cash_out.begin("")

    assert bench.hear() == [0x57]
    assert bench.hear() == []
    bench.wait(0.8)
    assert bench.hear() == [0x57]
    bench.read(0x57)
    bench.wait(5.0)
    assert bench.hear() == []


@pytest.mark.parametrize("silent", [False, True])
def test_a_cash_out_the_host_refuses_is_paid_by_hand(silent: bool) -> None:  # noqa: FBT001  a case
    bench = bench_of("system")
    bench.cabinet.cash_out.begin("")
    bench.read(0x57)

    if silent:
        bench.wait(9.0)
        assert bench.cabinet.board.situation.cashing_out
        bench.wait(1.5)
    else:
        assert bench.read(0x58, validation_system="00", validation_number="0" * 16) == {"status": 0}

    assert not bench.cabinet.board.situation.cashing_out
    assert bench.cabinet.handpays.pending == Handpay(CANCELLED_CREDITS, 2_500)
    assert bench.ask(0x57)["cash_out_type"] == 0x80
    assert bench.cabinet.accounts.balance == 0


def test_a_number_at_the_wrong_moment_or_of_nothing_is_refused() -> None:
    bench = bench_of("system")
    assert bench.read(0x58, validation_system="01", validation_number="1" * 16) == {"status": 0x80}
    bench.cabinet.cash_out.begin("")

    assert bench.read(0x58, validation_system="01", validation_number="0" * 16) == {"status": 0x81}

    assert bench.read(0x57)["amount_cents"] == 2_500


# -- what else is printed --------------------------------------------------------------------


def test_restricted_credits_leave_on_a_ticket_of_their_own() -> None:
    bench = bench_of("secure_enhanced")
    bench.cabinet.accounts.transfer_in(0xA2, Kind.RESTRICTED, 700)

    bench.cabinet.cash_out.begin("")

    records = [bench.read(0x4D, function=0x00) for _ in range(2)]
    assert [(record["validation_type"], record["amount_cents"]) for record in records] == [
        (0x00, 2_500),
        (0x01, 700),
    ]
    assert bench.ask(0x50, validation_type=0x01) == {
        "validation_type": 0x01,
        "count": 1,
        "amount_cents": 700,
    }
    assert bench.cabinet.accounts.credits == 0


def test_restricted_credits_stay_where_no_ticket_can_hold_them() -> None:
    bench = bench_of("secure_enhanced", prints_restricted_tickets=False)
    bench.cabinet.accounts.transfer_in(0xA2, Kind.RESTRICTED, 700)

    bench.cabinet.cash_out.begin("")

    assert bench.cabinet.accounts.credits == 700
    assert not bench.cabinet.board.situation.cashing_out


@pytest.mark.parametrize(
    ("level", "prints", "validation_type"),
    [
        (CANCELLED_CREDITS, "receipts", 0x10),
        (TOP_WIN, "receipts", 0x20),
        (CANCELLED_CREDITS, "nothing", 0x40),
        (TOP_WIN, "nothing", 0x60),
    ],
)
def test_a_handpay_that_was_keyed_off_has_a_number_too(level: int, prints: str, validation_type: int) -> None:
    bench = bench_of("secure_enhanced", prints_handpay_receipts=prints == "receipts")
    bench.cabinet.handpays.call_attendant(Handpay(level, 2_500))

    bench.cabinet.key_off()

    assert bench.hear() == [0x3E, 0x52, 0x51]
    record = bench.read(0x4D, function=0x00)
    assert (record["validation_type"], record["amount_cents"]) == (validation_type, 2_500)
    assert record["ticket_number"] == 0xFFFF
    assert bench.ask(0x50, validation_type=validation_type)["count"] == 1


def test_a_system_machine_asks_the_host_for_the_number_of_a_handpay() -> None:
    bench = bench_of("system")
    bench.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 2_500))
    bench.cabinet.key_off()

    assert bench.read(0x57)["amount_cents"] == 2_500
    bench.read(0x58, validation_system="01", validation_number="2" * 16)

    assert bench.read(0x4D, function=0x00)["validation_type"] == 0x10


def test_switched_off_as_the_device_the_printer_prints_nothing() -> None:
    bench = bench_of("secure_enhanced")
    bench.read(0x7B, **{**NOTHING_SET, "control_mask": 0x0001})

    bench.cabinet.cash_out.begin("")

    assert bench.cabinet.handpays.pending == Handpay(CANCELLED_CREDITS, 2_500)


def test_what_the_machine_cannot_do_a_host_cannot_switch_on() -> None:
    bench = bench_of("secure_enhanced", ticket_redemption=False)

    answer = bench.read(0x7B, **{**NOTHING_SET, "control_mask": 0x7FFF, "status_bits": 0x7FFF})

    assert answer["status_bits"] == 0x8000 | 0x0F


def test_days_until_a_ticket_expires_are_the_hosts() -> None:
    bench = bench_of("secure_enhanced")
    bench.read(0x7B, **{**NOTHING_SET, "cashable_expiration_days": 30, "restricted_expiration_days": 7})
    bench.cabinet.accounts.transfer_in(0xA2, Kind.RESTRICTED, 700)

    bench.cabinet.cash_out.begin("")

    assert [bench.read(0x4D, function=0)["expiration"] for _ in range(2)] == ["00000030", "00000007"]
    kept = bench.read(0x7B, **NOTHING_SET)
    assert (kept["cashable_expiration_days"], kept["restricted_expiration_days"]) == (30, 7)


def test_texts_of_tickets_are_kept_and_said_to_be() -> None:
    bench = bench_of("secure_enhanced")
    assert bench.read(0x7C, texts=()) == {"ticket_data_status": 0}

    texts = ({"code": 0x00, "text": "Riverside"}, {"code": 0x10, "text": "Play only"})
    assert bench.read(0x7C, texts=texts) == {"ticket_data_status": 1}
    data = {"host_id": 7, "expiration_days": 0, "location": "", "address_1": "1 Pier", "address_2": ""}
    assert bench.read(0x7D, **data) == {"ticket_data_status": 1}

    assert bench.cabinet.validation.memory.ticket_texts == {0: "Riverside", 0x10: "Play only", 1: "1 Pier"}
    assert bench.read(0x7D) == {"ticket_data_status": 1}


@pytest.mark.parametrize("text", [{"code": 0x33, "text": "no such code"}, {"code": 0x10, "text": "x" * 17}])
def test_a_text_it_has_no_place_for_is_refused(text: dict[str, Any]) -> None:
    bench = bench_of("secure_enhanced")

    answer = bench.read(0x7C, texts=(text,))

    assert type(answer).__name__ == "Nack"
    assert bench.cabinet.validation.memory.ticket_texts == {}
