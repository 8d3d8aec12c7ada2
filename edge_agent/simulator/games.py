"""The games of a machine: what is staked, what comes of it, and who pays it.

A game that was started is over when its win is on the credit meter, gone to the host, or paid by hand. Its
outcome is known from the beginning and outlives the power, so that a game that was cut short is still paid.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from edge_agent.simulator.bonus import Bonuses
from edge_agent.simulator.handpays import Handpays
from edge_agent.simulator.host_cash_out import HostCashOut
from edge_agent.simulator.mainboard import Mainboard, OpenGame, Part
from edge_agent.simulator.progressives import PAID as PROGRESSIVE_PAID
from edge_agent.simulator.progressives import Progressives
from edge_agent.simulator.switches import Switches
from edge_agent.simulator.tournament import Tournament

# Four BCD bytes carry the meters inside events.
EVENT_METER_MODULUS = 10**8

MAX_BET = 0x80
PLAYER_DENOMINATION_GIVEN = 0x40

GAME_STARTED, GAME_ENDED, GAME_SELECTED = 0x7E, 0x7F, 0x8C
REEL_STOPPED, GAME_RECALLED = 0x88, 0x8A
SESSION_STARTED, SESSION_ENDED = 0x9E, 0x9F

REEL_STOPS = 22
HAND_CARDS, RANKS = 5, 13
DECK = tuple(suit << 4 | rank for suit in range(4) for rank in range(RANKS))


@dataclass(frozen=True, slots=True)
class Bet:
    """What a guest stakes on one game: credits of a player denomination, 0 for the accounting one."""

    credits: int
    denomination: int


@dataclass(slots=True)
class GamesMemory:
    """Whether a guest plays."""

    in_session: bool = False


class Games(Part[GamesMemory]):
    """The games of one machine."""

    def __init__(
        self,
        board: Mainboard,
        *,
        switches: Switches,
        handpays: Handpays,
        host: HostCashOut,
        progressives: Progressives,
        bonuses: Bonuses,
        tournament: Tournament,
    ) -> None:
        super().__init__(board, GamesMemory())
        self._switches = switches
        self._handpays = handpays
        self._host = host
        self._progressives = progressives
        self._bonuses = bonuses
        self._tournament = tournament

    @property
    def open(self) -> OpenGame | None:
        """The game that was staked and is not over."""
        return self.board.situation.game

    def select(self, number: int, denomination: int) -> None:
        """The guest chose a game and what one of its credits is worth; 0 for the accounting one."""
        situation = self.board.situation
        situation.player_denomination = denomination
        if number != situation.selected_game:
            situation.selected_game = number
            self.board.say(GAME_SELECTED, {"game": number})

    def worth(self, bet: Bet) -> int:
        """A bet in accounting credits."""
        return bet.credits * (self.board.spec.credits_per(bet.denomination) if bet.denomination else 1)

    def start(self, bet: Bet, win: int = 0) -> None:
        """The guest staked `bet` on the selected game, which is going to pay `win` credits."""
        if self._tournament.is_on:
            self._tournament.play(self.worth(bet), win)
            return
        self._begin_session()
        board, number = self.board, self.board.situation.selected_game
        denomination = bet.denomination or board.spec.denomination_code
        board.accounts.wager(number, self.worth(bet), denomination)
        self._progressives.grow(board.cents(self.worth(bet)))
        board.situation.game = OpenGame(number, denomination, win)
        board.say(
            GAME_STARTED,
            {
                "wager": bet.credits,
                "coin_in": board.accounts.coin_in % EVENT_METER_MODULUS,
                "wager_type": self._wager_type(bet, number),
                "progressive_group": board.spec.progressive_group,
            },
        )

    def _wager_type(self, bet: Bet, number: int) -> int:
        is_most = bet.credits == self.board.spec.games[number - 1].max_bet
        in_denomination = PLAYER_DENOMINATION_GIVEN | bet.denomination if bet.denomination else 0
        return (MAX_BET if is_most else 0) | in_denomination

    def hit_progressive(self, level: int) -> None:
        """The game under way has hit a level the host feeds."""
        self._add(level, self._progressives.hit(level))

    def hit_own_progressive(self, level: int) -> None:
        """The game under way has hit a level of the machine's own controller."""
        self._add(level, self._progressives.hit_own(level))

    def _add(self, level: int, credits_: int) -> None:
        game = self.open
        if game is not None:
            game.win += credits_
            game.progressive, game.level = credits_, level

    @property
    def reel_stops(self) -> tuple[int, ...]:
        """Where the reels stand, leftmost first."""
        chance = self._drawn("reels")
        return tuple(chance.randrange(REEL_STOPS) for _ in range(self.board.spec.reels))

    @property
    def hand(self) -> tuple[int, ...]:
        """The cards that are shown."""
        return tuple(self._drawn("cards").sample(DECK, HAND_CARDS))

    def _drawn(self, what: str) -> random.Random:
        """A source of chance that is the same until the next game."""
        spec, played = self.board.spec, self.board.accounts.games_played
        return random.Random(f"{spec.serial_number}/{what}/{played}")  # noqa: S311  a story, not a secret

    def recall(self, entry: int) -> None:
        """An attendant looks at a game of before, 1 for the last."""
        self.board.say(GAME_RECALLED, {"game": self.board.situation.selected_game, "entry": entry})

    def finish(self) -> None:
        """The game comes to its outcome: paid by the machine, offered to the host, or to be paid by hand."""
        game = self.open
        if game is None or self.board.situation.lock_up or self._host.win:
            return
        self._stop_reels()
        if not self.is_handpay(game.win):
            self.end(game.win)
        elif not self._host.ask_for_win(game.win):
            self._handpays.call_attendant(self._handpays.of_game(game))

    def _stop_reels(self) -> None:
        for reel, stop in enumerate(self.reel_stops, start=1):
            self.board.say(REEL_STOPPED, {"reel": reel, "stop": stop})

    def is_handpay(self, win: int) -> bool:
        """Whether an attendant has to pay this win."""
        return 0 < self.board.spec.attendant_pays_from_cents <= self.board.cents(win)

    def end(self, win: int) -> None:
        """The game is over and the machine itself pays the win, if any."""
        game = self.open
        if game is not None:
            self.board.accounts.machine_pays(game.number, win, game.denomination, game.progressive)
            if game.progressive:
                self.board.say(PROGRESSIVE_PAID)
            self.over(win)

    def over(self, win: int) -> None:
        """The win was paid, by whoever it was."""
        self.board.situation.game = None
        self._switches.game_over()
        self.board.say(GAME_ENDED, {"win": win})
        self._bonuses.game_over(win)

    def take_win(self) -> None:
        """The host takes the win that was offered to it: it passes over the credit meter."""
        if self.open is not None:
            self.end(self.open.win)

    def host_let_win(self) -> None:
        """The host did not take the win that was offered to it."""
        if self.open is not None:
            self._handpays.call_attendant(self._handpays.of_game(self.open))

    def leave(self) -> None:
        """The guest is gone."""
        if self.memory.in_session:
            self.memory.in_session = False
            self.board.say(SESSION_ENDED)

    def _begin_session(self) -> None:
        if self.board.spec.session_play and not self.memory.in_session:
            self.memory.in_session = True
            self.board.accounts.sessions += 1
            self.board.say(SESSION_STARTED)
