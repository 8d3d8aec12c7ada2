"""Meter codes: one byte in long poll 2F, two in 6F and AF.

One row a code: its name, what it counts, how many bytes it takes where the wire does not say (2F): five
for cents, four for anything else. Classic meters roll over at the end of their digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from edge_agent.sas.sources import Confidence

Unit = Literal["credits", "cents", "count", "percent_hundredths"]

CENTS_BYTES = 5
OTHER_BYTES = 4


@dataclass(frozen=True, slots=True)
class MeterCode:
    """One meter."""

    code: int
    name: str
    unit: Unit
    confidence: Confidence = "H"
    source: str = "MO GD"

    @property
    def size(self) -> int:
        """Bytes in long poll 2F; the size machines use elsewhere unless they say otherwise."""
        return CENTS_BYTES if self.unit == "cents" else OTHER_BYTES


_BILLS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000, 20_000, 25_000, 50_000,
          100_000, 200_000, 250_000, 500_000, 1_000_000)  # fmt: skip
_SMALL_BILLS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def _bills(first: int, prefix: str, values: tuple[int, ...]) -> tuple[MeterCode, ...]:
    """Consecutive codes that count bills of rising value."""
    return tuple(
        MeterCode(code, f"{prefix}_{value}", "count") for code, value in enumerate(values, start=first)
    )


def _pair(code: int, name: str) -> tuple[MeterCode, ...]:
    """A meter of cents and, at the next code, how often."""
    return MeterCode(code, f"{name}_cents", "cents"), MeterCode(code + 1, f"{name}_count", "count")


_ROWS: tuple[MeterCode, ...] = (
    MeterCode(0x00, "coin_in", "credits"),
    MeterCode(0x01, "coin_out", "credits"),
    MeterCode(0x02, "jackpot", "credits"),
    MeterCode(0x03, "hand_paid_cancelled_credits", "credits"),
    MeterCode(0x04, "cancelled_credits", "credits"),
    MeterCode(0x05, "games_played", "count"),
    MeterCode(0x06, "games_won", "count"),
    MeterCode(0x07, "games_lost", "count"),
    MeterCode(0x08, "coin_acceptor_credits", "credits"),
    MeterCode(0x09, "hopper_paid_credits", "credits"),
    MeterCode(0x0A, "coins_to_drop_credits", "credits"),
    MeterCode(0x0B, "bills_credits", "credits"),
    MeterCode(0x0C, "current_credits", "credits"),
    MeterCode(0x0D, "cashable_ticket_in", "cents"),
    MeterCode(0x0E, "cashable_ticket_out", "cents"),
    MeterCode(0x0F, "restricted_ticket_in", "cents"),
    MeterCode(0x10, "restricted_ticket_out", "cents"),
    MeterCode(0x11, "cashable_ticket_in_count", "count"),
    MeterCode(0x12, "cashable_ticket_out_count", "count"),
    MeterCode(0x13, "restricted_ticket_in_count", "count"),
    MeterCode(0x14, "restricted_ticket_out_count", "count"),
    MeterCode(0x15, "ticket_in_credits", "credits"),
    MeterCode(0x16, "ticket_out_credits", "credits"),
    MeterCode(0x17, "electronic_in_credits", "credits"),
    MeterCode(0x18, "electronic_out_credits", "credits"),
    MeterCode(0x19, "restricted_played", "credits"),
    MeterCode(0x1A, "nonrestricted_played", "credits"),
    MeterCode(0x1B, "current_restricted_credits", "credits"),
    MeterCode(0x1C, "machine_paid_paytable_win", "credits"),
    MeterCode(0x1D, "machine_paid_progressive_win", "credits"),
    MeterCode(0x1E, "machine_paid_external_bonus", "credits"),
    MeterCode(0x1F, "attendant_paid_paytable_win", "credits"),
    MeterCode(0x20, "attendant_paid_progressive_win", "credits"),
    MeterCode(0x21, "attendant_paid_external_bonus", "credits"),
    MeterCode(0x22, "total_won", "credits"),
    MeterCode(0x23, "total_hand_paid", "credits"),
    MeterCode(0x24, "drop", "credits"),
    MeterCode(0x25, "games_since_power_up", "count"),
    MeterCode(0x26, "games_since_door_close", "count"),
    MeterCode(0x27, "external_coin_acceptor_credits", "credits"),
    MeterCode(0x28, "ticket_in_all_cashable_credits", "credits"),
    MeterCode(0x29, "ticket_in_regular_cashable_credits", "credits"),
    MeterCode(0x2A, "ticket_in_restricted_credits", "credits"),
    MeterCode(0x2B, "ticket_in_nonrestricted_credits", "credits"),
    MeterCode(0x2C, "ticket_out_cashable_credits", "credits"),
    MeterCode(0x2D, "ticket_out_restricted_credits", "credits"),
    MeterCode(0x2E, "electronic_in_cashable_credits", "credits"),
    MeterCode(0x2F, "electronic_in_restricted_credits", "credits"),
    MeterCode(0x30, "electronic_in_nonrestricted_credits", "credits"),
    MeterCode(0x31, "electronic_in_debit_credits", "credits"),
    MeterCode(0x32, "electronic_out_cashable_credits", "credits"),
    MeterCode(0x33, "electronic_out_restricted_credits", "credits"),
    MeterCode(0x34, "electronic_out_nonrestricted_credits", "credits"),
    MeterCode(0x35, "ticket_in_regular_cashable_count", "count"),
    MeterCode(0x36, "ticket_in_restricted_count", "count"),
    MeterCode(0x37, "ticket_in_nonrestricted_count", "count"),
    MeterCode(0x38, "ticket_out_cashable_count", "count"),
    MeterCode(0x39, "ticket_out_restricted_count", "count"),
    MeterCode(0x3E, "stacker_bills", "count"),
    MeterCode(0x3F, "stacker_credits", "credits"),
    *_bills(0x40, "bills", _BILLS),
    MeterCode(0x58, "bills_to_drop_credits", "credits"),
    *_bills(0x59, "bills_to_drop", _SMALL_BILLS),
    MeterCode(0x63, "bills_to_hopper_credits", "credits"),
    *_bills(0x64, "bills_to_hopper", _SMALL_BILLS),
    MeterCode(0x6E, "bills_dispensed_credits", "credits"),
    *_bills(0x6F, "bills_dispensed", _SMALL_BILLS),
    MeterCode(0x79, "sessions_played", "count", "M", "MO EE"),
    MeterCode(0x7A, "tip_money", "credits", "M", "MO EE"),
    MeterCode(0x7B, "foreign_bills_cents", "cents", "M", "MO EE"),
    MeterCode(0x7C, "foreign_bills_count", "count", "M", "MO EE"),
    MeterCode(0x7F, "weighted_average_payback", "percent_hundredths"),
    *_pair(0x80, "regular_cashable_ticket_in"),
    *_pair(0x82, "restricted_promotional_ticket_in"),
    *_pair(0x84, "nonrestricted_promotional_ticket_in"),
    *_pair(0x86, "regular_cashable_ticket_out"),
    *_pair(0x88, "restricted_promotional_ticket_out"),
    *_pair(0x8A, "debit_ticket_out"),
    *_pair(0x8C, "cancelled_credit_handpay_with_receipt"),
    *_pair(0x8E, "jackpot_handpay_with_receipt"),
    *_pair(0x90, "cancelled_credit_handpay_without_receipt"),
    *_pair(0x92, "jackpot_handpay_without_receipt"),
    *_pair(0xA0, "aft_in_house_cashable_in"),
    *_pair(0xA2, "aft_in_house_restricted_in"),
    *_pair(0xA4, "aft_in_house_nonrestricted_in"),
    *_pair(0xA6, "aft_debit_in"),
    *_pair(0xA8, "aft_in_house_cashable_to_ticket"),
    *_pair(0xAA, "aft_in_house_restricted_to_ticket"),
    *_pair(0xAC, "aft_debit_to_ticket"),
    *_pair(0xAE, "aft_bonus_cashable_in"),
    *_pair(0xB0, "aft_bonus_nonrestricted_in"),
    *_pair(0xB8, "aft_in_house_cashable_out"),
    *_pair(0xBA, "aft_in_house_restricted_out"),
    *_pair(0xBC, "aft_in_house_nonrestricted_out"),
    MeterCode(0xFA, "keyed_on_regular_cashable", "credits", "M", "MO EE"),
    MeterCode(0xFB, "keyed_on_restricted", "credits", "M", "MO EE"),
    MeterCode(0xFC, "keyed_on_nonrestricted", "credits", "M", "MO EE"),
    MeterCode(0xFD, "keyed_off_regular_cashable", "credits", "M", "MO EE"),
    MeterCode(0xFE, "keyed_off_restricted", "credits", "M", "MO EE"),
    MeterCode(0xFF, "keyed_off_nonrestricted", "credits", "M", "MO EE"),
)

METERS: Mapping[int, MeterCode] = MappingProxyType({row.code: row for row in _ROWS})


def meter_name(code: int) -> str:
    """The name of a code, `unknown_0x..` for one no table lists."""
    row = METERS.get(code)
    return row.name if row else f"unknown_0x{code:02x}"
