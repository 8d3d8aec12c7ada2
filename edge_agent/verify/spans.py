"""Spans: which sequences, as ranges, so that a million in a row take as much room as one.

A `Spans` is a set of whole numbers that grows at its end for next to nothing. What is asked of it
comes out as `Span`s: sorted, apart from each other, both ends inside.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Every sequence from `first` to `last`."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}\N{EN DASH}{self.last}"


class Spans:
    """A set of sequences."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for span in sorted(spans):
            self._extend(span)

    def _extend(self, span: Span) -> None:
        """Take in a span that begins no earlier than any that is there."""
        if self._lasts and span.first <= self._lasts[-1] + 1:
            self._lasts[-1] = max(self._lasts[-1], span.last)
        else:
            self._firsts.append(span.first)
            self._lasts.append(span.last)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __iter__(self) -> Iterator[Span]:
        return map(Span, self._firsts, self._lasts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    @property
    def first(self) -> int:
        """The lowest; the set has one."""
        return self._firsts[0]

    @property
    def last(self) -> int:
        """The highest; the set has one."""
        return self._lasts[-1]

    def total(self) -> int:
        """How many there are."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def add(self, number: int) -> None:
        """Take one in."""
        if self._lasts and number == self._lasts[-1] + 1:
            self._lasts[-1] = number
            return
        after = bisect_right(self._firsts, number)
        if after and number <= self._lasts[after - 1]:
            return
        joins_before = after > 0 and number == self._lasts[after - 1] + 1
        joins_after = after < len(self._firsts) and number == self._firsts[after] - 1
        if joins_before and joins_after:
            self._lasts[after - 1] = self._lasts[after]
            del self._firsts[after], self._lasts[after]
        elif joins_before:
            self._lasts[after - 1] = number
        elif joins_after:
            self._firsts[after] = number
        else:
            self._firsts.insert(after, number)
            self._lasts.insert(after, number)

    def discard(self, number: int) -> None:
        """Leave one out."""
        at = bisect_right(self._firsts, number) - 1
        if at < 0 or number > self._lasts[at]:
            return
        first, last = self._firsts[at], self._lasts[at]
        pieces = [(low, high) for low, high in ((first, number - 1), (number + 1, last)) if low <= high]
        self._firsts[at : at + 1] = [low for low, _ in pieces]
        self._lasts[at : at + 1] = [high for _, high in pieces]

    def within(self, bounds: Span) -> tuple[Span, ...]:
        """What lies inside bounds."""
        return tuple(overlap(self, [bounds]))

    def steps(self) -> list[int]:
        """From 0 to the first end, from there to the next, and so on: small numbers, for `of_steps`."""
        ends = [0, *(end for both in zip(self._firsts, self._lasts, strict=True) for end in both)]
        return [after - before for before, after in pairwise(ends)]

    @classmethod
    def of_steps(cls, steps: Iterable[int]) -> Spans:
        """The set that `steps` told of."""
        ends = [*accumulate(steps)]
        return cls(map(Span, ends[::2], ends[1::2]))


def overlap(these: Iterable[Span], those: Iterable[Span]) -> Iterator[Span]:
    """What is in both; each is sorted and its spans lie apart."""
    left, right = iter(these), iter(those)
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        first, last = max(one.first, other.first), min(one.last, other.last)
        if first <= last:
            yield Span(first, last)
        if one.last < other.last:
            one = next(left, None)
        else:
            other = next(right, None)


def without(these: Iterable[Span], those: Iterable[Span]) -> Iterator[Span]:
    """What is in these and not in those; each is sorted and its spans lie apart."""
    right = iter(those)
    hole = next(right, None)
    for span in these:
        first = span.first
        while hole is not None and hole.first <= span.last:
            if hole.first > first:
                yield Span(first, hole.first - 1)
            first = max(first, hole.last + 1)
            if hole.last > span.last:
                break
            hole = next(right, None)
        if first <= span.last:
            yield Span(first, span.last)
