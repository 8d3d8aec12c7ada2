"""Meters: which long polls carry them, and what each is.

A reading is a few long polls asked one after the other. It begins and ends with coin in: had
that moved meanwhile, the meters would not belong together. A short reading has what the
accounts are settled with; a long one has everything worth having at a start, a door, a drop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edge_agent.drivers.sas.profile import EXTENDED_METERS, MachineProfile
from edge_agent.events import Money, money_of
from edge_agent.events.base import TEN_THOUSANDTHS
from edge_agent.events.slot import Meter, MeterChange, MeterUnit, SnapshotReason
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.messages import LongPollRequest
from edge_agent.sas.meter_codes import METERS, meter_name
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.station import DeviceIdentity

Answer = tuple[int, Mapping[str, Any]]

SELECTED, EXTENDED, EXTENDED_TOO = 0x2F, 0x6F, 0xAF
COIN_IN, GAMES_PLAYED, CURRENT_CREDITS = 0x11, 0x15, 0x1A

# Selected meters, at most ten in one poll: hand-paid, bills, tickets, electronic transfers; then the rest.
SETTLING_CODES = (0x03, 0x0B, 0x0D, 0x0E, 0x11, 0x12, 0x15, 0x16, 0x17, 0x18)
FURTHER_CODES = (0x0F, 0x10, 0x13, 0x14, 0x1B, 0x23, 0x27, 0x3E, 0x3F)

SHORT_REASONS: frozenset[SnapshotReason] = frozenset({"game_end", "money", "handpay"})

# Each step is the polls that carry much the same, best first; the first that the machine answers is asked.
# 6F and AF ask alike under two commands, so that two in a row are not taken for one asked again.
_SHORT: tuple[tuple[int, ...], ...] = ((0x0F, 0x19), (CURRENT_CREDITS,), (0x46, 0x20), (EXTENDED, SELECTED))
_LONG: tuple[tuple[int, ...], ...] = (*_SHORT, (0x1E,), (EXTENDED_TOO, SELECTED))
_LAST = (COIN_IN, 0x19, 0x0F)
_CODES = {EXTENDED: SETTLING_CODES, EXTENDED_TOO: FURTHER_CODES, SELECTED: SETTLING_CODES}

# What the meter table counts in, as it is published.
_UNITS: Mapping[str, MeterUnit] = MappingProxyType(
    {
        "credits": "credits",
        "cents": "minor",
        "count": "count",
        "percent_hundredths": "percent_hundredths",
    }
)
_CODE_OF = MappingProxyType({row.name: row.code for row in METERS.values()})
# Meters of fixed polls that have no code of their own.
_UNCODED: Mapping[str, MeterUnit] = MappingProxyType({"bills_value": "currency_units"})


@dataclass(frozen=True, slots=True)
class MeterRead:
    """One meter as the wire gave it."""

    name: str
    code: int | None  # None: it has none, but a poll of its own
    value: int
    digits: int  # it rolls over at 10 to this power
    unit: MeterUnit


@dataclass(frozen=True, slots=True)
class Step:
    """What a meter did since it was read last."""

    change: MeterChange
    delta: int | None = None


NOT_COMPARED = Step("unsettled")


def requests_for(reason: SnapshotReason, address: int, profile: MachineProfile) -> list[LongPollRequest]:
    """The polls of a reading, in the order they are asked."""
    steps = _SHORT if reason in SHORT_REASONS else _LONG
    commands = [command for step in (*steps, _LAST) for command in _first(step, profile)]
    further = _further_selected(commands)
    return [
        meters_request(address, command, FURTHER_CODES if position == further else _CODES.get(command))
        for position, command in enumerate(commands)
    ]


def meters_request(address: int, command: int, codes: tuple[int, ...] | None = None) -> LongPollRequest:
    """A poll that reads meters of the whole machine."""
    if codes is None:
        return LongPollRequest(address, command)
    return LongPollRequest(address, command, {"game": 0, "meter_codes": codes})


def meters_read(answers: Sequence[Answer]) -> tuple[MeterRead, ...]:
    """The meters of a reading, each once: where two polls gave one, the wider counts, and then the later."""
    found: dict[str, MeterRead] = {}
    for meter in _values_of(answers):
        known = found.get(meter.name)
        if known is None or meter.digits >= known.digits:
            found[meter.name] = meter
    return tuple(found.values())


def published(
    meters: Sequence[MeterRead],
    steps: Mapping[str, Step],
    profile: MachineProfile,
    identity: DeviceIdentity,
) -> tuple[Meter, ...]:
    """Meters as they are published, each with its step; one without has not been compared."""
    return tuple(
        Meter(
            name=meter.name,
            code=None if meter.code is None else f"0x{meter.code:02x}",
            value=meter.value,
            digits=meter.digits,
            unit=meter.unit,
            money=_money(meter.value, meter.unit, profile.denomination, identity),
            change=steps.get(meter.name, NOT_COMPARED).change,
            delta=steps.get(meter.name, NOT_COMPARED).delta,
        )
        for meter in meters
    )


def readings_for_accounts(
    meters: Sequence[MeterRead], profile: MachineProfile, identity: DeviceIdentity
) -> dict[str, int]:
    """What the accounts are settled with, by their meters; those that were not read are missing."""
    read = {meter.name: meter.value for meter in meters}
    readings: dict[str, int] = {name: read[name] for name in ("coin_in", "games_played") if name in read}
    if "coin_out" in read and "jackpot" in read:
        readings["won"] = read["coin_out"] + read["jackpot"]
    if "bills_credits" in read:
        readings["bills_credits"] = read["bills_credits"]
    elif "bills_value" in read:
        worth = credits_worth(read["bills_value"] * 10**identity.minor_units, profile.denomination, identity)
        if worth is not None:
            readings["bills_credits"] = worth
    if "cashable_ticket_out" in read:
        readings["cashable_ticket_out"] = read["cashable_ticket_out"]
    return readings


def credits_worth(minor: int, denomination: int | None, identity: DeviceIdentity) -> int | None:
    """How many accounting credits an amount of money is; None if unknown or not whole."""
    if not denomination:
        return None
    amount, remainder = divmod(minor * TEN_THOUSANDTHS, denomination * 10**identity.minor_units)
    return None if remainder else amount


def _first(step: tuple[int, ...], profile: MachineProfile) -> tuple[int, ...]:
    """The first poll of a step that the machine answers; none if there is none."""
    extended = profile.has(EXTENDED_METERS)
    asked = (
        command
        for command in step
        if profile.answers(command) and (extended or command not in (EXTENDED, EXTENDED_TOO))
    )
    return tuple(asked)[:1]


def _further_selected(commands: Sequence[int]) -> int | None:
    """Where a second 2F stands, which asks for the further meters; None without one."""
    positions = [position for position, command in enumerate(commands) if command == SELECTED]
    return positions[-1] if len(positions) > 1 else None


def _values_of(answers: Sequence[Answer]) -> Iterator[MeterRead]:
    for command, values in answers:
        if "meters" in values:
            yield from _selected_values(values["meters"])
        else:
            yield from _fixed_values(command, values)


def _selected_values(meters: Sequence[MeterValue]) -> Iterator[MeterRead]:
    for meter in meters:
        if meter.size:
            row = METERS.get(meter.code)
            unit = _UNITS[row.unit] if row else "count"
            yield MeterRead(meter_name(meter.code), meter.code, meter.digits, 2 * meter.size, unit)


def _fixed_values(command: int, values: Mapping[str, Any]) -> Iterator[MeterRead]:
    for field in LONG_POLLS[command].reply:
        code = _CODE_OF.get(field.name)
        unit = _UNCODED.get(field.name, "count") if code is None else _UNITS[METERS[code].unit]
        yield MeterRead(field.name, code, values[field.name], 2 * (field.size or 0), unit)


def _money(value: int, unit: MeterUnit, denomination: int | None, identity: DeviceIdentity) -> Money | None:
    """A meter's value as money, where it is some."""
    match unit:
        case "credits" if denomination is not None:
            return money_of(value, denomination, identity.currency, identity.minor_units)
        case "minor":
            return Money(minor=value, currency=identity.currency)
        case "currency_units":
            return Money(minor=value * 10**identity.minor_units, currency=identity.currency)
        case _:
            return None
