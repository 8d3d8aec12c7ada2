"""Transfer polls: AFT transfers, registration, lock and receipts; and the transfers from before AFT."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from edge_agent.simulator.accounts import Kind
from edge_agent.simulator.aft import HISTORY_ENTRIES
from edge_agent.simulator.aft_rules import room_cents
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.eft import CONFIRM, LOG_ENTRIES, OK, EftEntry
from edge_agent.simulator.polls.row import ACK, NACK, Answer, Answers, Values

# The AFT status of long poll 74, by bit.
RECEIPT_PRINTER, PARTIAL_TO_HOST, REGISTERED = 0x01, 0x02, 0x08
IN_HOUSE_ENABLED, BONUS_ENABLED, DEBIT_ENABLED, ANY_ENABLED = 0x10, 0x20, 0x40, 0x80

MOST_TEXT_CHARACTERS = 22
RECEIPT_TEXTS = frozenset((0x00, 0x01, 0x02, *range(0x10, 0x14), *range(0x20, 0x24)))


def _transfer(cabinet: Cabinet, request: Values) -> Answer:
    return cabinet.aft.take(request)


def _registration(cabinet: Cabinet, request: Values) -> Answer:
    return cabinet.registration.take(request)


def _lock(cabinet: Cabinet, request: Values) -> Answer:
    cabinet.lock.take(request["lock_code"], request["lock_conditions"], request["lock_timeout_hundredths"])
    board, accounts = cabinet.board, cabinet.accounts
    return {
        "asset_number": board.memory.asset_number,
        "lock_status": cabinet.lock.status,
        "available_transfers": cabinet.available_transfers(),
        "host_cash_out_status": cabinet.host_cash_out.status,
        "aft_status": _aft_status(cabinet),
        "max_history_index": HISTORY_ENTRIES,
        "cashable_cents": board.cents(accounts.held(Kind.CASHABLE)),
        "restricted_cents": board.cents(accounts.held(Kind.RESTRICTED)),
        "nonrestricted_cents": board.cents(accounts.held(Kind.NONRESTRICTED)),
        "transfer_limit_cents": room_cents(board),
        "restricted_expiration": cabinet.aft.memory.restricted_expiration,
        "restricted_pool": cabinet.aft.memory.restricted_pool,
    }


def _aft_status(cabinet: Cabinet) -> int:
    spec = cabinet.spec
    return (
        IN_HOUSE_ENABLED
        | ANY_ENABLED
        | (RECEIPT_PRINTER if spec.aft_receipts else 0)
        | (PARTIAL_TO_HOST if spec.aft_partial_to_host else 0)
        | (REGISTERED if cabinet.registration.is_registered else 0)
        | (BONUS_ENABLED if spec.aft_bonus else 0)
        | (DEBIT_ENABLED if spec.aft_debit else 0)
    )


def _receipt_texts(cabinet: Cabinet, request: Values) -> Answer:
    """A text of nothing puts the default back."""
    texts = {entry["code"]: entry["text"] for entry in request["texts"]}
    if any(code not in RECEIPT_TEXTS or len(text) > MOST_TEXT_CHARACTERS for code, text in texts.items()):
        return NACK
    kept = {**cabinet.aft.memory.receipt_texts, **texts}
    cabinet.aft.memory.receipt_texts = {code: text for code, text in kept.items() if text}
    return ACK


# -- EFT -------------------------------------------------------------------------------------


def _legacy_transfer(command: int) -> Callable[[Cabinet, Values], Answer]:
    return lambda cabinet, request: cabinet.eft.take(command, request)


def _log(cabinet: Cabinet, _: Values) -> Answer:
    empty = [EftEntry(0, 0, 0, 0, 0)] * LOG_ENTRIES
    entries = [*cabinet.eft.memory.log, *empty][:LOG_ENTRIES]
    return {
        "transfers": tuple(
            {
                "command": entry.command,
                "transaction_number": entry.transaction_number,
                "acknowledgement": entry.acknowledgement,
                "status": entry.status,
                "amount": entry.amount,
            }
            for entry in entries
        )
    }


def _legacy_available(cabinet: Cabinet, _: Values) -> Answer:
    return {"reserved": bytes(3), "flags": cabinet.eft.available}


def _legacy_cash_out(cabinet: Cabinet, request: Values) -> Answer:
    """What a guest cashed out last; once the host has heard it, nothing."""
    memory = cabinet.cash_out.memory
    answer = {
        "acknowledgement": request["acknowledgement"],
        "status": OK,
        "amount": memory.last_credits,
    }
    if request["acknowledgement"] == CONFIRM:
        memory.last_credits = 0
    return answer


TRANSFER_ANSWERS: Answers = MappingProxyType({
    0x28: _log,
    0x63: _legacy_transfer(0x63),
    0x64: _legacy_transfer(0x64),
    0x66: _legacy_cash_out,
    0x69: _legacy_transfer(0x69),
    0x6A: _legacy_available,
    0x6B: _legacy_transfer(0x6B),
    0x72: _transfer,
    0x73: _registration,
    0x74: _lock,
    0x75: _receipt_texts,
})  # fmt: skip
