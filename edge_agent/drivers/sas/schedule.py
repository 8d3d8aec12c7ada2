"""The schedule: what to ask a machine next.

One question at a time, from the first of these that has one:

    the duties      what an exception asks an observer to read
    the machine     its mode, and the questions of the interrogation
    the meters      of a snapshot
    the parts       the meters of a game or a denomination, now and then
    the heartbeat   two short long polls in turn, or a general poll

Exceptions never starve. With real-time events off, a general poll goes between two long polls, so at most
half of all polls ask for anything but exceptions, however much there is to ask. With them on, each poll is
answered by the exception that is pending, so all of them ask for exceptions; no general poll is sent: an
idle machine may be silent to it, and silence has to mean trouble. The same command is never asked
twice in a row: the machine would take it for a request to say the same thing again.

A poll of two bytes cannot become another one by losing a character; one that carries data can: without
its command, its length byte is the command. A different poll acknowledges what was not heard, so on
a rough line with real-time events on, what carries data is not asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.drivers.sas.acquaintance import REAL_TIME_EVENTS, Acquaintance
from edge_agent.drivers.sas.parts import PartReader
from edge_agent.drivers.sas.reading_plan import (
    COIN_IN,
    CURRENT_CREDITS,
    GAMES_PLAYED,
    proven_singles,
    requests_for,
)
from edge_agent.drivers.sas.snapshot import MeterReader
from edge_agent.sas.messages import GeneralPoll, LongPollRequest, Poll, poll_key

# Two of these alternate as the heartbeat: short answers that every machine has.
HEARTBEATS = (CURRENT_CREDITS, GAMES_PLAYED, COIN_IN, 0x12, 0x10)

# A machine that is busy (reels spin, a bill is in transit) is asked for nothing but its heartbeat, each time
# for twice as long: a game takes a few seconds.
BUSY_SECONDS, LONGEST_BUSY_SECONDS = 0.25, 4.0

# Duties that pile up say the same: the last bill is the last bill. There are this many kinds of them.
MOST_DUTIES = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a duty asks."""

    request: LongPollRequest
    doubtful: bool = False  # what called for it may have been a repeat


class Schedule:
    """What to ask one machine next."""

    def __init__(
        self, address: int, acquaintance: Acquaintance, reader: MeterReader, parts: PartReader
    ) -> None:
        self.curious = True  # False: only what exceptions give to read is asked, and the heartbeat
        self._address = address
        self._acquaintance = acquaintance
        self._reader = reader
        self._parts = parts
        self._duties: deque[Wanted] = deque(maxlen=MOST_DUTIES)
        self._general = GeneralPoll(address)
        self._beats = tuple(LongPollRequest(address, command) for command in HEARTBEATS)
        self._last: int | None = None  # the command asked last; None after a general poll
        self._held_until = float("-inf")
        self._busy_seconds = BUSY_SECONDS

    @property
    def wanted(self) -> tuple[LongPollRequest, ...]:
        """What duties still have to ask."""
        return tuple(wanted.request for wanted in self._duties)

    def want_read(self, request: LongPollRequest, *, doubtful: bool = False) -> None:
        """A duty: ask `request` soon. What is wanted already is not wanted twice."""
        if all(wanted.request != request for wanted in self._duties):
            self._duties.append(Wanted(request, doubtful))

    def duty_done(self, request: LongPollRequest) -> Wanted | None:
        """A question was answered or given up; what duty asked it, None if none did."""
        for wanted in self._duties:
            if wanted.request == request:
                self._duties.remove(wanted)
                return wanted
        return None

    def hold_back(self, now: float) -> None:
        """The machine is busy: ask for nothing it has to work for, for a while."""
        self._held_until = now + self._busy_seconds
        self._busy_seconds = min(2 * self._busy_seconds, LONGEST_BUSY_SECONDS)

    def served(self, request: LongPollRequest) -> None:
        """The machine answered what it has to work for."""
        if request.command not in HEARTBEATS:
            self._busy_seconds = BUSY_SECONDS

    def next_poll(
        self, now: float, *, real_time: bool, rough: bool = False, confirm_against: int | None = None
    ) -> Poll:
        """What to ask now.

        `confirm_against` is the key of the poll whose answer carried an event that is not confirmed yet: only
        a long poll with another key will do. None if nothing has to be confirmed.
        """
        confirming = confirm_against is not None
        silence_is_trouble = real_time or self._acquaintance.wants_long_polls
        if not silence_is_trouble and not confirming and self._last is not None:
            self._last = None
            return self._general
        avoid = confirm_against if confirming else self._last
        insist = confirming and self._last is not None  # the long poll before did not confirm it
        for request in self._candidates(now, real_time=real_time, short_only=rough and silence_is_trouble):
            if confirming and request.command == REAL_TIME_EVENTS:
                continue  # what a lost character leaves of it would acknowledge an event not heard yet
            if avoid not in (request.command, poll_key(request)) and (not insist or self._is_sure(request)):
                self._last = request.command
                return request
        if not silence_is_trouble and not confirming:
            return self._general
        beat = self._beat(avoid)
        self._last = beat.command
        return beat

    def _candidates(self, now: float, *, real_time: bool, short_only: bool) -> Iterator[LongPollRequest]:
        if now < self._held_until:
            return
        machine, reader = self._acquaintance, self._reader
        for wanted in self._duties:
            if not (short_only and is_risky(wanted.request)):
                yield wanted.request
        if not self.curious:
            return
        question = machine.next_request(now, real_time=real_time, quiet=reader.quiet, rough=short_only)
        while question is not None and short_only and is_risky(question):
            machine.leave_out(question)
            question = machine.next_request(now, real_time=real_time, quiet=reader.quiet, rough=short_only)
        if question is not None:
            yield question
        elif machine.settled and reader.wants_to_begin(now):
            singles = proven_singles(machine.askable, machine.has_answered)
            plan = requests_for(reader.next_reason, self._address, machine.askable, reader.lacking, singles)
            reader.begin(plan, now)
        if reader.reading or now >= self._parts.due:
            yield from self._meters(now, short_only=short_only)

    def _meters(self, now: float, *, short_only: bool) -> Iterator[LongPollRequest]:
        """What the reading under way asks next, or without one a part that is due."""
        reader = self._reader
        meter = reader.next_request()
        while meter is not None and short_only and is_risky(meter):
            reader.skip(meter.command)
            meter = reader.next_request()
        if meter is not None:
            yield meter
        elif self._acquaintance.settled and reader.idle and not short_only:
            yield from self._parts.requests(self._acquaintance.askable, now)

    def _is_sure(self, request: LongPollRequest) -> bool:
        """Whether the machine will answer, and so prove that it has let an event go."""
        return request.command == REAL_TIME_EVENTS or self._acquaintance.has_answered(request.command)

    def _beat(self, avoid: int | None) -> LongPollRequest:
        unanswered = self._acquaintance.askable.unsupported
        for beat in self._beats:
            if beat.command != avoid and beat.command not in unanswered:
                return beat
        return next(beat for beat in self._beats if beat.command != avoid)


def is_risky(request: LongPollRequest) -> bool:
    """Whether a lost character may make another poll of it. The mode has to be kept at any risk."""
    return bool(request.values) and request.command != REAL_TIME_EVENTS
