"""Lanes: everything that is to leave, what is new apart from what waited, each delivery class by itself.

At the beginning of every session what is not acknowledged, up to where the journal ends then, is backlog;
what comes after that is live. So an outage never stands between the floor and what happens now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edge_agent.delivery import DeliveryClass
from edge_agent.forwarder.batch import Batch, Packing
from edge_agent.forwarder.lane import Lane, Limits
from edge_agent.forwarder.parked import Parked
from edge_agent.forwarder.quota import Keep
from edge_agent.forwarder.resending import Resending
from edge_agent.forwarder.spans import Span, open_spans
from edge_agent.journal import CLASSES, Journal

# Shares of the bursts that are left for what is more urgent: money before the rest, live before backlog.
_KEEP_LIVE = {DeliveryClass.A: Keep(), DeliveryClass.B: Keep(0.2, 0.1), DeliveryClass.C: Keep(0.2, 0.1)}
_KEEP_BACKLOG = Keep(0.4, 0.25)
_KEEP_RESENT = Keep(0.6, 0.4)
# Beyond so many ranges a position would not be written whole: what is new then stays behind what is not.
MOST_RANGES = 16


class Lanes:
    """The lanes of one consumer of one journal.

    Args:
        journal: open to forward.
        consumer: whose records these are.
        packings: how each class becomes batches.
        limits: of a batch.
    """

    def __init__(
        self, journal: Journal, consumer: str, packings: Mapping[DeliveryClass, Packing], limits: Limits
    ) -> None:
        self.parked = Parked()
        self._journal = journal
        self._consumer = consumer
        self._packings = packings
        self._limits = limits
        self._live: list[Lane] = []
        self._backlog: list[Lane] = []
        self._again: list[Lane] = []
        self.resending = Resending(journal, consumer, self._resent_lane)

    def __iter__(self) -> Iterator[Lane]:
        yield from self._live
        yield from self._again
        yield from self._backlog

    @property
    def groups(self) -> Sequence[Sequence[Lane]]:
        """The lanes in the order in which they are served; those of one group one after the other."""
        return [*([lane] for lane in self._live), [*self._again, *self._backlog], [*self.resending]]

    @property
    def is_reading_again(self) -> bool:
        """Whether something that was passed by is being read."""
        return bool(self._again)

    @property
    def is_draining(self) -> bool:
        """Whether anything waits that is not new."""
        return bool(self._backlog or self._again)

    @property
    def is_draining_singles(self) -> bool:
        """Whether anything waits that is not new and leaves one event a publish."""
        return any(not lane.is_of_batches for lane in (*self._again, *self._backlog))

    def begin(self) -> int:
        """Begin a session: everything that is not acknowledged is backlog; how many were acknowledged."""
        count = self.acknowledge_all()
        self.parked.clear()
        self.resending.begin_again()
        self._again.clear()
        acknowledged, head = self._journal.acknowledged(self._consumer), self._journal.head
        self._live, self._backlog = [], []
        for cls in CLASSES:
            ranges = acknowledged.ranges(cls)
            spans = open_spans(ranges, head)
            if len(ranges) < MOST_RANGES:
                self._live.append(self._lane(cls, [Span(head, None)]))
                if spans:
                    self._backlog.append(self._lane(cls, spans))
            else:
                last = ranges[-1][1]
                self._live.append(self._lane(cls, [Span(last, None)]))
                self._backlog.append(self._lane(cls, [span for span in spans if span.after < last]))
        return count

    def read_again(self, delivery_class: DeliveryClass, spans: Sequence[Span]) -> None:
        """Read what was passed by."""
        self._again.append(self._lane(delivery_class, spans))

    def pass_over(self, now: float) -> None:
        """Move the lanes over what is not theirs."""
        for lane in (*self, *self.resending):
            lane.pass_over(now)

    def ages(self, wall_now: float) -> dict[str, float]:
        """Seconds that the oldest of what is live, and of what was read of the backlog, has waited."""
        return {
            "live_seconds": _oldest(self._live, wall_now),
            "backlog_seconds": _oldest([*self._again, *self._backlog], wall_now),
        }

    def acknowledge(self) -> int:
        """Acknowledge what is settled, as far as nothing before it in its lane is not; how many records."""
        count = sum(self._acknowledge(lane, lane.pop_settled()) for lane in self)
        if self.is_draining:
            self._again = [lane for lane in self._again if not lane.is_done()]
            self._backlog = [lane for lane in self._backlog if not lane.is_done()]
        return count

    def acknowledge_all(self) -> int:
        """Acknowledge whatever is settled: the lanes end; how many records."""
        return sum(self._acknowledge(lane, lane.pop_all_settled()) for lane in self)

    def front(self) -> tuple[Lane, Batch] | None:
        """The first batch that is not settled, if no record before it is still to be sent."""
        fronts = [(lane, batch) for lane in self if (batch := lane.front()) is not None]
        if not fronts:
            return None
        lane, first = min(fronts, key=lambda each: each[1].first)
        still_open = min(self.parked.next_open(), *(other.next_open() for other in self))
        return (lane, first) if still_open > first.first else None

    def _acknowledge(self, lane: Lane, batches: Iterator[Batch] | Sequence[Batch]) -> int:
        """Acknowledge them, neighbours together."""
        count, first, last, of_these = 0, 0, -1, 0
        for batch in batches:
            if batch.first != last + 1:
                self._write(lane, first, last, of_these)
                first, of_these = batch.first, 0
            last, of_these, count = batch.last, of_these + batch.count, count + batch.count
        self._write(lane, first, last, of_these)
        return count

    def _write(self, lane: Lane, first: int, last: int, count: int) -> None:
        if first <= last:
            self._journal.acknowledge(
                self._consumer, first, last, delivery_class=lane.delivery_class, count=count
            )

    def _resent_lane(self, delivery_class: DeliveryClass, spans: Sequence[Span], records: int | None) -> Lane:
        return Lane(
            delivery_class,
            self._packings[delivery_class],
            spans,
            limits=Limits(records or self._limits.records, self._limits.size),
            keep=_KEEP_RESENT,
            is_resent=True,
        )

    def _lane(self, delivery_class: DeliveryClass, spans: Sequence[Span]) -> Lane:
        is_live = any(span.until is None for span in spans)
        return Lane(
            delivery_class,
            self._packings[delivery_class],
            spans,
            limits=self._limits,
            keep=_KEEP_LIVE[delivery_class] if is_live else _KEEP_BACKLOG,
        )


def _oldest(lanes: Sequence[Lane], wall_now: float) -> float:
    appended = [at for lane in lanes if (at := lane.oldest()) is not None]
    return max(0.0, wall_now - min(appended)) if appended else 0.0
