"""The machines' meters: what was published of them, against what the machines say themselves.

A machine's meters agree when the last published snapshot is what the machine itself says at
the end, and the published events between the first and the last snapshot add up to what its
meters rose by, to the cent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from edge_agent.trial.evidence import BILL, BILL_CODES, Arrived

METERS_READ = "floor.slot.meters_read"

# SAS meter code -> what the machine's own truth calls it; money in minor units, the rest counted.
TRUTH_OF = {
    "0x00": "coin_in",
    "0x01": "coin_out",
    "0x02": "jackpot",
    "0x03": "handpaid_cancelled",
    "0x05": "games_played",
    "0x0b": "bills_in",
    "0x0c": "credits",
    "0x0e": "tickets_out",
}

# How the events between two snapshots explain what meters rose by: the meters, the exceptions that
# move them, and an event's share.
EXPLAINED_BY: tuple[tuple[str, tuple[str, ...], frozenset[int], tuple[str, ...]], ...] = (
    ("coin_in", ("0x00",), frozenset({0x7E}), ("wager", "money", "minor")),
    ("won", ("0x01", "0x02"), frozenset({0x7F}), ("win", "money", "minor")),
    ("bills_in", ("0x0b",), BILL_CODES | {BILL}, ("bill", "minor")),
)
MOVES_MONEY = frozenset({0x3D, 0x3E, *range(0x47, 0x53), 0x54, 0x66, 0x7C, 0x7E, 0x7F})

# Beyond so many possibly repeated events between two snapshots, any of their sums is taken for possible.
MOST_DOUBTFUL = 12


@dataclass(frozen=True, slots=True)
class MeterCheck:
    """One meter of one machine that does not agree."""

    machine: str
    meter: str
    what: str
    expected: int | None
    found: int | None

    def __str__(self) -> str:
        return f"{self.machine} {self.meter}: {self.what} {self.expected}, published {self.found}"


def check_meters(machine: str, truth: Mapping[str, int], arrived: Sequence[Arrived]) -> Iterator[MeterCheck]:
    """Whatever of one machine's meters does not agree. `arrived` is the machine's, in sequence."""
    snapshots = [one for one in arrived if one.event["type"] == METERS_READ and one.data["settled"]]
    if not snapshots:
        yield MeterCheck(machine, "all", "no settled snapshot was published; expected", 1, 0)
        return
    first, last = snapshots[0], snapshots[-1]
    published = _amounts(last)
    for code, name in TRUTH_OF.items():
        if code in published and published[code] != truth[name]:
            yield MeterCheck(machine, name, "the machine says", truth[name], published[code])
        elif code not in published and name in {"coin_in", "coin_out", "jackpot", "games_played", "credits"}:
            yield MeterCheck(machine, name, "the machine says", truth[name], None)
    between = [one for one in arrived if first.sequence < one.sequence < last.sequence]
    yield from _check_events(machine, _amounts(first), published, between)


def last_snapshot_is_in(arrived: Sequence[Arrived]) -> bool:
    """Whether a settled snapshot follows everything of one machine that moved money."""
    for one in reversed(arrived):
        if one.event["type"] == METERS_READ and one.data["settled"]:
            return True
        if exception_of(one) in MOVES_MONEY:
            return False
    return False


def exception_of(one: Arrived) -> int | None:
    """The SAS exception an event tells of; None if it tells of something else."""
    return int(one.data["code"], 16) if "real_time" in one.data else None


def _check_events(
    machine: str, before: Mapping[str, int], after: Mapping[str, int], between: Sequence[Arrived]
) -> Iterator[MeterCheck]:
    for name, codes, exceptions, path in EXPLAINED_BY:
        if not all(code in before and code in after for code in codes):
            continue
        rise = sum(after[code] - before[code] for code in codes)
        shares = [(_at(one.data, path), one) for one in between if exception_of(one) in exceptions]
        if any(share is None for share, _ in shares):
            continue  # one-byte exceptions carry no amounts: only the snapshots can tell
        certain = sum(share or 0 for share, one in shares if not one.data["possibly_repeated"])
        doubtful = [share or 0 for share, one in shares if one.data["possibly_repeated"]]
        if rise not in _totals(certain, doubtful, rise):
            yield MeterCheck(machine, name, "the meters rose by", rise, certain + sum(doubtful))


def _totals(certain: int, doubtful: Sequence[int], wanted: int) -> set[int]:
    """What the events allow: what is certain, and any part of what the machine may have repeated."""
    if len(doubtful) > MOST_DOUBTFUL:
        return {wanted} if certain <= wanted <= certain + sum(doubtful) else set()
    totals = {certain}
    for share in doubtful:
        totals |= {total + share for total in totals}
    return totals


def _at(data: Mapping[str, Any], path: Sequence[str]) -> int | None:
    value: Any = data
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, int) else None


def _amounts(snapshot: Arrived) -> dict[str, int]:
    """The meters of a snapshot by SAS code: money in minor units, the rest counted."""
    denomination = Decimal(snapshot.data["denomination"] or 0)
    amounts = {}
    for meter in snapshot.data["meters"]:
        if meter["unit"] == "credits":
            money = meter["money"]
            amounts[meter["code"]] = money["minor"] if money else int(meter["value"] * denomination * 100)
        else:
            amounts[meter["code"]] = meter["value"]
    return amounts
