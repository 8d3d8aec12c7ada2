"""Progress: by how much each meter rose since it was read last, or why nobody can say.

A lifetime meter only rises, and rolls over at the end of its digits. Where it reads less than before, it

    rolled over     if what it would have risen by is little enough for the time that passed
    was cleared     if something says so: the machine, or that all meters together fell to next to nothing
    went backwards  otherwise. Nothing is counted and the highest value is kept: machines update their meters
                    one after the other, and what was lower for a moment must not count twice. When it
                    has stayed lower it begins again from there.

So a difference is never negative and never invented. Two widths of one meter agree in the digits they share:
a machine that answers another poll today is compared in those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from edge_agent.drivers.sas.meters import MeterRead, Step
from edge_agent.events.slot import MeterUnit

# What goes up and down, or begins again with every door and every emptied box.
LEVELS = frozenset(
    {
        "current_credits",
        "current_restricted_credits",
        "current_non_cashable_promotional_credits",
        "hopper_level",
        "stacker_bills",
        "stacker_credits",
        "games_since_power_up",
        "games_since_door_close",
        "weighted_average_payback",
    }
)
UNLISTED = "unknown_"  # a code no table lists may be anything

# A meter that was lower in so many settled readings in a row is not merely late.
LOWER_READINGS = 3

# Meters that were cleared read next to nothing; a machine that has not played so much has nothing to lose.
NEAR_ZERO = 1000

# The most a meter is believed to rise by: at once, and in a second. A wager has four digits and a game takes
# two seconds; a win comes in one piece; ten bills or games a second are more than any machine takes.
CEILINGS: Mapping[MeterUnit, tuple[int, int]] = MappingProxyType(
    {
        "credits": (1_000_000, 5_000),
        "minor": (10_000_000, 50_000),
        "count": (100, 10),
        "currency_units": (100_000, 500),
        "percent_hundredths": (0, 0),
    }
)
# And never more than this share of its digits: a fall from below the top tenth is no roll-over.
LARGEST_SHARE = 10


@dataclass(slots=True)
class Kept:
    """A meter as it counted last."""

    value: int
    digits: int
    at: float | None  # monotonic seconds; None: an earlier run read it
    lower: int = 0  # readings in a row in which it was lower


class Progress:
    """The meters of one machine, one game or one denomination, from reading to reading.

    Args:
        kept: what an earlier run read last, by name: value and digits.
    """

    def __init__(self, kept: Mapping[str, tuple[int, int]] = MappingProxyType({})) -> None:
        self._kept = {name: Kept(value, digits, None) for name, (value, digits) in kept.items()}

    def forget(self) -> None:
        """The meters begin again, or count in another unit: the next reading is the first."""
        self._kept.clear()

    def has_fallen(self, meters: Sequence[MeterRead]) -> bool:
        """Whether any lifetime meter reads less than before."""
        return any(is_counter(meter.name) and self._is_lower(meter) for meter in meters)

    def was_cleared(self, meters: Sequence[MeterRead], now: float) -> bool:
        """Whether the meters show by themselves that all of them were cleared together."""
        compared = [meter for meter in meters if is_counter(meter.name) and self._counted(meter)]
        lower = [meter for meter in compared if self._is_lower(meter)]
        return (
            any(self._kept[meter.name].value > NEAR_ZERO and not self._rolled(meter, now) for meter in lower)
            and all(meter.value <= NEAR_ZERO for meter in compared)
            and 2 * len(lower) >= len(compared)
        )

    def take(self, meters: Sequence[MeterRead], now: float) -> dict[str, Step]:
        """The step of each meter of a settled reading, which counts from now on."""
        return {meter.name: self._take(meter, now) for meter in meters}

    def _take(self, meter: MeterRead, now: float) -> Step:
        if not is_counter(meter.name):
            return Step("level")
        step = self._step(meter, now)
        if step.change != "backwards":
            self._kept[meter.name] = Kept(meter.value, meter.digits, now)
            return step
        kept = self._kept[meter.name]
        kept.lower += 1
        return replace(step, fell_from=kept.value) if kept.lower == 1 else step

    def _step(self, meter: MeterRead, now: float) -> Step:
        kept = self._kept.get(meter.name)
        if kept is None:
            return Step("first")
        if meter.value >= kept.value and (meter.digits == kept.digits or meter.value < _modulus(meter, kept)):
            return Step("rose", meter.value - kept.value)
        if self._rolled(meter, now):
            wrapped = meter.digits == kept.digits
            return Step("rolled_over" if wrapped else "rose", _rise(meter, kept))
        return Step("backwards" if kept.lower < LOWER_READINGS - 1 else "began_again")

    def _rolled(self, meter: MeterRead, now: float) -> bool:
        kept = self._kept[meter.name]
        most = _modulus(meter, kept) // LARGEST_SHARE
        if kept.at is not None:
            at_once, a_second = CEILINGS[meter.unit]
            most = min(most, at_once + round(a_second * (now - kept.at)))
        return _rise(meter, kept) <= most

    def _is_lower(self, meter: MeterRead) -> bool:
        kept = self._kept.get(meter.name)
        if kept is None:
            return False
        return meter.value % _modulus(meter, kept) < kept.value % _modulus(meter, kept)

    def _counted(self, meter: MeterRead) -> bool:
        kept = self._kept.get(meter.name)
        return kept is not None and kept.value > 0


def is_counter(name: str) -> bool:
    """Whether a meter is known to count for the life of the machine."""
    return name not in LEVELS and not name.startswith(UNLISTED)


def _modulus(meter: MeterRead, kept: Kept) -> int:
    """Where the digits end that both have."""
    modulus: int = 10 ** min(meter.digits, kept.digits)
    return modulus


def _rise(meter: MeterRead, kept: Kept) -> int:
    return (meter.value - kept.value) % _modulus(meter, kept)
