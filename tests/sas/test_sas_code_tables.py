"""Code tables are tested as data: what they hold, how much of it, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from edge_agent.sas import code_tables as codes
from edge_agent.sas.code_tables import (
    BILL_DENOMINATIONS,
    BILL_EXCEPTIONS,
    COUNTRIES,
    DENOMINATIONS,
    GAME_IDS,
    bit_names,
    card_name,
    code_name,
    feature_names,
    meter_model,
    validation_style,
)

SPEAKABLE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def test_denominations_are_exact() -> None:
    assert (DENOMINATIONS[0x01], DENOMINATIONS[0x04], DENOMINATIONS[0x1F]) == (100, 2500, 5)
    assert sorted(DENOMINATIONS) == list(range(1, 0x20))
    assert len(set(DENOMINATIONS.values())) == len(DENOMINATIONS)


def test_bill_codes_are_counted_in_decimal() -> None:
    assert (BILL_DENOMINATIONS[0], BILL_DENOMINATIONS[3], BILL_DENOMINATIONS[10]) == (1, 10, 500)
    assert (len(BILL_DENOMINATIONS), BILL_DENOMINATIONS[23]) == (24, 1_000_000)
    assert set(BILL_EXCEPTIONS.values()) <= set(BILL_DENOMINATIONS.values())


def test_countries() -> None:
    assert (COUNTRIES[0], COUNTRIES[7], COUNTRIES[37], COUNTRIES[39]) == ("unknown", "Canada", "USA", "Euro")
    assert len(COUNTRIES) == 40


# What every table begins and ends with, and how much is between.
CODE_TABLES: list[tuple[Mapping[int, str], int, dict[int, str]]] = [
    (codes.VALIDATION_STYLES, 3, {0: "standard", 2: "secure_enhanced"}),
    (codes.METER_MODELS, 3, {0: "not_stated", 2: "metered_when_played_or_paid"}),
    (codes.ENABLES, 2, {0: "off", 1: "on"}),
    (codes.BILL_ACCEPTOR_ACTIONS, 2, {0: "disable_after_each_bill", 1: "keep_enabled"}),
    (codes.HANDPAY_RESET_CODES, 3, {0: "reset", 2: "not_in_a_handpay"}),
    (codes.HANDPAY_RESET_METHODS, 2, {0: "standard_handpay", 1: "to_the_credit_meter"}),
    (codes.HANDPAY_RESET_METHOD_CODES, 3, {0: "enabled", 2: "not_in_a_handpay"}),
    (codes.COLLECT_STATUSES_OF_HOST, 3, {0: "change_noted", 0x80: "cannot_collect_now"}),
    (codes.COLLECT_STATUSES_OF_MACHINE, 3, {0: "lifetime_meters_change", 0x80: "no_change_pending"}),
    (codes.MACHINE_NUMBERS_FLAGS, 2, {0: "asset_number_settable", 1: "location_settable"}),
    (codes.HOPPER_STATUSES, 9, {0: "ok", 7: "empty", 0xFF: "other"}),
    (codes.HAND_TYPES, 2, {0: "dealt", 1: "final"}),
    (codes.CARD_SUITS, 6, {0: "spades", 3: "diamonds", 5: "other"}),
    (codes.CARD_RANKS, 15, {0: "two", 8: "ten", 12: "ace", 14: "other"}),
    (codes.AUTHENTICATION_ACTIONS, 4, {0: "number_of_components", 3: "authentication_status"}),
    (codes.ADDRESSING_MODES, 2, {0: "by_index", 1: "by_name"}),
    (codes.AUTHENTICATION_METHODS, 7, {0: "crc_16", 2: "md5", 5: "sha_1", 6: "sha_256"}),
    (codes.AUTHENTICATION_STATUSES, 14, {0: "ok", 0x41: "complete", 0xC5: "cannot_authenticate_now"}),
    (codes.VALIDATION_TYPES, 12, {0: "cashable_ticket", 0x82: "nonrestricted_ticket_redeemed"}),
    (codes.VALIDATION_FUNCTIONS, 2, {0: "read_and_mark", 0xFF: "look_only"}),
    (codes.CASH_OUT_TYPES, 3, {0: "cashable_ticket", 0x80: "not_waiting"}),
    (codes.VALIDATION_NUMBER_STATUSES, 3, {0: "accepted", 0x81: "improper_validation"}),
    (codes.ESCROW_STATUSES, 2, {0: "ticket_in_escrow", 0xFF: "no_ticket_in_escrow"}),
    (codes.TICKET_TRANSFER_CODES, 13, {0: "valid_cashable", 0x88: "exceeds_auto_redemption_limit"}),
    (codes.TICKET_STATUSES, 19, {0x20: "waiting_for_the_host", 0x8B: "validator_failure"}),
    (codes.VALIDATION_STATUS_BITS, 7, {5: "ticket_redemption", 15: "secure_enhanced_validation_configured"}),
    (codes.TICKET_TEXTS, 5, {0: "location", 0x20: "debit_title"}),
    (codes.CUSTOM_TICKET_TEXTS, 5, {3: "graphics", 0x10: "title"}),
    (codes.TICKET_DATA_STATUSES, 2, {0: "no_valid_data", 1: "valid_data"}),
    (codes.HANDPAY_LEVELS, 3, {0: "non_progressive_win", 0x80: "cancelled_credits"}),
    (codes.HANDPAY_RESET_IDS, 2, {0: "attendant_reset_only", 1: "credit_meter_reset_available"}),
    (codes.TAX_STATUSES, 3, {0: "deductible", 2: "wager_match"}),
    (codes.AFT_TRANSFER_CODES, 5, {1: "partial_allowed", 0xFE: "look_only"}),
    (codes.AFT_TRANSFER_TYPES, 8, {0: "in_house_to_machine", 0x90: "win_to_host"}),
    (codes.AFT_TRANSFER_FLAGS, 8, {0: "host_cash_out_enable_control", 7: "receipt_requested"}),
    (codes.AFT_STATUSES, 29, {0x40: "pending", 0x93: "asset_number_zero_or_different"}),
    (codes.RECEIPT_STATUSES, 4, {0: "printed", 0xFF: "no_receipt"}),
    (codes.RECEIPT_FIELDS, 8, {0: "source_or_destination", 0x43: "total_debit_cents"}),
    (codes.RECEIPT_TEXTS, 11, {0: "location", 0x23: "debit_line_4"}),
    (codes.REGISTRATION_CODES, 5, {0: "initialise", 0xFF: "read"}),
    (codes.REGISTRATION_STATUSES, 4, {0: "ready", 0x80: "not_registered"}),
    (codes.LOCK_CODES, 3, {0: "request_lock", 0xFF: "interrogate"}),
    (codes.LOCK_CONDITIONS, 4, {0: "transfer_to_machine", 3: "bonus_award"}),
    (codes.LOCK_STATUSES, 3, {0: "locked", 0xFF: "not_locked"}),
    (codes.AVAILABLE_TRANSFERS, 6, {0: "to_machine", 7: "lock_after_transfer"}),
    (codes.HOST_CASH_OUT_BITS, 3, {0: "controllable_by_host", 2: "hard"}),
    (codes.AFT_STATUS_BITS, 8, {0: "receipt_printer", 7: "any_aft_enabled"}),
    (codes.EFT_STATUSES, 16, {0: "ok", 0x0E: "busy", 0xFF: "link_down"}),
    (codes.EFT_ACKNOWLEDGEMENTS, 2, {0: "first_phase", 1: "confirmed"}),
    (codes.EFT_AVAILABLE, 2, {0: "to_machine", 1: "to_host"}),
    (codes.MULTI_DENOMINATION_ERRORS, 5, {1: "base_command_not_supported", 5: "not_a_player_denomination"}),
]


@pytest.mark.parametrize(("table", "size", "some"), CODE_TABLES)
def test_small_tables_say_everything_once(table: Mapping[int, str], size: int, some: dict[int, str]) -> None:
    assert len(set(table.values())) == len(table) == size
    assert {code: table[code] for code in some} == some
    assert [name for name in table.values() if not SPEAKABLE.fullmatch(name)] == []


def test_every_table_of_codes_is_checked() -> None:
    listed = {id(table) for table, _, _ in CODE_TABLES}
    money = {
        "DENOMINATIONS",
        "BILL_DENOMINATIONS",
        "BILL_EXCEPTIONS",
        "COUNTRIES",
        "GAME_IDS",
        "FEATURE_BITS",
    }
    tables = {name: table for name, table in vars(codes).items() if isinstance(table, MappingProxyType)}

    assert {name for name, table in tables.items() if id(table) not in listed} == money


def test_makers_of_machines() -> None:
    assert GAME_IDS == {"AT": "Aristocrat", "SS": "IGT S-Plus", "AC": "American Coin"}


@pytest.mark.parametrize(
    ("code", "name"), [(0x40, "pending"), (0x00, "full_transfer_done"), (0x77, "unknown_0x77")]
)
def test_codes_are_named(code: int, name: str) -> None:
    assert code_name(codes.AFT_STATUSES, code) == name


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (0, ()),
        (0b1, ("to_machine",)),
        (0b1000_0010, ("from_machine", "lock_after_transfer")),
        (0b10_0000, ("bit_5",)),
    ],
)
def test_bits_are_named(value: int, names: tuple[str, ...]) -> None:
    assert bit_names(codes.AVAILABLE_TRANSFERS, value) == names


@pytest.mark.parametrize(
    ("card", "name"),
    [(0x00, "two_of_spades"), (0x1C, "ace_of_clubs"), (0x28, "ten_of_hearts"), (0x39, "jack_of_diamonds"),
     (0x4D, "joker"), (0x5E, "no_card"), (0x4E, "other_of_joker"), (0x0F, "unknown_0x0f"),
     (0x60, "unknown_0x60")],
)  # fmt: skip
def test_cards_are_named(card: int, name: str) -> None:
    assert card_name(card) == name


@pytest.mark.parametrize(
    ("features2", "model"),
    [(0xFC, "not_stated"), (0xCD, "metered_when_won"), (0x02, "metered_when_played_or_paid"),
     (0x03, "unknown_0x03")],
)  # fmt: skip
def test_meter_model(features2: int, model: str) -> None:
    assert meter_model(features2) == model


def test_every_feature_bit_is_named_or_part_of_a_number() -> None:
    unnamed = {
        (number, bit) for number, bits in codes.FEATURE_BITS.items() for bit in range(8) if bit not in bits
    }

    assert unnamed == {(1, 5), (1, 6), (2, 0), (2, 1), (3, 7), *((4, bit) for bit in range(1, 8))}


def test_features_are_named() -> None:
    names = feature_names((0xD7, 0xCD, 0x05, 0x00))

    assert names == (
        "jackpot_multiplier", "aft_bonus_awards", "legacy_bonus_awards", "validation_extensions",
        "ticket_redemption", "tickets_to_drop", "extended_meters", "aft", "multi_denomination",
        "fast_polling", "meter_change_notification",
    )  # fmt: skip
    assert feature_names((0, 0, 0, 0)) == ()


@pytest.mark.parametrize(
    ("features1", "style"),
    [(0x00, "standard"), (0x20, "system"), (0xD7, "secure_enhanced"), (0x60, "unknown_0x03")],
)
def test_validation_style(features1: int, style: str) -> None:
    assert validation_style(features1) == style
