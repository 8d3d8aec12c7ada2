"""Dispatcher: which batch leaves next, within the quota and the window.

Live money goes first, then live faults and meters, live telemetry, and what waited, by class. Nobody starves:
whoever was put off for half a second by what is more urgent goes next. What is less urgent leaves the last
tokens and the last places of the window to what is more so.

Of what waited, events that travel alone use up the publishes and leave the bytes: so every tenth publish is a
batch of what comes behind them, as large as it may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.forwarder.batch import Batch
from edge_agent.forwarder.lane import METERED_BYTES, Lane
from edge_agent.forwarder.lanes import Lanes
from edge_agent.forwarder.quota import EVERYTHING, Keep, Quota
from edge_agent.journal import Journal
from edge_agent.topics import TYPE
from edge_agent.uplink.withholding import Withheld

# A new record is noticed within this. Waking up to ask a hundred times a second is 0.7 % of a core.
POLL_SECONDS = 0.010
# How long something waits for what is more urgent at most, before one publish of it goes.
PATIENCE_SECONDS = 0.5
# How far a lane is read on behind a receipt that does not come. After a crash all of it would be sent again.
SPAN_WINDOWS = 10
# A payload of this size is metered once, with its properties.
_METERED_PAYLOAD_BYTES = METERED_BYTES - 400
# Shares of the publishes that live batches of one class use at most, so that the rest gets through; the last
# while events that waited leave one by one, and a tenth of a second more is all that a live batch notices.
_LIVE_SHARE, _LIVE_SHARE_WHILE_DRAINING, _LIVE_SHARE_WHILE_SCARCE = 0.3, 0.2, 0.1
# Of what waited, so many events that travel alone leave before a batch that waits behind them does.
SINGLES_A_BATCH = 9
# What needs a full bucket leaves a little later than it could, and meanwhile the bucket runs over. So where
# bytes are what is short, a batch of what waited takes half as much at most.
_SPARED_WHILE_BYTES_ARE_SHORT = 0.5
# So many events are passed by a turn: then others have the loop.
_STEPS = 8
# Finding what a segment holds takes 10 ms and more, once.
_READS = 2


@dataclass(frozen=True, slots=True)
class Window:
    """Places for publishes that await their receipts: those that are free, and those for what is live."""

    free: int
    reserve: int = 0


class Dispatcher:
    """Chooses. Times are seconds of the loop's clock.

    Args:
        journal: where lanes are read from.
        lanes: what there is to send.
        quota: of the connection.
        withheld: topics that are refused to us.
        window: publishes in flight at most.
    """

    def __init__(
        self, journal: Journal, lanes: Lanes, quota: Quota, withheld: Withheld, *, window: int
    ) -> None:
        self.again_in = 0.0  # seconds after which it is worth asking again
        self._is_looking = False  # a lane was not read to its end, and has found nothing yet
        self.is_throttled = False  # something would leave, but for the quota
        self._journal = journal
        self._lanes = lanes
        self._quota = quota
        self._withheld = withheld
        self._window = window
        self._put_off_since: dict[int, float] = {}  # groups, by their place
        self._singles = 0  # of what waited, since a batch of it left

    def next(self, now: float, window: Window, payload_maximum: int) -> tuple[Lane, Batch] | None:
        """What leaves now, and the lane it is of; None if nothing does.

        Args:
            now: seconds.
            window: places for publishes.
            payload_maximum: bytes of a payload at most.
        """
        self.again_in, self.is_throttled = POLL_SECONDS, False
        turn = _Turn(now, self._journal.head, window, payload_maximum)
        self._try_topics(now)
        groups = self._lanes.groups
        for place in self._in_turn(len(groups), now):
            found = self._of_group(groups[place], place, turn)
            if found is not None:
                return found
            if self.is_throttled and self._is_late(place, now):
                return None  # or smaller ones would take the bytes it waits for, for ever
        return None

    def _in_turn(self, count: int, now: float) -> Iterator[int]:
        """The groups, by their places: first those put off for too long."""
        late = [place for place in self._put_off_since if self._is_late(place, now)]
        yield from sorted(late, key=self._put_off_since.__getitem__)
        yield from (place for place in range(count) if place not in late)

    def _is_late(self, place: int, now: float) -> bool:
        return now - self._put_off_since.get(place, now) >= PATIENCE_SECONDS

    def _of_group(self, lanes: Sequence[Lane], place: int, turn: _Turn) -> tuple[Lane, Batch] | None:
        if self._singles >= SINGLES_A_BATCH:
            batches = [lane for lane in lanes if lane.is_of_batches and not lane.is_live]
            if batches and (found := self._first_of(batches, place, turn)) is not None:
                return found
        return self._first_of(lanes, place, turn)

    def _first_of(self, lanes: Sequence[Lane], place: int, turn: _Turn) -> tuple[Lane, Batch] | None:
        is_late = self._is_late(place, turn.now)
        for lane in lanes:
            keep = EVERYTHING if is_late else lane.keep
            self._is_looking = False
            batch = self._of_lane(lane, keep, turn)
            if self._is_looking:  # what is less urgent must not go before it
                return None
            if batch is None:
                continue
            reserve = 0 if lane.is_live or is_late else turn.window.reserve
            if turn.window.free <= reserve or not self._may_take(batch.size, keep, turn.now):
                self._put_off_since.setdefault(place, turn.now)
                return None
            self._put_off_since.pop(place, None)
            self._withheld.take(batch.message.topic, turn.now)
            self._quota.take(batch.size, turn.now)
            lane.take(batch)
            if not lane.is_live:
                self._singles = 0 if lane.is_of_batches else self._singles + 1
            return lane, batch
        self._put_off_since.pop(place, None)
        return None

    def _of_lane(self, lane: Lane, keep: Keep, turn: _Turn) -> Batch | None:
        """The next batch of a lane that may leave, as far as its topic is concerned."""
        for _step in range(_STEPS):
            batch = lane.waiting or self._cut(lane, self._spared(lane, keep), turn)
            if batch is not None and len(batch.records) > 1 and self._is_too_large(batch, turn):
                lane.take(batch)  # it compressed less than was expected
                lane.replace(batch, lane.packing.halves(batch))
                continue
            if batch is None or not self._withheld.refuses(batch.message.topic, turn.now):
                return batch
            of_its_own = TYPE in lane.packing.route.topic and not lane.is_resent
            if not of_its_own or self._lanes.parked.is_full:
                return None
            topic = batch.message.topic
            self._lanes.parked.add(topic, lane.delivery_class, lane.put_aside(batch))
        self.again_in = 0.0
        return None

    def _spared(self, lane: Lane, keep: Keep) -> Keep:
        """What a new batch of a lane leaves of the burst, at the least."""
        if lane.is_live or self._lanes.is_draining_singles:
            return keep
        return Keep(keep.publishes, 1 - (1 - keep.bytes) * _SPARED_WHILE_BYTES_ARE_SHORT)

    def _is_too_large(self, batch: Batch, turn: _Turn) -> bool:
        return batch.size > self._quota.largest() or len(batch.message.payload) > turn.payload_maximum

    def _cut(self, lane: Lane, keep: Keep, turn: _Turn) -> Batch | None:
        """A new batch of a lane, once it is time for one."""
        if len(lane) >= SPAN_WINDOWS * self._window:
            return None
        spacing = self._spacing
        reads_in = lane.reads_in(turn.head, turn.now, spacing)
        if reads_in > 0:
            self.again_in = min(self.again_in, reads_in)
        else:
            self._read(lane, turn)
        size = self._quota.largest(keep)
        if lane.is_live and self._quota.is_plentiful(turn.now):
            size = min(size, _METERED_PAYLOAD_BYTES)
        cuts_in = lane.cuts_in(turn.now, spacing, size)
        if cuts_in > 0:
            self.again_in = min(self.again_in, cuts_in)
            return None
        return lane.cut(turn.now, size, turn.payload_maximum)

    def _read(self, lane: Lane, turn: _Turn) -> None:
        for _read in range(_READS):
            if not (lane.has_room() and lane.has_more(turn.head)):
                return
            lane.read(self._journal, turn.now)
            lane.pass_over(turn.now)
        self.again_in, self._is_looking = 0.0, lane.is_empty

    @property
    def _spacing(self) -> float:
        """Seconds between two live batches of a class at least."""
        share = _LIVE_SHARE_WHILE_DRAINING if self._lanes.is_draining else _LIVE_SHARE
        if self._lanes.is_draining_singles:
            share = _LIVE_SHARE_WHILE_SCARCE
        return 1 / (share * self._quota.publish_rate)

    def _may_take(self, size: int, keep: Keep, now: float) -> bool:
        wait = self._quota.wait(size, now, keep)
        if wait > 0:
            self.is_throttled = True
            self.again_in = min(self.again_in, wait)
        return wait <= 0

    def _try_topics(self, now: float) -> None:
        """Read the oldest event again of each refused topic that is to be tried."""
        for topic in [] if self._lanes.is_reading_again else self._withheld.due(now):
            found = self._lanes.parked.take_first(topic)
            if found is not None:
                self._lanes.read_again(*found)


@dataclass(frozen=True, slots=True)
class _Turn:
    """What is so while one batch is chosen."""

    now: float
    head: int
    window: Window
    payload_maximum: int
