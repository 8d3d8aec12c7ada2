"""Parked: events whose topic is withheld, by topic, as places in the journal and nothing else.

Where a class has a topic for each type, one type that may not be published must not hold up the others: its
events are passed by, not acknowledged, and read again when the topic is tried or free.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections import defaultdict

from edge_agent.delivery import DeliveryClass
from edge_agent.forwarder.spans import Span

# A policy is mended within hours. Beyond this the class waits, as it would without being passed by.
MOST_PARKED = 10_000


class Parked:
    """Spans by topic, in the order of the journal; neighbours are one span."""

    def __init__(self) -> None:
        self._spans: defaultdict[str, list[Span]] = defaultdict(list)
        self._class_of: dict[str, DeliveryClass] = {}

    def __len__(self) -> int:
        return sum(len(spans) for spans in self._spans.values())

    @property
    def is_full(self) -> bool:
        """Whether no more can be passed by."""
        return len(self) >= MOST_PARKED

    def next_open(self) -> float:
        """The first sequence passed by; infinite if there is none."""
        return min((spans[0].after + 1 for spans in self._spans.values()), default=math.inf)

    def add(self, topic: str, delivery_class: DeliveryClass, span: Span) -> None:
        """Pass by what lies there. What was tried in vain comes back to its place."""
        spans = self._spans[topic]
        self._class_of[topic] = delivery_class
        place = bisect(spans, span)
        if place < len(spans) and spans[place].after == span.until:
            span = Span(span.after, spans.pop(place).until)
        if place and spans[place - 1].until == span.after:
            place -= 1
            span = Span(spans.pop(place).after, span.until)
        spans.insert(place, span)

    def take_first(self, topic: str) -> tuple[DeliveryClass, list[Span]] | None:
        """The oldest of a topic, to try it; None if there is none."""
        if topic not in self._spans:
            return None
        first = self._spans[topic].pop(0)
        its_class = self._class_of[topic]
        if not self._spans[topic]:
            self._forget(topic)
        return its_class, [first]

    def take_all(self, topic: str) -> tuple[DeliveryClass, list[Span]] | None:
        """All of a topic, since it is free; None if there is none."""
        if topic not in self._spans:
            return None
        taken = self._class_of[topic], [*self._spans[topic]]
        self._forget(topic)
        return taken

    def clear(self) -> None:
        """Forget all of it: what is not acknowledged is read again anyway."""
        self._spans.clear()
        self._class_of.clear()

    def _forget(self, topic: str) -> None:
        del self._spans[topic], self._class_of[topic]
