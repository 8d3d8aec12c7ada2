"""The AFT lock: play rests so that a transfer of the kind the host wants can happen at once.

A lock is granted when nothing is half done and every kind of transfer that was asked for is possible; until
then it is pending. While the machine is locked it says so every five seconds. The lock ends with the
transfer, with the host's word, or with its time. A lock that asks for nothing is not granted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.simulator.mainboard import Mainboard, Part

GAME_LOCKED = 0x6F
REQUEST, CANCEL = 0x00, 0x80
LOCKED, PENDING, NOT_LOCKED = 0x00, 0x40, 0xFF

TO_MACHINE, FROM_MACHINE, TO_TICKET, WIN_TO_HOST, BONUS, LOCK_AFTER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
# Condition bits of a lock, and the bits of the available transfers they ask for.
CONDITIONS = ((0x01, TO_MACHINE), (0x02, FROM_MACHINE), (0x04, TO_TICKET), (0x08, BONUS))
HUNDREDTHS = 100.0
# How often a pending lock looks whether the game is over.
LOOK_SECONDS = 0.1


@dataclass(slots=True)
class LockMemory:
    """No power outlasts a lock, so there is nothing to remember."""


class AftLock(Part[LockMemory]):
    """The lock. `available` says which transfers are possible now."""

    def __init__(self, board: Mainboard, available: Callable[[], int]) -> None:
        super().__init__(board, LockMemory())
        self.status = NOT_LOCKED
        self._available = available
        self._wanted = 0
        self._seconds = 0.0
        self._until: float | None = None

    @property
    def is_locked(self) -> bool:
        """Whether play rests."""
        return self.status == LOCKED

    def take(self, code: int, conditions: int, timeout_hundredths: int) -> None:
        """What a host wants of the lock with long poll 74."""
        if code == CANCEL:
            self.end()
        elif code == REQUEST:
            wanted = sum(available for condition, available in CONDITIONS if conditions & condition)
            if wanted and timeout_hundredths:
                self._request(wanted, timeout_hundredths / HUNDREDTHS)

    def _request(self, wanted: int, seconds: float) -> None:
        if not self.is_locked:
            self.status = PENDING
        self._wanted, self._seconds, self._until = wanted, seconds, self.board.now + seconds
        self._grant()

    def keep(self, timeout_hundredths: int) -> None:
        """A transfer is done and wants the machine locked after it."""
        if timeout_hundredths:
            self._seconds = timeout_hundredths / HUNDREDTHS
            self._lock()

    def _grant(self) -> None:
        if self.status == PENDING and self.board.situation.is_idle and not self._missing():
            self._lock()

    def _missing(self) -> int:
        return self._wanted & ~self._available()

    def _lock(self) -> None:
        self.status, self._until = LOCKED, self.board.now + self._seconds
        self.board.say(GAME_LOCKED)

    def end(self) -> None:
        """Play goes on."""
        if self.is_locked:
            self.board.settle(GAME_LOCKED)
        self.status, self._until = NOT_LOCKED, None

    # -- time --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """See Part."""
        if self._until is None:
            return None
        return self._until if self.is_locked else min(self._until, self.board.now + LOOK_SECONDS)

    def handle_timer(self) -> None:
        """See Part."""
        self._grant()
        if self._until is not None and self.board.now >= self._until:
            self.end()

    def power_returned(self) -> None:
        """See Part."""
        self.end()
