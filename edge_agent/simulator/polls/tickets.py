"""Ticket polls: numbers and records of what is printed, the cycle of what is taken, and what both say."""

from __future__ import annotations

from types import MappingProxyType

from edge_agent.sas.code_tables import VALIDATION_TYPES
from edge_agent.simulator.accounts import Tally
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.polls.row import NACK, Answer, Answers, Values
from edge_agent.simulator.specification import VALIDATION_RECORDS
from edge_agent.simulator.validation import NEVER, NOTHING_PENDING, PEEK, RESTRICTED

NO_NUMBER = "0" * 8
NO_RECORD: Values = {
    "validation_type": 0,
    "index": 0,
    "date": "0" * 8,
    "time": "0" * 6,
    "validation_number": "0" * 16,
    "amount_cents": 0,
    "ticket_number": 0,
    "validation_system": "00",
    "expiration": "0" * 8,
    "pool": 0,
}
RECORD_FIELDS = tuple(NO_RECORD)

COUNT_MODULUS, CENTS_MODULUS = 10**8, 10**10
# Codes of 7C and the fields of 7D that say the same.
LOCATION, ADDRESS_1, ADDRESS_2 = 0x00, 0x01, 0x02
TEXT_LIMITS = {LOCATION: 40, ADDRESS_1: 40, ADDRESS_2: 40, 0x10: 16, 0x20: 16}
HOST_DATA = {"location": LOCATION, "address_1": ADDRESS_1, "address_2": ADDRESS_2}


def _standard_ticket(cabinet: Cabinet, _: Values) -> Answer:
    ticket = cabinet.validation.memory.last_ticket
    return {
        "validation_number": ticket.validation_number if ticket else NO_NUMBER,
        "amount_cents": ticket.cents if ticket else 0,
    }


def _identity(cabinet: Cabinet, request: Values) -> Answer:
    cabinet.validation.set_identity(request["machine_id"], request["sequence"])
    memory = cabinet.validation.memory
    return {"machine_id": memory.machine_id, "sequence": memory.sequence}


def _record(cabinet: Cabinet, request: Values) -> Answer:
    if VALIDATION_RECORDS < request["function"] < PEEK:
        return NACK
    record = cabinet.validation.record(request["function"])
    return NO_RECORD if record is None else {name: getattr(record, name) for name in RECORD_FIELDS}


def _meters(cabinet: Cabinet, request: Values) -> Answer:
    code = request["validation_type"]
    if code not in VALIDATION_TYPES:
        return NACK
    tally: Tally = cabinet.accounts.validated(code)
    return {
        "validation_type": code,
        "count": tally.count % COUNT_MODULUS,
        "amount_cents": cabinet.board.cents(tally.credits) % CENTS_MODULUS,
    }


def _pending_cash_out(cabinet: Cabinet, _: Values) -> Answer:
    slip = cabinet.validation.memory.waiting
    if slip is None:
        return {"cash_out_type": NOTHING_PENDING, "amount_cents": 0}
    return {"cash_out_type": int(slip.validation_type == RESTRICTED), "amount_cents": slip.cents}


def _host_number(cabinet: Cabinet, request: Values) -> Answer:
    return {
        "status": cabinet.validation.host_number(request["validation_system"], request["validation_number"])
    }


def _ticket_in_escrow(cabinet: Cabinet, _: Values) -> Answer:
    return cabinet.redemption.read()


def _redeem(cabinet: Cabinet, request: Values) -> Answer:
    return cabinet.redemption.redeem(request)


def _extended_status(cabinet: Cabinet, request: Values) -> Answer:
    validation = cabinet.validation
    validation.configure(request["control_mask"], request["status_bits"])
    memory = validation.memory
    memory.cashable_days = request["cashable_expiration_days"] or memory.cashable_days
    memory.restricted_days = request["restricted_expiration_days"] or memory.restricted_days
    return {
        "asset_number": cabinet.board.memory.asset_number,
        "status_bits": validation.status_bits,
        "cashable_expiration_days": memory.cashable_days,
        "restricted_expiration_days": memory.restricted_days,
    }


def _extended_texts(cabinet: Cabinet, request: Values) -> Answer:
    texts = {entry["code"]: entry["text"] for entry in request["texts"]}
    if any(len(text) > TEXT_LIMITS.get(code, -1) for code, text in texts.items()):
        return NACK
    cabinet.validation.memory.ticket_texts.update(texts)
    return _data_status(cabinet)


def _texts(cabinet: Cabinet, request: Values) -> Answer:
    if "host_id" not in request:
        return _data_status(cabinet)
    memory = cabinet.validation.memory
    given = {code: request[name] for name, code in HOST_DATA.items() if request.get(name)}
    if any(len(text) > TEXT_LIMITS[code] for code, text in given.items()):
        return NACK
    memory.ticket_texts.update(given)
    memory.host_id = request["host_id"] or memory.host_id
    if given:
        memory.cashable_days = request["expiration_days"] or NEVER
    return _data_status(cabinet)


def _data_status(cabinet: Cabinet) -> Answer:
    """01 once the host's data are held."""
    return {"ticket_data_status": int(bool(cabinet.validation.memory.ticket_texts))}


TICKET_ANSWERS: Answers = MappingProxyType({
    0x3D: _standard_ticket,
    0x4C: _identity,
    0x4D: _record,
    0x50: _meters,
    0x57: _pending_cash_out,
    0x58: _host_number,
    0x70: _ticket_in_escrow,
    0x71: _redeem,
    0x7B: _extended_status,
    0x7C: _extended_texts,
    0x7D: _texts,
})  # fmt: skip
