"""Quirks of transfers and tickets: what a machine tells a host that moves money, which the agent never does.

A hand writes the polls. What the machine answers is explained by the tables that the agent reads by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest

from edge_agent.sas.code_tables import AFT_STATUS_BITS, AFT_STATUSES, LOCK_STATUSES, bit_names
from edge_agent.sas.crc import append_crc
from edge_agent.sas.messages import DataReply, LongPollRequest, decode_reply, encode_poll
from edge_agent.simulator.handpays import CANCELLED_CREDITS, Handpay

SitDown = Callable[..., Any]

ASSET = 300
IN, BONUS, TO_HOST = 0x00, 0x10, 0x80
FULL, PARTIAL = 0x00, 0x01
EVERYTHING = 99_999_999_99
READ, LOOK = 0xFF, 0xFE


def ask(machine: Any, command: int, **values: Any) -> Mapping[str, Any]:
    """What the machine answers, acknowledged by the next poll."""
    reply = machine.read(encode_poll(LongPollRequest(1, command, values)))
    assert isinstance(reply, DataReply)
    machine.synchronise()
    return reply.values


def request(cents: int = 1_000, **changes: Any) -> LongPollRequest:
    """A transfer to ask for."""
    values = {
        "transfer_code": FULL,
        "transaction_index": 0,
        "transfer_type": IN,
        "cashable_cents": cents,
        "restricted_cents": 0,
        "nonrestricted_cents": 0,
        "transfer_flags": 0,
        "asset_number": ASSET,
        "registration_key": bytes(20),
        "transaction_id": "T0001",
        "expiration": "00000000",
        "pool": 0,
        "receipt_data": (),
    }
    return LongPollRequest(1, 0x72, {**values, **changes})


def transfer(machine: Any, cents: int = 1_000, **changes: Any) -> str:
    """Ask for a transfer; its status, in words."""
    return AFT_STATUSES[ask(machine, 0x72, **request(cents, **changes).values)["transfer_status"]]


def interrogate(machine: Any, code: int = READ, index: int = 0) -> Mapping[str, Any]:
    """What became of a transfer; READ closes it once acknowledged."""
    return ask(machine, 0x72, transfer_code=code, transaction_index=index)


def lock(machine: Any, code: int, conditions: int = 0, hundredths: int = 500) -> Mapping[str, Any]:
    """The lock, and all else that 74 tells."""
    return ask(machine, 0x74, lock_code=code, lock_conditions=conditions, lock_timeout_hundredths=hundredths)


def finish(machine: Any, **changes: Any) -> None:
    """A whole transfer, read to its end."""
    assert transfer(machine, **changes) == "pending"
    machine.wait(1.0)
    assert AFT_STATUSES[interrogate(machine)["transfer_status"]] == "full_transfer_done"


@pytest.fixture
def machine(hand: SitDown) -> Any:
    """A machine that takes transfers."""
    return hand("aft-particular", lock_settles=0.0)


def test_quirk_10_9f_is_a_request_that_makes_no_sense(machine: Any) -> None:
    """Its last fields are missing, and its length says so."""
    good = request()
    address, command, length, *rest = encode_poll(good)
    cut = append_crc(bytes((address, command, length - 8, *rest[:-10])))

    answer = decode_reply(machine.ask(cut), good)
    machine.synchronise()

    assert isinstance(answer, DataReply)
    assert AFT_STATUSES[answer.values["transfer_status"]] == "unexpected_error"
    assert transfer(machine) == "pending", "the same request, made well: the machine is not busy"


def test_quirk_11_82_is_a_class_of_transfers_that_is_switched_off(hand: SitDown) -> None:
    off, on = hand("aft-particular"), hand("aft-particular", spec={"aft_bonus": True})

    assert transfer(off, transfer_type=BONUS) == "not_a_valid_transfer_function"
    assert "bonus_enabled" not in bit_names(AFT_STATUS_BITS, lock(off, 0xFF)["aft_status"])
    assert "bonus_enabled" in bit_names(AFT_STATUS_BITS, lock(on, 0xFF)["aft_status"])
    assert transfer(on, transfer_type=BONUS) == "pending"


def test_quirk_12_93_until_the_asset_number_is_the_machines(machine: Any) -> None:
    assert transfer(machine, asset_number=0) == "asset_number_zero_or_different"
    assert transfer(machine, asset_number=0x2C010000) == "asset_number_zero_or_different"

    told = ask(
        machine, 0x7B, control_mask=0, status_bits=0,
        cashable_expiration_days=0, restricted_expiration_days=0,
    )  # fmt: skip
    registration = ask(machine, 0x73, registration_code=0xFF)

    assert (
        told["asset_number"] == registration["asset_number"] == lock(machine, 0xFF)["asset_number"] == ASSET
    )
    assert transfer(machine, asset_number=told["asset_number"]) == "pending"


def test_quirk_13_86_for_all_there_is_and_the_exact_amount_goes(hand: SitDown) -> None:
    machine = hand("egt-class")
    asset = lock(machine, 0xFF)["asset_number"]
    machine.cabinet.accept_bill(20)

    refused = transfer(machine, EVERYTHING, transfer_code=PARTIAL, transfer_type=TO_HOST, asset_number=asset)
    cashable = lock(machine, 0xFF)["cashable_cents"]

    assert refused == "no_partial_transfers_to_host"
    assert cashable == 2_000
    finish(machine, cents=cashable, transfer_type=TO_HOST, asset_number=asset)
    assert lock(machine, 0xFF)["cashable_cents"] == 0


def test_quirk_14_c0_for_ever_until_the_end_was_read_and_acknowledged(machine: Any) -> None:
    assert transfer(machine) == "pending"
    machine.wait(30.0)

    blocked = [transfer(machine, transaction_id=f"T000{number}") for number in (2, 3)]
    looked = AFT_STATUSES[interrogate(machine, LOOK)["transfer_status"]]
    blocked.append(transfer(machine, transaction_id="T0004"))
    read = AFT_STATUSES[interrogate(machine, READ)["transfer_status"]]

    assert blocked == ["not_compatible_with_the_current_transfer"] * 3
    assert looked == read == "full_transfer_done"
    assert transfer(machine, transaction_id="T0005") == "pending"


def test_quirk_15_a_lock_for_nothing_never_comes(machine: Any) -> None:
    def status(code: int, conditions: int = 0) -> str:
        return LOCK_STATUSES[lock(machine, code, conditions)["lock_status"]]

    asked = [status(0x00, conditions=0x00)]
    machine.wait(3.0)
    asked.append(status(0xFF))

    assert asked == ["not_locked", "not_locked"]
    assert status(0x00, conditions=0x01) in {"locked", "lock_pending"}
    machine.wait(1.0)
    assert status(0xFF) == "locked"


def test_quirk_16_a_transfer_at_once_after_the_lock_comes_too_soon(hand: SitDown) -> None:
    machine = hand("aft-particular")
    lock(machine, 0x00, 0x01, hundredths=3_000)
    while LOCK_STATUSES[lock(machine, 0xFF)["lock_status"]] != "locked":
        machine.wait(0.1)

    at_once = transfer(machine)
    machine.wait(0.5)

    assert at_once == "unable_now"
    assert transfer(machine) == "pending"


def test_quirk_17_the_same_transaction_id_twice_is_refused_and_the_last_can_be_read(machine: Any) -> None:
    finish(machine)

    again = transfer(machine)
    interrogate(machine)
    last = interrogate(machine, READ, index=0xFF)["transaction_id"]

    assert again == "transaction_id_not_unique"
    assert last == "T0001"
    assert transfer(machine, transaction_id="T0002") == "pending"


def test_quirk_30_the_number_of_a_ticket_is_eighteen_digits_with_the_system_first(hand: SitDown) -> None:
    machine = hand("strict-602")
    number = "011234567890123456"
    assert machine.cabinet.redemption.insert(number)
    assert machine.exception() == 0x67

    ticket = ask(machine, 0x70)
    assert (ticket["status"], ticket["validation_data"]) == (0x00, number)
    redeemed = ask(
        machine, 0x71, transfer_code=0x00, amount_cents=2_500, parsing_code=0, validation_data=number
    )
    machine.wait(2.0)

    assert redeemed["machine_status"] == 0x40
    assert machine.exception() == 0x68
    assert ask(machine, 0x71, transfer_code=0xFF)["machine_status"] == 0x00
    assert machine.cabinet.accounts.credits * machine.machine.spec.denomination_cents == 2_500


def test_quirk_30_sixteen_digits_without_the_system_are_another_ticket(hand: SitDown) -> None:
    machine = hand("strict-602")
    assert machine.cabinet.redemption.insert("011234567890123456")
    ask(machine, 0x70)

    answer = ask(
        machine, 0x71, transfer_code=0x00, amount_cents=2_500, parsing_code=0,
        validation_data="001234567890123456",
    )  # fmt: skip

    assert answer["machine_status"] == 0x81


def test_quirk_32_tickets_bear_the_time_that_the_host_has_set(hand: SitDown) -> None:
    machine = hand("aft-particular")
    ask(machine, 0x4C, machine_id=0x654321, sequence=0)
    for date, time in (("07042026", "123058"), ("01012020", "000000")):
        assert machine.ask(encode_poll(LongPollRequest(1, 0x7F, {"date": date, "time": time}))) == b"\x01"
        machine.synchronise()
        machine.cabinet.accept_bill(5)
        machine.cabinet.cash_out.begin("")
        machine.wait(3.0)

        clock, record = ask(machine, 0x7E), ask(machine, 0x4D, function=0x00)

        assert record["date"] == clock["date"] == date
        assert record["time"][:4] == time[:4]
        assert record["amount_cents"] == 500


def test_quirk_05_handpay_reissued_until_read(hand: SitDown) -> None:
    machine = hand("strict-602")
    machine.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 5_000))

    told_at = []
    for _ in range(60):
        machine.wait(1.0)
        if machine.exception() == 0x51:
            told_at.append(machine.now)
    handpay = ask(machine, 0x1B)
    machine.wait(60.0)

    assert len(told_at) > 3
    assert [later - earlier for earlier, later in pairwise(told_at)] == pytest.approx([15] * 4, abs=1.1)
    assert handpay["amount"] == 5_000
    assert machine.exception() == 0x00


def test_quirk_05_a_handpay_whose_reading_was_not_heard_is_told_again(hand: SitDown) -> None:
    machine = hand("strict-602")
    machine.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 5_000))
    assert machine.exception() == 0x51

    lost = machine.ask("011b")
    again = machine.ask("011b")
    machine.machine.port.power_off(machine.now)
    machine.machine.port.power_on(machine.now)
    machine.wait(20.0)

    assert lost == again, "the same poll again: the answer was not heard"
    assert machine.exception() == 0x51
