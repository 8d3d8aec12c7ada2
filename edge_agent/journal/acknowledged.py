"""Acknowledged: what a consumer has dealt with, as ranges of sequences for each class.

Classes leave at different speeds, and what is new overtakes what has waited, so one number does not
say it. Within a class nothing lies between two records but records of other classes, so the ranges
are few: one, and one more for each outage that is not made up for yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from edge_agent.delivery import DeliveryClass

# [first, last, how many records of the class]
Range = list[int]
CLASSES = tuple(DeliveryClass)


class Acknowledged:
    """The ranges of one consumer. Not thread-safe."""

    def __init__(self, ranges: Mapping[str, Sequence[Sequence[int]]] | None = None) -> None:
        self._ranges: dict[DeliveryClass, list[Range]] = {
            cls: [list(each) for each in (ranges or {}).get(cls, ())] for cls in CLASSES
        }

    def add(self, delivery_class: DeliveryClass, first: int, last: int, count: int) -> None:
        """All of a class from `first` to `last`, `count` of them, are dealt with; again changes nothing.

        A range that overlaps what is there counts only as far as it is new, judged by its share.
        """
        ranges = self._ranges[delivery_class]
        place = bisect_right(ranges, first, key=lambda each: each[0])
        if place and ranges[place - 1][1] >= first - 1:
            place -= 1
        merged = [first, last, count]
        while place < len(ranges) and ranges[place][0] <= last + 1:
            merged = _merged(ranges.pop(place), merged)
        ranges.insert(place, merged)

    def ranges(self, delivery_class: DeliveryClass) -> tuple[tuple[int, int], ...]:
        """What is dealt with of a class, in order."""
        return tuple((first, last) for first, last, _count in self._ranges[delivery_class])

    def through(self, delivery_class: DeliveryClass) -> int:
        """The last sequence before which nothing of a class is open; 0 when the first is."""
        ranges = self._ranges[delivery_class]
        return ranges[0][1] if ranges and ranges[0][0] == 1 else 0

    def count(self, delivery_class: DeliveryClass) -> int:
        """How many of a class are dealt with."""
        return sum(count for _first, _last, count in self._ranges[delivery_class])

    def position(self) -> int:
        """The last sequence before which nothing is open, whatever its class."""
        return min(self.through(cls) for cls in CLASSES)

    def covers(self, first: int, last: int) -> bool:
        """Whether all from `first` to `last` is dealt with, whatever its class."""
        return all(any(begin <= first and last <= end for begin, end in self.ranges(cls)) for cls in CLASSES)

    def written(self, most: int) -> dict[str, list[Range]]:
        """For a file: at most so many ranges of a class, the first ones. What is left out is sent again."""
        return {cls.value: self._ranges[cls][:most] for cls in CLASSES}


def _merged(one: Range, other: Range) -> Range:
    first, last = min(one[0], other[0]), max(one[1], other[1])
    overlap = min(one[1], other[1]) - max(one[0], other[0]) + 1
    if overlap <= 0:
        return [first, last, one[2] + other[2]]
    if other[0] >= one[0] and other[1] <= one[1]:
        return one
    new = other[2] * (other[1] - other[0] + 1 - overlap) // (other[1] - other[0] + 1)
    return [first, last, one[2] + new]
