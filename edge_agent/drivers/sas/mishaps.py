"""Mishaps: bytes that made no sense, counted, and told of at most once a minute.

A noisy line has hundreds of them a second; the journal is for what machines say.
"""

from __future__ import annotations

from edge_agent.events.agent import ProtocolErrors

REPORT_SECONDS = 60.0
LONGEST_REASON = 200  # characters; a reason may quote bytes


class Mishaps:
    """Counts, and says when to tell."""

    def __init__(self, line: str) -> None:
        self.total = 0
        self._line = line
        self._told = 0
        self._last = ""
        self._tell_from = float("-inf")

    def count(self, reason: str) -> None:
        """One more."""
        self.total += 1
        self._last = reason[:LONGEST_REASON]

    def report(self, now: float) -> ProtocolErrors | None:
        """What to tell now; None if nothing is new or the last report is less than a minute old."""
        if self.total == self._told or now < self._tell_from:
            return None
        report = ProtocolErrors(
            line=self._line, count=self.total - self._told, total=self.total, last=self._last
        )
        self._told, self._tell_from = self.total, now + REPORT_SECONDS
        return report
