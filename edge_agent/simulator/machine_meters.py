"""The meters a simulated machine keeps, by the names of the codec's tables, out of its accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from edge_agent.sas.meter_codes import METERS
from edge_agent.simulator.accounts import (
    EFT_CASHABLE_IN,
    EFT_OUT,
    EFT_PROMOTIONAL_IN,
    EFT_PROMOTIONAL_OUT,
    TICKETS_IN,
    TICKETS_OUT,
    Accounts,
    GameAccount,
    Kind,
    Tally,
)
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.specification import BILL_CODES

Meter = Callable[[Cabinet], int]

# Coins nobody plays with any more, which the hopper still counts.
HOPPER_LEVEL = 1_200

# Validation types by what they hold (SAS 6.4). A cashable ticket may be of a cash-out or of a transfer.
CASHABLE_OUT, RESTRICTED_OUT, DEBIT_OUT = (0x00, 0x02), (0x01, 0x03), (0x04,)
CASHABLE_IN, RESTRICTED_IN, NONRESTRICTED_IN = (0x80,), (0x81,), (0x82,)
CREDITS_WITH, JACKPOT_WITH, CREDITS_WITHOUT, JACKPOT_WITHOUT = (0x10,), (0x20,), (0x40,), (0x60,)


def weighted_payback(cabinet: Cabinet) -> int:
    """The stated payback of the games, weighted by what was staked on each."""
    accounts, games = cabinet.accounts, cabinet.spec.games
    if not accounts.coin_in:
        return games[0].base_percent_hundredths
    weighted = zip(accounts.games, games, strict=True)
    return (
        sum(account.coin_in * game.base_percent_hundredths for account, game in weighted) // accounts.coin_in
    )


def validated(accounts: Accounts, types: tuple[int, ...]) -> Tally:
    """What was printed, taken or validated of some validation types together."""
    tallies = [accounts.validated(code) for code in types]
    return Tally(sum(tally.credits for tally in tallies), sum(tally.count for tally in tallies))


def transferred(accounts: Accounts, *meters: int) -> int:
    """Credits of some transfers together."""
    return sum(accounts.transfer(meter).credits for meter in meters)


def _credits_of(*types: int) -> Meter:
    return lambda cabinet: validated(cabinet.accounts, types).credits


def _cents_of(*types: int) -> Meter:
    return lambda cabinet: cabinet.board.cents(validated(cabinet.accounts, types).credits)


def _count_of(*types: int) -> Meter:
    return lambda cabinet: validated(cabinet.accounts, types).count


def _moved(*meters: int) -> Meter:
    return lambda cabinet: transferred(cabinet.accounts, *meters)


_PLAY: Mapping[str, Meter] = {
    "coin_in": lambda c: c.accounts.coin_in,
    "coin_out": lambda c: c.accounts.coin_out,
    "jackpot": lambda c: c.accounts.jackpot,
    "games_played": lambda c: c.accounts.games_played,
    "games_won": lambda c: c.accounts.games_won,
    "games_lost": lambda c: c.accounts.games_lost,
    "games_since_power_up": lambda c: c.accounts.games_since_power,
    "games_since_door_close": lambda c: c.accounts.games_since_door,
    "restricted_played": lambda c: c.accounts.restricted_played,
    "nonrestricted_played": lambda c: c.accounts.nonrestricted_played,
    "current_credits": lambda c: c.accounts.credits,
    "current_restricted_credits": lambda c: c.accounts.held(Kind.RESTRICTED),
    "machine_paid_paytable_win": lambda c: (
        c.accounts.coin_out - c.accounts.machine_progressive - c.accounts.machine_bonus
    ),
    "machine_paid_progressive_win": lambda c: c.accounts.machine_progressive,
    "machine_paid_external_bonus": lambda c: c.accounts.machine_bonus,
    "attendant_paid_paytable_win": lambda c: (
        c.accounts.jackpot - c.accounts.attendant_progressive - c.accounts.attendant_bonus
    ),
    "attendant_paid_progressive_win": lambda c: c.accounts.attendant_progressive,
    "attendant_paid_external_bonus": lambda c: c.accounts.attendant_bonus,
    "total_won": lambda c: c.accounts.coin_out + c.accounts.jackpot,
    "weighted_average_payback": weighted_payback,
    "slot_door_opened": lambda c: c.accounts.door_openings,
    "power_resets": lambda c: c.accounts.power_resets,
}

_CASH: Mapping[str, Meter] = {
    "hand_paid_cancelled_credits": lambda c: c.accounts.handpaid,
    # A0 says that tickets count here and in the drop; what went to the host is cancelled likewise.
    "cancelled_credits": lambda c: c.accounts.handpaid + c.accounts.tickets_out + c.accounts.electronic_out,
    "drop": lambda c: c.accounts.bills + c.accounts.tickets_in + c.accounts.electronic_in,
    "total_hand_paid": lambda c: c.accounts.handpaid + c.accounts.jackpot,
    "bills_credits": lambda c: c.accounts.bills,
    "bills_to_drop_credits": lambda c: c.accounts.bills,
    "bills_value": lambda c: sum(dollars * count for dollars, count in c.accounts.bill_counts.items()),
    "stacker_bills": lambda c: c.accounts.stacker_count,
    "stacker_credits": lambda c: c.accounts.stacker_credits,
    "true_coin_in": lambda _: 0,
    "true_coin_out": lambda _: 0,
}

_TICKETS: Mapping[str, Meter] = {
    "cashable_ticket_in": _cents_of(*CASHABLE_IN, *NONRESTRICTED_IN),
    "cashable_ticket_out": _cents_of(*CASHABLE_OUT, *DEBIT_OUT),
    "restricted_ticket_in": _cents_of(*RESTRICTED_IN),
    "restricted_ticket_out": _cents_of(*RESTRICTED_OUT),
    "cashable_ticket_in_count": _count_of(*CASHABLE_IN, *NONRESTRICTED_IN),
    "cashable_ticket_out_count": _count_of(*CASHABLE_OUT, *DEBIT_OUT),
    "restricted_ticket_in_count": _count_of(*RESTRICTED_IN),
    "restricted_ticket_out_count": _count_of(*RESTRICTED_OUT),
    "ticket_in_credits": _credits_of(*TICKETS_IN),
    "ticket_out_credits": _credits_of(*TICKETS_OUT),
    "ticket_in_all_cashable_credits": _credits_of(*CASHABLE_IN, *NONRESTRICTED_IN),
    "ticket_in_regular_cashable_credits": _credits_of(*CASHABLE_IN),
    "ticket_in_restricted_credits": _credits_of(*RESTRICTED_IN),
    "ticket_in_nonrestricted_credits": _credits_of(*NONRESTRICTED_IN),
    "ticket_out_cashable_credits": _credits_of(*CASHABLE_OUT, *DEBIT_OUT),
    "ticket_out_restricted_credits": _credits_of(*RESTRICTED_OUT),
    "ticket_in_regular_cashable_count": _count_of(*CASHABLE_IN),
    "ticket_in_restricted_count": _count_of(*RESTRICTED_IN),
    "ticket_in_nonrestricted_count": _count_of(*NONRESTRICTED_IN),
    "ticket_out_cashable_count": _count_of(*CASHABLE_OUT, *DEBIT_OUT),
    "ticket_out_restricted_count": _count_of(*RESTRICTED_OUT),
}

# The pairs of cents and counts from 80 to 93, by the validation types they count.
_VALIDATED: Mapping[str, tuple[int, ...]] = {
    "regular_cashable_ticket_in": CASHABLE_IN,
    "restricted_promotional_ticket_in": RESTRICTED_IN,
    "nonrestricted_promotional_ticket_in": NONRESTRICTED_IN,
    "regular_cashable_ticket_out": CASHABLE_OUT,
    "restricted_promotional_ticket_out": RESTRICTED_OUT,
    "debit_ticket_out": DEBIT_OUT,
    "cancelled_credit_handpay_with_receipt": CREDITS_WITH,
    "jackpot_handpay_with_receipt": JACKPOT_WITH,
    "cancelled_credit_handpay_without_receipt": CREDITS_WITHOUT,
    "jackpot_handpay_without_receipt": JACKPOT_WITHOUT,
}
_PAIRS: Mapping[str, Meter] = {
    **{f"{name}_cents": _cents_of(*types) for name, types in _VALIDATED.items()},
    **{f"{name}_count": _count_of(*types) for name, types in _VALIDATED.items()},
}

_TRANSFERS: Mapping[str, Meter] = {
    "electronic_in_credits": lambda c: c.accounts.electronic_in,
    "electronic_out_credits": lambda c: c.accounts.electronic_out,
    "electronic_in_cashable_credits": _moved(0xA0, EFT_CASHABLE_IN),
    "electronic_in_restricted_credits": _moved(0xA2, EFT_PROMOTIONAL_IN),
    "electronic_in_nonrestricted_credits": _moved(0xA4),
    "electronic_in_debit_credits": _moved(0xA6),
    "electronic_out_cashable_credits": _moved(0xB8, EFT_OUT),
    "electronic_out_restricted_credits": _moved(0xBA, EFT_PROMOTIONAL_OUT),
    "electronic_out_nonrestricted_credits": _moved(0xBC),
    "promotional_in": _moved(EFT_PROMOTIONAL_IN),
    "non_cashable_in": lambda _: 0,
    "cashable_in": _moved(EFT_CASHABLE_IN),
    "transferred_out": _moved(EFT_OUT, EFT_PROMOTIONAL_OUT),
    "current_non_cashable_promotional_credits": lambda c: c.accounts.held(Kind.RESTRICTED),
}

_MACHINE_METERS: Mapping[str, Meter] = MappingProxyType({
    **_PLAY, **_CASH, **_TICKETS, **_PAIRS, **_TRANSFERS
})  # fmt: skip

GAME_METERS: Mapping[str, Callable[[GameAccount], int]] = MappingProxyType({
    "coin_in": lambda account: account.coin_in,
    "coin_out": lambda account: account.coin_out,
    "jackpot": lambda account: account.jackpot,
    "games_played": lambda account: account.games_played,
    "games_won": lambda account: account.games_won,
    "games_lost": lambda account: account.games_lost,
    "hand_paid_cancelled_credits": lambda account: account.handpaid,
    "progressive_wins": lambda account: account.progressive_wins,
    "deductible": lambda account: account.bonus_deductible,
    "non_deductible": lambda account: account.bonus_non_deductible,
    "wager_match": lambda account: account.bonus_wager_match,
    "tournament_games_played": lambda account: account.tournament_played,
    "tournament_games_won": lambda account: account.tournament_games_won,
    "tournament_wagered": lambda account: account.tournament_wagered,
    "tournament_won": lambda account: account.tournament_won,
})  # fmt: skip

_BILLS = {f"bills_{dollars}": dollars for dollars in BILL_CODES}
_BILLS_TO_DROP = {f"bills_to_drop_{dollars}": dollars for dollars in BILL_CODES}
# AFT meters, cents at an even code and their count at the next.
_AFT = {row.name: row.code for row in METERS.values() if 0xA0 <= row.code <= 0xBD}


def meter(cabinet: Cabinet, name: str, game: int = 0) -> int | None:
    """A meter by its name in the codec's tables, of one game or (0) of all; None if it is not kept."""
    if game:
        of_game = GAME_METERS.get(name)
        return of_game(cabinet.accounts.games[game - 1]) if of_game else None
    dollars = _BILLS.get(name) or _BILLS_TO_DROP.get(name)
    if dollars:
        return cabinet.accounts.bill_counts.get(dollars, 0) if dollars in cabinet.spec.bills else None
    if name in _AFT:
        return _aft_meter(cabinet, _AFT[name]) if cabinet.spec.aft else None
    if name == "hopper_level":
        return HOPPER_LEVEL if cabinet.spec.has_hopper else None
    if name == "sessions_played":
        return cabinet.accounts.sessions if cabinet.spec.session_play else None
    of_machine = _MACHINE_METERS.get(name)
    return of_machine(cabinet) if of_machine else None


def _aft_meter(cabinet: Cabinet, code: int) -> int:
    tally = cabinet.accounts.transfer(code & ~1)
    return tally.count if code & 1 else cabinet.board.cents(tally.credits)


def denomination_meter(cabinet: Cabinet, name: str, denomination: int) -> int | None:
    """A meter of what was played at one denomination; None if it is not kept so."""
    of_game = GAME_METERS.get(name)
    return of_game(cabinet.accounts.denominations.get(denomination, GameAccount())) if of_game else None
