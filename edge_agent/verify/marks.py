"""Marks: which of many sequences are here, a bit each, so that it does not matter in which order they come.

A page of bits that is full is only a number: a million in a row take as much room as one. `Spans` are the
same for few ranges, and what is asked of marks comes out as those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from edge_agent.verify.spans import Span, Spans

PAGE = 1024  # bits

_FULL = (1 << PAGE) - 1
_RUN = re.compile("1+")


class Marks:
    """A set of sequences."""

    __slots__ = ("_full", "_pages")

    def __init__(self) -> None:
        self._full = Spans()  # of numbers of pages
        self._pages: dict[int, int] = {}

    def __contains__(self, sequence: int) -> bool:
        number, place = divmod(sequence, PAGE)
        bits = self._pages.get(number)
        return number in self._full if bits is None else bool(bits >> place & 1)

    def add(self, sequence: int) -> None:
        """Take one in."""
        number, place = divmod(sequence, PAGE)
        bits = self._pages.get(number)
        if bits is None and number in self._full:
            return
        self._put(number, (bits or 0) | 1 << place)

    def add_through(self, sequence: int) -> None:
        """Take in all from 0 to this one."""
        number, place = divmod(sequence, PAGE)
        bits = self._pages.get(number, _FULL if number in self._full else 0)
        self._pages = {above: kept for above, kept in self._pages.items() if above > number}
        if number:
            self._full = Spans([Span(0, number - 1), *self._full])
        self._put(number, bits | (2 << place) - 1)

    def spans(self) -> Spans:
        """All of them, as ranges."""
        whole = (Span(full.first * PAGE, full.last * PAGE + PAGE - 1) for full in self._full)
        return Spans([*whole, *self._parts()])

    def save(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {
            "full": self._full.steps(),
            "pages": {number: f"{bits:x}" for number, bits in self._pages.items()},
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """What was saved."""
        self._full = Spans.of_steps(saved["full"])
        self._pages = {int(number): int(bits, 16) for number, bits in saved["pages"].items()}

    def _put(self, number: int, bits: int) -> None:
        if bits == _FULL:
            self._pages.pop(number, None)
            self._full.add(number)
        else:
            self._pages[number] = bits

    def _parts(self) -> Iterator[Span]:
        for number, bits in self._pages.items():
            lowest_first = f"{bits:b}"[::-1]
            for run in _RUN.finditer(lowest_first):
                yield Span(number * PAGE + run.start(), number * PAGE + run.end() - 1)
