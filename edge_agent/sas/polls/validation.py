"""Validation and tickets: numbers for tickets that leave, and the cycle of those that come back."""

from __future__ import annotations

from edge_agent.sas.code_tables import (
    CASH_OUT_TYPES,
    ESCROW_STATUSES,
    TICKET_DATA_STATUSES,
    TICKET_STATUSES,
    TICKET_TEXTS,
    TICKET_TRANSFER_CODES,
    VALIDATION_FUNCTIONS,
    VALIDATION_NUMBER_STATUSES,
    VALIDATION_STATUS_BITS,
    VALIDATION_TYPES,
)
from edge_agent.sas.entries import Entries
from edge_agent.sas.fields import Bcd, Binary, CountedText, Digits, Field, Trailing
from edge_agent.sas.polls.row import (
    AMOUNT,
    ASSET_NUMBER,
    CHANGES,
    CONSUMES,
    DATE,
    EXPIRATION,
    POOL,
    READS,
    TIME,
    G,
    LongPoll,
    R,
    S,
    unless,
)

# Entries of the validation buffer that can be read again without marking anything as read.
_BUFFER_INDEXES = range(0x01, 0x20)
_PEEK = 0xFF

_VALIDATION_TYPE = Binary("validation_type", 1, codes=VALIDATION_TYPES)
_STATUS_BITS = Binary("status_bits", 2, bits=VALIDATION_STATUS_BITS)
_VALIDATION_ID: tuple[Field, ...] = (Binary("machine_id", 3), Binary("sequence", 3))
_VALIDATION_NUMBER = Digits("validation_number", 8, confidential=True)
_VALIDATION_SYSTEM = Digits("validation_system", 1)  # 00: a number the machine made itself
_TICKET: tuple[Field, ...] = (
    AMOUNT,
    Binary("parsing_code", 1),
    Digits("validation_data", 9, confidential=True),
)
_REDEMPTION = Trailing((
    *_TICKET,
    Trailing((EXPIRATION, POOL, Trailing((CountedText("target_id"),)))),  # restricted tickets; 6.03
))  # fmt: skip
_EXPIRATIONS: tuple[Field, ...] = (
    Bcd("cashable_expiration_days", 2, "days"),  # 0: as it was; 9999: never
    Bcd("restricted_expiration_days", 2, "days"),
)
# The message may end behind any of these; a text of length 0 stays as it was.
_TICKET_DATA: tuple[Field, ...] = (
    Trailing((
        Binary("host_id", 2),
        Trailing((
            Binary("expiration_days", 1, "days"),  # 0: never
            Trailing((
                CountedText("location"),
                Trailing((CountedText("address_1"), Trailing((CountedText("address_2"),)))),
            )),
        )),
    )),
)  # fmt: skip
_TICKET_DATA_STATUS: tuple[Field, ...] = (Binary("ticket_data_status", 1, codes=TICKET_DATA_STATUSES),)

ROWS: tuple[LongPoll, ...] = (
    # Standard validation only; the number is zero for a host that does not own validation.
    LongPoll(
        0x3D,
        "cash_out_ticket",
        R,
        (Digits("validation_number", 4, confidential=True), AMOUNT),
        effect=CONSUMES,
    ),
    LongPoll(
        0x4C,
        "secure_validation_id",
        S,
        _VALIDATION_ID,
        _VALIDATION_ID,
        mirrored=True,
        effect=CHANGES,
        exceptions=(unless(READS, machine_id=0),),
        source="MO NC",
    ),
    LongPoll(
        0x4D,
        "enhanced_validation",
        S,
        (
            _VALIDATION_TYPE,
            Binary("index", 1),
            DATE,
            TIME,
            _VALIDATION_NUMBER,
            AMOUNT,
            Binary("ticket_number", 2),  # FFFF: none
            _VALIDATION_SYSTEM,
            EXPIRATION,
            POOL,
        ),
        (Binary("function", 1, codes=VALIDATION_FUNCTIONS),),
        effect=CONSUMES,
        exceptions=tuple(unless(READS, function=function) for function in (*_BUFFER_INDEXES, _PEEK)),
    ),
    LongPoll(
        0x50,
        "validation_meters",
        S,
        (_VALIDATION_TYPE, Bcd("count", 4, "tickets and handpays"), AMOUNT),
        (_VALIDATION_TYPE,),
    ),
    LongPoll(
        0x57,
        "pending_cash_out",
        R,
        (Binary("cash_out_type", 1, codes=CASH_OUT_TYPES), AMOUNT),
        effect=CONSUMES,
    ),
    LongPoll(
        0x58,
        "receive_validation_number",
        S,
        (Binary("status", 1, codes=VALIDATION_NUMBER_STATUSES),),
        (_VALIDATION_SYSTEM, _VALIDATION_NUMBER),
        effect=CHANGES,
    ),
    LongPoll(
        0x70,
        "ticket_validation_data",
        R,
        # A machine that has no ticket may leave out that it has none.
        (Trailing((Binary("status", 1, codes=ESCROW_STATUSES), Trailing(_TICKET))),),
        reply_counted=True,
        effect=CONSUMES,
    ),
    LongPoll(
        0x71,
        "redeem_ticket",
        S,
        (Binary("machine_status", 1, codes=TICKET_STATUSES), _REDEMPTION),
        (Binary("transfer_code", 1, codes=TICKET_TRANSFER_CODES), _REDEMPTION),
        reply_counted=True,
        mirrored=True,
        effect=CHANGES,
        exceptions=(unless(CONSUMES, transfer_code=0xFF),),
    ),
    LongPoll(
        0x7B,
        "extended_validation_status",
        G,
        (ASSET_NUMBER, _STATUS_BITS, *_EXPIRATIONS),
        # The bits of the mask say which of the others are meant.
        (Binary("control_mask", 2, bits=VALIDATION_STATUS_BITS), _STATUS_BITS, *_EXPIRATIONS),
        reply_counted=True,
        effect=CHANGES,
        exceptions=(
            unless(READS, control_mask=0, cashable_expiration_days=0, restricted_expiration_days=0),
        ),
        source="MO NC",
    ),
    LongPoll(
        0x7C,
        "extended_ticket_data",
        G,
        _TICKET_DATA_STATUS,
        (Entries("texts", (Binary("code", 1, codes=TICKET_TEXTS), CountedText("text"))),),
        mirrored=True,
        effect=CHANGES,
        exceptions=(unless(READS, texts=()),),
    ),
    LongPoll(
        0x7D,
        "ticket_data",
        G,
        _TICKET_DATA_STATUS,
        _TICKET_DATA,
        mirrored=True,
        effect=CHANGES,
        exceptions=(unless(READS, host_id=None),),
        source="MO NC",
    ),
)  # fmt: skip
