"""From what a TDL/1 device says to the published language: one row a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.drivers.tdl1.privacy import screen
from edge_agent.events import shuffler, table
from edge_agent.events.table import TableEvent, TableStatement
from edge_agent.tdl1 import (
    Booted,
    DeviceKey,
    EventHeard,
    Identified,
    Message,
    SequenceMissing,
    SnapshotHeard,
)
from edge_agent.tdl1.codes import CODES, COMMON_KEYS, JAM_LOCATIONS, Code, read_values
from edge_agent.tdl1.sequence import ahead

# Which body each code becomes. Their fields are named as the vocabulary's meanings are.
EVENTS: Mapping[str, type[TableEvent]] = {
    "DEV.FAULT": table.DeviceFault,
    "DEV.CLEAR": table.DeviceFaultCleared,
    "DEV.DOOR": table.DeviceDoor,
    "DEV.POWER": table.DevicePower,
    "DEV.LOST": table.DeviceEventsLost,
    "DEV.SERVICE": table.DeviceServiced,
    "DEV.TEMP": table.DeviceTemperature,
    "SHF.DECK_IN": shuffler.ShufflerDeckIn,
    "SHF.START": shuffler.ShufflerStarted,
    "SHF.DONE": shuffler.ShufflerCompleted,
    "SHF.VERIFY": shuffler.ShufflerVerifyFailed,
    "SHF.OUT": shuffler.ShufflerDeckOut,
    "SHF.JAM": shuffler.ShufflerJam,
    "SHF.JAMCLR": shuffler.ShufflerJamCleared,
    "SHF.MISREAD": shuffler.ShufflerMisread,
    "SHF.LID": shuffler.ShufflerLid,
    "SHF.MODE": shuffler.ShufflerMode,
    "SHF.CIN": shuffler.ShufflerCardsIn,
    "SHF.COUT": shuffler.ShufflerCardsOut,
}

SNAPSHOTS: Mapping[str, type[TableStatement]] = {
    "SHF.CTR": table.DeviceCounters,
}

# Every statement names the boot already; the time since it is of use to the protocol only.
_NOT_FIELDS = frozenset({"boot", "up_ms"})

_UNLISTED = Code("", "unlisted")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A body, and what was odd about the message it came from."""

    body: TableStatement
    misread: tuple[str, ...] = ()
    unknown_code: str = ""


def normalise(heard: EventHeard | SnapshotHeard, device_class: str) -> Normalised:
    """The body of an event or a snapshot."""
    message = heard.message
    is_event = isinstance(heard, EventHeard)
    body = (EVENTS if is_event else SNAPSHOTS).get(message.code)
    row = _UNLISTED if body is None else CODES[message.code]
    fields, misread = _fields(heard.device, message, row, device_class)
    if isinstance(heard, EventHeard):
        fields |= {
            "device_sequence": message.sequence,
            "late": heard.late,
            "possibly_repeated": heard.possibly_repeated,
        }
    if body is None:
        vendor = table.VendorEvent if is_event else table.VendorSnapshot
        return Normalised(vendor.model_validate(fields | {"code": message.code}), unknown_code=message.code)
    if body is shuffler.ShufflerJam:
        fields["location_name"] = _location_name(fields.get("location"))
    return Normalised(body.model_validate(fields), misread)


def booted(heard: Booted) -> table.DeviceBooted:
    """The body of a boot. What the device says of itself is in its identity."""
    return table.DeviceBooted(
        serial=heard.device.serial, boot=heard.device.boot, witnessed=heard.message.code == "DEV.BOOT"
    )


def identified(heard: Identified) -> table.DeviceIdentified:
    """The body of an identity."""
    fields, _ = _fields(heard.device, heard.message, CODES["DEV.ID"], "")
    return table.DeviceIdentified.model_validate(fields | {"device_time": None})


def missing(heard: SequenceMissing) -> table.SequenceGap:
    """The body of a hole in a device's sequence."""
    return table.SequenceGap(
        serial=heard.device.serial if heard.device is not None else None,
        boot=heard.device.boot if heard.device is not None else None,
        first=heard.first,
        last=heard.last,
        count=ahead(heard.last, heard.first) + 1,
    )


def _fields(
    device: DeviceKey | None, message: Message, row: Code, device_class: str
) -> tuple[dict[str, object], tuple[str, ...]]:
    """The fields of a body by name, and the keys whose values are not written as the row says."""
    dropped = _dropped(message, row, device_class)
    read = read_values(row, {key: value for key, value in message.values.items() if key not in dropped})
    fields: dict[str, object] = {
        meaning: value for meaning, value in read.known.items() if meaning not in _NOT_FIELDS
    }
    fields |= {
        "serial": device.serial if device is not None else None,
        "boot": device.boot if device is not None else None,
        "unlisted": read.unlisted,
        "dropped_keys": tuple(sorted(dropped)),
    }
    return fields, read.misread


def _dropped(message: Message, row: Code, device_class: str) -> frozenset[str]:
    names = {key.wire for key in row.keys}
    common = {key.wire for key in COMMON_KEYS}
    listed = {key: value for key, value in message.values.items() if key in names}
    unlisted = {key: value for key, value in message.values.items() if key not in names | common}
    return screen(message.code, device_class, listed, unlisted)


def _location_name(location: object) -> str:
    if isinstance(location, int) and location < len(JAM_LOCATIONS):
        return JAM_LOCATIONS[location]
    return "unknown" if location is None else f"unknown_{location}"
