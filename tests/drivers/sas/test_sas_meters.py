"""What the answers of a reading hold, and how it is published."""

from __future__ import annotations

import pytest

from edge_agent.drivers.sas.meters import (
    Answer,
    Step,
    credits_worth,
    meters_read,
    published,
    readings_for_accounts,
)
from edge_agent.drivers.sas.profile import MachineProfile
from edge_agent.drivers.sas.reading_plan import EXTENDED, SELECTED
from edge_agent.events.slot import Meter
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.station import DeviceIdentity

IDENTITY = DeviceIdentity("slot-1", "USD")
PENNY = MachineProfile(denomination=100)


def meters_of(answers: list[Answer], profile: MachineProfile) -> tuple[Meter, ...]:
    return published(meters_read(answers), {}, profile, IDENTITY)


def by_name(meters: tuple[Meter, ...]) -> dict[str, Meter]:
    return {meter.name: meter for meter in meters}


def test_credits_meters_are_published_with_what_they_are_worth() -> None:
    meters = by_name(meters_of([(0x1A, {"current_credits": 1234})], PENNY))

    credits_now = meters["current_credits"]
    assert (credits_now.code, credits_now.digits, credits_now.unit) == ("0x0c", 8, "credits")
    assert credits_now.money is not None
    assert credits_now.money.minor == 1234


def test_meters_without_a_known_denomination_have_no_worth() -> None:
    meters = by_name(meters_of([(0x1A, {"current_credits": 1234})], MachineProfile()))

    assert meters["current_credits"].money is None


def test_a_count_is_no_money() -> None:
    meters = by_name(meters_of([(0x15, {"games_played": 7})], PENNY))

    assert (meters["games_played"].unit, meters["games_played"].money) == ("count", None)


def test_bills_in_currency_units_are_money() -> None:
    meters = by_name(meters_of([(0x20, {"bills_value": 120})], PENNY))

    assert meters["bills_value"].unit == "currency_units"
    assert meters["bills_value"].money is not None
    assert meters["bills_value"].money.minor == 12_000


def test_selected_meters_keep_their_size_and_skip_what_is_not_supported() -> None:
    selected = (MeterValue(0x0E, 2_500, 5), MeterValue(0x12, 1, 4), MeterValue(0x03, 0, 0))

    meters = by_name(meters_of([(EXTENDED, {"meters": selected})], PENNY))

    assert set(meters) == {"cashable_ticket_out", "cashable_ticket_out_count"}
    assert meters["cashable_ticket_out"].digits == 10
    assert meters["cashable_ticket_out"].money is not None


def test_a_meter_no_table_lists_travels_as_itself() -> None:
    meters = meters_of([(EXTENDED, {"meters": (MeterValue(0xE7, 9, 4),)})], PENNY)

    assert (meters[0].name, meters[0].unit) == ("unknown_0xe7", "count")


def test_a_meter_read_twice_is_published_once() -> None:
    answers: list[Answer] = [(0x19, group(coin_in=5)), (0x11, {"coin_in": 5})]

    names = [meter.name for meter in meters_of(answers, PENNY)]

    assert names.count("coin_in") == 1


@pytest.mark.parametrize("wider_first", [False, True])
def test_of_two_widths_of_one_meter_the_wider_counts(wider_first: bool) -> None:  # noqa: FBT001  both ways
    narrow: Answer = (0x46, {"bills_credits": 23_456_789})
    wide: Answer = (EXTENDED, {"meters": (MeterValue(0x0B, 123_456_789, 8),)})

    meters = by_name(meters_of([wide, narrow] if wider_first else [narrow, wide], PENNY))

    assert (meters["bills_credits"].value, meters["bills_credits"].digits) == (123_456_789, 16)


def test_each_meter_is_published_with_its_step() -> None:
    read = meters_read([(0x11, {"coin_in": 7}), (0x15, {"games_played": 2})])

    meters = by_name(published(read, {"coin_in": Step("rose", 3)}, PENNY, IDENTITY))

    assert (meters["coin_in"].change, meters["coin_in"].delta) == ("rose", 3)
    assert (meters["games_played"].change, meters["games_played"].delta) == ("unsettled", None)


def test_what_a_poll_says_of_its_game_is_no_meter() -> None:
    answer: Answer = (0x2D, {"game": 0, "hand_paid_cancelled_credits": 9})

    assert set(by_name(meters_of([answer], PENNY))) == {"hand_paid_cancelled_credits"}


def group(**values: int) -> dict[str, int]:
    return {"coin_in": 0, "coin_out": 0, "drop": 0, "jackpot": 0, "games_played": 0} | values


def test_wins_are_what_the_machine_and_the_attendant_paid() -> None:
    meters = meters_read([(0x19, group(coin_out=30, jackpot=12))])

    assert readings_for_accounts(meters, PENNY, IDENTITY)["won"] == 42


def test_bills_in_currency_units_are_settled_in_credits() -> None:
    meters = meters_read([(0x20, {"bills_value": 3})])

    assert readings_for_accounts(meters, PENNY, IDENTITY) == {"bills_credits": 300}


def test_bills_are_not_settled_where_they_are_no_whole_credits() -> None:
    odd = MachineProfile(denomination=25_000)
    meters = meters_read([(0x20, {"bills_value": 3})])

    assert readings_for_accounts(meters, odd, IDENTITY) == {}


def test_tickets_are_settled_in_minor_units() -> None:
    meters = meters_read([(SELECTED, {"meters": (MeterValue(0x0E, 2_500, 5),)})])

    assert readings_for_accounts(meters, PENNY, IDENTITY) == {"cashable_ticket_out": 2_500}


@pytest.mark.parametrize(
    ("minor", "denomination", "worth"),
    [(2_000, 100, 2_000), (2_000, 2_500, 80), (2_500, 10_000, 25), (150, 10_000, None), (1, None, None)],
)
def test_money_in_accounting_credits(minor: int, denomination: int | None, worth: int | None) -> None:
    assert credits_worth(minor, denomination, IDENTITY) == worth


def test_money_of_a_currency_without_minor_units() -> None:
    assert credits_worth(1_000, 10_000, DeviceIdentity("slot-1", "JPY", minor_units=0)) == 1_000
