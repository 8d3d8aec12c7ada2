"""Reply times: how long an answer is waited for, and how long the second answer to a poll that was repeated.

The first wait follows the machine: twice what its slowest answer of late took. The second is what keeps
answers apart: once a different poll has left, what still comes of the one before passes for its answer, and
an event in it is taken for heard. So it is long until the line has proved quick, and long again as soon as
an answer comes late; on a line that loses characters and is quick, it is no longer than the first.
"""

from __future__ import annotations

from edge_agent.sas.host_bounds import (
    DELAY_REMEMBERED,
    DELAYS_WAITED,
    FIRST_WINDOW_SECONDS,
    LONGEST_WINDOW_SECONDS,
    PROOF_ANSWERS,
    QUICK_SECONDS,
)


class ReplyTimes:
    """What the answers of one machine have shown so far.

    Args:
        shortest: seconds; no answer is given up sooner.
    """

    def __init__(self, shortest: float) -> None:
        self.window = max(shortest, FIRST_WINDOW_SECONDS)  # how long an answer may take to begin
        self._shortest = shortest
        self._slowest = 0.0  # of the answers heard lately
        self._quick = 0  # answers in a row that came at once

    @property
    def second_window(self) -> float:
        """How long after the last of several sends another answer may still begin."""
        return self.window if self._quick >= PROOF_ANSWERS else max(self.window, LONGEST_WINDOW_SECONDS)

    def wait_at_least(self, seconds: float) -> None:
        """No answer is given up sooner from now on."""
        self._shortest = seconds
        self.window = max(self.window, seconds)

    def learn(self, seconds: float) -> None:
        """A poll sent once was answered: the only delay that is known for certain."""
        self._slowest = max(seconds, self._slowest * DELAY_REMEMBERED)
        self.window = max(self._shortest, min(DELAYS_WAITED * self._slowest, LONGEST_WINDOW_SECONDS))
        self._quick = self._quick + 1 if seconds <= QUICK_SECONDS else 0

    def heard_late(self) -> None:
        """An answer came after the one that was believed, or after its poll was given up."""
        self._quick = 0
