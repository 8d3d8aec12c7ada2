"""Reconciliation: do the events between two meter readings explain what the meters rose by?

Each account is one meter, in the meter's own unit, with what the events say it should have
risen by since it was last read. An event the machine may have repeated is doubtful: the
meters decide whether it counts. Something that moved a meter by an amount nobody told us makes
the account blind until its next reading, which is then only a new beginning.

    coin_in              the wagers of games started
    won                  the wins of games ended, and bonuses: coin out and jackpot together
    bills_credits        the bills accepted
    cashable_ticket_out  the cash-out tickets printed, in minor units
    games_played         the games started and ended, counted

Amounts are whole and wrap as the meters do. An account that cannot be compared now (a handpay is
pending, say) keeps its beginning and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

# So many doubtful events between two readings have their subsets tried; with more, any total in
# reach is taken for explained. Reachable totals are at most 2**12, milliseconds at worst.
MOST_DOUBTFUL = 12

# Classic meters have four BCD bytes, those in cents five.
CLASSIC_DIGITS, CENTS_DIGITS = 8, 10

Unit = Literal["credits", "minor", "count"]


@dataclass(frozen=True, slots=True)
class Variance:
    """What the events do not explain of one meter."""

    meter: str
    unit: Unit
    before: int
    after: int
    explained: int
    unexplained: int


@dataclass(slots=True)
class Account:
    """One meter, and what the events since its last reading say."""

    meter: str
    unit: Unit
    digits: int = CLASSIC_DIGITS
    before: int | None = None  # None: never read, so there is nothing to compare with
    certain: int = 0
    doubtful: list[int] = field(default_factory=list)
    blind: bool = False

    def add(self, amount: int | None, *, doubtful: bool = False) -> None:
        """An event moved the meter by `amount`; None if it did not say by how much."""
        if amount is None:
            self.blind = True
        elif doubtful:
            self.doubtful.append(amount)
        else:
            self.certain += amount

    def begin(self, value: int) -> None:
        """Begin again from `value`."""
        self.before, self.certain, self.blind = value, 0, False
        self.doubtful.clear()

    def settle(self, value: int) -> Variance | None:
        """The meter was read between games: compare, and begin again from there."""
        variance = self._compare(value)
        self.begin(value)
        return variance

    def _compare(self, value: int) -> Variance | None:
        if self.before is None or self.blind:
            return None
        rise = self._wrapped(value - self.before)
        explained = min(self._explanations(rise), key=lambda total: abs(rise - total))
        if explained == rise:
            return None
        return Variance(self.meter, self.unit, self.before, value, explained, rise - explained)

    def _explanations(self, rise: int) -> Iterable[int]:
        """The totals the events allow: what is certain, and any part of what is doubtful."""
        if len(self.doubtful) > MOST_DOUBTFUL:
            return (min(max(rise, self.certain), self.certain + sum(self.doubtful)),)
        totals = {self.certain}
        for amount in self.doubtful:
            totals |= {total + amount for total in totals}
        return totals

    def _wrapped(self, difference: int) -> int:
        """The shortest way round the meter: a roll-over is a rise, one game too many a small fall."""
        modulus: int = 10**self.digits
        return (difference + modulus // 2) % modulus - modulus // 2


@dataclass(slots=True)
class Accounts:
    """The accounts of a machine."""

    coin_in: Account = field(default_factory=lambda: Account("coin_in", "credits"))
    won: Account = field(default_factory=lambda: Account("won", "credits"))
    bills: Account = field(default_factory=lambda: Account("bills_credits", "credits"))
    tickets: Account = field(default_factory=lambda: Account("cashable_ticket_out", "minor", CENTS_DIGITS))
    starts: Account = field(default_factory=lambda: Account("games_played", "count"))
    ends: Account = field(default_factory=lambda: Account("games_played", "count"))
    handpay_pending: bool = False  # a jackpot counts when it is won or when it is paid: machines differ

    def settle(self, readings: Mapping[str, int]) -> list[Variance]:
        """Compare what could be read, by the accounts' meters; at most one variance a meter."""
        found: dict[str, Variance] = {}
        for account in self.every():
            value = readings.get(account.meter)
            if value is None or (account is self.won and self.handpay_pending):
                continue
            variance = account.settle(value)
            if variance is not None:
                found.setdefault(account.meter, variance)
        return list(found.values())

    def forget(self) -> None:
        """The meters were cleared or changed their unit: the next reading is a new beginning."""
        for account in self.every():
            account.before, account.certain, account.blind = None, 0, False
            account.doubtful.clear()

    def kept(self) -> dict[str, tuple[int, int]]:
        """The meters as they were read last, by name, with the digits that are known of them."""
        return {
            account.meter: (account.before % 10**account.digits, account.digits)
            for account in self.every()
            if account.before is not None and account is not self.won  # which is two meters
        }

    def every(self) -> tuple[Account, ...]:
        """All of them, in a fixed order."""
        return (self.coin_in, self.won, self.bills, self.tickets, self.starts, self.ends)
