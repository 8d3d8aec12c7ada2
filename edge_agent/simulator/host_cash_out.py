"""Host cash-out: the host may have a guest's credits, or a large win, before the machine pays them itself.

The machine asks (6A for credits, 6B for a win) and waits about eight seconds for a transfer. Whether it asks
at all, and whether it may pay another way when the host stays silent, the host sets with any transfer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.simulator.mainboard import Mainboard, Part

REQUEST_CREDITS, REQUEST_WIN = 0x6A, 0x6B
# SAS 4.1.
HOST_TAKES_WITHIN = 8.0

# The flags of a transfer, and those of the host cash-out status.
CONTROL, ENABLE, HARD = 0x01, 0x02, 0x04


@dataclass(slots=True)
class HostCashOutMemory:
    """What the host set, and what is offered to it."""

    enabled: bool = False
    hard: bool = False
    asked: int = 0  # 6A, 6B or 0 for nothing
    win: int = 0  # credits offered with 6B


class HostCashOut(Part[HostCashOutMemory]):
    """What is offered to the host. `given_up` is told when it let its time pass."""

    def __init__(self, board: Mainboard, given_up: Callable[[int], None]) -> None:
        super().__init__(board, HostCashOutMemory(enabled=board.spec.aft and board.spec.aft_host_cash_out))
        self._given_up = given_up
        self._deadline: float | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether the host wants to be asked."""
        return self.memory.enabled

    @property
    def is_hard(self) -> bool:
        """Whether the host lets no other way of paying be taken."""
        return self.memory.hard

    @property
    def status(self) -> int:
        """The host cash-out status of long poll 74."""
        memory = self.memory
        return CONTROL | (ENABLE if memory.enabled else 0) | (HARD if memory.hard else 0)

    def set(self, flags: int) -> None:
        """What a transfer's flags say of it; without the control bit, nothing."""
        if flags & CONTROL:
            self.memory.enabled, self.memory.hard = bool(flags & ENABLE), bool(flags & HARD)

    def ask_for_credits(self) -> bool:
        """Offer the credits of a guest who leaves; whether the host is asked."""
        return self._ask(REQUEST_CREDITS)

    def ask_for_win(self, win: int) -> bool:
        """Offer a win instead of calling the attendant; whether the host is asked."""
        if not self._ask(REQUEST_WIN):
            return False
        self.memory.win = win
        return True

    def _ask(self, request: int) -> bool:
        if not self.memory.enabled or not self.board.is_linked():
            return False
        self.memory.asked = request
        self._deadline = self.board.now + HOST_TAKES_WITHIN
        self.board.say(request)
        return True

    @property
    def win(self) -> int:
        """Credits of a win that the host may have."""
        return self.memory.win if self.memory.asked == REQUEST_WIN else 0

    def hold(self) -> None:
        """A transfer to the host is under way: its time does not run out any more."""
        self._deadline = None

    def end(self) -> int:
        """Nothing is offered any more; what was."""
        asked, self.memory.asked, self._deadline = self.memory.asked, 0, None
        if asked:
            self.board.settle(asked)
        return asked

    def next_timer(self) -> float | None:
        """See Part."""
        return self._deadline

    def handle_timer(self) -> None:
        """See Part."""
        if self._deadline is not None and self.board.now >= self._deadline:
            self._given_up(self.end())

    def power_returned(self) -> None:
        """See Part."""
        if self.memory.asked:
            self._deadline = self.board.now + HOST_TAKES_WITHIN
