"""What a table device tells us, shufflers first: cycles, jams, counters, faults, visits.

What a device raised carries its serial number, its boot counter and `device_sequence`: by these
three it is one event for ever, however often it was heard. Snapshots and identities, which
consume no sequence, carry the first two.

Never here: the order, faces or images of cards. Counts and pass or fail are all a shuffler has
to say before play.
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


class ShufflerEvent(TableEvent):
    """What every event about a deck in a shuffler has."""

    batch: str | None = Field(default=None, description="the device's name for these cards and this cycle")


class ShufflerDeckIn(ShufflerEvent):
    """Cards went in."""

    schema_name: ClassVar[str] = "table-shuffler-deck-in"

    decks: Count | None = None
    expected_cards: Count | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_deck_in`."""
        return "floor.table.shuffler_deck_in"


class ShufflerStarted(ShufflerEvent):
    """A shuffle began."""

    schema_name: ClassVar[str] = "table-shuffler-started"

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_started`."""
        return "floor.table.shuffler_started"


class ShufflerCompleted(ShufflerEvent):
    """A shuffle ended, well or not."""

    schema_name: ClassVar[str] = "table-shuffler-completed"

    duration_ms: Count | None = None
    cards_counted: Count | None = None
    expected_cards: Count | None = None
    result: str | None = Field(
        default=None, description="OK, COUNT_HIGH, COUNT_LOW, VERIFY_FAIL, ABORTED, or the device's own word"
    )
    retries: Count | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_completed`."""
        return "floor.table.shuffler_completed"


class ShufflerVerifyFailed(ShufflerEvent):
    """The deck is not what it should be; how many cards are wrong, never which."""

    schema_name: ClassVar[str] = "table-shuffler-verify-failed"

    missing_count: Count | None = None
    extra_count: Count | None = None
    misread_count: Count | None = None
    wrong_back_count: Count | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_verify_failed`."""
        return "floor.table.shuffler_verify_failed"


class ShufflerDeckOut(ShufflerEvent):
    """Cards were taken out."""

    schema_name: ClassVar[str] = "table-shuffler-deck-out"

    wait_ms: Count | None = Field(default=None, description="how long they had been ready")

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_deck_out`."""
        return "floor.table.shuffler_deck_out"


class ShufflerJam(ShufflerEvent):
    """A card is stuck."""

    schema_name: ClassVar[str] = "table-shuffler-jam"

    location: Count | None = Field(
        default=None, description="0 to 9 of the jam locations; others are the device's"
    )
    location_name: str = Field(description="unknown where no table lists the location")
    at_card: Count | None = None
    attempt: Count | None = None
    code: str | None = Field(default=None, description="the device's own code")

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_jam`."""
        return "floor.table.shuffler_jam"


class ShufflerJamCleared(ShufflerEvent):
    """A jam is over."""

    schema_name: ClassVar[str] = "table-shuffler-jam-cleared"

    auto: bool | None = Field(default=None, description="the device cleared it by itself")
    downtime_ms: Count | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_jam_cleared`."""
        return "floor.table.shuffler_jam_cleared"


class ShufflerMisread(ShufflerEvent):
    """Cards were not recognised."""

    schema_name: ClassVar[str] = "table-shuffler-misread"

    count: Count | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_misread`."""
        return "floor.table.shuffler_misread"


class ShufflerLid(TableEvent):
    """The lid was opened or closed."""

    schema_name: ClassVar[str] = "table-shuffler-lid"

    open: bool | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_lid`."""
        return "floor.table.shuffler_lid"


class ShufflerMode(TableEvent):
    """The way it shuffles was changed."""

    schema_name: ClassVar[str] = "table-shuffler-mode"

    mode: str | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_mode`."""
        return "floor.table.shuffler_mode"


class ShufflerCardsIn(TableEvent):
    """Cards went into a continuous shuffler, at most once a round."""

    schema_name: ClassVar[str] = "table-shuffler-cards-in"

    count: Count | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_cards_in`."""
        return "floor.table.shuffler_cards_in"


class ShufflerCardsOut(TableEvent):
    """Cards came out of a continuous shuffler, at most once a round."""

    schema_name: ClassVar[str] = "table-shuffler-cards-out"

    count: Count | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.shuffler_cards_out`."""
        return "floor.table.shuffler_cards_out"


class DeviceBooted(TableStatement):
    """The device has booted since it was last heard; its sequence begins again."""

    schema_name: ClassVar[str] = "table-device-booted"

    witnessed: bool = Field(
        description="it said so itself; else its boot counter had risen when it was heard again"
    )

    @property
    def event_type(self) -> str:
        """`floor.table.device_booted`."""
        return "floor.table.device_booted"


class DeviceIdentified(TableStatement):
    """What the device says it is, at the start and when it changes."""

    schema_name: ClassVar[str] = "table-device-identified"

    device_class: str | None = Field(default=None, description="SHF for a shuffler")
    maker: str | None = None
    model: str | None = None
    firmware: str | None = None
    firmware_hash: str | None = None
    settable_clock: bool | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.device_identified`."""
        return "floor.table.device_identified"


class DeviceFault(TableEvent):
    """The device has a fault."""

    schema_name: ClassVar[str] = "table-device-fault"

    code: str | None = None
    severity: Count | None = Field(default=None, description="0 information, 1 warning, 2 error, 3 critical")
    text: str | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.device_fault`."""
        return "floor.table.device_fault"


class DeviceFaultCleared(TableEvent):
    """A fault is over."""

    schema_name: ClassVar[str] = "table-device-fault-cleared"

    code: str | None = None
    severity: Count | None = None
    text: str | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.device_fault_cleared`."""
        return "floor.table.device_fault_cleared"


class DeviceDoor(TableEvent):
    """A door of the device was opened or closed."""

    schema_name: ClassVar[str] = "table-device-door"

    open: bool | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.device_door`."""
        return "floor.table.device_door"


class DevicePower(TableEvent):
    """The device's supply changed."""

    schema_name: ClassVar[str] = "table-device-power"

    on: bool | None = None
    source: str | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.device_power`."""
        return "floor.table.device_power"


class DeviceEventsLost(TableEvent):
    """The device had no room left and overwrote events nobody had acknowledged."""

    schema_name: ClassVar[str] = "table-device-events-lost"

    count: Count | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.device_events_lost`."""
        return "floor.table.device_events_lost"


class DeviceServiced(TableEvent):
    """A technician worked on the device: the label a model of wear learns from."""

    schema_name: ClassVar[str] = "table-device-serviced"

    kind: str | None = Field(
        default=None, description="clean, roller, belt, sensor, full, or the device's own word"
    )
    technician: str | None = Field(default=None, description="a reference, not a name")
    counters_reset: bool | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.device_serviced`."""
        return "floor.table.device_serviced"


class DeviceTemperature(TableEvent):
    """The device reports a temperature by itself."""

    schema_name: ClassVar[str] = "table-device-temperature"

    temperature_c: float | None = None
    location: str | None = None

    @property
    def event_type(self) -> str:
        """`floor.table.device_temperature`."""
        return "floor.table.device_temperature"


class DeviceCounters(TableStatement):
    """Totals and condition, at boot, every ten minutes and on request. Null is not reported."""

    schema_name: ClassVar[str] = "table-device-counters"

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

    @property
    def event_type(self) -> str:
        """`floor.table.device_counters`."""
        return "floor.table.device_counters"


class CountersReset(TableStatement):
    """A total that only rises has fallen, and no service said why."""

    schema_name: ClassVar[str] = "table-counters-reset"

    counter: str
    before: Count
    after: Count

    @property
    def event_type(self) -> str:
        """`floor.table.counters_reset`."""
        return "floor.table.counters_reset"


class SequenceGap(TableStatement):
    """Events the device raised and we never heard, although it had time to repeat them."""

    schema_name: ClassVar[str] = "table-sequence-gap"

    first: DeviceSequence
    last: DeviceSequence
    count: Count = Field(description="how many are missing")

    @property
    def event_type(self) -> str:
        """`floor.table.sequence_gap`."""
        return "floor.table.sequence_gap"


class VendorEvent(TableEvent):
    """An event no table lists, as it came."""

    schema_name: ClassVar[str] = "table-vendor-event"

    code: str = Field(description="as the device sent it, e.g. RLT.RESULT")

    @property
    def event_type(self) -> str:
        """`floor.table.vendor_event`."""
        return "floor.table.vendor_event"


class VendorSnapshot(TableStatement):
    """A state no table lists, which a device repeats, as it came."""

    schema_name: ClassVar[str] = "table-vendor-snapshot"

    code: str = Field(description="as the device sent it, e.g. SHO.CTR")

    @property
    def event_type(self) -> str:
        """`floor.table.vendor_snapshot`."""
        return "floor.table.vendor_snapshot"
