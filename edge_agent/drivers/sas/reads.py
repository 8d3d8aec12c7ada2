"""Reads: the long polls the driver knows to ask, each in the form its role may send.

The interrogation asks them to get to know a machine, the duties when an exception calls for one. A read
that the machine forgets after telling it has a form for the primary alone; where the machine can be asked
to tell without forgetting, the observer asks that way (4D FF, 72 FE).

A read that needs something is asked only of a machine that has said it has it: with real-time events on,
silence has to mean trouble, so nothing is asked on the off chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from edge_agent.drivers.sas.profile import (
    AFT,
    AUTHENTICATION,
    GAMES,
    LEGACY_BONUS,
    METER_CHANGE,
    MULTIPLE_PROGRESSIVES,
    OTHER_PROGRESSIVES,
    STANDARD_VALIDATION,
    SYSTEM_VALIDATION,
    TICKET_REDEMPTION,
    VALIDATION_EXTENSIONS,
    VALIDATION_RECORDS,
    MachineProfile,
)
from edge_agent.drivers.sas.roles import PRIMARY, Role
from edge_agent.sas.messages import LongPollRequest

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """One long poll that reads."""

    command: int
    values: Values = field(default_factory=dict, hash=False)
    primary: Values | None = field(default=None, hash=False)  # what a primary says instead
    primary_only: bool = False
    needs: str = ""  # what the machine must have, by the names of the profile
    unless: str = ""  # and must not have
    each_game: bool = False  # asked for every game the machine has enabled

    def is_for(self, role: Role) -> bool:
        """Whether a role asks it at all."""
        return role == PRIMARY or not self.primary_only

    def makes_sense(self, profile: MachineProfile) -> bool:
        """Whether the machine has what it takes, and is not known to be silent to it."""
        if not profile.answers(self.command) or (self.needs and not profile.has(self.needs)):
            return False
        return not (self.unless and profile.has(self.unless))

    def request(self, address: int, role: Role) -> LongPollRequest:
        """The poll, as `role` asks it."""
        said = self.values if role != PRIMARY or self.primary is None else self.primary
        return LongPollRequest(address, self.command, said)


def _said(**values: int) -> Values:
    return MappingProxyType(values)


WHOLE_MACHINE = _said(game=0)

LAST_BILL = Read(0x48)
SELECTED_GAME = Read(0x55, needs=GAMES)
CLOCK = Read(0x7E)

HANDPAY = Read(0x1B, primary_only=True)
CASH_OUT_TICKET = Read(0x3D, primary_only=True, needs=STANDARD_VALIDATION)
# 00 takes the first record nobody has read, FF looks at it.
VALIDATION_RECORD = Read(0x4D, _said(function=0xFF), _said(function=0x00), needs=VALIDATION_RECORDS)
PENDING_CASH_OUT = Read(0x57, primary_only=True, needs=SYSTEM_VALIDATION)
TICKET_IN_ESCROW = Read(0x70, primary_only=True, needs=TICKET_REDEMPTION)
REDEMPTION = Read(0x71, _said(transfer_code=0xFF), primary_only=True, needs=TICKET_REDEMPTION)
# FF closes the cycle of a transfer, FE looks at it.
TRANSFER = Read(
    0x72,
    _said(transfer_code=0xFE, transaction_index=0),
    _said(transfer_code=0xFF, transaction_index=0),
    needs=AFT,
)
REGISTRATION = Read(0x73, _said(registration_code=0xFF), needs=AFT)
LOCK = Read(0x74, _said(lock_code=0xFF, lock_conditions=0, lock_timeout_hundredths=0), needs=AFT)
# A machine that offers its credits asks on until it hears of 72 or 74, and then cashes out another way.
OFFERED_CREDITS = Read(LOCK.command, LOCK.values, primary_only=True, needs=AFT)
# A mask of zeros changes nothing, and the answer has the asset number.
VALIDATION_STATUS = Read(
    0x7B,
    _said(control_mask=0, status_bits=0, cashable_expiration_days=0, restricted_expiration_days=0),
    needs=VALIDATION_EXTENSIONS,
)
PROGRESSIVE_PAID = Read(0x84)
SAS_PROGRESSIVE = Read(0x85, primary_only=True, unless=MULTIPLE_PROGRESSIVES)
SAS_PROGRESSIVES = Read(0x87, primary_only=True, needs=MULTIPLE_PROGRESSIVES)
OTHER_PROGRESSIVE = Read(0x5D, needs=OTHER_PROGRESSIVES)
BONUS = Read(0x90, primary_only=True, needs=LEGACY_BONUS)
COMPONENTS = Read(0x6E, _said(action=0x00), needs=AUTHENTICATION)
AUTHENTICATED = Read(0x6E, _said(action=0x03), needs=AUTHENTICATION)
# 00: we know of the change and read the meters; 01: they are read, the change may come.
METER_CHANGE_NOTED = Read(0xB6, _said(host_status=0x00), primary_only=True, needs=METER_CHANGE)
METERS_COLLECTED = Read(0xB6, _said(host_status=0x01), primary_only=True, needs=METER_CHANGE)
