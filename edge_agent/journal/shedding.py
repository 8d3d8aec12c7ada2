"""Shedding: what is let go when not everything can be kept. C first, then half of B and again, A never.

The oldest sealed segments are written anew without the records that go; in the place of each its digest
stays, so the chain goes on. Before that it is journalled exactly which they were: whoever is killed in
between has said it, and does it again, by the same name. What every consumer has acknowledged goes without
a word: it is no loss.

Lines append meanwhile, so segments are gone through in slices.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import structlog

from edge_agent.chain import digest
from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.journal.acknowledged import CLASSES
from edge_agent.journal.consumer import Consumers
from edge_agent.journal.frames import RECORDS, Frame, Kind, encode
from edge_agent.journal.gauge import SHED_ABOVE, SHED_DOWN_TO, Fill, Gauge
from edge_agent.journal.glance import frames_of
from edge_agent.journal.mending import Mender, again
from edge_agent.journal.record import Gap
from edge_agent.journal.segment import header_of, heading_of, make_segment, segment_path, segments

B, C = DeliveryClass.B, DeliveryClass.C
# Of B an eighth is kept at the least: every eighth reading of a meter still tells the day.
MOST_THINNED = 3
AGE = "age"  # why, where nothing else presses

Step = Callable[[str], int]


class Shedder:
    """Lets go of what may go, while a journal is over its budget.

    Args:
        folder: of the journal.
        gauge: says how full it is.
        consumers: whose acknowledgements tell a loss from none.
        mender: looks at segments.
        declare: journals gaps durably, also on a full disk. Raises JournalError.
        seal: begins another segment, so that the newest can be written anew too.
        age_seconds: what waits longer may go; None: any age.
        wall: seconds since 1970.
        clock_is_right: whether ages can be told by it: a clock that was never set makes all seem old.
    """

    def __init__(
        self,
        folder: Path,
        *,
        gauge: Gauge,
        consumers: Consumers,
        mender: Mender,
        declare: Callable[[Sequence[Gap]], object],
        seal: Callable[[], object],
        age_seconds: float | None = None,
        wall: Callable[[], float] = time.time,
        clock_is_right: Callable[[], bool] = lambda: True,
    ) -> None:
        self._folder = folder
        self._gauge = gauge
        self._consumers = consumers
        self._mender = mender
        self._declare = declare
        self._begin_segment = seal
        self._age_seconds = age_seconds
        self._wall = wall
        self._clock_is_right = clock_is_right
        self._without_c: set[int] = set()  # segments in which no C is left
        self._thinned: dict[int, int] = {}
        self._ended: dict[int, float] = {}  # when the last record of a segment was appended

    def shed(self) -> int:
        """Let go of what must and may go now; how many records were lost by it."""
        lost = self._shed_old()
        fill = self._gauge.measure()
        if fill.share <= SHED_ABOVE:
            return lost
        for step in self._steps():
            lost += step(_why(fill))
            fill = self._gauge.measure()
            if fill.share <= SHED_DOWN_TO:
                break
        return lost

    def _steps(self) -> Iterator[Step]:
        """What can be done about a full journal, the mildest first, each with the reason for it."""
        for first, last in self._sealed():
            if first not in self._without_c:
                yield partial(self._let_c_go, first, last)
        for times in range(MOST_THINNED):
            for first, last in self._sealed():
                if self._thinned.get(first, 0) == times:
                    yield partial(self._thin_b, first, last)
        yield self._seal

    def _shed_old(self) -> int:
        """What waits for longer than the age of the budget: C goes, B is thinned once."""
        if self._age_seconds is None or not self._clock_is_right():
            return 0
        lost, oldest = 0, self._wall() - self._age_seconds
        for first, last in self._sealed():
            if first in self._without_c and self._thinned.get(first):
                continue
            # The first is far cheaper to know; but a clock that was set back meanwhile makes it too low.
            if self._begun_at(last + 1) > oldest or self._ended_at(first, last) > oldest:
                break
            lost += self._let_c_go(first, last, AGE) + self._thin_b(first, last, AGE)
        return lost

    def _begun_at(self, first: int) -> float:
        """When a segment was begun, seconds since 1970; 0.0 if it does not say."""
        header = header_of(heading_of(segment_path(self._folder, first)))
        return 0.0 if header is None else header.created_at

    def _seal(self, _why: str) -> int:
        """Nothing is left to let go but in the newest segment: next time it is not the newest."""
        self._begin_segment()
        return 0

    def _ended_at(self, first: int, last: int) -> float:
        """When the last record of a segment was appended; never, if nothing is in it. Looked for once."""
        if first not in self._ended:
            self._mender.mend(first, last)
            ended = math.inf
            for frame in frames_of(segment_path(self._folder, first)):
                ended = frame.appended_at
            self._ended[first] = ended
        return self._ended[first]

    def _let_c_go(self, first: int, last: int, why: str) -> int:
        lost = self._let_go(first, last, C, why)
        self._without_c.add(first)
        return lost

    def _thin_b(self, first: int, last: int, why: str) -> int:
        return self._let_go(first, last, B, why)

    def _let_go(self, first: int, last: int, delivery_class: DeliveryClass, why: str) -> int:
        """Write a segment anew without the records of a class, or without half of them if it is B."""
        self._mender.mend(first, last)
        path = segment_path(self._folder, first)
        header = header_of(heading_of(path))
        assert header is not None  # noqa: S101  it was mended
        thinned = header.thinned + (delivery_class is B)
        if thinned > MOST_THINNED:
            self._thinned[first] = thinned
            return 0
        going = _going(frames_of(path), delivery_class)
        is_changed = bool(going) or delivery_class is B
        frames = _rewritten(path, last, going) if is_changed else b""
        lost = self._not_acknowledged(delivery_class, [*going])
        if lost:
            name = f"shed-{first}-{delivery_class}{thinned if delivery_class is B else ''}"
            self._tell(_gap(lost, delivery_class, why, name))
        if is_changed:
            gone = [*(header.gone or (0,) * len(CLASSES))]
            gone[CLASSES.index(delivery_class)] += len(going)
            make_segment(self._folder, replace(header, thinned=thinned, gone=tuple(gone)), frames)
        self._thinned[first] = thinned
        return len(lost)

    def _tell(self, gap: Gap) -> None:
        """Journal it, and say so."""
        self._declare([gap])
        structlog.get_logger().error(
            "records waited too long and are let go"
            if gap.why == AGE
            else "the journal is full; records are let go",
            alarm=True,
            delivery_class=gap.delivery_class,
            count=gap.count,
            first=gap.first,
            last=gap.last,
            why=gap.why,
        )

    def _not_acknowledged(self, delivery_class: DeliveryClass, sequences: Sequence[int]) -> list[int]:
        """Those that some consumer has not dealt with; in order, as they are given."""
        if not sequences:
            return []
        first, last = sequences[0], sequences[-1]
        spans = deque(
            sorted(
                span
                for consumer in self._consumers
                for span in consumer.acknowledged.open(delivery_class, first, last)
            )
        )
        lost = []
        for sequence in sequences:
            while spans and spans[0][1] < sequence:
                spans.popleft()
            if spans and spans[0][0] <= sequence:
                lost.append(sequence)
        return lost

    def _sealed(self) -> list[tuple[int, int]]:
        return [(first, following - 1) for first, following in pairwise(segments(self._folder))]


def _going(frames: Iterable[Frame], delivery_class: DeliveryClass) -> dict[int, None]:
    """The sequences of the records of a class among these; of B every other one."""
    its_class = CLASSES.index(delivery_class)
    records = [
        frame.sequence for frame in frames if frame.kind in RECORDS and frame.delivery_class == its_class
    ]
    return dict.fromkeys(records[1::2] if delivery_class is B else records)


def _rewritten(path: Path, last: int, going: Container[int]) -> bytearray:
    """All up to `last`, without what goes. Raises JournalError where less is found than a moment ago."""
    frames, reached = bytearray(), 0  # grows in place: a copy would be 4 MiB more
    for frame in frames_of(path):
        frames += _without(frame, going)
        reached = reached if frame.kind == Kind.MARK else frame.last
    if reached != last:
        raise JournalError(f"{path} does not read twice alike; nothing of it is let go", "check the disk")
    return frames


def _without(frame: Frame, going: Container[int]) -> bytes:
    """A frame again, or what stays in the place of a record that goes."""
    if frame.kind not in RECORDS or frame.sequence not in going:
        return again(frame)
    return encode(
        Kind.GONE,
        digest(frame.sequence, frame.payload),
        sequence=frame.sequence,
        appended_at=frame.appended_at,
        chain=frame.chain,
        delivery_class=frame.delivery_class,
        place=frame.place,
    )


def _gap(sequences: Sequence[int], delivery_class: DeliveryClass, why: str, name: str) -> Gap:
    first, last = sequences[0], sequences[-1]
    removed = b""
    if len(sequences) < last - first + 1:
        bits = bytearray((last - first) // 8 + 1)
        for sequence in sequences:
            at = sequence - first
            bits[at // 8] |= 0x80 >> at % 8
        removed = bytes(bits)
    return Gap("shed", delivery_class, len(sequences), first, last, removed, why, name)


def _why(fill: Fill) -> str:
    if fill.capacity_bytes <= 0:
        return "the disk had less than is to be left free"
    return f"{fill.used_bytes >> 20} of {fill.capacity_bytes >> 20} MiB were used"
