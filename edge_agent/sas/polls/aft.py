"""AFT: transfers of money between a machine and a host, their registration, lock and receipts."""

from __future__ import annotations

from edge_agent.sas.code_tables import (
    AFT_STATUS_BITS,
    AFT_STATUSES,
    AFT_TRANSFER_CODES,
    AFT_TRANSFER_FLAGS,
    AFT_TRANSFER_TYPES,
    AVAILABLE_TRANSFERS,
    HOST_CASH_OUT_BITS,
    LOCK_CODES,
    LOCK_CONDITIONS,
    LOCK_STATUSES,
    RECEIPT_FIELDS,
    RECEIPT_STATUSES,
    RECEIPT_TEXTS,
    REGISTRATION_CODES,
    REGISTRATION_STATUSES,
)
from edge_agent.sas.entries import Entries, Sized, SizedBcd
from edge_agent.sas.fields import (
    Bcd,
    Binary,
    CountedRaw,
    CountedText,
    Digits,
    Field,
    Raw,
    RestRaw,
    Trailing,
)
from edge_agent.sas.polls.row import (
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
    S,
    unless,
)

# Ten digits of cents: the size that machines give their cumulative meters.
_CENTS_BYTES = 5

_AMOUNTS: tuple[Field, ...] = (
    Bcd("cashable_cents", 5),
    Bcd("restricted_cents", 5),
    Bcd("nonrestricted_cents", 5),
)
_REGISTRATION_KEY = Raw("registration_key", 20, confidential=True)
_TRANSACTION_ID = CountedText("transaction_id", confidential=True)
_TRANSFER: tuple[Field, ...] = (
    Binary("transfer_type", 1, codes=AFT_TRANSFER_TYPES),
    *_AMOUNTS,
    Binary("transfer_flags", 1, bits=AFT_TRANSFER_FLAGS),
    ASSET_NUMBER,
)
# Patron names and account numbers may be among them.
_RECEIPT = Entries(
    "receipt_data", (Binary("code", 1, codes=RECEIPT_FIELDS), CountedRaw("data")), confidential=True
)
_LOCK_TIMEOUT = Bcd("lock_timeout_hundredths", 2, "hundredths of a second")

_TRANSFER_REQUEST: tuple[Field, ...] = (
    Binary("transfer_code", 1, codes=AFT_TRANSFER_CODES),
    Trailing((
        Binary("transaction_index", 1),
        Trailing((
            *_TRANSFER,
            _REGISTRATION_KEY,
            _TRANSACTION_ID,
            EXPIRATION,
            POOL,
            Sized(_RECEIPT),
            Trailing((_LOCK_TIMEOUT,)),  # some hosts send it always, others only to lock after the transfer
        )),
    )),
)  # fmt: skip
_TRANSFER_REPLY: tuple[Field, ...] = (
    Binary("history_position", 1),  # 0: not logged yet
    Binary("transfer_status", 1, codes=AFT_STATUSES),
    # What is refused, or not there, is answered in two or three bytes.
    Trailing((
        Binary("receipt_status", 1, codes=RECEIPT_STATUSES),
        Trailing((
            *_TRANSFER,
            _TRANSACTION_ID,
            DATE,
            TIME,
            EXPIRATION,
            POOL,
            Trailing((
                SizedBcd("cumulative_cashable_cents", _CENTS_BYTES),
                SizedBcd("cumulative_restricted_cents", _CENTS_BYTES),
                SizedBcd("cumulative_nonrestricted_cents", _CENTS_BYTES),
            )),
        )),
    )),
)  # fmt: skip
_REGISTRATION: tuple[Field, ...] = (
    ASSET_NUMBER,
    _REGISTRATION_KEY,
    Binary("pos_id", 4),  # FFFFFFFF: as it was
)

ROWS: tuple[LongPoll, ...] = (
    LongPoll(
        0x72,
        "aft_transfer",
        S,
        _TRANSFER_REPLY,
        _TRANSFER_REQUEST,
        reply_counted=True,
        effect=CHANGES,
        exceptions=(unless(READS, transfer_code=0xFE), unless(CONSUMES, transfer_code=0xFF)),
        source="MO GD SK CO",
    ),
    LongPoll(
        0x73,
        "aft_registration",
        S,
        (Binary("registration_status", 1, codes=REGISTRATION_STATUSES), Trailing(_REGISTRATION)),
        (Binary("registration_code", 1, codes=REGISTRATION_CODES), Trailing(_REGISTRATION)),
        reply_counted=True,
        mirrored=True,
        effect=CHANGES,
        exceptions=(unless(READS, registration_code=0xFF),),
    ),
    LongPoll(
        0x74,
        "aft_lock_and_status",
        S,
        (
            ASSET_NUMBER,
            Binary("lock_status", 1, codes=LOCK_STATUSES),
            Binary("available_transfers", 1, bits=AVAILABLE_TRANSFERS),
            Binary("host_cash_out_status", 1, bits=HOST_CASH_OUT_BITS),
            Binary("aft_status", 1, bits=AFT_STATUS_BITS),
            Binary("max_history_index", 1),
            *_AMOUNTS,
            Bcd("transfer_limit_cents", 5),
            Trailing((Digits("restricted_expiration", 4), Binary("restricted_pool", 2))),
        ),
        (
            Binary("lock_code", 1, codes=LOCK_CODES),
            Binary("lock_conditions", 1, bits=LOCK_CONDITIONS),
            _LOCK_TIMEOUT,
        ),
        reply_counted=True,
        request_slack=1,  # one field host makes its timeout too long
        effect=CHANGES,
        exceptions=(unless(READS, lock_code=0xFF),),
        source="MO GD SK",
    ),
    LongPoll(
        0x75,
        "aft_receipt_texts",
        G,
        (),
        (Entries("texts", (Binary("code", 1, codes=RECEIPT_TEXTS), CountedText("text"))),),
        acknowledged=True,
        effect=CHANGES,
        source="MO GD",
    ),
    LongPoll(
        0x76,
        "custom_ticket_data",
        S,
        (RestRaw("data"),),
        (RestRaw("data"),),
        acknowledged=True,
        effect=CHANGES,
        layout_known=False,
        confidence="L",
        source="GD",
    ),
)
