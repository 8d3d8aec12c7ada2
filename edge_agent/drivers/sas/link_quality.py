"""Link quality: how well a machine is heard, from 0 to 100, and why it is no better.

Grown out of what the cadence and the mishaps count anyway: how long answers took, which sends nothing came
back to, what could not be read, how often the line had to be woken up, and how many exceptions came in a row
before the machine had nothing more to say. Every ten seconds the last minute is judged; each fault takes off
what it costs, and says so in words with its own counts.

    degraded    below 70 in two judgements in a row
    recovered   85 or more in six in a row

so that a line on the edge is told of once. A machine that is not there has no quality: its line is down.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from operator import add

from edge_agent.events.agent import LineQuality
from edge_agent.station import LineCounters, LinkQuality
from edge_agent.words import counted

SLOT_SECONDS = 10.0
SLOTS = 6
# Fewer polls than this in the last minute say nothing.
FEWEST_POLLS = 20

# Answer times are counted in steps of this; the last step holds whatever took longer.
STEPS_A_SECOND = 200
LAST_STEP = 400
# A machine that keeps to the text answers in 20 ms; a host in the field waits 200.
LATE_MS = 200
LATE_STEP = LATE_MS * STEPS_A_SECOND // 1000

DEGRADED_BELOW, DEGRADED_TURNS = 70, 2
RECOVERED_FROM, RECOVERED_TURNS = 85, 6

# A machine keeps at least 20 exceptions: with half of that in a row, it says them more slowly than they come.
LONG_BACKLOG = 10

# An answer has an address, a command and a CRC at least; what is shorter may be anything.
FRAME_BYTES = 4


@dataclass(frozen=True, slots=True)
class Fault:
    """What one kind of fault takes off: so much for each in a hundred, and not more than all of it."""

    each_in_a_hundred: float
    most: float


MISSING = Fault(5.0, 60.0)
LATE = Fault(0.5, 40.0)
WRONG_CRC = Fault(5.0, 50.0)
UNREADABLE = Fault(3.0, 40.0)
# These are counted as they are.
RESYNCHRONISED_COSTS, RESYNCHRONISED_MOST = 10.0, 40.0
BACKLOG_COSTS, BACKLOG_MOST = 1.0, 20.0


@dataclass(slots=True)
class Tally:
    """What happened on the line for a while."""

    polls: int = 0
    missing: int = 0
    wrong_crc: int = 0
    unreadable: int = 0
    resynchronised: int = 0
    backlog: int = 0  # the most exceptions in a row
    steps: list[int] = field(default_factory=lambda: [0] * (LAST_STEP + 1))  # answers, by how long they took

    def include(self, other: Tally) -> None:
        """Put another while to this one."""
        self.polls += other.polls
        self.missing += other.missing
        self.wrong_crc += other.wrong_crc
        self.unreadable += other.unreadable
        self.resynchronised += other.resynchronised
        self.backlog = max(self.backlog, other.backlog)
        self.steps = list(map(add, self.steps, other.steps))

    @property
    def answers(self) -> int:
        """Answers whose time is known."""
        return sum(self.steps)

    @property
    def late(self) -> int:
        """Those later than a host in the field waits."""
        return sum(self.steps[LATE_STEP:])

    def took_ms(self, share: float) -> int:
        """In how many milliseconds that share of the answers came; 0 without any."""
        if not self.answers:
            return 0
        step = bisect_left(list(accumulate(self.steps)), share * self.answers)
        return (step + 1) * 1000 // STEPS_A_SECOND


class LinkMonitor:
    """Judges one machine's link.

    Args:
        line: what the site calls the machine.
        address: of the machine on its line.
        counters: what its line has done, which is counted elsewhere.
    """

    def __init__(self, line: str, address: int, counters: LineCounters) -> None:
        self._line = line
        self._address = address
        self._counters = counters
        self._slot = Tally()
        self._past: deque[Tally] = deque(maxlen=SLOTS)
        self._streak = 0
        self._before = (0, 0, 0)  # polls, unanswered, resynchronisations when the slot began
        self._slot_ends: float | None = None
        self._degraded = False
        self._turns = 0  # judgements in a row that ask for the other verdict

    @property
    def answers(self) -> Tally:
        """What was counted since the last judgement."""
        return self._slot

    def answered_after(self, seconds: float) -> None:
        """A poll that was sent once was answered."""
        step = int(seconds * STEPS_A_SECOND)
        self._slot.steps[min(LAST_STEP, step)] += 1

    def unreadable(self, data: bytes) -> None:
        """Something was heard that answers nothing."""
        if len(data) >= FRAME_BYTES and data.lstrip(b"\x00")[:1] == bytes((self._address,)):
            self._slot.wrong_crc += 1
        else:
            self._slot.unreadable += 1

    def exception_heard(self) -> None:
        """The machine had something to say."""
        self._streak += 1
        self._slot.backlog = max(self._slot.backlog, self._streak)

    def nothing_to_say(self) -> None:
        """The machine had nothing more to say."""
        self._streak = 0

    def went_down(self, *, was_up: bool) -> None:
        """The machine is not there: what was counted on its way out says nothing of the line but that."""
        self._slot = Tally(resynchronised=int(was_up))
        self._slot_ends = None
        self._streak = 0
        self._counters.quality = None

    def look(self, now: float) -> LineQuality | None:
        """Time has passed on a line that is up; what to tell, if the line has become another."""
        if self._slot_ends is None:
            self._slot_ends, self._before = now + SLOT_SECONDS, self._sums()
        if now < self._slot_ends:
            return None
        self._slot_ends = now + SLOT_SECONDS
        return self._judge(self._last_minute())

    def _sums(self) -> tuple[int, int, int]:
        counters = self._counters
        return counters.polls, counters.polls_unanswered, counters.resynchronisations

    def _last_minute(self) -> Tally:
        """Close the slot, and add it to those before it."""
        sums, before = self._sums(), self._before
        slot, self._slot, self._before = self._slot, Tally(), sums
        slot.polls, slot.missing, resynchronised = (
            now - then for now, then in zip(sums, before, strict=True)
        )
        slot.resynchronised += resynchronised
        self._past.append(slot)
        whole = Tally()
        for part in self._past:
            whole.include(part)
        return whole

    def _judge(self, tally: Tally) -> LineQuality | None:
        if tally.polls < FEWEST_POLLS:
            self._counters.quality = None
            return None
        costs = sorted(_costs(tally), reverse=True)
        score = max(0, round(100 - sum(cost for cost, _ in costs)))
        reasons = tuple(reason for cost, reason in costs if cost >= 1)
        changed = self._has_changed(score)
        self._counters.quality = LinkQuality(
            score, reasons, tally.took_ms(0.5), tally.took_ms(0.95), degraded=self._degraded
        )
        return self._event(tally, self._counters.quality) if changed else None

    def _has_changed(self, score: int) -> bool:
        """Whether the verdict is another after this judgement."""
        asks = score >= RECOVERED_FROM if self._degraded else score < DEGRADED_BELOW
        self._turns = self._turns + 1 if asks else 0
        if self._turns < (RECOVERED_TURNS if self._degraded else DEGRADED_TURNS):
            return False
        self._degraded, self._turns = not self._degraded, 0
        return True

    def _event(self, tally: Tally, quality: LinkQuality) -> LineQuality:
        return LineQuality(
            line=self._line,
            verdict="degraded" if quality.degraded else "recovered",
            score=quality.score,
            reasons=quality.reasons,
            answer_median_ms=quality.answer_median_ms,
            answer_p95_ms=quality.answer_p95_ms,
            polls=tally.polls,
            late=tally.late,
            missing=tally.missing,
            crc_errors=tally.wrong_crc,
            unreadable=tally.unreadable,
            resynchronisations=tally.resynchronised,
            longest_backlog=tally.backlog,
        )


def _costs(tally: Tally) -> Iterator[tuple[float, str]]:
    """What each fault takes off, and what it is in words."""
    yield (
        _of(LATE, tally.late, tally.answers),
        f"{tally.late} of {tally.answers} answers later than {LATE_MS} ms",
    )
    yield (
        _of(MISSING, tally.missing, tally.polls),
        f"{tally.missing} of {tally.polls} polls without an answer",
    )
    yield (
        _of(WRONG_CRC, tally.wrong_crc, tally.polls),
        f"{counted(tally.wrong_crc, 'wrong CRC')} in {tally.polls} polls",
    )
    yield (
        _of(UNREADABLE, tally.unreadable, tally.polls),
        f"noise heard {counted(tally.unreadable, 'time')} in {tally.polls} polls",
    )
    yield (
        min(RESYNCHRONISED_COSTS * tally.resynchronised, RESYNCHRONISED_MOST),
        f"the machine had to be woken up {counted(tally.resynchronised, 'time')}",
    )
    if tally.backlog >= LONG_BACKLOG:
        yield (
            min(BACKLOG_COSTS * tally.backlog, BACKLOG_MOST),
            f"{tally.backlog} exceptions in a row before it had no more to say",
        )


def _of(fault: Fault, count: int, of: int) -> float:
    return min(fault.most, fault.each_in_a_hundred * 100 * count / of) if of else 0.0
