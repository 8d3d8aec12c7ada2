"""The machines' meters: what was published of them, against what the machines say themselves.

A machine's meters agree when the last published snapshot is what the machine itself says at
the end, and the published events between the first and the last snapshot add up to what its
meters rose by, to the cent.

On a bad line a snapshot may lack meters whose answers were lost, or what a credit is worth: it proves nothing
of those, and the next one has to. What was let go for want of room explains nothing: where games were, the
meters may have risen by more than what arrived of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from edge_agent.delivery import DeliveryClass
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

# What every snapshot of a whole machine has: without these nothing is proven.
ALWAYS_THERE = frozenset(
    code
    for code, name in TRUTH_OF.items()
    if name in {"coin_in", "coin_out", "jackpot", "games_played", "credits"}
)

# How the events between two snapshots explain what meters rose by: the meters, the exceptions that
# move them, and an event's share.
EXPLAINED_BY: tuple[tuple[str, tuple[str, ...], frozenset[int], tuple[str, ...]], ...] = (
    ("coin_in", ("0x00",), frozenset({0x7E}), ("wager", "money", "minor")),
    ("won", ("0x01", "0x02"), frozenset({0x7F}), ("win", "money", "minor")),
    ("bills_in", ("0x0b",), BILL_CODES | {BILL}, ("bill", "minor")),
)
# Games are telemetry, which is let go first; bills are money, which never is.
_TOLD_BY_GAMES = frozenset({"coin_in", "won"})
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
        found = "nothing" if self.found is None else self.found
        return f"{self.machine} {self.meter}: {self.what} {self.expected}, published {found}"


def check_meters(
    machine: str,
    truth: Mapping[str, int],
    arrived: Sequence[Arrived],
    let_go: Mapping[DeliveryClass, int] = MappingProxyType({}),
) -> Iterator[MeterCheck]:
    """Whatever of one machine's meters does not agree.

    Args:
        machine: its name.
        truth: what it says itself.
        arrived: what is the machine's, in sequence.
        let_go: how many records of each class the agent says it let go.
    """
    snapshots = [one for one in arrived if _is_settled_snapshot(one)]
    if not snapshots:
        yield MeterCheck(machine, "all", "no settled snapshot was published; expected", 1, 0)
        return
    first = next((one for one in snapshots if _amounts(one).keys() >= ALWAYS_THERE), snapshots[0])
    published = _published_last(snapshots)
    for code, name in TRUTH_OF.items():
        if (code in published or code in ALWAYS_THERE) and published.get(code) != truth[name]:
            yield MeterCheck(machine, name, "the machine says", truth[name], published.get(code))
    between = [one for one in arrived if first.sequence < one.sequence < snapshots[-1].sequence]
    for check in _check_events(machine, _amounts(first), published, between):
        may_lack = let_go.get(DeliveryClass.C, 0) > 0 and check.meter in _TOLD_BY_GAMES
        if not (may_lack and (check.found or 0) < (check.expected or 0)):
            yield check


def last_snapshot_is_in(arrived: Sequence[Arrived]) -> bool:
    """Whether settled snapshots follow all that moved money in a machine, with every meter it ever told."""
    expected, read = set(ALWAYS_THERE), set[str]()
    money_moved = False
    for one in reversed(arrived):
        if _is_settled_snapshot(one):
            told = _amounts(one).keys() & TRUTH_OF.keys()
            expected |= told
            read |= set() if money_moved else told
        elif exception_of(one) in MOVES_MONEY:
            money_moved = True
    return read >= expected


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


def _is_settled_snapshot(one: Arrived) -> bool:
    return bool(one.event["type"] == METERS_READ and one.data["settled"])


def _published_last(snapshots: Sequence[Arrived]) -> dict[str, int]:
    """What was last published of each meter."""
    published: dict[str, int] = {}
    for snapshot in snapshots:
        published |= _amounts(snapshot)
    return published


def _amounts(snapshot: Arrived) -> dict[str, int]:
    """The meters of a snapshot by SAS code: money in minor units, the rest counted.

    Credits whose worth was not known to whoever published them are left out.
    """
    denomination = snapshot.data["denomination"]
    amounts = {}
    for meter in snapshot.data["meters"]:
        if meter["unit"] != "credits":
            amounts[meter["code"]] = meter["value"]
        elif meter["money"]:
            amounts[meter["code"]] = meter["money"]["minor"]
        elif denomination is not None:
            amounts[meter["code"]] = int(meter["value"] * Decimal(denomination) * 100)
    return amounts
