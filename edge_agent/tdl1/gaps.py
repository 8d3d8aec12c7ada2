"""Gaps: what is missing in a sequence is asked for again and again, and told when that was in vain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from edge_agent.tdl1.sequence import Window

# A device repeats after 1, 2, 3 and then 13 s; what is missing after that it no longer has.
GAP_SECONDS = 15.0

# A gap is asked for again as often as a device repeats by itself at first.
REPLAY_SECONDS = 1.0

# Ranges asked for at once; the rest come round when these are filled or told.
MOST_REPLAYS = 4

Range = tuple[int, int]


@dataclass(slots=True)
class GapWatch:
    """The clock of the gaps there are; None while there are none."""

    tell_due: float | None = None
    ask_due: float | None = None
    _through: int = 0

    def next_timer(self) -> float | None:
        """When a gap has to be told, or asked for again."""
        dues = (self.tell_due, self.ask_due)
        return min((due for due in dues if due is not None), default=None)

    def ranges_to_ask_for(self, window: Window | None, now: float) -> list[Range]:
        """What to ask the device for now."""
        missing = window.missing() if window is not None else []
        if window is None or not missing:
            self.tell_due = self.ask_due = None
            return []
        if self.tell_due is None or self.ask_due is None:
            self.tell_due, self.ask_due, self._through = now + GAP_SECONDS, now, window.newest
        if now < self.ask_due:
            return []
        self.ask_due = now + REPLAY_SECONDS
        return missing[:MOST_REPLAYS]

    def ranges_to_tell(self, window: Window | None, untaken: Iterable[int], now: float) -> list[Range]:
        """What was missing for so long that it is lost; told once."""
        if window is None or self.tell_due is None or now < self.tell_due:
            return []
        return self.close(window, untaken, through=self._through)

    def close(self, window: Window | None, untaken: Iterable[int], through: int | None = None) -> list[Range]:
        """What is missing, without waiting any longer. What is not yet taken was heard all the same."""
        self.tell_due = self.ask_due = None
        if window is None:
            return []
        heard = replace(window)
        for sequence in untaken:
            heard.add(sequence)
        ranges = heard.take_missing(window.newest if through is None else through)
        window.reported = heard.reported
        return ranges
