"""Sayings: how a value that is no plain number is put into words: a date, a card, a percentage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from edge_agent.sas.code_tables import (
    BILL_DENOMINATIONS,
    DENOMINATION_SCALE,
    DENOMINATIONS,
    FEATURE_BITS,
    card_name,
    meter_model,
    validation_style,
)
from edge_agent.sas.long_polls import LONG_POLLS

# A value of a field, in words; "" where the value says it all.
Say = Callable[[Any], str]

NOT_ASSIGNED = "not assigned"

_NO_REEL = 0xFF
_CARD_HELD = 0x80
_MAX_BET, _IN_PLAYER_DENOMINATION, _DENOMINATION_BITS = 0x80, 0x40, 0x3F
_LAST_PROGRESSIVE_LEVEL = 0x20
_NEVER = "00009999"


def some(codes: Mapping[Any, str]) -> Say:
    """The few values that mean more than themselves."""
    return lambda value: codes.get(value, "")


def money(cents: int) -> str:
    """Cents, in currency units."""
    return f"{Decimal(cents) / 100:.2f}"


def denomination(code: int) -> str:
    """What one credit is worth."""
    value = DENOMINATIONS.get(code)
    if value is None:
        return "none" if code == 0 else NOT_ASSIGNED
    return f"{(Decimal(value) / DENOMINATION_SCALE).normalize():f} a credit"


def bill(code: int) -> str:
    """A bill, by its code."""
    units = BILL_DENOMINATIONS.get(code)
    return NOT_ASSIGNED if units is None else f"a bill of {units}"


def date(digits: str) -> str:
    """MMDDYYYY as ISO 8601 writes it."""
    return f"{digits[4:]}-{digits[:2]}-{digits[2:4]}" if digits.strip("0") else "none"


def time(digits: str) -> str:
    """HHMMSS with its colons."""
    return f"{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def minutes(number: int) -> str:
    """MMSS with its colon."""
    return f"{number // 100:02}:{number % 100:02}"


def expiration(digits: str) -> str:
    """A date, or a number of days."""
    if not digits.strip("0"):
        return "none"
    if digits.startswith("0000"):
        return "never" if digits == _NEVER else f"{int(digits)} days"
    return date(digits)


def percent(text: str) -> str:
    """Digits with two decimals implied."""
    return f"{int(text) / 100:.2f} %" if text.isascii() and text.isdecimal() else ""


def version(text: str) -> str:
    """Which SAS a machine speaks."""
    return f"SAS {text[0]}.{text[1:]}" if text.isascii() and text.isdecimal() else ""


def features1(value: int) -> str:
    """The first feature byte: its bits, and how the machine validates tickets."""
    return _features(1, value, f"validation {validation_style(value)}")


def features2(value: int) -> str:
    """The second feature byte: its bits, and when the machine meters what was won."""
    return _features(2, value, f"wins {meter_model(value)}")


def handpay_level(level: int) -> str:
    """A progressive level; other kinds of wins have codes."""
    return f"progressive level {level}" if 1 <= level <= _LAST_PROGRESSIVE_LEVEL else ""


def wager_type(value: int) -> str:
    """Whether it was a max bet, and what its credits are worth."""
    said = ["max bet"] if value & _MAX_BET else []
    if value & _IN_PLAYER_DENOMINATION:
        said.append(f"wagered at {denomination(value & _DENOMINATION_BITS)}")
    return ", ".join(said)


def card_held(value: int) -> str:
    """A card of a hand, and whether it is held."""
    return f"card {value & ~_CARD_HELD}, {'held' if value & _CARD_HELD else 'not held'}"


def cards(codes: bytes) -> str:
    """A hand."""
    return ", ".join(card_name(code).replace("_", " ") for code in codes)


def stops(reels: bytes) -> str:
    """Where each reel stands, the leftmost first."""
    return ", ".join("unused" if stop == _NO_REEL else str(stop) for stop in reels)


def base_command(command: int) -> str:
    """The poll inside a preamble; 00 in its answer."""
    if command == 0:
        return "failed: see error_code"
    row = LONG_POLLS.get(command)
    return row.name if row else NOT_ASSIGNED


def _features(byte: int, value: int, style: str) -> str:
    named = FEATURE_BITS[byte]
    names = [name for bit, name in named.items() if value >> bit & 1]
    return ", ".join((*names, style)).replace("_", " ")
