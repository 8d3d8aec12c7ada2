"""A tournament: for some minutes games are played with points that are nobody's money.

A host starts it on a machine that holds no credits and has nothing half done, and ends it, or its time does.
What is staked and won meanwhile is in the tournament meters alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.simulator.mainboard import Mainboard, Part


@dataclass(slots=True)
class TournamentMemory:
    """The tournament under way; it does not outlast a power loss."""

    game: int = 0  # 0: none
    credits: int = 0
    pulses: int = 0


class Tournament(Part[TournamentMemory]):
    """The tournament of one machine."""

    def __init__(self, board: Mainboard) -> None:
        super().__init__(board, TournamentMemory())
        self._until: float | None = None

    @property
    def is_on(self) -> bool:
        """Whether points are played for."""
        return self.memory.game != 0

    def start(self, game: int, seconds: int, credits_: int, pulses: int) -> bool:
        """A host starts one; False where the machine cannot now."""
        if self.board.accounts.credits or not self.board.situation.is_idle:
            return False
        self.memory = TournamentMemory(game, credits_, pulses)
        self._until = self.board.now + seconds
        return True

    def end(self) -> None:
        """It is over; the points are worth nothing."""
        self.memory, self._until = TournamentMemory(), None

    def play(self, bet: int, win: int) -> None:
        """One game of points."""
        game = self.memory.game
        self.memory.credits += win - bet
        for account in (self.board.accounts, self.board.accounts.games[game - 1]):
            account.tournament_played += 1
            account.tournament_games_won += win > 0
            account.tournament_wagered += bet
            account.tournament_won += win

    def next_timer(self) -> float | None:
        """See Part."""
        return self._until

    def handle_timer(self) -> None:
        """See Part."""
        if self._until is not None and self.board.now >= self._until:
            self.end()

    def power_returned(self) -> None:
        """See Part."""
        self.end()
