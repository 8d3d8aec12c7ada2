"""Legacy bonuses: credits a host awards (8A), and wins it multiplies (8B).

A bonus waits until the game and the handpay under way are over; then it goes to the credit meter, and 7C
says so. Each stays to be read with 90 until that answer was acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_agent.simulator.accounts import Accounts, GameAccount, Kind
from edge_agent.simulator.mainboard import Mainboard, Part

PAID = 0x7C
DEDUCTIBLE, NON_DEDUCTIBLE, WAGER_MATCH = 0x00, 0x01, 0x02
TAX_STATUSES = frozenset((DEDUCTIBLE, NON_DEDUCTIBLE, WAGER_MATCH))
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Bonus:
    """One bonus in accounting credits, of a multiplied win where there is a multiplier."""

    credits: int
    tax_status: int
    multiplier: int = 0
    multiplied_win: int = 0

    @property
    def values(self) -> dict[str, Any]:
        """As 7C and 90 tell it."""
        return {
            "multiplier": self.multiplier,
            "multiplied_win": self.multiplied_win,
            "tax_status": self.tax_status,
            "bonus": self.credits,
        }


NO_BONUS = Bonus(0, 0)


@dataclass(frozen=True, slots=True)
class Multiplier:
    """Wins from `least` to `most` are worth `times` as much."""

    least: int
    most: int
    times: int
    tax_status: int


@dataclass(slots=True)
class BonusMemory:
    """What waits to be paid, and what was paid and not read."""

    waiting: list[Bonus] = field(default_factory=list)
    unread: list[Bonus] = field(default_factory=list)
    multiplier: Multiplier | None = None


class Bonuses(Part[BonusMemory]):
    """The legacy bonuses of one machine."""

    def __init__(self, board: Mainboard) -> None:
        super().__init__(board, BonusMemory())
        self._told: Bonus | None = None

    def award(self, credits_: int, tax_status: int) -> None:
        """The host awards a bonus."""
        self.memory.waiting.append(Bonus(credits_, tax_status))
        self._pay()

    def game_over(self, win: int) -> None:
        """A game has paid `win`: the host may have wanted it multiplied."""
        mode = self.memory.multiplier
        if mode and win and mode.least <= win <= mode.most:
            self.memory.waiting.append(Bonus(win * (mode.times - 1), mode.tax_status, mode.times, win))
        self._pay()

    def multiply(self, request: Mapping[str, Any]) -> None:
        """8B: a multiplier of less than two ends the mode."""
        times = request["multiplier"]
        self.memory.multiplier = (
            Multiplier(request["minimum_win"], request["maximum_win"], times, request["tax_status"])
            if times > 1
            else None
        )

    def _pay(self) -> None:
        situation = self.board.situation
        while self.memory.waiting and situation.is_idle and not situation.is_disturbed:
            bonus = self.memory.waiting.pop(0)
            self.board.accounts.machine_pays_bonus(0, Kind.CASHABLE, bonus.credits)
            game = self.board.accounts.games[situation.selected_game - 1]
            for account in (self.board.accounts, game):
                _count(account, bonus)
            self.memory.unread.append(bonus)
            self.board.say(PAID, bonus.values)

    def tell(self) -> Bonus:
        """What long poll 90 shows."""
        self._told = self.memory.unread[0] if self.memory.unread else None
        return self._told or NO_BONUS

    def was_read(self) -> None:
        """The host has what it was told."""
        if self._told is not None:
            del self.memory.unread[:1]
        self._told = None

    def next_timer(self) -> float | None:
        """See Part."""
        return self.board.now + LOOK_SECONDS if self.memory.waiting else None

    def handle_timer(self) -> None:
        """See Part."""
        self._pay()


def _count(account: Accounts | GameAccount, bonus: Bonus) -> None:
    match bonus.tax_status:
        case code if code == NON_DEDUCTIBLE:
            account.bonus_non_deductible += bonus.credits
        case code if code == WAGER_MATCH:
            account.bonus_wager_match += bonus.credits
        case _:
            account.bonus_deductible += bonus.credits
