"""The accounts of one machine: what went in, was wagered, won and went out, in whole credits.

They balance after every act, and `balance` says by how much they do not:

    bills + coin out = coin in + tickets out + hand-paid credits + credits

A win the attendant pays is in the jackpot meter alone; it never reaches the credit meter. The
accounts themselves never roll over; the meters read from them do, as wide as the wire carries.
Each act is one method, so no reader ever sees half of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class GameAccount:
    """What one game took and gave, in accounting credits."""

    coin_in: int = 0
    coin_out: int = 0
    jackpot: int = 0
    games_played: int = 0
    games_won: int = 0
    games_lost: int = 0

    def lost_or_won(self, win: int) -> None:
        """A game is over."""
        self.games_won += win > 0
        self.games_lost += win == 0


@dataclass(slots=True)
class Accounts(GameAccount):
    """What the whole machine took and gave, in accounting credits."""

    games: tuple[GameAccount, ...] = ()
    credits: int = 0
    bills: int = 0
    bill_counts: dict[int, int] = field(default_factory=dict)
    stacker_count: int = 0
    stacker_credits: int = 0
    tickets_out: int = 0
    tickets_printed: int = 0
    handpaid: int = 0
    games_since_power: int = 0
    games_since_door: int = 0
    door_openings: int = 0
    power_resets: int = 0

    @classmethod
    def after(cls, twenties: int, credits_a_twenty: int, games: int) -> Accounts:
        """A machine that has taken so many $20 bills in its life; the first game had all the play.

        Guests stake what they put in four times over, and nine tenths of that comes back.
        """
        bills = twenties * credits_a_twenty
        past = GameAccount(coin_in=4 * bills, coin_out=36 * bills // 10, games_played=twenties * 10)
        past.games_won = past.games_played // 4
        past.games_lost = past.games_played - past.games_won
        rest = tuple(GameAccount() for _ in range(games - 1))
        return cls(
            coin_in=past.coin_in,
            coin_out=past.coin_out,
            games_played=past.games_played,
            games_won=past.games_won,
            games_lost=past.games_lost,
            games=(past, *rest),
            bills=bills,
            bill_counts={20: twenties} if twenties else {},
            tickets_out=bills + past.coin_out - past.coin_in,
            tickets_printed=twenties // 3,
        )

    def bill_in(self, dollars: int, worth: int) -> int:
        """A bill of so many dollars was stacked; how many of them there were in all."""
        self.bills += worth
        self.credits += worth
        self.stacker_count += 1
        self.stacker_credits += worth
        self.bill_counts[dollars] = self.bill_counts.get(dollars, 0) + 1
        return self.bill_counts[dollars]

    def wager(self, game: int, bet: int) -> None:
        """The player staked `bet` on game number `game`."""
        self.credits -= bet
        self.games_since_power += 1
        self.games_since_door += 1
        for account in (self, self.games[game - 1]):
            account.coin_in += bet
            account.games_played += 1

    def machine_pays(self, game: int, win: int) -> None:
        """A win, perhaps of nothing, went to the credit meter."""
        self.credits += win
        for account in (self, self.games[game - 1]):
            account.coin_out += win
            account.lost_or_won(win)

    def attendant_pays(self, game: int, win: int) -> None:
        """A win was paid by hand."""
        for account in (self, self.games[game - 1]):
            account.jackpot += win
            account.lost_or_won(win)

    def ticket_out(self) -> int:
        """All credits left on a ticket; how many."""
        paid, self.credits = self.credits, 0
        self.tickets_out += paid
        self.tickets_printed += 1
        return paid

    def handpay_credits(self) -> int:
        """All credits were paid by hand; how many."""
        paid, self.credits = self.credits, 0
        self.handpaid += paid
        return paid

    def empty_stacker(self) -> None:
        """The bills were dropped."""
        self.stacker_count = self.stacker_credits = 0

    @property
    def balance(self) -> int:
        """What came in less what went out and what is held: always nothing."""
        came_in = self.bills + self.coin_out
        return came_in - self.coin_in - self.tickets_out - self.handpaid - self.credits
