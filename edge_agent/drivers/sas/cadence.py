"""The cadence: when the next poll is due, and how well the polls keep to it.

A poll is due an interval after the one before it left, or when the line came free, whichever is
later; it is late when it leaves more than half an interval after that. A poll is unanswered when
nothing came back and it was repeated to a machine that was there: sends in a silence that ends
with the machine declared lost, or with a poll it does not know, are not counted. How long an answer took is
known where its poll was sent once: from its leaving to the last of what was heard.
"""

from __future__ import annotations

from edge_agent.drivers.sas.link_quality import LinkMonitor
from edge_agent.station import LineCounters

# More than half an interval late is a missed beat.
LATE_SHARE = 0.5


class Cadence:
    """When the next poll is due."""

    def __init__(self, counters: LineCounters, link: LinkMonitor) -> None:
        self._counters = counters
        self._link = link
        self._due: float | None = None  # None: the first poll leaves at once, and cannot be late
        self._free_at: float | None = None
        self._held_until = float("-inf")
        self._interval = 0.0
        self._silent_sends = 0  # of the poll that is not answered yet: nothing at all was heard after them
        self._awaiting = False  # the poll was sent, and nothing has been heard since
        self._sends = 0  # of the poll that is not answered yet
        self._sent_at = self._heard_at = float("-inf")
        self.garbled = False  # something unreadable was heard since it left

    @property
    def due(self) -> float | None:
        """When the next poll should leave; None while the line is not free."""
        if self._free_at is None:
            return None
        return max(self._due or self._free_at, self._free_at, self._held_until)

    def hold(self, until: float) -> None:
        """Characters arrive that make no answer yet: a new poll would talk into them."""
        self._held_until = until

    def is_due(self, now: float) -> bool:
        """Whether a poll should leave now."""
        free = self._free_at
        return free is not None and now >= free and now >= self._held_until and now >= (self._due or free)

    def free(self, now: float, *, free: bool) -> None:
        """Whether the line is free for a new poll."""
        if not free:
            self._free_at = None
        elif self._free_at is None:
            self._free_at = now

    def left(self, now: float, interval: float) -> None:
        """A new poll leaves; the next is due an interval from now."""
        due = self.due
        if self._due is not None and due is not None and now - due > self._interval * LATE_SHARE:
            self._counters.polls_late += 1
        self._due, self._interval, self._free_at = now + interval, interval, None
        self._silent_sends, self._awaiting, self.garbled = 0, False, False
        self._sends = 0

    def sent(self, now: float, *, outstanding: bool) -> None:
        """Something was sent; a poll, or a repeat of it, if an answer is outstanding."""
        if outstanding:
            self._sends += 1
            self._sent_at = now
            self._counters.polls += 1
            self._silent_sends += self._awaiting
            self._awaiting = True

    def heard(self, now: float) -> None:
        """Something arrived, whatever it was."""
        self._awaiting = False
        self._heard_at = now

    def answered(self) -> None:
        """The machine answered: the sends after which nothing was heard got lost on the way."""
        self._counters.polls_unanswered += self._silent_sends
        if self._sends == 1 and self._heard_at >= self._sent_at:
            self._link.answered_after(self._heard_at - self._sent_at)
        self.gave_up()

    def gave_up(self) -> None:
        """The machine is lost, or does not know the poll."""
        self._silent_sends, self._awaiting, self._sends = 0, False, 0
