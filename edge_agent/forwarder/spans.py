"""Spans: which sequences of a class are still to be read, given what was acknowledged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """What follows `after`, up to `until`; without end where that is None."""

    after: int
    until: int | None


def open_spans(acknowledged: Iterable[tuple[int, int]], head: int) -> list[Span]:
    """What is not acknowledged up to the journal's head, in order.

    Args:
        acknowledged: ranges, first and last included, in order.
        head: the last sequence there is.
    """
    spans, after = [], 0
    for first, last in acknowledged:
        if first - 1 > after:
            spans.append(Span(after, min(first - 1, head)))
        after = max(after, last)
    if after < head:
        spans.append(Span(after, head))
    return spans
