"""Meanings: what the value of a field stands for, in words.

The field itself says it where the tables have a row for it: its codes, its bits, its unit. What is left
are values that mean more than a number, one row a name: dates, sentinels, hands of cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from edge_agent.cabinet import saying
from edge_agent.cabinet.saying import NOT_ASSIGNED, Say, some
from edge_agent.sas.code_tables import BILL_DENOMINATIONS, DENOMINATIONS, GAME_IDS, bit_names
from edge_agent.sas.fields import Field
from edge_agent.sas.meter_codes import METERS

_BY_NAME: Mapping[str, Say] = MappingProxyType({
    "asset_number": some({0: "none"}),
    "base_command": saying.base_command,
    "base_percent": saying.percent,
    "card": saying.card_held,
    "cards": saying.cards,
    "cashable_expiration_days": some({0: "as it was", 9999: "never"}),
    "category": some({0: "the whole game"}),
    "date": saying.date,
    "delay_tenths": some({0: "cancelled"}),
    "expiration": saying.expiration,
    "expiration_days": some({0: "never"}),
    "features1": saying.features1,
    "features2": saying.features2,
    "game": some({0: "the whole machine"}),
    "game_id": some(GAME_IDS),
    "games_implemented": some({0: "no multi-game support"}),
    "history_position": some({0: "not logged yet"}),
    "max_bet": some({0xFF: "255 or more"}),
    "payback": saying.percent,
    "percent_full": some({0xFF: "not known"}),
    "pool": some({0: "none"}),
    "pos_id": some({0: "none", 0xFFFFFFFF: "as it was"}),
    "progressive_group": some({0: "none"}),
    "restricted_expiration": saying.expiration,
    "restricted_expiration_days": some({0: "as it was", 9999: "never"}),
    "restricted_pool": some({0: "none"}),
    "stop": some({0xFF: "not known"}),
    "stops": saying.stops,
    "ticket_number": some({0xFFFF: "none"}),
    "time": saying.time,
    "transaction_index": some({0: "current", 0xFF: "newest"}),
    "version": saying.version,
    "wager_type": saying.wager_type,
})  # fmt: skip

# A poll that reads one meter calls it as the meter table does.
_METER_UNITS: Mapping[str, str] = MappingProxyType({row.name: row.unit for row in METERS.values()})

# Where a name means something of its own to one command.
_BY_COMMAND: Mapping[tuple[int, str], Say] = MappingProxyType({
    (0x1B, "level"): saying.handpay_level,
    (0x55, "game"): some({0: "none: a menu is shown"}),
    (0x8C, "time"): saying.minutes,
})  # fmt: skip


def unit_of(field: Field) -> str:
    """What a field counts; "" where it counts nothing, or the name says it all."""
    unit: str = getattr(field, "unit", "")
    return unit or ("cents" if field.name.endswith("_cents") else _METER_UNITS.get(field.name, ""))


def meaning_of(command: int, field: Field, value: Any) -> str:  # noqa: ANN401  whatever a field holds
    """What a value stands for; "" where the value says it all.

    Args:
        command: of the long poll; FF for the data of an event.
        field: whose value it is.
        value: as the field read it.
    """
    say = _BY_COMMAND.get((command, field.name)) or _BY_NAME.get(field.name)
    if say is not None and (said := say(value)):
        return said
    if codes := getattr(field, "codes", None):
        return _by_code(codes, value)
    if bits := getattr(field, "bits", None):
        return ", ".join(map(str, bit_names(bits, value))).replace("_", " ") or "none set"
    return saying.money(value) if unit_of(field) == "cents" and isinstance(value, int) else ""


def _by_code(codes: Mapping[int, object], code: int) -> str:
    if codes is DENOMINATIONS:
        return saying.denomination(code)
    if codes is BILL_DENOMINATIONS:
        return saying.bill(code)
    return str(codes[code]).replace("_", " ") if code in codes else NOT_ASSIGNED
