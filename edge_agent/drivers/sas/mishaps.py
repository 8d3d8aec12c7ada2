"""Mishaps: bytes that made no sense, counted, and told of at most once a minute.

A noisy line has hundreds of them a second; the journal is for what machines say. A line that has
several of them in half a minute is rough, and asked less.
"""

from __future__ import annotations

from collections import deque

from edge_agent.events.agent import ProtocolErrors

REPORT_SECONDS = 60.0
ROUGH_MISHAPS, ROUGH_SECONDS = 3, 30.0
LONGEST_REASON = 200  # characters; a reason names the poll, the field and the place, and quotes nothing


class Mishaps:
    """Counts, and says when to tell."""

    def __init__(self, line: str) -> None:
        self.total = 0
        self._line = line
        self._told = 0
        self._last = ""
        self._tell_from = float("-inf")
        self._lately = deque((float("-inf"),) * ROUGH_MISHAPS, maxlen=ROUGH_MISHAPS)

    def count(self, reason: str, now: float, *, of_the_line: bool = True) -> None:
        """One more. The machine's own doing does not make a line rough."""
        self.total += 1
        if of_the_line:
            self._lately.append(now)
        self._last = reason[:LONGEST_REASON]

    def assume_rough(self, now: float) -> None:
        """The line was rough when an earlier run noted it."""
        self._lately.extend((now,) * ROUGH_MISHAPS)

    def is_rough(self, now: float) -> bool:
        """Whether characters get lost or changed on this line all the time."""
        return now - self._lately[0] < ROUGH_SECONDS

    def report(self, now: float) -> ProtocolErrors | None:
        """What to tell now; None if nothing is new or the last report is less than a minute old."""
        if self.total == self._told or now < self._tell_from:
            return None
        report = ProtocolErrors(
            line=self._line, count=self.total - self._told, total=self.total, last=self._last
        )
        self._told, self._tell_from = self.total, now + REPORT_SECONDS
        return report
