"""Meters: what the answers of a reading hold, and how it is published.

Every value keeps its width and its unit: classic polls have eight digits, those in cents ten, and 6F and AF
say how many. Which polls are asked is the reading plan's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edge_agent.drivers.sas.profile import MachineProfile
from edge_agent.events import Money, money_of
from edge_agent.events.base import TEN_THOUSANDTHS
from edge_agent.events.slot import Meter, MeterBackwards, MeterChange, MeterUnit
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.meter_codes import METERS, meter_name
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.station import DeviceIdentity

Answer = tuple[int, Mapping[str, Any]]

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
# What a poll about a game says of itself.
GAME = "game"
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
    fell_from: int | None = None  # said once, when it began to read less than it had


NOT_COMPARED = Step("unsettled")


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


def fallen(
    meters: Sequence[MeterRead],
    steps: Mapping[str, Step],
    *,
    epoch: int,
    game: int | None = None,
    denomination: str | None = None,
) -> Iterator[MeterBackwards]:
    """What is told of meters that fell for no reason, once of each."""
    for meter in meters:
        before = steps[meter.name].fell_from
        if before is not None:
            yield MeterBackwards(
                meter=meter.name,
                unit=meter.unit,
                digits=meter.digits,
                before=before,
                after=meter.value,
                epoch=epoch,
                game=game,
                denomination=denomination,
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
        if field.name == GAME:
            continue
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
