"""Layouts on the page: a row a field, with where it stands, how long it is and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_agent.sas.code_tables import MULTI_DENOMINATION_ERRORS
from edge_agent.sas.entries import CountedEntries, Entries, FixedEntries, Sized, SizedBcd
from edge_agent.sas.fields import (
    Bcd,
    Binary,
    CountedRaw,
    CountedText,
    Digits,
    Field,
    LateBcd,
    Raw,
    RestRaw,
    RestText,
    Rows,
    Text,
    Trailing,
)
from edge_agent.sas.meter_codes import METERS
from edge_agent.sas.meter_fields import MeterCodes, SelfSizedMeters, TableSizedMeters
from edge_agent.sas.polls.multi_denomination import BasePoll, BaseReply
from sas_page.codes import link

# What a number means that no table of codes says, by the name of its field.
_NOTES: Mapping[str, str] = MappingProxyType({
    "asset_number": "0: none",
    "base_percent": "two decimals implied",
    "base_command": "of the base poll; 00 in an answer: it failed",
    "controller_id": "of the progressive controller",
    "card": "the card's number, and 80 when it is held",
    "cashable_expiration_days": "0: as it was; 9999: never",
    "restricted_expiration_days": "0: as it was; 9999: never",
    "category": "0: the whole game",
    "component": "its index, or its name",
    "component_size": "of action 00: how many components there are",
    "contribution_rate": "four decimals implied",
    "date": "MMDDYYYY",
    "time": "HHMMSS",
    "expiration": "MMDDYYYY, or 0000 and days; 00009999: never",
    "restricted_expiration": "MMDDYYYY, or 0000 and days; 00009999: never",
    "expiration_days": "0: never",
    "function": "01 to 1F: an entry of the buffer",
    "game": "0: the whole machine",
    "games": "their numbers",
    "history_position": "0: not logged yet",
    "index": "of the buffer, from 1",
    "max_bet": "FF in one byte: 255 or more",
    "parsing_code": "00: 18 digits, the system ID first",
    "payback": "two decimals implied",
    "percent_full": "FF: not known",
    "pool": "0: none",
    "restricted_pool": "0: none",
    "pos_id": "FFFFFFFF: as it was",
    "progressive_group": "0: none",
    "progressive_levels": "one bit a level, the lowest level 1",
    "reel": "from 1, the leftmost",
    "registration_key": "all zero where none is needed",
    "session_win": "6.03; reserved before",
    "session_pay": "6.03; reserved before",
    "stop": "FF: not known",
    "stops": "one byte a reel, the leftmost first; FF: none",
    "cards": "one byte a card: suit and rank; 4D a joker, 5E none",
    "target_id": "6.03",
    "ticket_number": "FFFF: none; rolls over from 9999 to 0",
    "transaction_id": "printable, and not that of the last transfer",
    "transaction_index": "00: the current one; 01 to 7F: a position; 81 to FF: counted back from the newest",
    "validation_system": "00: a number the machine made itself",
    "wager_type": "in events: bit 7 largest bet, bit 6 player denomination given, bits 0 to 5 its code",
    "location": "of length 0: as it was",
    "address_1": "of length 0: as it was",
    "address_2": "of length 0: as it was",
    "extra": "what may stand behind the rest",
    "reserved": "not explained",
})  # fmt: skip
_UNITS = MappingProxyType({row.name: row.unit.replace("_", " ") for row in METERS.values()})
_COINS = frozenset(("true_coin_in", "true_coin_out", "hopper_level"))
_CREDITS = frozenset((
    "promotional_in", "non_cashable_in", "transferred_out", "cashable_in", "progressive_wins", "deductible",
    "non_deductible", "wager_match", "tournament_wagered", "tournament_won", "bills_credits",
    "current_non_cashable_promotional_credits", "coin_in",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a layout."""

    at: str
    size: str
    name: str
    says: str


class Layout:
    """Walks the fields of a message and keeps count of where they stand."""

    def __init__(self, at: int) -> None:
        self._at: int | None = at

    def lines(self, fields: tuple[Field, ...], depth: int = 0) -> Iterator[Line]:
        """A row for each field, those inside others behind them."""
        for field in fields:
            yield from self._lines(field, depth)

    def length_byte(self) -> Line:
        """The byte that counts what follows it."""
        return self._line("length", "1", "how many bytes follow, without the CRC", 1, 0)

    def _lines(self, field: Field, depth: int) -> Iterator[Line]:
        match field:
            case Trailing(fields):
                yield Line("", "", "", "*the message may end here*")
                yield from self.lines(fields, depth)
            case Sized(Entries(name, fields) as inner):
                yield self._line(name, "1 + n", f"a length byte, and {_says(inner)}", None, depth)
                yield from self.lines(fields, depth + 1)
            case Entries(name, fields) | CountedEntries(name, fields) | FixedEntries(name, fields):
                yield self._line(name, _size(field), _says(field), None, depth)
                yield from self.lines(fields, depth + 1)
            case _:
                yield self._line(field.name, _size(field), _says(field), field.size, depth)

    def _line(self, name: str, size: str, says: str, bytes_: int | None, depth: int) -> Line:
        at = "then" if self._at is None else str(self._at)
        self._at = None if self._at is None or bytes_ is None else self._at + bytes_
        return Line(at if not depth else "", size, "&nbsp;&nbsp;" * depth + f"`{name}`", says)


def unit_of(field: Field) -> str:
    """What a field counts; "" where that needs no word."""
    unit: str = getattr(field, "unit", "")
    if unit:
        return unit
    if field.name.endswith("_cents"):
        return "cents"
    if field.name in _COINS:
        return "coins"
    if field.name in _CREDITS:
        return "credits"
    if field.name == "bills_value":
        return "whole currency units"
    return _UNITS.get(field.name, "")


def _size(field: Field) -> str:
    match field:
        case FixedEntries(times=times, size=size):
            return f"{times} times {size // times}"
        case CountedText() | CountedRaw() | SizedBcd() | CountedEntries() | Rows():
            return "1 + n"
        case _:
            return "the rest" if field.size is None else str(field.size)


def _says(field: Field) -> str:
    parts = [_kind(field), unit_of(field), _codes(field), _NOTES.get(field.name, "")]
    if field.name == "data" and isinstance(field, Raw | RestRaw):
        parts.append("**nobody knows**")
    if getattr(field, "confidential", False):
        parts.append("*confidential*")
    return "; ".join(part for part in parts if part)


def _codes(field: Field) -> str:
    codes, bits = getattr(field, "codes", None), getattr(field, "bits", None)
    if codes is not None:
        return link(codes)
    return f"bits: {link(bits)}" if bits is not None else ""


def _kind(field: Field) -> str:  # noqa: C901, PLR0911, PLR0912  a word for each kind of field
    match field:
        case Bcd() | LateBcd():
            return "BCD"
        case Digits():
            return "BCD digits"
        case Binary():
            return "binary" if field.size == 1 else "binary, low byte first"
        case Text() | RestText():
            return "text"
        case CountedText():
            return "a length byte and text"
        case CountedRaw():
            return "a length byte and bytes"
        case Raw() | RestRaw():
            return "bytes"
        case SizedBcd():
            return "a size byte and BCD; size 0: none"
        case Rows(element=element):
            return f"a count byte and {element.size} bytes each" + (
                f"; {_codes(element)}" if _codes(element) else ""
            )
        case FixedEntries() | Entries():
            return "for each"
        case CountedEntries():
            return "a count byte, and for each"
        case MeterCodes(code_size=size):
            return f"[meter codes](#meters), {size} {'byte' if size == 1 else 'bytes, low byte first,'} each"
        case TableSizedMeters():
            return "for each: the code in one byte, and as many BCD bytes as the [table](#meters) says"
        case SelfSizedMeters():
            return "for each: the code in two bytes, low byte first, a size byte, and so many BCD bytes"
        case BasePoll():
            return "the base poll behind its command, its own length byte included"
        case BaseReply():
            return (
                "the base answer behind its command; ACK and NACK are one byte, busy is 00; after base "
                f"command 00 an error code: {link(MULTI_DENOMINATION_ERRORS)}"
            )
    return ""
