"""Poll gaps: how long a device server paused between an address and the rest, by its own answers.

It answers each change of parity. The time between its answers to `mark` and to `space` is the time between
both changes at its port, up to how unevenly the network delivers: nothing else at this end can tell.
"""

from __future__ import annotations

# Between two characters of a SAS message; beyond that a machine may drop it.
LIMIT_SECONDS = 0.005

# So many polls are judged together. One in a thousand is a busy network; what is dropped is repeated.
JUDGED_POLLS, ALLOWED = 1000, 1


class PollGaps:
    """The gaps of the polls of one port.

    Args:
        character: seconds that an address takes on the wire.
    """

    def __init__(self, character: float) -> None:
        self._character = character
        self._marked_at: float | None = None
        self._judged = self._slow = 0
        self.slow_of_judged = 0  # in the last JUDGED_POLLS polls, once there were as many

    def marked(self, now: float) -> None:
        """The server has answered: parity is mark, an address follows."""
        self._marked_at = now

    def spaced(self, now: float) -> bool:
        """The server has answered: parity is space, the rest follows. Whether there is a new judgement."""
        if self._marked_at is None:
            return False
        self._slow += now - self._marked_at - self._character > LIMIT_SECONDS
        self._judged += 1
        self._marked_at = None
        if self._judged < JUDGED_POLLS:
            return False
        self.slow_of_judged = self._slow
        self._judged = self._slow = 0
        return True

    @property
    def too_slow(self) -> bool:
        """Whether machines may drop more polls than a good line repeats."""
        return self.slow_of_judged > ALLOWED
