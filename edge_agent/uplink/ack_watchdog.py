"""The ack watchdog: how long the oldest publish has awaited its receipt, and when that is too long.

Pings show that the other side is there, not that it takes anything: a broker that hangs answers them, and a
link that was cut without a word is noticed by them only when one is due. What is awaited shows it sooner.

A publish counts from when it was sent or, if others were before it, from when the last of those was
answered: on a slow line a receipt waits for what is in front of it, and that is no trouble.
"""

from __future__ import annotations

from collections.abc import Hashable


class AckWatchdog:
    """Watches receipts. Times are seconds of whatever clock the caller has.

    Args:
        limit: seconds. Longer than the round trip of the line, and than its largest publish takes.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._awaiting: dict[Hashable, None] = {}  # in the order they were sent
        self._since = 0.0  # since when the first of them is the first

    def sent(self, publish: Hashable, now: float) -> None:
        """A publish is on its way."""
        if not self._awaiting:
            self._since = now
        self._awaiting[publish] = None

    def settled(self, publish: Hashable, now: float) -> None:
        """It was answered, or nobody waits for it any more."""
        if not self._awaiting:
            return
        if publish == next(iter(self._awaiting)):
            self._since = now
        self._awaiting.pop(publish, None)

    def due(self) -> float | None:
        """When the oldest will have waited for too long; None while nothing is awaited."""
        return self._since + self.limit if self._awaiting else None

    def hung(self, now: float) -> bool:
        """Whether the oldest has waited for too long."""
        due = self.due()
        return due is not None and now >= due
