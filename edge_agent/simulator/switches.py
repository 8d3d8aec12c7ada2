"""The switches of a machine: what hosts and operators have turned off, or set, until they turn it on again.

Play locked out by a host really stops: the game under way finishes, no other begins, and the guest can still
cash out. A disabled game is disabled at all denominations, or at one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.simulator.mainboard import Mainboard, Part
from edge_agent.simulator.specification import BILL_CODES

# The bills of long poll 08 by bit, lowest first; the fourth byte is reserved.
BILLS_BY_BIT = tuple(sorted(BILL_CODES))

OPTIONS_CHANGED, ENABLED_GAMES_CHANGED = 0x3C, 0xA2
# The first version that tells A2.
TELLS_ENABLED_GAMES = "603"
EVERY_DENOMINATION = 0


@dataclass(slots=True)
class SwitchMemory:
    """What is turned off or set."""

    play: bool = True
    sounds: bool = True
    game_sounds: bool = True
    bill_acceptor: bool = True
    refused_bills: tuple[int, ...] = ()
    stays_on_after_a_bill: bool = True
    maintenance: bool = False
    auto_rebet: bool = False
    disabled_games: tuple[tuple[int, int], ...] = ()  # (game, denomination or EVERY_DENOMINATION)
    game_delay_tenths: int = 0


class Switches(Part[SwitchMemory]):
    """What is turned off or set, and what follows from it."""

    def __init__(self, board: Mainboard) -> None:
        super().__init__(board, SwitchMemory())
        self.play_from = float("-inf")  # a game delay lasts until then

    def takes_bill(self, dollars: int) -> bool:
        """Whether a bill of so many dollars is taken now."""
        memory = self.memory
        return memory.bill_acceptor and dollars not in memory.refused_bills

    def bill_taken(self) -> None:
        """A bill was stacked: the host may have wanted only one."""
        self.memory.bill_acceptor = self.memory.stays_on_after_a_bill

    def choose_bills(self, mask: int, *, stays_on: bool) -> None:
        """A host chose which bills are taken; the acceptor is on again."""
        self.memory.refused_bills = tuple(
            dollars for bit, dollars in enumerate(BILLS_BY_BIT) if not mask >> bit & 1
        )
        self.memory.stays_on_after_a_bill = stays_on
        self.memory.bill_acceptor = True

    def enabled_games(self, denomination: int = EVERY_DENOMINATION) -> tuple[int, ...]:
        """The games a guest can choose at a denomination."""
        off = {game for game, at in self.memory.disabled_games if at in {EVERY_DENOMINATION, denomination}}
        return tuple(game for game in range(1, len(self.board.spec.games) + 1) if game not in off)

    def enable_game(self, game: int, denomination: int, *, enable: bool) -> None:
        """A host enabled or disabled a game; told only when that changed something."""
        before = self.memory.disabled_games
        off = {entry for entry in before if entry != (game, denomination)}
        if not enable:
            off.add((game, denomination))
        self.memory.disabled_games = tuple(sorted(off))
        if self.memory.disabled_games != before:
            self.tell_enabled_games()

    def toggle_last_game(self) -> None:
        """An operator switched the last game off, or on again."""
        last = (len(self.board.spec.games), EVERY_DENOMINATION)
        is_off = last in self.memory.disabled_games
        others = tuple(entry for entry in self.memory.disabled_games if entry != last)
        self.memory.disabled_games = others if is_off or last[0] == 1 else (*others, last)

    def tell_enabled_games(self) -> None:
        """Say that they changed, in the words of this machine's version."""
        tells = self.board.spec.version >= TELLS_ENABLED_GAMES
        self.board.say(ENABLED_GAMES_CHANGED if tells else OPTIONS_CHANGED)

    def delay_games(self, tenths: int) -> None:
        """A host wants a pause after each game; 0 ends it, also the one under way."""
        self.memory.game_delay_tenths = tenths
        if not tenths:
            self.play_from = float("-inf")

    def game_over(self) -> None:
        """A game has ended: the next one waits for what the host may pay after it."""
        self.play_from = self.board.now + self.memory.game_delay_tenths / 10
