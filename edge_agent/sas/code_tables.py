"""Code tables: what the small numbers inside messages stand for. Exact: no floats, no rounding.

"Unit" is the local currency unit, whatever the text calls a dollar.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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

# Bills in long poll 48 and event 4F, in whole currency units, by the BCD number of the code (10 is $500).
# H, GD MO.
BILL_DENOMINATIONS: Mapping[int, int] = MappingProxyType(dict(enumerate((
    1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000, 20_000, 25_000, 50_000,
    100_000, 200_000, 250_000, 500_000, 1_000_000,
))))  # fmt: skip

# The one-byte exceptions that say which bill it was, in whole currency units. H, SC GD.
BILL_EXCEPTIONS: Mapping[int, int] = MappingProxyType({
    0x47: 1, 0x48: 5, 0x49: 10, 0x4A: 20, 0x4B: 50, 0x4C: 100, 0x4D: 2, 0x4E: 500, 0x50: 200,
})  # fmt: skip

# Countries of bills, by the BCD number of the code. H, GD MO. 40 up are reserved.
COUNTRIES: Mapping[int, str] = MappingProxyType(dict(enumerate((
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

# Validation styles: features1 bits 5 and 6 of long poll A0. H, GD MO SP.
VALIDATION_STYLES: Mapping[int, str] = MappingProxyType({0: "standard", 1: "system", 2: "secure_enhanced"})

# Validation types of ticket records and validation meters. H, GD MO.
VALIDATION_TYPES: Mapping[int, str] = MappingProxyType({
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

# Hopper status of long poll 4F. M, MO.
HOPPER_STATUSES: Mapping[int, str] = MappingProxyType({
    0x00: "ok", 0x01: "flooded_optics", 0x02: "reverse_coin", 0x03: "coin_too_short", 0x04: "coin_jam",
    0x05: "runaway", 0x06: "optics_disconnected", 0x07: "empty", 0xFF: "other",
})  # fmt: skip

# Feature bits of long poll A0, one tuple a byte, bit 0 first. None: reserved, or part of a number.
# H, GD MO SP.
_FEATURE_BITS: tuple[tuple[str | None, ...], ...] = (
    ("jackpot_multiplier", "aft_bonus_awards", "legacy_bonus_awards", "tournament", "validation_extensions",
     None, None, "ticket_redemption"),
    (None, None, "tickets_to_drop", "extended_meters", "component_authentication",
     "jackpot_key_off_exception", "aft", "multi_denomination"),
    ("fast_polling", "multiple_sas_progressive_wins", "meter_change_notification", "session_play",
     "foreign_currency_redemption", "non_sas_progressive_reporting", "enhanced_progressive_data", None),
    ("max_progressive_payback", None, None, None, None, None, None, None),
)  # fmt: skip
_STYLE_SHIFT, _STYLE_MASK = 5, 0b11


def feature_names(features: tuple[int, int, int, int]) -> tuple[str, ...]:
    """The names of the feature bits that are set in an A0 answer."""
    return tuple(
        name
        for value, names in zip(features, _FEATURE_BITS, strict=True)
        for bit, name in enumerate(names)
        if name and value >> bit & 1
    )


def validation_style(features1: int) -> str:
    """How the machine validates tickets; the fourth style is not assigned."""
    style = features1 >> _STYLE_SHIFT & _STYLE_MASK
    return VALIDATION_STYLES.get(style, f"unknown_0x{style:02x}")
