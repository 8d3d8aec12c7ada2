"""VirtualClock: time is a number that moves when told."""

from __future__ import annotations


class VirtualClock:
    """Monotonic seconds that pass only when told to.

    Calling it gives the time, so it stands in for `time.monotonic`.
    """

    def __init__(self, start: float = 0.0) -> None:
        self.now = start

    def __call__(self) -> float:
        """The time."""
        return self.now

    def __repr__(self) -> str:
        return f"<VirtualClock {self.now:.3f}>"

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def move_to(self, moment: float) -> None:
        """Let time pass until `moment`; a moment that has passed changes nothing."""
        self.now = max(self.now, moment)
