"""The delivery class of every event: A money, security and sessions, B faults and meters, C telemetry.

A type has its class in a table; an exception of a machine that has none takes that of its category.
Whatever no table knows is A: what one has yet to learn is not the first thing to give up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from edge_agent.delivery import DeliveryClass

__all__ = ["OF_CATEGORY", "OF_FAMILY", "OF_TYPE", "DeliveryClass", "class_of", "class_of_sealed"]

_A, _B, _C = DeliveryClass

OF_TYPE: Mapping[str, DeliveryClass] = {
    "floor.agent.canary": _C,
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
    """The class of a record of the journal; A if it is no event of ours.

    Asked of every record, so an event as `seal` writes it is not parsed for this: what decides is cut out of
    its bytes. Whatever looks otherwise is parsed.
    """
    its_class = None
    if sealed.startswith(_BEGINNING) and sealed.rfind(_TYPE) == _TYPE_AT and sealed.endswith(b"}}"):
        its_class = _of_name(sealed[_NAME_AT : sealed.find(b'"', _NAME_AT)]) or _of_category(sealed)
    return its_class or class_by_parsing(sealed)


def class_by_parsing(sealed: bytes) -> DeliveryClass:
    """The same, by reading the whole record: several times as slow."""
    try:
        event = json.loads(sealed)
    except ValueError:
        return _A
    return class_of(event) if isinstance(event, Mapping) else _A


# Within a text a quote has a backslash before it, so these stand for themselves wherever they are found.
_BEGINNING = b'{"specversion":"1.0","type":"'
_TYPE, _DATA, _CATEGORY = b'"type"', b',"data":', b'"category":"'
_TYPE_AT, _NAME_AT = _BEGINNING.index(_TYPE), len(_BEGINNING)
_OF_CATEGORY_NAME = {name.encode(): its_class for name, its_class in OF_CATEGORY.items()}


@lru_cache(maxsize=1024)
def _of_name(name: bytes) -> DeliveryClass | None:
    """The class of a type, as written; None where it takes more than the type to know."""
    text = name.decode("ascii", "replace")
    if "\\" in text or not (text in OF_TYPE or text.startswith(tuple(OF_FAMILY))):
        return None
    return class_of({"type": text})


def _of_category(sealed: bytes) -> DeliveryClass | None:
    """The class by the category, a plain field of the data; None where it takes a parser to know."""
    data = sealed.find(b"{", 1)
    category = sealed.find(_CATEGORY, data)
    if category < 0 or not sealed.endswith(_DATA, 0, data) or sealed.find(b"{", data + 1, category) > 0:
        return None
    begin = category + len(_CATEGORY)
    return _OF_CATEGORY_NAME.get(sealed[begin : sealed.find(b'"', begin)])
