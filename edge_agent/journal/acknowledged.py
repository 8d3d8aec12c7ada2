"""Acknowledged: what a consumer has dealt with, as ranges of sequences for each class.

Classes leave at different speeds, and what is new overtakes what has waited, so one number does not
say it. Within a class nothing lies between two records but records of other classes, so the ranges
are few: one, and one more for each outage that is not made up for yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from operator import itemgetter

from edge_agent.delivery import DeliveryClass

# [first, last, how many records of the class]
Range = list[int]
_FIRST = itemgetter(0)
CLASSES = tuple(DeliveryClass)


class Acknowledged:
    """The ranges of one consumer. Not thread-safe."""

    def __init__(self, ranges: Mapping[str, Sequence[Sequence[int]]] | None = None) -> None:
        self._ranges: dict[DeliveryClass, list[Range]] = {
            cls: [list(each) for each in (ranges or {}).get(cls, ())] for cls in CLASSES
        }

    def add(self, delivery_class: DeliveryClass, first: int, last: int, count: int) -> None:
        """All of a class from `first` to `last`, `count` of them, are dealt with; none of it was before."""
        ranges = self._ranges[delivery_class]
        place = bisect_right(ranges, first, key=_FIRST)
        if place < len(ranges) and ranges[place][0] == last + 1:
            _first, last, more = ranges.pop(place)
            count += more
        if place and ranges[place - 1][1] == first - 1:
            ranges[place - 1][1] = last
            ranges[place - 1][2] += count
        else:
            ranges.insert(place, [first, last, count])

    def open(self, delivery_class: DeliveryClass, first: int, last: int) -> list[tuple[int, int]]:
        """What is not dealt with of a class from `first` to `last`."""
        found, ranges = [], self._ranges[delivery_class]
        for begin, end, _count in ranges[max(0, bisect_right(ranges, first, key=_FIRST) - 1) :]:
            if begin > last:
                break
            if first < begin:
                found.append((first, begin - 1))
            first = max(first, end + 1)
        return [*found, (first, last)] if first <= last else found

    def copy(self) -> Acknowledged:
        """As it is now."""
        return Acknowledged({cls.value: self._ranges[cls] for cls in CLASSES})

    def ranges(self, delivery_class: DeliveryClass) -> tuple[tuple[int, int], ...]:
        """What is dealt with of a class, in order."""
        return tuple((first, last) for first, last, _count in self._ranges[delivery_class])

    def through(self, delivery_class: DeliveryClass) -> int:
        """The last sequence before which nothing of a class is open; 0 when the first is."""
        ranges = self._ranges[delivery_class]
        return ranges[0][1] if ranges and ranges[0][0] == 1 else 0

    def count(self, delivery_class: DeliveryClass, *, after: int = 0) -> int:
        """How many of a class are dealt with, in ranges that lie beyond `after`."""
        return sum(count for first, _last, count in self._ranges[delivery_class] if first > after)

    def position(self) -> int:
        """The last sequence before which nothing is open, whatever its class."""
        return min(self.through(cls) for cls in CLASSES)

    def covers(self, first: int, last: int) -> bool:
        """Whether all from `first` to `last` is dealt with, whatever its class."""
        return not any(self.open(cls, first, last) for cls in CLASSES)

    def written(self, most: int) -> dict[str, list[Range]]:
        """For a file: at most so many ranges of a class, the first ones. What is left out is sent again."""
        return {cls.value: self._ranges[cls][:most] for cls in CLASSES}
