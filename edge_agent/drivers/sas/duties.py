"""Duties: what the driver does after an exception, as one table.

A duty reads: the poll that tells what the exception left out, the meters, what the machine is. What the
protocol wants besides of a host that runs the machine (accept a ticket, reset a handpay, give a
validation number, pay out, broadcast a level) changes the machine, so no row has it.

A read that only the primary may make is passed over by an observer, and so is one that needs what the
machine has not. A code without a row needs nothing but being journalled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_agent.drivers.sas import reads
from edge_agent.drivers.sas.reads import Read
from edge_agent.events.slot import SnapshotReason, VarianceCause


@dataclass(frozen=True, slots=True)
class Duty:
    """What to do after an exception was journalled."""

    reads: tuple[Read, ...] = ()  # asked next
    snapshot: SnapshotReason | None = None  # read the meters, and why
    afterwards: Read | None = None  # asked once they are read
    moves_money: bool = False  # meters read before it and after it do not belong together
    interrogate: bool = False  # ask again what the machine is
    accounts_for: VarianceCause | None = None  # of a variance found next, this is the likely cause


NO_DUTY = Duty()
OVERFLOW = 0x70

_BILL = Duty((reads.LAST_BILL,), "money", moves_money=True)
_DOOR = Duty(snapshot="door")
_MONEY = Duty(snapshot="money", moves_money=True)
_VALIDATED = (reads.CASH_OUT_TICKET, reads.VALIDATION_RECORD)  # by the style of the machine, one of them
_MEMORY = Duty(snapshot="configuration", accounts_for="memory_error")
# 21 would have the machine compute for minutes, answer in the middle of whatever is asked then, and prove
# nothing to who has no list of good signatures: a regulator's system asks it, and no duty does.
_FIRMWARE = Duty((reads.COMPONENTS,), "configuration", interrogate=True, accounts_for="memory_error")
_CONFIGURATION = Duty(snapshot="configuration", interrogate=True)
# Whatever could have been told meanwhile. What the doors are nobody can ask.
_LOST = (
    reads.SELECTED_GAME,
    reads.HANDPAY,
    reads.VALIDATION_RECORD,
    reads.TICKET_IN_ESCROW,
    reads.REDEMPTION,
    reads.TRANSFER,
    reads.LOCK,
    reads.LAST_BILL,
)

# In the order of the exception table.
_ROWS: tuple[tuple[Iterable[int], Duty], ...] = (
    (range(0x11, 0x17), _DOOR),
    ((0x17,), Duty(snapshot="reboot", interrogate=True, accounts_for="power_cycle")),
    ((0x19, 0x1A), _DOOR),
    ((0x1B,), Duty(snapshot="drop")),
    (range(0x1C, 0x1F), _DOOR),
    (range(0x31, 0x36), _MEMORY),
    ((0x36, 0x38), _FIRMWARE),
    ((0x37, 0x39), _MEMORY),
    ((0x3A,), _FIRMWARE),
    ((0x3C,), _CONFIGURATION),
    ((0x3D,), Duty(_VALIDATED, "money", moves_money=True)),
    ((0x3E,), Duty(_VALIDATED, "handpay", moves_money=True)),
    (range(0x47, 0x51), _BILL),
    ((0x51,), Duty((reads.HANDPAY,), "handpay", moves_money=True)),
    ((0x52,), Duty((reads.HANDPAY,), "handpay", moves_money=True)),  # the next in the queue, if there is one
    ((0x54,), Duty((reads.PROGRESSIVE_PAID,), "handpay", moves_money=True)),
    ((0x56,), Duty((reads.SAS_PROGRESSIVE, reads.SAS_PROGRESSIVES), "handpay", moves_money=True)),
    ((0x57,), Duty((reads.PENDING_CASH_OUT,))),
    ((0x59,), Duty((reads.OTHER_PROGRESSIVE,), "handpay", moves_money=True)),
    ((0x5A,), Duty(snapshot="handpay", moves_money=True)),
    ((0x26, 0x66), _MONEY),
    ((0x67,), Duty((reads.TICKET_IN_ESCROW,))),
    ((0x68,), Duty((reads.REDEMPTION,), "money", moves_money=True)),
    ((0x69,), Duty((reads.TRANSFER,), "money", moves_money=True)),
    ((0x6A, 0x6B), Duty((reads.OFFERED_CREDITS,))),
    ((0x6C, 0x6D, 0x6E), Duty((reads.REGISTRATION,))),
    ((0x6F,), Duty((reads.LOCK,))),
    ((OVERFLOW,), Duty(_LOST, "overflow", moves_money=True, accounts_for="overflow")),
    ((0x7A,), Duty(snapshot="configuration")),
    ((0x7B,), Duty(snapshot="configuration")),
    ((0x7C,), Duty((reads.BONUS,), "money", moves_money=True)),
    ((0x7E,), Duty(moves_money=True)),
    ((0x7F,), Duty(snapshot="game_end", moves_money=True)),
    ((0x8C,), Duty((reads.SELECTED_GAME,))),
    ((0x8E,), Duty((reads.COMPONENTS,))),
    ((0x8F,), Duty((reads.AUTHENTICATED,))),
    (range(0x98, 0x9C), _DOOR),
    ((0x9E,), Duty(snapshot="session_start")),
    ((0x9F,), Duty(snapshot="session_end")),
    # The meters as they are before they change.
    ((0xA0,), Duty((reads.METER_CHANGE_NOTED,), "meter_change", afterwards=reads.METERS_COLLECTED)),
    ((0xA2,), _CONFIGURATION),
)

DUTIES: Mapping[int, Duty] = MappingProxyType({code: duty for codes, duty in _ROWS for code in codes})

# Every read a duty may want, each once: a note has a bit for each, in this order.
READS: tuple[Read, ...] = tuple(
    dict.fromkeys(
        read for duty in DUTIES.values() for read in (*duty.reads, duty.afterwards) if read is not None
    )
)


def duty_of(code: int) -> Duty:
    """What to do after exception `code`."""
    return DUTIES.get(code, NO_DUTY)
