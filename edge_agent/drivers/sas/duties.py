"""Duties: what an observer does after an exception, as one table.

An observer reads. What the protocol wants of a host that runs the machine (answer a ticket,
take a handpay, pay a bonus) is somebody else's: such reads are consumed by the machine once
acknowledged (1B, 4D 00, 70, 71, 72 FF, 90), so the table cannot name them.

A code without a row needs nothing but being journalled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_agent.events.slot import SnapshotReason, VarianceCause

LAST_BILL = 0x48
TICKET_INFORMATION = 0x3D


@dataclass(frozen=True, slots=True)
class Duty:
    """What to do after an exception was journalled."""

    read: int | None = None  # a long poll to ask next
    snapshot: SnapshotReason | None = None  # read the meters, and why
    moves_money: bool = False  # meters read before it and after it do not belong together
    interrogate: bool = False  # ask again what the machine is
    accounts_for: VarianceCause | None = None  # of a variance found next, this is the likely cause


NO_DUTY = Duty()

_BILL = Duty(read=LAST_BILL, snapshot="money", moves_money=True)
_DOOR = Duty(snapshot="door")
_MONEY = Duty(snapshot="money", moves_money=True)
_HANDPAY = Duty(snapshot="handpay", moves_money=True)
_MEMORY = Duty(snapshot="configuration", accounts_for="memory_error")
_FIRMWARE = Duty(snapshot="configuration", interrogate=True, accounts_for="memory_error")
_CONFIGURATION = Duty(snapshot="configuration", interrogate=True)

# In the order of the exception table.
_ROWS: tuple[tuple[Iterable[int], Duty], ...] = (
    (range(0x11, 0x17), _DOOR),
    ((0x17,), Duty(snapshot="reboot", interrogate=True, accounts_for="power_cycle")),
    (range(0x19, 0x1F), _DOOR),  # 1B, the cashbox out, is the drop
    (range(0x31, 0x36), _MEMORY),
    ((0x36, 0x38, 0x3A), _FIRMWARE),
    ((0x37, 0x39), _MEMORY),
    ((0x3C,), _CONFIGURATION),
    ((0x3D,), Duty(read=TICKET_INFORMATION, snapshot="money", moves_money=True)),
    ((0x3E,), _HANDPAY),
    (range(0x47, 0x51), _BILL),
    ((0x51, 0x52), _HANDPAY),
    ((0x54, 0x56, 0x59, 0x5A), _HANDPAY),  # progressive wins
    ((0x66, 0x68, 0x69), _MONEY),
    ((0x70,), Duty(snapshot="overflow", moves_money=True, accounts_for="overflow")),
    ((0x7A,), Duty(snapshot="configuration")),
    ((0x7B,), Duty(snapshot="configuration")),
    ((0x7C,), _MONEY),
    ((0x7E,), Duty(moves_money=True)),
    ((0x7F,), Duty(snapshot="game_end", moves_money=True)),
    (range(0x98, 0x9C), _DOOR),
    ((0xA0,), Duty(snapshot="configuration")),  # the meters as they are before they change
    ((0xA2,), _CONFIGURATION),
)

DUTIES: Mapping[int, Duty] = MappingProxyType({code: duty for codes, duty in _ROWS for code in codes})


def duty_of(code: int) -> Duty:
    """What to do after exception `code`."""
    return DUTIES.get(code, NO_DUTY)
