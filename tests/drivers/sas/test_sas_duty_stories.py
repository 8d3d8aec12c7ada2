"""What happens at a machine that can do everything, told by the driver in either role.

The primary reads what the machine keeps asking for, and the machine stops asking; the observer leaves that
to the system that owns it, and tells what can be known all the same. No number, key or transfer's name
leaves the process.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.events.slot import MachineIdentified, MetersRead, MeterVariance, TicketRecorded
from edge_agent.events.slot_records import (
    AftRegistered,
    AftState,
    AftTransferRecorded,
    Authentication,
    BonusRecorded,
    CashOutRequested,
    HandpayRecorded,
    ProgressiveWinRecorded,
    SelectedGame,
    SlotRecord,
    TicketInEscrow,
    TicketRedemption,
    ValidationRecorded,
)
from edge_agent.simulator.games import Bet
from edge_agent.simulator.handpays import CANCELLED_CREDITS, Handpay
from edge_agent.testing.machine_bench import ABLE
from tests.drivers.sas.attended import NUMBER, TRANSACTION, Attended

TRANSFER = {
    "transfer_code": 0x00,
    "transaction_index": 0,
    "transfer_type": 0x00,
    "cashable_cents": 1_000,
    "restricted_cents": 0,
    "nonrestricted_cents": 0,
    "transfer_flags": 0,
    "asset_number": 300,
    "registration_key": bytes(20),
    "transaction_id": TRANSACTION,
    "expiration": "00000000",
    "pool": 0,
    "receipt_data": (),
}


ROLES = pytest.mark.parametrize("role", ["observer", "primary"])
MODES = pytest.mark.parametrize("mode", ["auto", "off"])


def win(at: Attended, credits_: int) -> None:
    at.cabinet.games.start(Bet(1, 0), win=credits_)
    at.run_for(3)
    at.cabinet.games.finish()


@MODES
def test_a_handpay_is_read_by_the_primary_and_the_machine_stops_telling_of_it(mode: str) -> None:
    at = Attended(role="primary", real_time_events=mode)

    at.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 1_250))
    at.run_for(34)

    (handpay,) = at.of(HandpayRecorded)
    assert (handpay.kind, handpay.amount.minor, handpay.credits.credits) == (
        "cancelled_credits",
        1_250,
        1_250,
    )
    assert not handpay.possibly_repeated
    assert at.heard(0x51) == 1


@MODES
def test_an_observer_leaves_a_handpay_to_the_system_that_owns_it(mode: str) -> None:
    at = Attended(role="observer", real_time_events=mode)

    at.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 1_250))
    at.run_for(34)

    assert at.asked_for(0x1B) == []
    assert at.of(HandpayRecorded) == []
    assert at.heard(0x51) >= 3
    assert at.cabinet.handpays.tell().credits == 1_250


@MODES
def test_each_of_several_handpays_is_read(mode: str) -> None:
    at = Attended(role="primary", real_time_events=mode)

    for amount in (500, 500, 700):
        at.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, amount))
        at.cabinet.key_off()
    at.run_for(34)

    assert [handpay.credits.credits for handpay in at.of(HandpayRecorded)] == [500, 500, 700]


@MODES
def test_a_collector_killed_after_it_heard_of_a_handpay_reads_it_all_the_same(mode: str) -> None:
    at = Attended(role="primary", real_time_events=mode)
    at.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 1_250))
    while not at.heard(0x51):
        at.run_for(0.02)

    at.kill()
    at.run_for(40)

    amounts = [handpay.credits.credits for handpay in at.of(HandpayRecorded)]
    assert amounts in ([1_250], [1_250, 1_250])
    assert all(handpay.possibly_repeated for handpay in at.of(HandpayRecorded)[1:])


def secure(role: str, mode: str) -> Attended:
    at = Attended(role=role, real_time_events=mode)
    at.cabinet.validation.set_identity(654321, 0)
    at.cabinet.accept_bill(20)
    at.run_for(10)
    at.forget()
    return at


@MODES
def test_validated_tickets_are_taken_by_the_primary_one_by_one(mode: str) -> None:
    at = secure("primary", mode)

    at.cabinet.cash_out.begin("unused")
    at.run_for(10)
    at.cabinet.accept_bill(5)
    at.run_for(5)
    at.cabinet.cash_out.begin("unused")
    at.run_for(34)

    records = at.of(ValidationRecorded)
    assert [(record.kind, record.amount.minor) for record in records] == [
        ("cashable_ticket", 2_000),
        ("cashable_ticket", 500),
    ]
    assert at.heard(0x3D) == 2
    assert {values["function"] for values in at.asked_for(0x4D)} == {0x00}
    assert at.of(MeterVariance) == []


@MODES
def test_an_observer_looks_at_a_validated_ticket_without_taking_it(mode: str) -> None:
    at = secure("observer", mode)

    at.cabinet.cash_out.begin("unused")
    at.run_for(34)

    (record,) = at.of(ValidationRecorded)
    assert (record.kind, record.amount.minor) == ("cashable_ticket", 2_000)
    assert {values["function"] for values in at.asked_for(0x4D)} == {0xFF}
    assert at.cabinet.validation.record(0xFF).amount_cents == 2_000
    assert at.heard(0x3D) >= 3
    assert at.of(MeterVariance) == []


@MODES
def test_a_cash_out_that_wants_a_number_is_told_and_no_number_is_given(mode: str) -> None:
    at = Attended(replace(ABLE, validation="system"), role="primary", real_time_events=mode)
    at.cabinet.accept_bill(20)
    at.run_for(10)

    at.cabinet.cash_out.begin("unused")
    at.run_for(5)

    (request,) = at.of(CashOutRequested)
    assert (request.kind, request.amount.minor) == ("cashable_ticket", 2_000)
    assert at.asked_for(0x58) == []
    assert at.heard(0x57) == 1


@MODES
@pytest.mark.parametrize(("role", "recorded"), [("primary", [2_000]), ("observer", [])])
def test_a_ticket_of_standard_validation_is_the_primarys_to_read(
    mode: str, role: str, recorded: list[int]
) -> None:
    at = Attended(replace(ABLE, validation="standard"), role=role, real_time_events=mode)
    at.cabinet.accept_bill(20)
    at.run_for(10)
    at.forget()

    at.cabinet.cash_out.begin("12345678")
    at.run_for(20)

    assert [ticket.amount.minor for ticket in at.of(TicketRecorded)] == recorded
    assert len(at.asked_for(0x3D)) == len(recorded)
    assert at.of(MeterVariance) == []


@MODES
def test_a_ticket_put_in_is_told_and_its_end_is_read(mode: str) -> None:
    at = Attended(replace(ABLE, validation="system"), role="primary", real_time_events=mode)

    at.cabinet.redemption.insert(NUMBER)
    at.run_for(34)

    assert [ticket.amount for ticket in at.of(TicketInEscrow)] == [None]
    assert [ticket.status for ticket in at.of(TicketRedemption)] == ["rejected_after_timeout"]
    assert at.heard(0x67) == at.heard(0x68) == 1
    assert {values["transfer_code"] for values in at.asked_for(0x71)} == {0xFF}
    assert not at.cabinet.redemption.is_busy()


@MODES
def test_an_observer_leaves_the_ticket_in_escrow_to_who_decides_on_it(mode: str) -> None:
    at = Attended(replace(ABLE, validation="system"), role="observer", real_time_events=mode)

    at.cabinet.redemption.insert(NUMBER)
    at.run_for(30)

    assert at.heard(0x67) > 1
    assert at.asked_for(0x70) == at.asked_for(0x71) == []


@MODES
@ROLES
def test_a_transfer_by_another_host_is_told_with_what_moved(mode: str, role: str) -> None:
    at = Attended(role=role, real_time_events=mode)

    at.cabinet.aft.take(TRANSFER)
    at.run_for(34)

    (transfer,) = at.of(AftTransferRecorded)
    assert (transfer.status, transfer.kind) == ("full_transfer_done", "in_house_to_machine")
    assert transfer.cashable.minor == 1_000
    assert transfer.machine_time is not None
    code = 0xFF if role == "primary" else 0xFE
    assert {values["transfer_code"] for values in at.asked_for(0x72)} == {code}
    assert (at.heard(0x69) == 1) == (role == "primary")


@MODES
@pytest.mark.parametrize(("role", "again"), [("primary", False), ("observer", True)])
def test_credits_that_are_offered_to_the_host_are_looked_at_by_the_primary_alone(
    mode: str, role: str, *, again: bool
) -> None:
    at = Attended(role=role, real_time_events=mode)
    at.asked.clear()

    at.machine.connection.raise_exception(0x6A, at.clock.now)
    at.run_for(5)

    assert (at.heard(0x6A) > 1) == again
    assert len(at.asked_for(0x74)) == (0 if again else 1)


@MODES
def test_a_progressive_hit_is_taken_by_the_primary(mode: str) -> None:
    at = Attended(role="primary", real_time_events=mode)

    at.cabinet.games.start(Bet(1, 0))
    at.cabinet.games.hit_progressive(1)
    at.cabinet.games.finish()
    at.run_for(40)

    wins = {(win.source, win.level): win.amount.minor for win in at.of(ProgressiveWinRecorded)}
    assert wins == {("sas", 1): 10_000, ("machine", 1): 10_000}
    assert at.heard(0x56) == 1


@MODES
@ROLES
def test_a_hit_of_the_machines_own_controller_is_told(mode: str, role: str) -> None:
    at = Attended(role=role, real_time_events=mode)

    at.cabinet.games.start(Bet(1, 0))
    at.cabinet.games.hit_own_progressive(1)
    at.cabinet.games.finish()
    at.run_for(20)

    (win,) = [win for win in at.of(ProgressiveWinRecorded) if win.source == "controller"]
    assert (win.level, win.amount.minor, win.base.minor) == (1, 20_000, 20_000)


def test_a_bonus_of_one_byte_is_read_by_the_primary() -> None:
    at = Attended(role="primary", real_time_events="off")

    at.cabinet.bonuses.award(150, 1)
    at.run_for(20)

    (bonus,) = at.of(BonusRecorded)
    assert (bonus.bonus.credits, bonus.tax_status) == (150, 1)


def test_a_bonus_that_told_all_is_not_asked_about() -> None:
    at = Attended(role="primary")

    at.cabinet.bonuses.award(150, 1)
    at.run_for(20)

    assert at.heard(0x7C) == 1
    assert at.asked_for(0x90) == []


@MODES
@ROLES
def test_a_change_of_components_is_told(mode: str, role: str) -> None:
    at = Attended(role=role, real_time_events=mode)
    before = [body for body in (one.body for one in at.met) if isinstance(body, Authentication)]

    at.cabinet.components.change()
    at.run_for(10)

    (changed,) = at.of(Authentication)
    assert changed.status == "number_of_components"
    assert [one.component_list_crc for one in before] != [changed.component_list_crc]


@MODES
def test_a_meter_change_comes_once_the_primary_has_read_the_meters(mode: str) -> None:
    at = Attended(role="primary", real_time_events=mode)

    at.cabinet.change_options()
    at.run_for(20)

    assert [values["host_status"] for values in at.asked_for(0xB6)] == [0x00, 0x01]
    assert at.heard(0xA0) == at.heard(0xA2) == 1
    assert at.of(MetersRead)[0].reason == "meter_change"
    assert at.of(MachineIdentified)[-1].enabled_games == (1,)


@MODES
def test_a_meter_change_is_not_an_observers_to_let_go_on(mode: str) -> None:
    at = Attended(role="observer", real_time_events=mode)

    at.cabinet.change_options()
    at.run_for(40)

    assert at.asked_for(0xB6) == []
    assert at.heard(0xA0) > 1
    assert at.heard(0xA1) == 1


def test_a_change_that_was_cancelled_is_not_let_go_on() -> None:
    at = Attended(role="primary", real_time_events="off")
    at.machine.connection.raise_exception(0xA0, at.clock.now)
    at.machine.connection.raise_exception(0xA1, at.clock.now)

    at.run_for(20)

    assert 0x01 not in [values["host_status"] for values in at.asked_for(0xB6)]


@MODES
def test_the_game_the_player_chose_is_told(mode: str) -> None:
    at = Attended(real_time_events=mode)

    at.cabinet.games.select(2, 0x01)
    at.run_for(5)

    if mode == "off":
        assert [selected.game for selected in at.of(SelectedGame)] == [2]
    else:
        assert at.asked_for(0x55) == []


@ROLES
def test_what_is_asked_when_a_machine_is_met(role: str) -> None:
    at = Attended(role=role)

    identity = next(one.body for one in at.met if isinstance(one.body, MachineIdentified))
    told = {type(one.body) for one in at.met if isinstance(one.body, SlotRecord)}

    assert identity.asset_number == 300
    assert [game.game for game in identity.games] == [1, 2]
    assert identity.games[0].name == "Harbour Lights"
    assert identity.games[0].base_percent_hundredths == 9_000
    assert identity.enabled_games == (1, 2)
    assert identity.validation == "secure_enhanced"
    assert "ticket_redemption" in identity.ticket_functions
    assert identity.player_denominations == ("0.01", "0.05")
    assert identity.hopper == "ok"
    assert identity.unsupported_polls == ()
    assert told == {AftRegistered, AftState, SelectedGame, Authentication}


def test_the_overflow_of_the_queue_makes_the_states_be_read_again() -> None:
    at = Attended(role="primary")
    at.machine.connection.raise_exception(0x70, at.clock.now)

    at.run_for(10)

    asked = {poll.command for poll in at.asked}
    assert {0x55, 0x1B, 0x4D, 0x70, 0x71, 0x72, 0x74, 0x48} <= asked
    assert at.of(MetersRead)[0].reason == "overflow"
