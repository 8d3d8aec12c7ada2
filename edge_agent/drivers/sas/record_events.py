"""Record events: from an answer to the events that tell of it, one function a command.

A machine that has nothing to tell answers all the same, and then no event comes of it. Amounts are money
where the machine counts in cents and credits of its denomination otherwise. No number that is as good as
cash gets into an event, no key and no transaction identifier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from edge_agent.drivers.sas.normalise import MoneyRules, bill_recorded, ticket_recorded
from edge_agent.drivers.sas.site_time import moment_of
from edge_agent.events import EventBody
from edge_agent.events.slot_records import (
    AftRegistered,
    AftState,
    AftTransferRecorded,
    Authentication,
    BonusRecorded,
    CashOutRequested,
    HandpayRecorded,
    ProgressiveWinRecorded,
    SelectedGame,
    TicketInEscrow,
    TicketRedemption,
    ValidationRecorded,
)
from edge_agent.sas.code_tables import (
    AFT_STATUS_BITS,
    AFT_STATUSES,
    AFT_TRANSFER_TYPES,
    AUTHENTICATION_METHODS,
    AUTHENTICATION_STATUSES,
    AVAILABLE_TRANSFERS,
    CASH_OUT_TYPES,
    HANDPAY_LEVELS,
    HANDPAY_RESET_IDS,
    HOST_CASH_OUT_BITS,
    LOCK_STATUSES,
    REGISTRATION_STATUSES,
    TICKET_STATUSES,
    VALIDATION_TYPES,
    bit_names,
    code_name,
)

Values = Mapping[str, Any]
Head = Mapping[str, bool]
Maker = Callable[[Head, Values, MoneyRules], Iterator[EventBody]]

# Levels of long poll 1B that are progressive ones.
PROGRESSIVE_LEVELS = range(0x01, 0x21)
NOTHING = 0xFF  # of a ticket in escrow, a redemption, a transfer
NO_CASH_OUT = 0x80


def _handpay(head: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    amount, level = values["amount"], values["level"]
    if not (amount or level or values["progressive_group"] or values["partial_pay"]):
        return
    progressive = level in PROGRESSIVE_LEVELS
    in_credits = None if progressive else rules.credits(amount)
    yield HandpayRecorded(
        **head,
        kind="progressive_win" if progressive else code_name(HANDPAY_LEVELS, level),
        level=level,
        progressive_group=values["progressive_group"],
        amount=in_credits.money if in_credits else rules.minor(amount),
        credits=in_credits,
        partial_pay=rules.credits(values["partial_pay"]),
        reset=code_name(HANDPAY_RESET_IDS, values["reset_id"]),
    )


def _bill(_: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    yield bill_recorded(values, rules)


def _ticket(_: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    yield ticket_recorded(values, rules)


def _validation(head: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    if not (values["index"] or values["amount_cents"]):
        return
    yield ValidationRecorded(
        **head,
        kind=code_name(VALIDATION_TYPES, values["validation_type"]),
        amount=rules.minor(values["amount_cents"]),
        machine_time=_machine_time(values),
    )


def _cash_out(head: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    if values["cash_out_type"] != NO_CASH_OUT:
        kind = code_name(CASH_OUT_TYPES, values["cash_out_type"])
        yield CashOutRequested(**head, kind=kind, amount=rules.minor(values["amount_cents"]))


def _escrow(head: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    if values.get("status", NOTHING) != NOTHING:
        amount = values.get("amount_cents")
        yield TicketInEscrow(**head, amount=rules.minor(amount) if amount else None)


def _redemption(head: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    if values["machine_status"] != NOTHING:
        amount = values.get("amount_cents")
        yield TicketRedemption(
            **head,
            status=code_name(TICKET_STATUSES, values["machine_status"]),
            amount=None if amount is None else rules.minor(amount),
        )


def _transfer(head: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    if "transfer_type" not in values:
        return  # nothing was ever transferred, or a refusal in short
    yield AftTransferRecorded(
        **head,
        status=code_name(AFT_STATUSES, values["transfer_status"]),
        kind=code_name(AFT_TRANSFER_TYPES, values["transfer_type"]),
        cashable=rules.minor(values["cashable_cents"]),
        restricted=rules.minor(values["restricted_cents"]),
        nonrestricted=rules.minor(values["nonrestricted_cents"]),
        machine_time=_machine_time(values),
    )


def _registration(head: Head, values: Values, _: MoneyRules) -> Iterator[EventBody]:
    if "asset_number" not in values:
        return  # a refusal in short
    yield AftRegistered(
        **head,
        status=code_name(REGISTRATION_STATUSES, values["registration_status"]),
        asset_number=values["asset_number"],
    )


def _lock(head: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    yield AftState(
        **head,
        lock=code_name(LOCK_STATUSES, values["lock_status"]),
        asset_number=values["asset_number"],
        available_transfers=bit_names(AVAILABLE_TRANSFERS, values["available_transfers"]),
        host_cash_out=bit_names(HOST_CASH_OUT_BITS, values["host_cash_out_status"]),
        abilities=bit_names(AFT_STATUS_BITS, values["aft_status"]),
        cashable=rules.minor(values["cashable_cents"]),
        restricted=rules.minor(values["restricted_cents"]),
        nonrestricted=rules.minor(values["nonrestricted_cents"]),
        transfer_limit=rules.minor(values["transfer_limit_cents"]),
    )


def _progressive(source: str) -> Maker:
    def make(head: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
        for win in values.get("wins", (values,)):
            if win["amount_cents"]:
                base = win.get("base_cents")
                yield ProgressiveWinRecorded.model_validate(
                    {
                        **head,
                        "source": source,
                        "group": values.get("progressive_group", 0),
                        "level": win["level"],
                        "amount": rules.minor(win["amount_cents"]),
                        "base": None if base is None else rules.minor(base),
                    }
                )

    return make


def _bonus(head: Head, values: Values, rules: MoneyRules) -> Iterator[EventBody]:
    if values["bonus"] or values["multiplied_win"]:
        yield BonusRecorded(
            **head,
            multiplier=values["multiplier"],
            multiplied_win=rules.credits(values["multiplied_win"]),
            bonus=rules.credits(values["bonus"]),
            tax_status=values["tax_status"],
        )


def _selected_game(head: Head, values: Values, _: MoneyRules) -> Iterator[EventBody]:
    yield SelectedGame(**head, game=values["game"])


def _authentication(head: Head, values: Values, _: MoneyRules) -> Iterator[EventBody]:
    result = values.get("authentication")
    yield Authentication(
        **head,
        status=code_name(AUTHENTICATION_STATUSES, values["status"]),
        component_list_crc=f"0x{values['component_list_crc']:04x}",
        component=values.get("component_name") or None,
        method=", ".join(bit_names(AUTHENTICATION_METHODS, values.get("method", 0))) or None,
        result=result.hex() if result else None,
    )


def _machine_time(values: Values) -> str | None:
    moment = moment_of(values)
    return None if moment is None else moment.isoformat()


MAKERS: Mapping[int, Maker] = MappingProxyType(
    {
        0x1B: _handpay,
        0x3D: _ticket,
        0x48: _bill,
        0x4D: _validation,
        0x55: _selected_game,
        0x57: _cash_out,
        0x5D: _progressive("controller"),
        0x6E: _authentication,
        0x70: _escrow,
        0x71: _redemption,
        0x72: _transfer,
        0x73: _registration,
        0x74: _lock,
        0x84: _progressive("machine"),
        0x85: _progressive("sas"),
        0x87: _progressive("sas"),
        0x90: _bonus,
    }
)
