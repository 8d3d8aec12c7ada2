"""From what a TDL/1 device says to the published language: one row a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.drivers.tdl1.privacy import screen
from edge_agent.events import table
from edge_agent.events.table import Origin, TableEvent
from edge_agent.tdl1 import Booted, DeviceKey, EventHeard, Identified, Kind, Message, SnapshotHeard
from edge_agent.tdl1.codes import CODES, JAM_LOCATIONS, Code, Read, TypedValue, read_values

# Which body each code becomes. Their fields are named as the vocabulary's meanings are.
BODIES: Mapping[str, type[TableEvent]] = {
    "DEV.FAULT": table.DeviceFault,
    "DEV.CLEAR": table.DeviceFaultCleared,
    "DEV.DOOR": table.DeviceDoor,
    "DEV.POWER": table.DevicePower,
    "DEV.LOST": table.DeviceEventsLost,
    "DEV.SERVICE": table.DeviceServiced,
    "DEV.TEMP": table.DeviceTemperature,
    "SHF.DECK_IN": table.ShufflerDeckIn,
    "SHF.START": table.ShufflerStarted,
    "SHF.DONE": table.ShufflerCompleted,
    "SHF.VERIFY": table.ShufflerVerifyFailed,
    "SHF.OUT": table.ShufflerDeckOut,
    "SHF.JAM": table.ShufflerJam,
    "SHF.JAMCLR": table.ShufflerJamCleared,
    "SHF.MISREAD": table.ShufflerMisread,
    "SHF.LID": table.ShufflerLid,
    "SHF.MODE": table.ShufflerMode,
    "SHF.CIN": table.ShufflerCardsIn,
    "SHF.COUT": table.ShufflerCardsOut,
    "SHF.CTR": table.DeviceCounters,
}

# Said by every event in its origin, or of no use to anybody but the protocol.
_NOT_FIELDS = frozenset({"boot", "up_ms"})

_UNLISTED_CODE = Code("", "unlisted")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A body, and what was odd about the message it came from."""

    body: TableEvent
    misread: tuple[str, ...] = ()
    unknown_code: str = ""


def normalise(heard: EventHeard | SnapshotHeard, device_class: str) -> Normalised:
    """The body of an event or a snapshot."""
    message = heard.message
    body = BODIES.get(message.code)
    row = CODES[message.code] if body is not None else _UNLISTED_CODE
    values, dropped = _screened(message, row, device_class)
    read = read_values(row, values)
    fields = _common(heard.device, message, read) | {"dropped_keys": dropped}
    if isinstance(heard, EventHeard):
        fields |= {"late": heard.late, "possibly_repeated": heard.possibly_repeated}
    if body is None:
        fields |= {"code": message.code, "snapshot": message.kind is Kind.SNAPSHOT}
        vendor = table.VendorEvent.model_validate(fields)
        return Normalised(vendor, read.misread, unknown_code=message.code)
    fields |= {meaning: value for meaning, value in read.known.items() if meaning not in _NOT_FIELDS}
    if body is table.ShufflerJam:
        fields["location_name"] = _location_name(read.known.get("location"))
    return Normalised(body.model_validate(fields), read.misread)


def booted(heard: Booted) -> TableEvent:
    """The body of a boot."""
    read = read_values(CODES["DEV.BOOT"], heard.message.values)
    fields = _common(heard.device, heard.message, read) | {"witnessed": heard.message.code == "DEV.BOOT"}
    return table.DeviceBooted.model_validate(fields | {"unlisted": {}})


def identified(heard: Identified) -> table.DeviceIdentified:
    """The body of an identity."""
    row = CODES["DEV.ID"]
    values, dropped = _screened(heard.message, row, "SHF")
    read = read_values(row, values)
    fields = _common(heard.device, heard.message, read) | {"dropped_keys": dropped}
    fields |= {meaning: value for meaning, value in read.known.items() if meaning not in _NOT_FIELDS}
    return table.DeviceIdentified.model_validate(fields)


def _screened(message: Message, row: Code, device_class: str) -> tuple[dict[str, str], tuple[str, ...]]:
    names = {key.wire for key in row.keys}
    listed = {key: value for key, value in message.values.items() if key in names}
    unlisted = {
        key: value for key, value in message.values.items() if key not in names | {"ts", "up", "boot"}
    }
    dropped = screen(message.code, device_class, listed, unlisted)
    kept = {key: value for key, value in message.values.items() if key not in dropped}
    return kept, tuple(sorted(dropped))


def _common(device: DeviceKey | None, message: Message, read: Read) -> dict[str, object]:
    return {
        "origin": Origin(
            serial=device.serial if device is not None else None,
            boot=device.boot if device is not None else None,
            sequence=message.sequence,
        ),
        "device_time": read.known.get("device_time"),
        "unlisted": read.unlisted,
    }


def _location_name(location: TypedValue | None) -> str:
    if isinstance(location, int) and location < len(JAM_LOCATIONS):
        return JAM_LOCATIONS[location]
    return "unknown" if location is None else f"unknown_{location}"
