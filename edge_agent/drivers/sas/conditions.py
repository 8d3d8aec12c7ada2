"""Conditions: what is raised at a machine and since when, and what it says that cannot be.

Each exception moves the sequences it belongs to (`sequences`). A state is certain once an exception told it;
one that nobody knows fits everything. The machine may have been opened and closed unheard while it had
no power, while its queue overflowed and while the line was down: what is known from before is then kept and
shown, and nothing that contradicts it is a violation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge_agent.drivers.sas.sequences import (
    BY_CODE,
    BY_NAME,
    DOUBTFUL_AFTER,
    REISSUED_SECONDS,
    SEQUENCES,
    Sequence,
    Transition,
)
from edge_agent.events.slot import SequenceViolation
from edge_agent.sas.exception_codes import exception_name
from edge_agent.sas.host_events import ExceptionReported
from edge_agent.station import Condition

# What is told again comes about when it is due: a poll late, or as much early as clocks differ.
EARLY_SECONDS, LATE_SECONDS = 1.0, 2.0

REAL_TIME_ONLY = tuple(sequence for sequence in SEQUENCES if sequence.real_time_only)
LAPSING = tuple(sequence for sequence in SEQUENCES if sequence.lapses_seconds is not None)


@dataclass(slots=True)
class _Standing:
    """How one sequence stands."""

    state: str
    since: float | None  # monotonic seconds; None: since before the agent was started
    sure: bool
    told_at: float  # monotonic seconds


class Conditions:
    """How everything stands at one machine.

    Args:
        raised: what was raised when an earlier run ended.
    """

    def __init__(self, raised: Iterable[str] = ()) -> None:
        never = float("-inf")
        self._standing = {
            name: _Standing(BY_NAME[name].raised, None, sure=False, told_at=never) for name in raised
        }
        self._heard_at: dict[int, float] = {}
        self._lapses_at = never if self._standing else float("inf")
        self.raised: dict[str, Condition] = {}
        self._show()

    def heard(
        self, event: ExceptionReported, now: float, *, validation: str | None = None
    ) -> list[SequenceViolation]:
        """An exception; what of it cannot be."""
        code = event.code
        again = self.is_told_again(code, now)
        self._heard_at[code] = now
        if code in DOUBTFUL_AFTER:
            self.doubt()
        if not event.real_time:
            self.real_time_ended()
        violations = [
            violation
            for sequence in BY_CODE.get(code, ())
            if _applies(sequence, event, validation)
            for violation in self._move(sequence, event, now, again=again)
        ]
        self._show()
        return violations

    def is_told_again(self, code: int, now: float) -> bool:
        """Whether an exception may be the one before, told once more because nobody has seen to it."""
        period, before = REISSUED_SECONDS.get(code), self._heard_at.get(code)
        if period is None or before is None:
            return False
        return period - EARLY_SECONDS <= now - before <= period + LATE_SECONDS

    def doubt(self) -> None:
        """Something may have happened unheard: what is known is kept, and fits whatever comes."""
        for standing in self._standing.values():
            standing.sure = False
        self._show()

    def real_time_ended(self) -> None:
        """Real-time events are off: of what is only watched under them nobody knows how it goes on."""
        for sequence in REAL_TIME_ONLY:
            self._standing.pop(sequence.name, None)

    def lapse(self, now: float) -> bool:
        """Time has passed; whether anything is over that was not told again."""
        if now < self._lapses_at:
            return False
        over = [sequence for sequence in LAPSING if self._has_lapsed(sequence, now)]
        for sequence in over:
            self._standing[sequence.name] = _Standing(sequence.rest, now, sure=False, told_at=now)
        self._lapses_at = min(self._lapses(), default=float("inf"))
        self._show()
        return bool(over)

    def noted(self) -> frozenset[str]:
        """What a restarted host should know to be raised."""
        return frozenset(
            name for name, standing in self._standing.items() if standing.state != BY_NAME[name].rest
        )

    def _move(
        self, sequence: Sequence, event: ExceptionReported, now: float, *, again: bool
    ) -> Iterator[SequenceViolation]:
        standing = self._standing.get(sequence.name)
        row = sequence.row(standing.state if standing else None, event.code)
        if standing is not None and _may_be_nothing_new(standing, row, event, again=again):
            standing.sure = False
            return
        if row is None and standing is not None:
            if standing.sure:
                yield _violation(sequence, standing.state, event.code)
            row = sequence.row(None, event.code)
        if row is not None:
            self._stand(sequence, row, now, sure=row.sure and not event.possibly_repeated)

    def _stand(self, sequence: Sequence, row: Transition, now: float, *, sure: bool) -> None:
        before = self._standing.get(sequence.name)
        if before is not None and before.state == row.following:
            before.told_at, before.sure = now, before.sure or sure
        else:
            self._standing[sequence.name] = _Standing(row.following, now, sure, now)
        if sequence.lapses_seconds is not None:
            self._lapses_at = min(self._lapses_at, now + sequence.lapses_seconds)

    def _has_lapsed(self, sequence: Sequence, now: float) -> bool:
        standing = self._standing.get(sequence.name)
        if standing is None or standing.state == sequence.rest or sequence.lapses_seconds is None:
            return False
        return now >= standing.told_at + sequence.lapses_seconds

    def _lapses(self) -> Iterator[float]:
        for sequence in LAPSING:
            standing = self._standing.get(sequence.name)
            if standing is not None and standing.state != sequence.rest:
                yield standing.told_at + (sequence.lapses_seconds or 0.0)

    def _show(self) -> None:
        """Replace what others may be reading."""
        self.raised = {
            name: Condition(standing.state, standing.since, sure=standing.sure)
            for name, standing in self._standing.items()
            if standing.state != BY_NAME[name].rest and BY_NAME[name].shown
        }


def _may_be_nothing_new(
    standing: _Standing, row: Transition | None, event: ExceptionReported, *, again: bool
) -> bool:
    """Whether an exception may be the one before, which has brought about what stands already."""
    if row is None:
        return again or event.possibly_repeated
    return again and row.following != standing.state


def _applies(sequence: Sequence, event: ExceptionReported, validation: str | None) -> bool:
    """Whether a sequence is kept by this machine as it is set up."""
    if sequence.real_time_only and not event.real_time:
        return False
    return sequence.validation in ("", validation)


def _violation(sequence: Sequence, state: str, code: int) -> SequenceViolation:
    return SequenceViolation(
        sequence=sequence.name,
        happened=exception_name(code),
        code=f"0x{code:02x}",
        state=state,
        expected=tuple(exception_name(expected) for expected in sequence.expected(state)),
    )
