"""Code tables: what the small numbers inside messages stand for. Exact: no floats, no rounding.

"Unit" is the local currency unit, whatever the text calls a dollar. Money comes first, then one section a
family of long polls. `code_name` and `bit_names` read the tables; what is not in one keeps its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Codes = Mapping[int, str]  # by number
Bits = Mapping[int, str]  # by bit, the lowest 0

# Accounting, player and token denominations, in ten-thousandths of the currency unit. 00: none configured.
# H, GD MO NC. 20 to 3F are reserved.
DENOMINATIONS: Mapping[int, int] = MappingProxyType({
    0x01: 100, 0x02: 500, 0x03: 1000, 0x04: 2500, 0x05: 5000, 0x06: 10_000, 0x07: 50_000,
    0x08: 100_000, 0x09: 200_000, 0x0A: 1_000_000, 0x0B: 2000, 0x0C: 20_000, 0x0D: 25_000, 0x0E: 250_000,
    0x0F: 500_000, 0x10: 2_000_000, 0x11: 2_500_000, 0x12: 5_000_000, 0x13: 10_000_000, 0x14: 20_000_000,
    0x15: 25_000_000, 0x16: 50_000_000, 0x17: 200, 0x18: 300, 0x19: 1500, 0x1A: 4000, 0x1B: 50, 0x1C: 25,
    0x1D: 20, 0x1E: 10, 0x1F: 5,
})  # fmt: skip
DENOMINATION_SCALE = 10_000

# Bills in long poll 48 and event 4F, in whole currency units, by the BCD number of the code (10 is $500); and
# by the bit of the mask of long poll 08. H, GD MO.
BILL_DENOMINATIONS: Mapping[int, int] = MappingProxyType(dict(enumerate((
    1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000, 20_000, 25_000, 50_000,
    100_000, 200_000, 250_000, 500_000, 1_000_000,
))))  # fmt: skip

# The one-byte exceptions that say which bill it was, in whole currency units. H, SC GD.
BILL_EXCEPTIONS: Mapping[int, int] = MappingProxyType({
    0x47: 1, 0x48: 5, 0x49: 10, 0x4A: 20, 0x4B: 50, 0x4C: 100, 0x4D: 2, 0x4E: 500, 0x50: 200,
})  # fmt: skip

# Countries of bills, by the BCD number of the code. H, GD MO. 40 up are reserved.
COUNTRIES: Codes = MappingProxyType(dict(enumerate((
    "unknown", "Argentina", "Australia", "Austria", "Belgium", "Brazil", "Bulgaria", "Canada", "Colombia",
    "Cyprus", "Czechoslovakia", "Denmark", "Finland", "France", "Germany", "Great Britain", "Gibraltar",
    "Greece", "Guernsey", "Hungary", "Ireland", "Italy", "Jersey", "Luxembourg", "Malta", "Mexico", "Morocco",
    "Norway", "Poland", "Portugal", "Romania", "Russia", "Spain", "South Africa", "Sweden", "Switzerland",
    "Turkey", "USA", "Holland", "Euro",
))))  # fmt: skip

# The first letters of long poll 1F: who built the machine. M; no complete public list is known.
GAME_IDS: Mapping[str, str] = MappingProxyType(
    {"AT": "Aristocrat", "SS": "IGT S-Plus", "AC": "American Coin"}
)

# --- Configuration ---

# Long poll 08, action: what happens to the acceptor after each bill. H, MO.
BILL_ACCEPTOR_ACTIONS: Codes = MappingProxyType({0x00: "disable_after_each_bill", 0x01: "keep_enabled"})

# What is switched by long polls 09, 0E and AA. H, MO SP.
ENABLES: Codes = MappingProxyType({0x00: "off", 0x01: "on"})

# Long poll 94, and long poll A8. H, SK MO SP.
HANDPAY_RESET_CODES: Codes = MappingProxyType({
    0x00: "reset", 0x01: "unable_to_reset", 0x02: "not_in_a_handpay",
})  # fmt: skip
HANDPAY_RESET_METHODS: Codes = MappingProxyType({0x00: "standard_handpay", 0x01: "to_the_credit_meter"})
HANDPAY_RESET_METHOD_CODES: Codes = MappingProxyType({
    0x00: "enabled", 0x01: "unable_to_enable", 0x02: "not_in_a_handpay",
})  # fmt: skip

# Meter change protocol, long poll B6: what the host says, and what the machine says. H, MO NC.
COLLECT_STATUSES_OF_HOST: Codes = MappingProxyType({
    0x00: "change_noted", 0x01: "meters_collected", 0x80: "cannot_collect_now",
})  # fmt: skip
COLLECT_STATUSES_OF_MACHINE: Codes = MappingProxyType({
    0x00: "lifetime_meters_change", 0x01: "games_or_denominations_change", 0x80: "no_change_pending",
})  # fmt: skip

# Long poll B7: what the host may set. M, MO NC.
MACHINE_NUMBERS_FLAGS: Bits = MappingProxyType({0: "asset_number_settable", 1: "location_settable"})

# --- Information ---

# Hopper status of long poll 4F. M, MO.
HOPPER_STATUSES: Codes = MappingProxyType({
    0x00: "ok", 0x01: "flooded_optics", 0x02: "reverse_coin", 0x03: "coin_too_short", 0x04: "coin_jam",
    0x05: "runaway", 0x06: "optics_disconnected", 0x07: "empty", 0xFF: "other",
})  # fmt: skip

# Playing cards of long poll 8E: the suit in the high four bits, the rank in the low four. H, MO SP.
HAND_TYPES: Codes = MappingProxyType({0x00: "dealt", 0x01: "final"})
CARD_SUITS: Codes = MappingProxyType(dict(enumerate((
    "spades", "clubs", "hearts", "diamonds", "joker", "other",
))))  # fmt: skip
CARD_RANKS: Codes = MappingProxyType(dict(enumerate((
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "jack", "queen", "king", "ace",
    "joker", "other",
))))  # fmt: skip
JOKER, NO_CARD = 0x4D, 0x5E

# Feature bits of long poll A0, by the number of the features byte. Bits that are part of a number, or
# reserved, are not named. H, GD MO SP.
FEATURE_BITS: Mapping[int, Bits] = MappingProxyType({
    1: MappingProxyType({
        0: "jackpot_multiplier", 1: "aft_bonus_awards", 2: "legacy_bonus_awards", 3: "tournament",
        4: "validation_extensions", 7: "ticket_redemption",
    }),
    2: MappingProxyType({
        2: "tickets_to_drop", 3: "extended_meters", 4: "component_authentication",
        5: "jackpot_key_off_exception", 6: "aft", 7: "multi_denomination",
    }),
    3: MappingProxyType({
        0: "fast_polling", 1: "multiple_sas_progressive_wins", 2: "meter_change_notification",
        3: "session_play", 4: "foreign_currency_redemption", 5: "non_sas_progressive_reporting",
        6: "enhanced_progressive_data",
    }),
    4: MappingProxyType({0: "max_progressive_payback"}),
})  # fmt: skip
_STYLE_SHIFT, _STYLE_MASK = 5, 0b11

# How a machine meters won credits: features2 bits 0 and 1 of long poll A0. H, GD MO SP.
METER_MODELS: Codes = MappingProxyType({
    0: "not_stated", 1: "metered_when_won", 2: "metered_when_played_or_paid",
})  # fmt: skip
_MODEL_MASK = 0b11

# --- Authentication, long poll 6E. H, MO; SP 17. ---

AUTHENTICATION_ACTIONS: Codes = MappingProxyType({
    0x00: "number_of_components", 0x01: "component_status", 0x02: "authenticate",
    0x03: "authentication_status",
})  # fmt: skip
ADDRESSING_MODES: Codes = MappingProxyType({0x00: "by_index", 0x01: "by_name"})
AUTHENTICATION_METHODS: Bits = MappingProxyType({
    0: "crc_16", 1: "crc_32", 2: "md5", 3: "kobetron_1", 4: "kobetron_2", 5: "sha_1", 6: "sha_256",
})  # fmt: skip
AUTHENTICATION_STATUSES: Codes = MappingProxyType({
    0x00: "ok", 0x01: "number_of_components", 0x40: "in_progress", 0x41: "complete",
    0x80: "no_such_component", 0x81: "component_unavailable", 0x82: "invalid_command", 0xC0: "failed",
    0xC1: "aborted_component_list_changed", 0xC2: "component_has_no_authentication",
    0xC3: "method_not_supported", 0xC4: "bad_data_for_the_method", 0xC5: "cannot_authenticate_now",
    0xFF: "no_data",
})  # fmt: skip

# --- Validation and tickets ---

# Validation styles: features1 bits 5 and 6 of long poll A0. H, GD MO SP.
VALIDATION_STYLES: Codes = MappingProxyType({0: "standard", 1: "system", 2: "secure_enhanced"})

# Validation types of ticket records and validation meters. H, GD MO.
VALIDATION_TYPES: Codes = MappingProxyType({
    0x00: "cashable_ticket",
    0x01: "restricted_ticket",
    0x02: "cashable_ticket_from_aft",
    0x03: "restricted_ticket_from_aft",
    0x04: "debit_ticket_from_aft",
    0x10: "cancelled_credit_handpay_with_receipt",
    0x20: "jackpot_handpay_with_receipt",
    0x40: "cancelled_credit_handpay_without_receipt",
    0x60: "jackpot_handpay_without_receipt",
    0x80: "cashable_ticket_redeemed",
    0x81: "restricted_ticket_redeemed",
    0x82: "nonrestricted_ticket_redeemed",
})  # fmt: skip

# Long poll 4D, what of the validation buffer is asked for; 01 to 1F are its entries. H, MO SP.
VALIDATION_FUNCTIONS: Codes = MappingProxyType({0x00: "read_and_mark", 0xFF: "look_only"})

# Long polls 57 and 58. H, MO SP.
CASH_OUT_TYPES: Codes = MappingProxyType({
    0x00: "cashable_ticket", 0x01: "restricted_ticket", 0x80: "not_waiting",
})  # fmt: skip
VALIDATION_NUMBER_STATUSES: Codes = MappingProxyType({
    0x00: "accepted", 0x80: "not_in_a_cash_out", 0x81: "improper_validation",
})  # fmt: skip

# Long poll 70. H, MO SP.
ESCROW_STATUSES: Codes = MappingProxyType({0x00: "ticket_in_escrow", 0xFF: "no_ticket_in_escrow"})

# Long poll 71: what the host decides, and what the machine says became of the ticket. H, MO AR GD.
TICKET_TRANSFER_CODES: Codes = MappingProxyType({
    0x00: "valid_cashable", 0x01: "valid_restricted", 0x02: "valid_nonrestricted", 0x80: "cannot_validate",
    0x81: "not_a_valid_number", 0x82: "not_in_the_system", 0x83: "marked_pending", 0x84: "already_redeemed",
    0x85: "expired", 0x86: "information_not_available", 0x87: "amount_differs_from_the_system",
    0x88: "exceeds_auto_redemption_limit", 0xFF: "ask_for_status",
})  # fmt: skip
TICKET_STATUSES: Codes = MappingProxyType({
    0x00: "cashable_redeemed", 0x01: "restricted_redeemed", 0x02: "nonrestricted_redeemed",
    0x20: "waiting_for_the_host", 0x40: "redemption_pending", 0x80: "rejected_by_host",
    0x81: "validation_number_does_not_match", 0x82: "not_a_valid_transfer_function", 0x83: "bad_amount",
    0x84: "exceeds_credit_limit", 0x85: "not_a_multiple_of_the_denomination",
    0x86: "amount_differs_from_the_ticket", 0x87: "unable_now", 0x88: "rejected_after_timeout",
    0x89: "rejected_link_down", 0x8A: "redemption_disabled", 0x8B: "validator_failure",
    0xC0: "not_compatible_with_the_current_cycle", 0xFF: "no_information",
})  # fmt: skip

# Long poll 7B, both words. H, MO ES.
VALIDATION_STATUS_BITS: Bits = MappingProxyType({
    0: "printer_as_cash_out_device",
    1: "printer_for_handpay_receipts",
    2: "validate_handpays",
    3: "print_restricted_tickets",
    4: "tickets_for_foreign_restricted_amounts",
    5: "ticket_redemption",
    15: "secure_enhanced_validation_configured",
})  # fmt: skip

# Texts of tickets, long polls 7C and 76, and whether the machine holds valid ones. H, MO SP; 76 is M, GD.
TICKET_TEXTS: Codes = MappingProxyType({
    0x00: "location", 0x01: "address_1", 0x02: "address_2", 0x10: "restricted_title", 0x20: "debit_title",
})  # fmt: skip
CUSTOM_TICKET_TEXTS: Codes = MappingProxyType({
    0x00: "location", 0x01: "address_1", 0x02: "address_2", 0x03: "graphics", 0x10: "title",
})  # fmt: skip
TICKET_DATA_STATUSES: Codes = MappingProxyType({0x00: "no_valid_data", 0x01: "valid_data"})

# --- Handpays, progressives, bonuses ---

# Level of a handpay, long poll 1B; 01 to 20 are progressive levels. H, MO NC.
HANDPAY_LEVELS: Codes = MappingProxyType({
    0x00: "non_progressive_win", 0x40: "non_progressive_top_win", 0x80: "cancelled_credits",
})  # fmt: skip
HANDPAY_RESET_IDS: Codes = MappingProxyType({
    0x00: "attendant_reset_only", 0x01: "credit_meter_reset_available",
})  # fmt: skip

# Legacy bonuses, long polls 8A and 90, and multiplied jackpots. H, MO SP.
TAX_STATUSES: Codes = MappingProxyType({0x00: "deductible", 0x01: "non_deductible", 0x02: "wager_match"})

# --- AFT ---

# Long poll 72. H, MO GD SK CO.
AFT_TRANSFER_CODES: Codes = MappingProxyType({
    0x00: "full_only", 0x01: "partial_allowed", 0x80: "cancel", 0xFE: "look_only",
    0xFF: "look_and_acknowledge",
})  # fmt: skip
AFT_TRANSFER_TYPES: Codes = MappingProxyType({
    0x00: "in_house_to_machine", 0x10: "bonus_coin_out_win_to_machine",
    0x11: "bonus_jackpot_win_to_machine", 0x20: "in_house_to_ticket", 0x40: "debit_to_machine",
    0x60: "debit_to_ticket", 0x80: "in_house_to_host", 0x90: "win_to_host",
})  # fmt: skip
AFT_TRANSFER_FLAGS: Bits = MappingProxyType({
    0: "host_cash_out_enable_control",
    1: "host_cash_out_enable",
    2: "host_cash_out_hard",
    3: "cash_out_from_machine_request",
    4: "lock_after_transfer",
    5: "custom_ticket_data",
    6: "accept_only_if_locked",
    7: "receipt_requested",
})  # fmt: skip
# Top three bits: 000 done, 010 pending, 100 failed, 110 wrong moment or unsupported, 111 nothing to tell.
# H, GD CO CN ES MO.
AFT_STATUSES: Codes = MappingProxyType({
    0x00: "full_transfer_done", 0x01: "partial_transfer_done", 0x40: "pending", 0x80: "cancelled_by_host",
    0x81: "transaction_id_not_unique", 0x82: "not_a_valid_transfer_function",
    0x83: "bad_amount_or_expiration", 0x84: "over_the_transfer_limit",
    0x85: "not_a_multiple_of_the_denomination", 0x86: "no_partial_transfers_to_host", 0x87: "unable_now",
    0x88: "not_registered", 0x89: "registration_key_differs", 0x8A: "no_pos_id",
    0x8B: "no_won_credits_to_cash_out", 0x8C: "no_denomination_set",
    0x8D: "expiration_not_valid_for_a_ticket", 0x8E: "ticket_device_not_available",
    0x8F: "restricted_amount_of_another_pool_present", 0x90: "cannot_print_a_receipt",
    0x91: "not_enough_receipt_data", 0x92: "receipt_not_allowed_for_this_type",
    0x93: "asset_number_zero_or_different", 0x94: "not_locked", 0x95: "bad_transaction_id",
    0x9F: "unexpected_error", 0xC0: "not_compatible_with_the_current_transfer",
    0xC1: "unsupported_transfer_code", 0xFF: "no_information",
})  # fmt: skip
RECEIPT_STATUSES: Codes = MappingProxyType({
    0x00: "printed", 0x20: "printing", 0x40: "pending", 0xFF: "no_receipt",
})  # fmt: skip
# The fields of a receipt. H, MO. Those that tell who played are confidential.
RECEIPT_FIELDS: Codes = MappingProxyType({
    0x00: "source_or_destination", 0x01: "date_and_time", 0x10: "patron_name", 0x11: "account_number",
    0x13: "balance", 0x41: "last_four_card_digits", 0x42: "fee_cents", 0x43: "total_debit_cents",
})  # fmt: skip
# The lines that every receipt bears, long poll 75. H, MO GD.
RECEIPT_TEXTS: Codes = MappingProxyType({
    0x00: "location", 0x01: "address_1", 0x02: "address_2",
    0x10: "in_house_line_1", 0x11: "in_house_line_2", 0x12: "in_house_line_3", 0x13: "in_house_line_4",
    0x20: "debit_line_1", 0x21: "debit_line_2", 0x22: "debit_line_3", 0x23: "debit_line_4",
})  # fmt: skip

# Long poll 73. H, MO SP.
REGISTRATION_CODES: Codes = MappingProxyType({
    0x00: "initialise", 0x01: "register", 0x40: "request_operator_acknowledgement", 0x80: "unregister",
    0xFF: "read",
})  # fmt: skip
REGISTRATION_STATUSES: Codes = MappingProxyType({
    0x00: "ready", 0x01: "registered", 0x40: "pending_operator", 0x80: "not_registered",
})  # fmt: skip

# Long poll 74. H, MO GD SK.
LOCK_CODES: Codes = MappingProxyType({0x00: "request_lock", 0x80: "cancel_lock", 0xFF: "interrogate"})
LOCK_CONDITIONS: Bits = MappingProxyType({
    0: "transfer_to_machine", 1: "transfer_from_machine", 2: "transfer_to_printer", 3: "bonus_award",
})  # fmt: skip
LOCK_STATUSES: Codes = MappingProxyType({0x00: "locked", 0x40: "lock_pending", 0xFF: "not_locked"})
AVAILABLE_TRANSFERS: Bits = MappingProxyType({
    0: "to_machine", 1: "from_machine", 2: "to_printer", 3: "win_pending_to_host", 4: "bonus_award",
    7: "lock_after_transfer",
})  # fmt: skip
HOST_CASH_OUT_BITS: Bits = MappingProxyType({0: "controllable_by_host", 1: "enabled", 2: "hard"})
AFT_STATUS_BITS: Bits = MappingProxyType({
    0: "receipt_printer", 1: "partial_transfers_to_host", 2: "custom_ticket_data", 3: "registered",
    4: "in_house_enabled", 5: "bonus_enabled", 6: "debit_enabled", 7: "any_aft_enabled",
})  # fmt: skip

# --- Legacy electronic transfers. M, NC. ---

EFT_STATUSES: Codes = MappingProxyType({
    0x00: "ok", 0x02: "door_open", 0x04: "over_limit", 0x05: "bad_transaction_number",
    0x06: "not_in_credit_mode", 0x07: "tilt", 0x08: "bad_acknowledgement", 0x09: "game_in_progress",
    0x0A: "not_bcd", 0x0B: "duplicate", 0x0C: "disabled_by_host", 0x0D: "out_of_service", 0x0E: "busy",
    0xFD: "under_limit", 0xFE: "timeout", 0xFF: "link_down",
})  # fmt: skip
EFT_ACKNOWLEDGEMENTS: Codes = MappingProxyType({0x00: "first_phase", 0x01: "confirmed"})
EFT_AVAILABLE: Bits = MappingProxyType({0: "to_machine", 1: "to_host"})

# --- Multi-denomination preamble. M, MO. ---

MULTI_DENOMINATION_ERRORS: Codes = MappingProxyType({
    0x01: "base_command_not_supported",
    0x02: "malformed",
    0x03: "base_command_not_aware_of_denominations",
    0x04: "not_available_for_this_denomination",
    0x05: "not_a_player_denomination",
})  # fmt: skip


def code_name(codes: Codes, code: int) -> str:
    """What a table says of a code, `unknown_0x..` for one it does not list."""
    return codes.get(code) or f"unknown_0x{code:02x}"


def bit_names(bits: Bits, value: int) -> tuple[str, ...]:
    """The names of the bits that are set, the lowest first; `bit_..` for one the table does not list."""
    return tuple(bits.get(bit) or f"bit_{bit}" for bit in range(value.bit_length()) if value >> bit & 1)


def feature_names(features: tuple[int, int, int, int]) -> tuple[str, ...]:
    """The names of the feature bits that are set in an A0 answer."""
    return tuple(
        name
        for number, value in enumerate(features, start=1)
        for bit, name in FEATURE_BITS[number].items()
        if value >> bit & 1
    )


def validation_style(features1: int) -> str:
    """How the machine validates tickets; the fourth style is not assigned."""
    return code_name(VALIDATION_STYLES, features1 >> _STYLE_SHIFT & _STYLE_MASK)


def meter_model(features2: int) -> str:
    """When the machine meters what was won; the fourth model is not assigned."""
    return code_name(METER_MODELS, features2 & _MODEL_MASK)


def card_name(card: int) -> str:
    """A playing card of long poll 8E in words."""
    if card in (JOKER, NO_CARD):
        return "joker" if card == JOKER else "no_card"
    rank, suit = CARD_RANKS.get(card & 0x0F), CARD_SUITS.get(card >> 4)
    return f"{rank}_of_{suit}" if rank and suit else f"unknown_0x{card:02x}"
