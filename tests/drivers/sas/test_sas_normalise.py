"""From exceptions to the events that are published, and to what they move in the accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from edge_agent.drivers.sas.bookkeeping import book
from edge_agent.drivers.sas.normalise import (
    MAKERS,
    MoneyRules,
    bill_recorded,
    normalise,
    ticket_recorded,
)
from edge_agent.drivers.sas.reconcile import Accounts
from edge_agent.events import EventBody
from edge_agent.events.slot import (
    BillAccepted,
    BonusPaid,
    CardHeld,
    GameEnded,
    GameRecalled,
    GameSelected,
    GameStarted,
    ReelStopped,
    SlotException,
)
from edge_agent.sas.exception_codes import EXCEPTIONS
from edge_agent.sas.host_events import ExceptionReported
from edge_agent.station import DeviceIdentity

IDENTITY = DeviceIdentity("slot-1", "USD")
QUARTER = MoneyRules("USD", 2, 2_500)

DATA: Mapping[int, Mapping[str, Any]] = {
    0x4F: {"country": 37, "denomination_code": 4, "count": 12},
    0x7C: {"multiplier": 2, "multiplied_win": 0, "tax_status": 1, "bonus": 8},
    0x7E: {"wager": 2, "coin_in": 102, "wager_type": 0xC1, "progressive_group": 0},
    0x7F: {"win": 5},
    0x88: {"reel": 3, "stop": 17},
    0x8A: {"game": 1, "entry": 4},
    0x8B: {"card": 0x83},
    0x8C: {"game": 2},
}


def real_time(code: int, values: Mapping[str, Any] | None = None) -> ExceptionReported:
    return ExceptionReported(1, code, DATA[code] if values is None else values, real_time=True)


@pytest.mark.parametrize("code", EXCEPTIONS)
@pytest.mark.parametrize("with_data", [True, False])
def test_every_exception_becomes_an_event_of_its_own_name(code: int, with_data: bool) -> None:  # noqa: FBT001  both
    event = real_time(code, DATA.get(code, {})) if with_data else ExceptionReported(1, code)

    body = normalise(event, QUARTER)

    assert body.code == f"0x{code:02x}"
    assert body.event_type == f"floor.slot.{EXCEPTIONS[code].name}"
    assert body.category == EXCEPTIONS[code].category
    assert body.real_time == with_data


def test_every_exception_with_data_has_a_body_of_its_own() -> None:
    with_fields = {code for code, row in EXCEPTIONS.items() if row.real_time_fields}
    nobody_knows_its_data = {0x89}

    assert set(MAKERS) == with_fields - nobody_knows_its_data == set(DATA)


def test_a_code_no_table_lists_travels_as_itself() -> None:
    body = normalise(ExceptionReported(1, 0x7D, possibly_repeated=True), QUARTER)

    assert (body.name, body.category, body.possibly_repeated) == ("unknown_0x7d", "unknown", True)


def test_a_wager_is_worth_what_the_player_chose() -> None:
    body = normalise(real_time(0x7E), QUARTER)

    assert isinstance(body, GameStarted)
    assert body.wager.denomination == "0.01"
    assert body.wager.money is not None
    assert body.wager.money.minor == 2
    assert body.coin_in_credits == 102
    assert body.max_bet


@pytest.mark.parametrize("wager_type", [0x00, 0x40, 0x01])
def test_a_wager_without_a_denomination_of_its_own_is_in_accounting_credits(wager_type: int) -> None:
    body = normalise(real_time(0x7E, {**DATA[0x7E], "wager_type": wager_type}), QUARTER)

    assert isinstance(body, GameStarted)
    assert body.wager.denomination == "0.25"


def test_a_win_is_in_accounting_credits() -> None:
    body = normalise(real_time(0x7F), QUARTER)

    assert isinstance(body, GameEnded)
    assert body.win.money is not None
    assert body.win.money.minor == 125


def test_a_bill_is_money_of_a_country() -> None:
    body = normalise(real_time(0x4F), QUARTER)

    assert isinstance(body, BillAccepted)
    assert body.bill is not None
    assert (body.bill.minor, body.country, body.count) == (2_000, "USA", 12)


def test_a_bill_of_an_unknown_denomination_and_country_says_so() -> None:
    body = normalise(real_time(0x4F, {"country": 77, "denomination_code": 99, "count": 1}), QUARTER)

    assert isinstance(body, BillAccepted)
    assert (body.bill, body.country) == (None, "unknown_77")


def test_a_bonus_keeps_its_parts() -> None:
    body = normalise(real_time(0x7C), QUARTER)

    assert isinstance(body, BonusPaid)
    assert (body.multiplier, body.bonus.credits, body.tax_status) == (2, 8, 1)


@pytest.mark.parametrize(
    ("values", "reel", "stop"), [({"reel": 3, "stop": 17}, 3, 17), ({"reel": 3, "stop": 255}, 3, None)]
)
def test_a_reel_says_where_it_stopped_if_it_knows(
    values: dict[str, int], reel: int, stop: int | None
) -> None:
    body = normalise(real_time(0x88, values), QUARTER)

    assert isinstance(body, ReelStopped)
    assert (body.reel, body.stop) == (reel, stop)


def test_a_reel_without_its_data_says_null() -> None:
    body = normalise(ExceptionReported(1, 0x88, real_time=True, missing_data=True), QUARTER)

    assert isinstance(body, ReelStopped)
    assert (body.reel, body.stop) == (None, None)


def test_what_was_not_said_is_not_made_up() -> None:
    body = normalise(ExceptionReported(1, 0x7F, real_time=True, missing_data=True), QUARTER)

    assert type(body) is SlotException


@pytest.mark.parametrize("code", [0x4F, 0x7C, 0x7E, 0x7F, 0x8A, 0x8B, 0x8C])
def test_data_nobody_can_read_are_not_made_up_either(code: int) -> None:
    body = normalise(ExceptionReported(1, code, real_time=True, unread=b"\x0a"), QUARTER)

    assert type(body) is SlotException


def test_cards_games_and_recalls_keep_their_numbers() -> None:
    held = normalise(real_time(0x8B), QUARTER)
    selected = normalise(real_time(0x8C), QUARTER)
    recalled = normalise(real_time(0x8A), QUARTER)

    assert isinstance(held, CardHeld)
    assert (held.card, held.held) == (3, True)
    assert isinstance(selected, GameSelected)
    assert selected.game == 2
    assert isinstance(recalled, GameRecalled)
    assert (recalled.game, recalled.entry) == (1, 4)


def test_a_ticket_is_published_without_its_number() -> None:
    number = "12345678"

    body: EventBody = ticket_recorded({"validation_number": number, "amount_cents": 2_500}, QUARTER)

    assert number not in body.model_dump_json()
    assert '"minor":2500' in body.model_dump_json()


def test_a_bill_read_afterwards_is_recorded() -> None:
    body = bill_recorded(DATA[0x4F], QUARTER)

    assert body.event_type == "floor.slot.bill_recorded"
    assert body.bill is not None
    assert body.bill.minor == 2_000


def booked(event: ExceptionReported, denomination: int | None = 2_500) -> Accounts:
    accounts = Accounts()
    book(accounts, event, denomination, IDENTITY)
    return accounts


def test_a_wager_is_booked_in_accounting_credits() -> None:
    event = real_time(0x7E, {**DATA[0x7E], "wager": 50})

    accounts = booked(event)

    assert (accounts.coin_in.certain, accounts.starts.certain) == (2, 1)


@pytest.mark.parametrize(
    ("values", "denomination"),
    [
        ({}, 2_500),  # nothing said
        (DATA[0x7E], 2_500),  # 2 cents are no whole quarters
        (DATA[0x7E], None),  # the accounting denomination is not known
        ({**DATA[0x7E], "wager_type": 0x7F}, 2_500),  # a denomination no table lists
    ],
)
def test_a_wager_that_cannot_be_booked_blinds_the_account(
    values: Mapping[str, Any], denomination: int | None
) -> None:
    assert booked(real_time(0x7E, values), denomination).coin_in.blind


def test_credits_are_credits_where_no_denomination_is_known() -> None:
    event = real_time(0x7E, {**DATA[0x7E], "wager_type": 0})

    assert booked(event, denomination=None).coin_in.certain == 2


def test_a_win_is_booked_and_the_game_counted() -> None:
    accounts = booked(real_time(0x7F))

    assert (accounts.won.certain, accounts.ends.certain) == (5, 1)


def test_a_win_nobody_told_blinds_the_account() -> None:
    assert booked(ExceptionReported(1, 0x7F)).won.blind


@pytest.mark.parametrize(
    ("event", "certain", "blind"),
    [
        (real_time(0x7C), 8, False),
        (real_time(0x7C, {**DATA[0x7C], "multiplied_win": 9}), 0, True),
        (ExceptionReported(1, 0x7C), 0, True),
        (ExceptionReported(1, 0x69), 0, True),
    ],
)
def test_a_bonus_counts_as_a_win_where_it_is_told(
    event: ExceptionReported,
    certain: int,
    blind: bool,  # noqa: FBT001  a row of the table
) -> None:
    accounts = booked(event)

    assert (accounts.won.certain, accounts.won.blind) == (certain, blind)


@pytest.mark.parametrize(
    ("event", "worth"),
    [(real_time(0x4F), 80), (ExceptionReported(1, 0x49), 40), (ExceptionReported(1, 0x50), 800)],
)
def test_a_bill_is_booked_in_accounting_credits(event: ExceptionReported, worth: int) -> None:
    assert booked(event).bills.certain == worth


def test_a_bill_of_an_unknown_denomination_blinds_the_account() -> None:
    assert booked(real_time(0x4F, {"country": 37, "denomination_code": 99, "count": 1})).bills.blind


def test_a_bill_without_an_amount_waits_for_it() -> None:
    accounts = booked(ExceptionReported(1, 0x4F))

    assert (accounts.bills.certain, accounts.bills.blind) == (0, False)


def test_an_event_that_may_be_a_repeat_is_booked_as_doubtful() -> None:
    accounts = booked(ExceptionReported(1, 0x7F, {"win": 5}, real_time=True, possibly_repeated=True))

    assert (accounts.won.certain, accounts.won.doubtful) == (0, [5])


def test_a_handpay_is_pending_until_it_is_reset() -> None:
    accounts = Accounts()

    book(accounts, ExceptionReported(1, 0x51), 100, IDENTITY)
    pending = accounts.handpay_pending
    book(accounts, ExceptionReported(1, 0x52), 100, IDENTITY)

    assert (pending, accounts.handpay_pending) == (True, False)
