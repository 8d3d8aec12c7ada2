"""The delivery class of every event: A money, security and sessions, B faults and meters, C telemetry.

A type has its class in a table; an exception of a machine that has none takes that of its category.
Whatever no table knows is A: what one has yet to learn is not the first thing to give up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge_agent.delivery import DeliveryClass

__all__ = ["OF_CATEGORY", "OF_FAMILY", "OF_TYPE", "DeliveryClass", "class_of", "class_of_sealed"]

_A, _B, _C = DeliveryClass

OF_TYPE: Mapping[str, DeliveryClass] = {
    "floor.line.protocol_errors": _C,
    "floor.line.captured": _C,
    "floor.line.quality": _B,
    # Machines: what is no exception, and exceptions that are not of their category's class
    "floor.slot.ticket_recorded": _A,
    "floor.slot.bill_recorded": _A,
    "floor.slot.meter_variance": _A,
    "floor.slot.meter_epoch_began": _A,
    "floor.slot.meter_backwards": _A,
    "floor.slot.sequence.violation": _A,
    "floor.slot.commanded": _A,
    "floor.slot.handpay_recorded": _A,
    "floor.slot.validation_recorded": _A,
    "floor.slot.cash_out_requested": _A,
    "floor.slot.ticket_in_escrow": _A,
    "floor.slot.ticket_redemption": _A,
    "floor.slot.aft_transfer_recorded": _A,
    "floor.slot.aft_registration": _A,
    "floor.slot.aft_state": _B,
    "floor.slot.progressive_win_recorded": _A,
    "floor.slot.bonus_recorded": _A,
    "floor.slot.selected_game": _C,
    "floor.slot.authentication": _A,
    "floor.slot.meters_read": _B,
    "floor.slot.part_meters_read": _B,
    "floor.slot.identified": _B,
    "floor.slot.session_started": _A,
    "floor.slot.session_ended": _A,
    "floor.slot.low_backup_battery": _B,
    "floor.slot.reel_stopped": _C,
    # Tables
    "floor.table.device_door": _A,
    "floor.table.device_events_lost": _A,
    "floor.table.sequence_gap": _A,
    "floor.table.shuffler_verify_failed": _A,
    "floor.table.shuffler_lid": _A,
    "floor.table.counters_reset": _A,
    "floor.table.device_counters": _C,
    "floor.table.device_temperature": _C,
    "floor.table.vendor_snapshot": _C,
}

# What a type begins with, for types that are not above.
OF_FAMILY: Mapping[str, DeliveryClass] = {
    "floor.agent.": _A,  # starts, stops, changes of settings: the audit trail
    "floor.line.": _A,  # a machine that no longer answers is a security event
    "floor.table.": _B,
}

OF_CATEGORY: Mapping[str, DeliveryClass] = {
    "aft": _A,
    "attendant": _C,
    "authentication": _A,
    "bill": _A,
    "bonus": _A,
    "cash_out": _A,
    "config": _A,
    "door": _A,
    "game": _C,  # a busy floor is nearly all games; the meters say what they came to
    "handpay": _A,
    "hopper": _B,
    "idle": _C,
    "memory": _A,
    "menu": _A,
    "meters": _A,  # cleared or about to change: the accounts depend on it
    "power": _A,
    "printer": _B,
    "progressive": _A,
    "reel": _B,
    "system": _A,  # the machine's queue overflowed: something is lost already
    "ticket": _A,
    "tilt": _B,
}


def class_of(event: Mapping[str, Any]) -> DeliveryClass:
    """The class of a CloudEvent."""
    name = str(event.get("type", ""))
    if name in OF_TYPE:
        return OF_TYPE[name]
    for family, its_class in OF_FAMILY.items():
        if name.startswith(family):
            return its_class
    data = event.get("data")
    category = data.get("category") if isinstance(data, Mapping) else None
    return OF_CATEGORY.get(str(category), _A)


def class_of_sealed(sealed: bytes) -> DeliveryClass:
    """The class of a record of the journal; A if it is no event of ours."""
    try:
        event = json.loads(sealed)
    except ValueError:
        return _A
    return class_of(event) if isinstance(event, Mapping) else _A
