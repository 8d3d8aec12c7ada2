"""What a table device tells us, whatever it is: counters, faults, doors, visits, and what no table lists.

What a device raised carries its serial number, its boot counter and `device_sequence`: by these
three it is one event for ever, however often it was heard. Snapshots and identities, which
consume no sequence, carry the first two.

Never here: the order, faces or images of cards.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from edge_agent.events.base import Count, EventBody

Unlisted = dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,15}$")], str]

DeviceSequence = Annotated[int, Field(ge=1, le=0xFFFF)]


class TableStatement(EventBody):
    """What everything a table device says has in common."""

    serial: str | None = Field(description="the device's; null where it has not said it")
    boot: Count | None = Field(description="the device's boot counter; null where it has not said it")
    device_time: str | None = Field(
        default=None, description="UTC by the device's own clock; null if it gave none"
    )
    unlisted: Unlisted = Field(default_factory=dict, description="keys the vocabulary does not list, as sent")
    dropped_keys: tuple[str, ...] = Field(
        default=(), description="keys the device sent whose values may not leave a table"
    )


class TableEvent(TableStatement):
    """Something that happened at a table device."""

    device_sequence: DeviceSequence = Field(
        description="rises by one for each event; 1 follows 65535, and a boot"
    )
    late: bool = Field(default=False, description="a younger event of the device was heard before it")
    possibly_repeated: bool = Field(
        default=False,
        description="it may be in the record already; serial, boot and device_sequence tell",
    )


class DeviceBooted(TableStatement):
    """The device has booted since it was last heard; its sequence begins again."""

    schema_name: ClassVar[str] = "table-device-booted"
    type_name: ClassVar[str] = "floor.table.device_booted"

    witnessed: bool = Field(
        description="it said so itself; else its boot counter had risen when it was heard again"
    )


class DeviceIdentified(TableStatement):
    """What the device says it is, at the start and when it changes."""

    schema_name: ClassVar[str] = "table-device-identified"
    type_name: ClassVar[str] = "floor.table.device_identified"

    device_class: str | None = Field(default=None, description="SHF for a shuffler")
    maker: str | None = None
    model: str | None = None
    firmware: str | None = None
    firmware_hash: str | None = None
    settable_clock: bool | None = None


class DeviceFault(TableEvent):
    """The device has a fault."""

    schema_name: ClassVar[str] = "table-device-fault"
    type_name: ClassVar[str] = "floor.table.device_fault"

    code: str | None = None
    severity: Count | None = Field(default=None, description="0 information, 1 warning, 2 error, 3 critical")
    text: str | None = None


class DeviceFaultCleared(TableEvent):
    """A fault is over."""

    schema_name: ClassVar[str] = "table-device-fault-cleared"
    type_name: ClassVar[str] = "floor.table.device_fault_cleared"

    code: str | None = None
    severity: Count | None = None
    text: str | None = None


class DeviceDoor(TableEvent):
    """A door of the device was opened or closed."""

    schema_name: ClassVar[str] = "table-device-door"
    type_name: ClassVar[str] = "floor.table.device_door"

    open: bool | None = None


class DevicePower(TableEvent):
    """The device's supply changed."""

    schema_name: ClassVar[str] = "table-device-power"
    type_name: ClassVar[str] = "floor.table.device_power"

    on: bool | None = None
    source: str | None = None


class DeviceEventsLost(TableEvent):
    """The device had no room left and overwrote events nobody had acknowledged."""

    schema_name: ClassVar[str] = "table-device-events-lost"
    type_name: ClassVar[str] = "floor.table.device_events_lost"

    count: Count | None = None


class DeviceServiced(TableEvent):
    """A technician worked on the device: the label a model of wear learns from."""

    schema_name: ClassVar[str] = "table-device-serviced"
    type_name: ClassVar[str] = "floor.table.device_serviced"

    kind: str | None = Field(
        default=None, description="clean, roller, belt, sensor, full, or the device's own word"
    )
    technician: str | None = Field(default=None, description="a reference, not a name")
    counters_reset: bool | None = None


class DeviceTemperature(TableEvent):
    """The device reports a temperature by itself."""

    schema_name: ClassVar[str] = "table-device-temperature"
    type_name: ClassVar[str] = "floor.table.device_temperature"

    temperature_c: float | None = None
    location: str | None = None


class DeviceCounters(TableStatement):
    """Totals and condition, at boot, every ten minutes and on request. Null is not reported."""

    schema_name: ClassVar[str] = "table-device-counters"
    type_name: ClassVar[str] = "floor.table.device_counters"

    cycles: Count | None = None
    cycles_since_service: Count | None = None
    cards: Count | None = None
    jams: Count | None = None
    misreads: Count | None = None
    run_hours: Count | None = None
    power_ons: Count | None = None
    temperature_c: float | None = None
    motor_current_a: float | None = Field(default=None, description="mean")
    motor_current_peak_a: float | None = None
    roller_wear_percent: float | None = None
    fan_rpm: Count | None = None
    supply_v: float | None = None
    vibration_g: float | None = None
    camera_gain: float | None = None


class CountersReset(TableStatement):
    """A total that only rises has fallen, and no service said why."""

    schema_name: ClassVar[str] = "table-counters-reset"
    type_name: ClassVar[str] = "floor.table.counters_reset"

    counter: str
    before: Count
    after: Count


class SequenceGap(TableStatement):
    """Events the device raised and we never heard, although it had time to repeat them."""

    schema_name: ClassVar[str] = "table-sequence-gap"
    type_name: ClassVar[str] = "floor.table.sequence_gap"

    first: DeviceSequence
    last: DeviceSequence
    count: Count = Field(description="how many are missing")


class VendorEvent(TableEvent):
    """An event no table lists, as it came."""

    schema_name: ClassVar[str] = "table-vendor-event"
    type_name: ClassVar[str] = "floor.table.vendor_event"

    code: str = Field(description="as the device sent it, e.g. RLT.RESULT")


class VendorSnapshot(TableStatement):
    """A state no table lists, which a device repeats, as it came."""

    schema_name: ClassVar[str] = "table-vendor-snapshot"
    type_name: ClassVar[str] = "floor.table.vendor_snapshot"

    code: str = Field(description="as the device sent it, e.g. SHO.CTR")
