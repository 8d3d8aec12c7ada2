"""Resending: records that somebody asked for again, in what the backlog leaves of the quota.

A request is looked for once a second, one at a time. Its records are read and published as others are, and
nothing of it is acknowledged: they were, or will be, by themselves. The request is deleted once all of it
that there is has been delivered; after a new session or a restart it begins again. A dead letter that the
cloud takes now is no longer one; what is refused again stays, and what a nucleus took, since nobody confirms
a record a second time.

While nobody asks for anything, the words that are owed are offered again: those that say in the place of a
record that it was set aside, and that were refused as well. Without them the cloud has a hole that nothing
explains. They are offered after a minute, then after twice as long, up to an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.forwarder.lane import Lane
from edge_agent.forwarder.spans import Span
from edge_agent.journal import CLASSES, Journal, Record
from edge_agent.journal.resend import ResendRequest, done, read_request, requests

LOOK_SECONDS = 1.0
# What was refused twice is mended by a person; and each word is a publish.
OWED_SECONDS, LONGEST_OWED_SECONDS = 60.0, 3600.0
_OWED_AT_ONCE = 100
MakeLane = Callable[[DeliveryClass, Sequence[Span], int | None], Lane]


@dataclass(slots=True)
class _Current:
    """The request under way, or the words that are owed."""

    path: Path | None  # None: words
    lanes: list[Lane]
    letters: list[Lane] = field(default_factory=list)
    delivered: list[int] = field(default_factory=list)  # letters, or words
    count: int = 0  # records


class Resending:
    """Serves the requests of one consumer.

    Args:
        journal: open to forward.
        consumer: whose dead letters are meant.
        make_lane: makes a lane of a class and spans, with so many records a batch at most.
    """

    def __init__(self, journal: Journal, consumer: str, make_lane: MakeLane) -> None:
        self._journal = journal
        self._consumer = consumer
        self._make_lane = make_lane
        self._look_at = float("-inf")
        self._current: _Current | None = None
        self._owed_at, self._owed_pause = float("-inf"), OWED_SECONDS
        self.untold = 0  # words that are owed
        self._log = structlog.get_logger()

    def __iter__(self) -> Iterator[Lane]:
        if self._current is not None:
            yield from self._current.lanes

    def begin_again(self) -> None:
        """A new session: what is under way is read again."""
        self._current, self._look_at = None, float("-inf")

    def look(self, now: float) -> None:
        """See whether there is a request, once a second; if not, whether it is time for what is owed."""
        if (self._current is not None and self._current.path is not None) or now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        if self._current is None and now >= self._owed_at:
            self._current = self._words(now)
        for path in requests(self._journal.path)[:1]:
            try:
                self._current = self._lanes_of(path, read_request(path))
                self._look_at = now
            except JournalError as error:
                self._log.warning("resend request set aside", path=str(path), reason=str(error))
                with suppress(OSError):  # it is gone meanwhile, or the folder is somebody else's
                    path.rename(path.with_suffix(".refused"))

    def take_stock(self, now: float) -> bool:
        """Count what is delivered; whether all of the request is, and it may be forgotten."""
        current = self._current
        if current is None:
            return False
        for lane in current.lanes:
            for batch in lane.pop_settled():
                current.count += batch.count
                if lane in current.letters and not batch.unproven:
                    current.delivered.append(batch.last)
        is_done = now >= self._look_at and all(lane.is_done() for lane in current.lanes)
        if is_done and current.path is None:
            is_heard = len(current.delivered) == current.count
            self._owed_pause = OWED_SECONDS if is_heard else min(LONGEST_OWED_SECONDS, 2 * self._owed_pause)
            self._owed_at = now + (0.0 if is_heard else self._owed_pause)
        return is_done

    def owe(self, count: int) -> None:
        """So many words more were refused, and kept."""
        self.untold += count

    def put_off(self, now: float) -> None:
        """It could not be forgotten: try again in a while."""
        self._look_at = now + LOOK_SECONDS

    def finish(self) -> None:
        """Forget the request, and the letters in it that were delivered. May block; raises JournalError."""
        current = self._current
        if current is not None and current.path is None:
            self._journal.said(self._consumer, current.delivered)
            self.untold = len(self._journal.owed(self._consumer))
            self._current = None
        elif current is not None and current.path is not None:
            self._journal.remove_dead_letters(self._consumer, current.delivered)
            done(current.path)
            self._log.info("sent again", path=current.path.name, records=current.count)
            self._current = None

    def _words(self, now: float) -> _Current | None:
        """The words that are owed, some of them; None if there are none."""
        self._owed_at = now + self._owed_pause
        try:
            owed = self._journal.owed(self._consumer)
        except JournalError as error:
            self._log.warning("what is owed cannot be read", reason=str(error))
            return None
        self.untold = len(owed)
        current = _Current(None, [])
        self._fill(current, owed[:_OWED_AT_ONCE])
        return current if owed else None

    def _fill(self, current: _Current, records: Sequence[Record]) -> None:
        """Each a publish of its own: one may be refused again."""
        for cls in CLASSES:
            of_class = [record for record in records if record.delivery_class is cls]
            if of_class:
                lane = self._make_lane(cls, (), 1)
                lane.fill(of_class)
                current.letters.append(lane)
        current.lanes += current.letters

    def _lanes_of(self, path: Path, request: ResendRequest) -> _Current:
        head = self._journal.head
        spans = [Span(max(0, first - 1), min(last, head)) for first, last in sorted(request.ranges)]
        spans = [span for span in spans if span.until is not None and span.after < span.until]
        current = _Current(path, [self._make_lane(cls, spans, None) for cls in CLASSES] if spans else [])
        self._fill(current, self._letters(request))
        return current

    def _letters(self, request: ResendRequest) -> list[Record]:
        """The dead letters asked for as records, with their links where these are still known."""
        if not request.dead_letters:
            return []
        found = []
        for letter in self._journal.dead_letters():
            wanted = request.dead_letters == "all" or letter.sequence in request.dead_letters
            if wanted and letter.consumer == self._consumer:
                kept = self._journal.read(letter.sequence - 1, 1, 0, until=letter.sequence).records
                found.append(
                    kept[0]
                    if kept
                    else Record(letter.sequence, letter.payload, letter.appended_at, DeliveryClass.A, b"")
                )
        return found
