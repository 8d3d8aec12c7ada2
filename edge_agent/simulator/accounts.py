"""The accounts of one machine: what went in, was wagered, won and went out, in whole credits.

They balance after every act, and `balance` says by how much they do not:

    bills + tickets in + electronic in + coin out = coin in + tickets out + electronic out
                                                    + hand-paid credits + credits

Credits are of three kinds. Restricted ones can be played and not cashed, so they are staked first; wins are
always cashable. Coin out is whatever the machine itself paid as a win: by the paytable, by a progressive or
as a bonus. A win the attendant pays is in the jackpot meter alone; it never reaches the credit meter. The
accounts themselves never roll over; the meters read from them do, as wide as the wire carries. Each act is
one method, so no reader ever sees half of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

# Validation types of what was printed and taken back (SAS 6.4).
CASHABLE_TICKET, RESTRICTED_TICKET = 0x00, 0x01
TICKETS_OUT = (0x00, 0x01, 0x02, 0x03, 0x04)
TICKETS_IN = (0x80, 0x81, 0x82)

# Electronic transfers by the code of their meter (SAS 5.2); the meter behind each counts them.
TO_MACHINE = (0xA0, 0xA2, 0xA4, 0xA6)
TO_TICKET = (0xA8, 0xAA, 0xAC)
TO_HOST = (0xB8, 0xBA, 0xBC)
# Legacy transfers have meters of their own, in long poll 1D.
EFT_PROMOTIONAL_IN, EFT_CASHABLE_IN, EFT_OUT, EFT_PROMOTIONAL_OUT = 0x63, 0x69, 0x64, 0x6B


class Kind(Enum):
    """What may be done with a credit."""

    CASHABLE = "cashable"
    RESTRICTED = "restricted"
    NONRESTRICTED = "nonrestricted"


# Promotional credits are staked before a guest's own money.
STAKED_FIRST = (Kind.RESTRICTED, Kind.NONRESTRICTED, Kind.CASHABLE)


@dataclass(slots=True)
class Tally:
    """How much, and how often."""

    credits: int = 0
    count: int = 0

    def add(self, credits_: int) -> None:
        """Once more."""
        self.credits += credits_
        self.count += 1


@dataclass(slots=True)
class GameAccount:
    """What one game took and gave, in accounting credits."""

    coin_in: int = 0
    coin_out: int = 0
    jackpot: int = 0
    games_played: int = 0
    games_won: int = 0
    games_lost: int = 0
    handpaid: int = 0
    progressive_wins: int = 0
    bonus_deductible: int = 0
    bonus_non_deductible: int = 0
    bonus_wager_match: int = 0
    tournament_played: int = 0
    tournament_games_won: int = 0
    tournament_wagered: int = 0
    tournament_won: int = 0

    def lost_or_won(self, win: int) -> None:
        """A game is over."""
        self.games_won += win > 0
        self.games_lost += win == 0


@dataclass(slots=True)
class Accounts(GameAccount):
    """What the whole machine took and gave, in accounting credits."""

    games: tuple[GameAccount, ...] = ()
    denominations: dict[int, GameAccount] = field(default_factory=dict)
    cashable: int = 0
    restricted: int = 0
    nonrestricted: int = 0
    restricted_played: int = 0
    nonrestricted_played: int = 0
    bills: int = 0
    bill_counts: dict[int, int] = field(default_factory=dict)
    stacker_count: int = 0
    stacker_credits: int = 0
    tickets: dict[int, Tally] = field(default_factory=dict)
    validated_handpays: dict[int, Tally] = field(default_factory=dict)
    transfers: dict[int, Tally] = field(default_factory=dict)
    machine_progressive: int = 0
    machine_bonus: int = 0
    attendant_progressive: int = 0
    attendant_bonus: int = 0
    games_since_power: int = 0
    games_since_door: int = 0
    door_openings: int = 0
    power_resets: int = 0
    sessions: int = 0

    @classmethod
    def after(cls, twenties: int, credits_a_twenty: int, games: int, denomination: int = 0) -> Accounts:
        """A machine that has taken so many $20 bills in its life; the first game had all the play.

        Guests stake what they put in four times over, and nine tenths of that comes back.
        """
        bills = twenties * credits_a_twenty
        played = twenties * 10
        won = played // 4
        accounts = cls(
            games=tuple(GameAccount() for _ in range(games)),
            bills=bills,
            bill_counts={20: twenties} if twenties else {},
        )
        accounts.denominations[denomination] = GameAccount()
        for account in accounts._of(1, denomination):
            account.coin_in, account.coin_out = 4 * bills, 36 * bills // 10
            account.games_played, account.games_won, account.games_lost = played, won, played - won
        accounts.tickets[CASHABLE_TICKET] = Tally(bills + accounts.coin_out - accounts.coin_in, twenties // 3)
        return accounts

    # -- in ----------------------------------------------------------------------------------

    def bill_in(self, dollars: int, worth: int) -> int:
        """A bill of so many dollars was stacked; how many of them there were in all."""
        self.bills += worth
        self.cashable += worth
        self.stacker_count += 1
        self.stacker_credits += worth
        self.bill_counts[dollars] = self.bill_counts.get(dollars, 0) + 1
        return self.bill_counts[dollars]

    def ticket_in(self, validation_type: int, kind: Kind, worth: int) -> None:
        """A ticket was stacked and its credits added. It lies in the stacker, but is no bill."""
        self._tally(self.tickets, validation_type).add(worth)
        self._hold(kind, worth)

    def transfer_in(self, meter: int, kind: Kind, worth: int) -> None:
        """Credits came from the host."""
        self._tally(self.transfers, meter).add(worth)
        self._hold(kind, worth)

    # -- play --------------------------------------------------------------------------------

    def wager(self, game: int, bet: int, denomination: int = 0) -> None:
        """The player staked `bet` on game number `game`."""
        left = bet
        for kind in STAKED_FIRST:
            staked = min(left, self.held(kind)) if kind is not Kind.CASHABLE else left
            left -= staked
            self._hold(kind, -staked)
            self.restricted_played += staked if kind is Kind.RESTRICTED else 0
            self.nonrestricted_played += staked if kind is Kind.NONRESTRICTED else 0
        self.games_since_power += 1
        self.games_since_door += 1
        for account in self._of(game, denomination):
            account.coin_in += bet
            account.games_played += 1

    def machine_pays(self, game: int, win: int, denomination: int = 0, progressive: int = 0) -> None:
        """A win, perhaps of nothing, went to the credit meter; `progressive` of it is a progressive's."""
        self.cashable += win
        self.machine_progressive += progressive
        for account in self._of(game, denomination):
            account.coin_out += win
            account.progressive_wins += progressive
            account.lost_or_won(win)

    def attendant_pays(self, game: int, win: int, denomination: int = 0, progressive: int = 0) -> None:
        """A win was paid by hand."""
        self.attendant_progressive += progressive
        for account in self._of(game, denomination):
            account.jackpot += win
            account.progressive_wins += progressive
            account.lost_or_won(win)

    def machine_pays_bonus(self, meter: int, kind: Kind, worth: int) -> None:
        """A bonus from outside the game went to the credit meter, `meter` 0 for a legacy one."""
        if meter:
            self._tally(self.transfers, meter).add(worth)
        self._hold(kind, worth)
        self.coin_out += worth
        self.machine_bonus += worth

    def bonus_by_hand(self, meter: int, worth: int) -> None:
        """A bonus is to be paid by hand: it counts as transferred now, and as won when it was paid."""
        self._tally(self.transfers, meter).add(worth)

    def attendant_pays_bonus(self, worth: int) -> None:
        """A bonus from outside the game was paid by hand."""
        self.jackpot += worth
        self.attendant_bonus += worth

    # -- out ---------------------------------------------------------------------------------

    def ticket_out(self, validation_type: int = CASHABLE_TICKET) -> int:
        """The credits a ticket of this type can hold left on one; how many."""
        kinds = (
            (Kind.RESTRICTED,)
            if validation_type == RESTRICTED_TICKET
            else (Kind.CASHABLE, Kind.NONRESTRICTED)
        )
        paid = self._empty(*kinds)
        self._tally(self.tickets, validation_type).add(paid)
        return paid

    def transfer_to_ticket(self, meter: int, validation_type: int, worth: int) -> None:
        """The host's money was printed on a ticket, past the credit meter."""
        self._tally(self.transfers, meter).add(worth)
        self._tally(self.tickets, validation_type).add(worth)

    def transfer_out(self, meter: int, kind: Kind, worth: int) -> None:
        """Credits went to the host."""
        self._tally(self.transfers, meter).add(worth)
        self._hold(kind, -worth)

    def handpay_credits(self, game: int = 1) -> int:
        """All credits a guest may cash were paid by hand, after the last play on `game`; how many."""
        paid = self._empty(Kind.CASHABLE, Kind.NONRESTRICTED)
        self.handpaid += paid
        self.games[game - 1].handpaid += paid
        return paid

    def handpay_validated(self, validation_type: int, worth: int) -> None:
        """A handpay that was paid has a validation number, with or without a receipt."""
        self._tally(self.validated_handpays, validation_type).add(worth)

    def empty_stacker(self) -> None:
        """The bills were dropped."""
        self.stacker_count = self.stacker_credits = 0

    # -- what they say -----------------------------------------------------------------------

    def held(self, kind: Kind) -> int:
        """Credits of this kind on the credit meter."""
        return {
            Kind.CASHABLE: self.cashable,
            Kind.RESTRICTED: self.restricted,
            Kind.NONRESTRICTED: self.nonrestricted,
        }[kind]

    @property
    def credits(self) -> int:
        """What the credit meter shows."""
        return self.cashable + self.restricted + self.nonrestricted

    @property
    def can_be_cashed(self) -> int:
        """Credits of the kinds a guest may take home."""
        return self.cashable + self.nonrestricted

    @property
    def tickets_out(self) -> int:
        """Credits on all tickets ever printed."""
        return sum(self.ticket(code).credits for code in TICKETS_OUT)

    @property
    def tickets_in(self) -> int:
        """Credits of all tickets ever taken."""
        return sum(self.ticket(code).credits for code in TICKETS_IN)

    @property
    def electronic_in(self) -> int:
        """Credits from the host, bonuses aside: those are won."""
        meters = (*TO_MACHINE, *TO_TICKET, EFT_PROMOTIONAL_IN, EFT_CASHABLE_IN)
        return sum(self.transfer(meter).credits for meter in meters)

    @property
    def electronic_out(self) -> int:
        """Credits to the host."""
        return sum(self.transfer(meter).credits for meter in (*TO_HOST, EFT_OUT, EFT_PROMOTIONAL_OUT))

    def ticket(self, validation_type: int) -> Tally:
        """Tickets of one validation type."""
        return self.tickets.get(validation_type, Tally())

    def validated(self, validation_type: int) -> Tally:
        """Tickets or handpays of one validation type."""
        return self.tickets.get(validation_type) or self.validated_handpays.get(validation_type, Tally())

    def transfer(self, meter: int) -> Tally:
        """Transfers of one meter."""
        return self.transfers.get(meter, Tally())

    @property
    def balance(self) -> int:
        """What came in less what went out and what is held: always nothing."""
        came_in = self.bills + self.tickets_in + self.electronic_in + self.coin_out
        went_out = self.coin_in + self.tickets_out + self.electronic_out + self.handpaid
        return came_in - went_out - self.credits

    # -- by hand -----------------------------------------------------------------------------

    def _of(self, game: int, denomination: int) -> tuple[GameAccount, ...]:
        of_denomination = self.denominations.setdefault(denomination, GameAccount())
        return self, self.games[game - 1], of_denomination

    def _hold(self, kind: Kind, change: int) -> None:
        match kind:
            case Kind.CASHABLE:
                self.cashable += change
            case Kind.RESTRICTED:
                self.restricted += change
            case Kind.NONRESTRICTED:
                self.nonrestricted += change

    def _empty(self, *kinds: Kind) -> int:
        held = 0
        for kind in kinds:
            amount = self.held(kind)
            held += amount
            self._hold(kind, -amount)
        return held

    @staticmethod
    def _tally(tallies: dict[int, Tally], code: int) -> Tally:
        return tallies.setdefault(code, Tally())
