"""AFT rules: why a transfer is refused, one row a reason, in the order they are looked at.

Amounts are looked at twice: when a transfer is asked for, and again when it is done, since a game may have
ended in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from edge_agent.simulator.accounts import Kind
from edge_agent.simulator.aft_registration import NO_KEY, AftRegistration
from edge_agent.simulator.aft_transfer import (
    ONLY_IF_LOCKED,
    PARTIAL_ALLOWED,
    RECEIPT,
    TRANSFER_TYPES,
    Transfer,
    Way,
)
from edge_agent.simulator.mainboard import Mainboard

MOST_ID_CHARACTERS = 20
# 0000NNNN is a number of days, anything else MMDDYYYY.
DAYS_PREFIX = "0000"
# Which of a guest's money goes in first where not all of it fits.
FILLED_FIRST = (Kind.CASHABLE, Kind.NONRESTRICTED, Kind.RESTRICTED)
IN_WAYS = frozenset((Way.TO_MACHINE,))
OUT_WAYS = frozenset((Way.TO_HOST, Way.WIN_TO_HOST))
BONUS_WAYS = frozenset((Way.BONUS, Way.JACKPOT))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A transfer, and what of the machine decides about it."""

    transfer: Transfer
    key: bytes
    has_receipt_data: bool
    board: Mainboard
    registration: AftRegistration
    is_locked: bool
    can_print: bool
    can_play: bool
    cash_out_asked: bool  # the machine waits for the host to take a guest's credits
    win: int  # credits of a win that the host may have
    last_id: str
    pool: int

    @property
    def way(self) -> Way:
        """Where the money goes."""
        return self.transfer.type.way

    @property
    def is_partial(self) -> bool:
        """Whether less than all may be moved."""
        return self.transfer.transfer_code == PARTIAL_ALLOWED

    @property
    def total(self) -> int:
        """All it asks for, in cents."""
        return sum(self.transfer.cents.values())


def _is_switched_off(proposal: Proposal) -> bool:
    row, spec = TRANSFER_TYPES.get(proposal.transfer.transfer_type), proposal.board.spec
    if row is None:
        return True
    return (
        (row.way in BONUS_WAYS and not spec.aft_bonus)
        or (row.is_debit and not spec.aft_debit)
        or (row.way is Way.TO_TICKET and not spec.aft_to_ticket)
    )


def _is_bad_id(proposal: Proposal) -> bool:
    identity = proposal.transfer.transaction_id
    return not 1 <= len(identity) <= MOST_ID_CHARACTERS or not all(" " <= mark <= "~" for mark in identity)


def _is_repeated(proposal: Proposal) -> bool:
    return proposal.transfer.transaction_id == proposal.last_id


def _is_other_asset(proposal: Proposal) -> bool:
    asset = proposal.transfer.asset_number
    return not asset or asset != proposal.board.memory.asset_number


def _is_not_registered(proposal: Proposal) -> bool:
    return proposal.transfer.type.is_debit and not proposal.registration.is_registered


def _is_other_key(proposal: Proposal) -> bool:
    needed = proposal.transfer.type.is_debit or proposal.key != NO_KEY
    return needed and proposal.key != proposal.registration.key


def _has_no_pos(proposal: Proposal) -> bool:
    return proposal.transfer.type.is_debit and not proposal.registration.memory.pos_id


def _is_not_locked(proposal: Proposal) -> bool:
    return bool(proposal.transfer.transfer_flags & ONLY_IF_LOCKED) and not proposal.is_locked


def is_impossible_now(proposal: Proposal) -> bool:
    """Whether people, or another way of paying, stand in the way."""
    situation = proposal.board.situation
    if situation.is_disturbed or (proposal.way in IN_WAYS and not proposal.can_play):
        return True
    if proposal.way is Way.WIN_TO_HOST:
        return False
    busy = situation.cashing_out and not (proposal.way is Way.TO_HOST and proposal.cash_out_asked)
    return busy or bool(situation.lock_up)


def _cannot_print_receipt(proposal: Proposal) -> bool:
    return _wants_receipt(proposal) and not proposal.board.spec.aft_receipts


def _is_receipt_not_allowed(proposal: Proposal) -> bool:
    return _wants_receipt(proposal) and proposal.way in BONUS_WAYS


def _lacks_receipt_data(proposal: Proposal) -> bool:
    return _wants_receipt(proposal) and not proposal.has_receipt_data


def _wants_receipt(proposal: Proposal) -> bool:
    return bool(proposal.transfer.transfer_flags & RECEIPT)


def _has_bad_amount(proposal: Proposal) -> bool:
    """Kinds of credits that this type cannot move, or two kinds for one ticket."""
    moved = {kind for kind, cents in proposal.transfer.cents.items() if cents}
    return bool(moved - {*proposal.transfer.type.meters}) or (
        proposal.way is Way.TO_TICKET and len(moved) != 1
    )


def _has_bad_expiration(proposal: Proposal) -> bool:
    expiration = proposal.transfer.expiration
    if not proposal.transfer.restricted_cents or expiration.startswith(DAYS_PREFIX):
        return False
    try:
        datetime.strptime(expiration, "%m%d%Y")  # noqa: DTZ007  a machine knows no time zones
    except ValueError:
        return True
    return False


def _is_bad_for_machine(proposal: Proposal) -> bool:
    return proposal.way is not Way.TO_TICKET and _has_bad_expiration(proposal)


def _is_bad_for_ticket(proposal: Proposal) -> bool:
    return proposal.way is Way.TO_TICKET and _has_bad_expiration(proposal)


def _may_not_be_partial(proposal: Proposal) -> bool:
    return proposal.way in OUT_WAYS and proposal.is_partial and not proposal.board.spec.aft_partial_to_host


def _is_no_multiple(proposal: Proposal) -> bool:
    if proposal.way in OUT_WAYS and proposal.is_partial:
        return False  # 9999999999 asks for everything
    cents = proposal.board.spec.denomination_cents
    return any(amount % cents for amount in proposal.transfer.cents.values())


def _has_no_win(proposal: Proposal) -> bool:
    return proposal.way is Way.WIN_TO_HOST and not proposal.win


def is_over_limit(proposal: Proposal) -> bool:
    """Whether it is more than the machine takes, or than it has to give."""
    amounts, most = proposal.transfer.cents, limits(proposal)
    total = most.pop(None)
    if proposal.is_partial:
        return bool(proposal.total) and not any(fitting(proposal).values())
    return proposal.total > total or any(amounts[kind] > most[kind] for kind in amounts)


def _is_other_pool(proposal: Proposal) -> bool:
    held = proposal.board.accounts.held(Kind.RESTRICTED)
    is_new = proposal.way is Way.TO_MACHINE and proposal.transfer.restricted_cents
    return bool(held and is_new) and proposal.transfer.pool != proposal.pool


def _has_no_printer(proposal: Proposal) -> bool:
    return proposal.way is Way.TO_TICKET and not proposal.can_print


_RULES: tuple[tuple[int, Callable[[Proposal], bool]], ...] = (
    (0x82, _is_switched_off),
    (0x95, _is_bad_id),
    (0x81, _is_repeated),
    (0x93, _is_other_asset),
    (0x88, _is_not_registered),
    (0x89, _is_other_key),
    (0x8A, _has_no_pos),
    (0x94, _is_not_locked),
    (0x8B, _has_no_win),
    (0x87, is_impossible_now),
    (0x90, _cannot_print_receipt),
    (0x92, _is_receipt_not_allowed),
    (0x91, _lacks_receipt_data),
    (0x83, _has_bad_amount),
    (0x83, _is_bad_for_machine),
    (0x8D, _is_bad_for_ticket),
    (0x86, _may_not_be_partial),
    (0x85, _is_no_multiple),
    (0x8E, _has_no_printer),
    (0x8F, _is_other_pool),
    (0x84, is_over_limit),
)
REFUSALS = tuple(dict.fromkeys(status for status, _ in _RULES))
UNABLE, OVER_LIMIT = 0x87, 0x84


def refusal(proposal: Proposal) -> int:
    """The status of the first rule a transfer breaks; 0 where it may be done."""
    return next((status for status, breaks in _RULES if breaks(proposal)), 0)


def refusal_at_last(proposal: Proposal) -> int:
    """The same when it is done: only what may have changed since it was asked for."""
    if is_impossible_now(proposal):
        return UNABLE
    return OVER_LIMIT if is_over_limit(proposal) else 0


def limits(proposal: Proposal) -> dict[Kind | None, int]:
    """The most cents of each kind that can be moved, and (None) of all together."""
    board = proposal.board
    match proposal.way:
        case Way.WIN_TO_HOST:
            win = board.cents(proposal.win)
            return {Kind.CASHABLE: win, Kind.RESTRICTED: 0, Kind.NONRESTRICTED: 0, None: win}
        case Way.TO_HOST:
            held: dict[Kind | None, int] = {kind: board.cents(board.accounts.held(kind)) for kind in Kind}
            return {**held, None: sum(held.values())}
        case Way.TO_MACHINE:
            total = room_cents(board)
        case _:
            # A win needs no room.
            total = _whole_credits(board, board.spec.aft_transfer_limit_cents)
    return {**dict.fromkeys(Kind, total), None: total}


def room_cents(board: Mainboard) -> int:
    """The most a transfer can bring to the credit meter now."""
    room = max(0, board.spec.credit_limit_cents - board.cents(board.accounts.credits))
    return _whole_credits(board, min(room, board.spec.aft_transfer_limit_cents))


def _whole_credits(board: Mainboard, cents: int) -> int:
    return cents - cents % board.spec.denomination_cents


def fitting(proposal: Proposal) -> Mapping[Kind, int]:
    """What of a transfer fits, in cents of each kind."""
    most = limits(proposal)
    left = most[None]
    fits: dict[Kind, int] = {}
    for kind in FILLED_FIRST:
        fits[kind] = min(proposal.transfer.cents[kind], most[kind], left)
        left -= fits[kind]
    return fits
