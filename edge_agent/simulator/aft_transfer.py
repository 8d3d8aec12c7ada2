"""AFT transfers: what one moves, by its type, and how long poll 72 tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from edge_agent.simulator.accounts import Kind

FULL_ONLY, PARTIAL_ALLOWED, CANCEL, LOOK, ASK = 0x00, 0x01, 0x80, 0xFE, 0xFF
# Statuses (SAS 6.6) that no rule gives.
DONE, DONE_IN_PART, PENDING, CANCELLED, WRONG_MOMENT, UNSUPPORTED_CODE = 0x00, 0x01, 0x40, 0x80, 0xC0, 0xC1
NOTHING = 0xFF
RECEIPT_PRINTED, RECEIPT_PENDING, NO_RECEIPT = 0x00, 0x40, 0xFF

# Flags. The lowest three set the host cash-out (`host_cash_out`) and answer with its status.
HOST_CASH_OUT_FLAGS, LOCK_AFTER, ONLY_IF_LOCKED, RECEIPT = 0x07, 0x10, 0x40, 0x80


class Way(Enum):
    """Where a transfer puts its money."""

    TO_MACHINE = "to machine"
    BONUS = "bonus"
    JACKPOT = "jackpot bonus"  # an attendant pays it
    TO_TICKET = "to ticket"
    TO_HOST = "to host"
    WIN_TO_HOST = "win to host"


@dataclass(frozen=True, slots=True)
class TransferType:
    """One transfer type: its way, and the meter of each kind of credits it can move."""

    way: Way
    meters: Mapping[Kind, int]
    tickets: Mapping[Kind, int] = field(default_factory=dict)  # validation types
    is_debit: bool = False


CASHABLE, RESTRICTED, NONRESTRICTED = Kind
_TO_HOST = {CASHABLE: 0xB8, RESTRICTED: 0xBA, NONRESTRICTED: 0xBC}
_BONUS = {CASHABLE: 0xAE, NONRESTRICTED: 0xB0}

TRANSFER_TYPES: Mapping[int, TransferType] = MappingProxyType({
    0x00: TransferType(Way.TO_MACHINE, {CASHABLE: 0xA0, RESTRICTED: 0xA2, NONRESTRICTED: 0xA4}),
    0x10: TransferType(Way.BONUS, _BONUS),
    0x11: TransferType(Way.JACKPOT, {CASHABLE: 0xAE}),
    0x20: TransferType(Way.TO_TICKET, {CASHABLE: 0xA8, RESTRICTED: 0xAA}, {CASHABLE: 0x02, RESTRICTED: 0x03}),
    0x40: TransferType(Way.TO_MACHINE, {CASHABLE: 0xA6}, is_debit=True),
    0x60: TransferType(Way.TO_TICKET, {CASHABLE: 0xAC}, {CASHABLE: 0x04}, is_debit=True),
    0x80: TransferType(Way.TO_HOST, _TO_HOST),
    0x90: TransferType(Way.WIN_TO_HOST, {CASHABLE: 0xB8}),
})  # fmt: skip


@dataclass(slots=True)
class Transfer:
    """One transfer. While it is pending the amounts are those asked for, then those moved."""

    transfer_code: int
    transfer_type: int
    cashable_cents: int
    restricted_cents: int
    nonrestricted_cents: int
    transfer_flags: int
    asset_number: int
    transaction_id: str
    expiration: str
    pool: int
    lock_timeout_hundredths: int = 0
    status: int = PENDING
    receipt_status: int = NO_RECEIPT
    date: str = "00000000"
    time: str = "000000"
    position: int = 0
    cumulative_cashable_cents: int | None = None
    cumulative_restricted_cents: int | None = None
    cumulative_nonrestricted_cents: int | None = None

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Transfer:
        """What a host asks for with long poll 72."""
        names = ("cashable_cents", "restricted_cents", "nonrestricted_cents", "transfer_flags")
        others = ("transfer_code", "transfer_type", "asset_number", "transaction_id", "expiration", "pool")
        return cls(
            **{name: request[name] for name in (*names, *others)},
            lock_timeout_hundredths=request.get("lock_timeout_hundredths", 0),
        )

    @property
    def type(self) -> TransferType:
        """Its row of TRANSFER_TYPES."""
        return TRANSFER_TYPES[self.transfer_type]

    @property
    def is_over(self) -> bool:
        """Whether its status is final."""
        return self.status != PENDING

    @property
    def moved(self) -> bool:
        """Whether money went somewhere."""
        return self.status in {DONE, DONE_IN_PART}

    @property
    def cents(self) -> dict[Kind, int]:
        """Its amounts by kind."""
        return {
            CASHABLE: self.cashable_cents,
            RESTRICTED: self.restricted_cents,
            NONRESTRICTED: self.nonrestricted_cents,
        }

    def set_cents(self, cents: Mapping[Kind, int]) -> None:
        """What it comes to."""
        self.cashable_cents = cents[CASHABLE]
        self.restricted_cents = cents[RESTRICTED]
        self.nonrestricted_cents = cents[NONRESTRICTED]

    def told(self, cash_out_status: int) -> Mapping[str, Any]:
        """The answer of 72 in full."""
        return {
            "history_position": self.position,
            "transfer_status": self.status,
            "receipt_status": self.receipt_status,
            "transfer_type": self.transfer_type,
            "cashable_cents": self.cashable_cents,
            "restricted_cents": self.restricted_cents,
            "nonrestricted_cents": self.nonrestricted_cents,
            "transfer_flags": self.transfer_flags & ~HOST_CASH_OUT_FLAGS | cash_out_status,
            "asset_number": self.asset_number,
            "transaction_id": self.transaction_id,
            "date": self.date,
            "time": self.time,
            "expiration": self.expiration,
            "pool": self.pool,
            "cumulative_cashable_cents": self.cumulative_cashable_cents,
            "cumulative_restricted_cents": self.cumulative_restricted_cents,
            "cumulative_nonrestricted_cents": self.cumulative_nonrestricted_cents,
        }


def refused_transfer(status: int) -> Mapping[str, Any]:
    """The short answer of 72, to what is not looked at."""
    return {"history_position": 0, "transfer_status": status}
