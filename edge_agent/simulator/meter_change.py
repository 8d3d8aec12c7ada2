"""Meter change notification: before an operator's change alters meters, the host may read them.

The machine announces the change (A0), and makes it when the host has collected the meters (B6 01). A host
that needs longer says so (B6 00) and is given the time again, five times at most. Without its word the change
is given up (A1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.simulator.mainboard import Mainboard, Part

PENDING, CANCELLED = 0xA0, 0xA1
# SAS 4.1.
HOST_COLLECTS_WITHIN = 30.0
MOST_EXTENSIONS = 5

NOTED, COLLECTED = 0x00, 0x01
METERS_CHANGE, GAMES_CHANGE, NOTHING_PENDING = 0x00, 0x01, 0x80


@dataclass(slots=True)
class MeterChangeMemory:
    """The change that was announced."""

    kind: int = NOTHING_PENDING
    extensions: int = 0


class MeterChange(Part[MeterChangeMemory]):
    """Changes that are announced first. `make` makes one."""

    def __init__(self, board: Mainboard, make: Callable[[int], None]) -> None:
        super().__init__(board, MeterChangeMemory())
        self._make = make
        self._deadline: float | None = None

    def announce(self, kind: int) -> None:
        """An operator changes something; where hosts are not asked, at once."""
        if not self.board.spec.meter_change_notification:
            self._make(kind)
        elif self.memory.kind == NOTHING_PENDING:
            self.memory.kind, self.memory.extensions = kind, 0
            self._deadline = self.board.now + HOST_COLLECTS_WITHIN
            self.board.say(PENDING)

    def take(self, host_status: int) -> int:
        """The answer of B6."""
        kind = self.memory.kind
        if kind == NOTHING_PENDING:
            return kind
        if host_status == COLLECTED:
            self._end()
            self._make(kind)
        elif host_status == NOTED and self.memory.extensions < MOST_EXTENSIONS:
            self.memory.extensions += 1
            self._deadline = self.board.now + HOST_COLLECTS_WITHIN
        return kind

    def _end(self) -> None:
        self.memory.kind, self._deadline = NOTHING_PENDING, None
        self.board.settle(PENDING)

    def next_timer(self) -> float | None:
        """See Part."""
        return self._deadline

    def handle_timer(self) -> None:
        """See Part."""
        if self._deadline is not None and self.board.now >= self._deadline:
            self._end()
            self.board.say(CANCELLED)

    def power_returned(self) -> None:
        """See Part."""
        if self.memory.kind != NOTHING_PENDING:
            self._deadline = self.board.now + HOST_COLLECTS_WITHIN
