"""The meters a simulated machine keeps, by the names of the codec's tables, out of its accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from edge_agent.simulator.accounts import GameAccount
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.specification import BILL_CODES


def weighted_payback(cabinet: Cabinet) -> int:
    """The stated payback of the games, weighted by what was staked on each."""
    accounts, games = cabinet.accounts, cabinet.spec.games
    if not accounts.coin_in:
        return games[0].base_percent_hundredths
    weighted = zip(accounts.games, games, strict=True)
    return (
        sum(account.coin_in * game.base_percent_hundredths for account, game in weighted) // accounts.coin_in
    )


_MACHINE_METERS: Mapping[str, Callable[[Cabinet], int]] = MappingProxyType({
    "coin_in": lambda c: c.accounts.coin_in,
    "coin_out": lambda c: c.accounts.coin_out,
    "jackpot": lambda c: c.accounts.jackpot,
    "hand_paid_cancelled_credits": lambda c: c.accounts.handpaid,
    # A0 says that tickets count here.
    "cancelled_credits": lambda c: c.accounts.handpaid + c.accounts.tickets_out,
    "games_played": lambda c: c.accounts.games_played,
    "games_won": lambda c: c.accounts.games_won,
    "games_lost": lambda c: c.accounts.games_lost,
    "drop": lambda c: c.accounts.bills,
    "current_credits": lambda c: c.accounts.credits,
    "bills_credits": lambda c: c.accounts.bills,
    "bills_to_drop_credits": lambda c: c.accounts.bills,
    "bills_value": lambda c: sum(dollars * count for dollars, count in c.accounts.bill_counts.items()),
    "stacker_bills": lambda c: c.accounts.stacker_count,
    "stacker_credits": lambda c: c.accounts.stacker_credits,
    "true_coin_in": lambda _: 0,
    "true_coin_out": lambda _: 0,
    "slot_door_opened": lambda c: c.accounts.door_openings,
    "power_resets": lambda c: c.accounts.power_resets,
    "games_since_power_up": lambda c: c.accounts.games_since_power,
    "games_since_door_close": lambda c: c.accounts.games_since_door,
    "machine_paid_paytable_win": lambda c: c.accounts.coin_out,
    "attendant_paid_paytable_win": lambda c: c.accounts.jackpot,
    "total_won": lambda c: c.accounts.coin_out + c.accounts.jackpot,
    "total_hand_paid": lambda c: c.accounts.handpaid + c.accounts.jackpot,
    "ticket_out_credits": lambda c: c.accounts.tickets_out,
    "ticket_out_cashable_credits": lambda c: c.accounts.tickets_out,
    "ticket_out_cashable_count": lambda c: c.accounts.tickets_printed,
    "cashable_ticket_out": lambda c: c.accounts.tickets_out * c.spec.denomination_cents,
    "cashable_ticket_out_count": lambda c: c.accounts.tickets_printed,
    "regular_cashable_ticket_out_cents": lambda c: c.accounts.tickets_out * c.spec.denomination_cents,
    "regular_cashable_ticket_out_count": lambda c: c.accounts.tickets_printed,
    "weighted_average_payback": weighted_payback,
})  # fmt: skip

GAME_METERS: Mapping[str, Callable[[GameAccount], int]] = MappingProxyType({
    "coin_in": lambda account: account.coin_in,
    "coin_out": lambda account: account.coin_out,
    "jackpot": lambda account: account.jackpot,
    "games_played": lambda account: account.games_played,
    "games_won": lambda account: account.games_won,
    "games_lost": lambda account: account.games_lost,
})  # fmt: skip

_BILLS = {f"bills_{dollars}": dollars for dollars in BILL_CODES}


def meter(cabinet: Cabinet, name: str, game: int = 0) -> int | None:
    """A meter by its name in the codec's tables, of one game or (0) of all; None if it is not kept."""
    if game:
        of_game = GAME_METERS.get(name)
        return of_game(cabinet.accounts.games[game - 1]) if of_game else None
    if name in _BILLS:
        dollars = _BILLS[name]
        return cabinet.accounts.bill_counts.get(dollars, 0) if dollars in cabinet.spec.bills else None
    of_machine = _MACHINE_METERS.get(name)
    return of_machine(cabinet) if of_machine else None
