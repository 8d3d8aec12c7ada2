"""What a gaming machine tells us: exceptions, real-time events, meters, identity, variances."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from edge_agent.events.base import Count, Credits, EventBody, Money, Strict

SnapshotReason = Literal[
    "start",
    "game_end",
    "door",
    "drop",
    "reboot",
    "overflow",
    "link_recovery",
    "money",
    "handpay",
    "configuration",
    "meter_change",
    "session_start",
    "session_end",
    "gaming_day",
    "interval",
    "command",
    "stop",
    "backwards",
]

MeterUnit = Literal["credits", "minor", "count", "percent_hundredths", "currency_units"]

# What a meter did since the last settled reading of the same epoch. See docs/meters.md.
MeterChange = Literal["first", "rose", "rolled_over", "backwards", "began_again", "level", "unsettled"]

EpochCause = Literal["ram_clear", "denomination_change", "another_machine"]

VarianceCause = Literal["unknown", "overflow", "memory_error", "power_cycle"]


class SlotException(EventBody):
    """A machine answered with an exception that carries no data of its own."""

    schema_name: ClassVar[str] = "slot-exception"

    code: str = Field(pattern="^0x[0-9a-f]{2}$", description="SAS exception code")
    name: str = Field(description="unknown_0x.. for a code no table lists")
    category: str
    real_time: bool = Field(description="reported as a real-time event rather than a one-byte exception")
    possibly_repeated: bool = Field(
        description="the machine may have repeated an exception already journalled; the meters settle it"
    )

    @property
    def event_type(self) -> str:
        """`floor.slot.` and the name of the exception."""
        return f"floor.slot.{self.name}"


class GameStarted(SlotException):
    """A game began, with its wager (real-time events)."""

    schema_name: ClassVar[str] = "slot-game-started"

    wager: Credits
    coin_in_credits: Count = Field(description="the coin-in meter after the bet, in accounting credits")
    max_bet: bool
    progressive_group: int = Field(ge=0, le=255, description="0 for none")


class GameEnded(SlotException):
    """A game ended, with its win (real-time events)."""

    schema_name: ClassVar[str] = "slot-game-ended"

    win: Credits


class BillAccepted(SlotException):
    """A bill went into the acceptor, with what it is worth (real-time events)."""

    schema_name: ClassVar[str] = "slot-bill-accepted"

    bill: Money | None = Field(description="null for a denomination code no table lists")
    denomination_code: int = Field(ge=0, le=99)
    country: str
    country_code: int = Field(ge=0, le=99)
    count: Count = Field(description="bills of this denomination accepted in the machine's life")


class BonusPaid(SlotException):
    """A legacy bonus was paid or a jackpot multiplied (real-time events)."""

    schema_name: ClassVar[str] = "slot-bonus-paid"

    multiplier: int = Field(ge=0, le=255)
    multiplied_win: Credits
    bonus: Credits
    tax_status: int = Field(ge=0, le=255, description="0 deductible, 1 non-deductible, 2 wager match")


class ReelStopped(SlotException):
    """A physical reel stopped (real-time events)."""

    schema_name: ClassVar[str] = "slot-reel-stopped"

    reel: int | None = Field(description="1 to 9; null where the machine sent no data")
    stop: int | None = Field(description="null if unknown")


class GameRecalled(SlotException):
    """Somebody looked at the record of an earlier game (real-time events)."""

    schema_name: ClassVar[str] = "slot-game-recalled"

    game: Count
    entry: Count


class CardHeld(SlotException):
    """The player held or released a card (real-time events)."""

    schema_name: ClassVar[str] = "slot-card-held"

    card: int = Field(ge=0, le=127)
    held: bool


class GameSelected(SlotException):
    """The player chose a game (real-time events)."""

    schema_name: ClassVar[str] = "slot-game-selected"

    game: Count = Field(description="0 for the menu")


class TicketRecorded(EventBody):
    """The amount of the cash-out ticket just printed; its number is as good as cash and is not read."""

    schema_name: ClassVar[str] = "slot-ticket-recorded"
    type_name: ClassVar[str] = "floor.slot.ticket_recorded"

    amount: Money


class BillRecorded(EventBody):
    """The last bill accepted, read after a one-byte exception that could not carry it."""

    schema_name: ClassVar[str] = "slot-bill-recorded"
    type_name: ClassVar[str] = "floor.slot.bill_recorded"

    bill: Money | None
    denomination_code: int = Field(ge=0, le=99)
    country: str
    country_code: int = Field(ge=0, le=99)
    count: Count


class Meter(Strict):
    """One meter as the machine gave it, and what it rose by."""

    name: str
    code: str | None = Field(default=None, description="SAS meter code, e.g. 0x00 for coin-in")
    value: Count = Field(description="the digits on the wire")
    digits: int = Field(ge=1, le=18, description="it rolls over at 10 to this power")
    unit: MeterUnit
    money: Money | None = Field(default=None, description="the value as money, where it is some")
    change: MeterChange = Field(
        description="first: nothing to compare with; rose, or rolled_over once; backwards: lower without a"
        " reason, not counted yet; began_again: it stayed lower and counts from here; level: it goes up and"
        " down; unsettled: not compared"
    )
    delta: Count | None = Field(
        description="what it rose by since the last settled reading, which was value - delta modulo"
        " 10 ** digits; null unless it rose or rolled over"
    )


class MetersRead(EventBody):
    """Meters read together, between games."""

    schema_name: ClassVar[str] = "slot-meters"
    type_name: ClassVar[str] = "floor.slot.meters_read"

    reason: SnapshotReason
    denomination: str | None = Field(description="accounting denomination in currency units")
    epoch: Count = Field(
        description="rises when the machine's meters were cleared or its denomination changed"
    )
    settled: bool = Field(description="coin-in did not move while the meters were read")
    meters: tuple[Meter, ...]


class PartMetersRead(EventBody):
    """The meters of one game, or of one player denomination, of a machine that has several."""

    schema_name: ClassVar[str] = "slot-part-meters"
    type_name: ClassVar[str] = "floor.slot.part_meters_read"

    game: Count | None = Field(description="its number in the machine; null for all games")
    denomination: str | None = Field(description="player denomination in currency units; null for all")
    paytable_id: str | None = Field(
        description="of the game when it was read: with another one, its meters are another game's"
    )
    accounting_denomination: str | None = Field(description="what a credit of these meters is worth")
    epoch: Count = Field(description="as in slot-meters")
    meters: tuple[Meter, ...]


class MeterEpochBegan(EventBody):
    """A machine's meters begin again, or count in another unit: no difference reaches back beyond this."""

    schema_name: ClassVar[str] = "slot-meter-epoch-began"
    type_name: ClassVar[str] = "floor.slot.meter_epoch_began"

    epoch: Count = Field(description="of the readings from here on")
    cause: EpochCause
    evidence: tuple[str, ...] = Field(
        description="what shows it: names of exceptions, all_meters_near_zero, meter_fell, serial_number,"
        " denomination"
    )
    denomination: str | None = Field(description="accounting denomination from here on, in currency units")
    denomination_before: str | None


class MeterBackwards(EventBody):
    """A meter reads less than before, and nothing explains it: what it rose by in between is not known."""

    schema_name: ClassVar[str] = "slot-meter-backwards"
    type_name: ClassVar[str] = "floor.slot.meter_backwards"

    meter: str
    unit: MeterUnit
    digits: int = Field(ge=1, le=18)
    before: Count
    after: Count
    epoch: Count
    game: Count | None = Field(description="the game whose meter it is; null for the whole machine")
    denomination: str | None = Field(
        description="the player denomination whose meter it is; null for all of them"
    )


class MeterVariance(EventBody):
    """The events between two snapshots do not explain a meter: one was lost, forged or repeated."""

    schema_name: ClassVar[str] = "slot-meter-variance"
    type_name: ClassVar[str] = "floor.slot.meter_variance"

    meter: str
    unit: Literal["credits", "minor", "count"]
    before: Count
    after: Count
    explained: int = Field(description="by the events journalled between the two snapshots")
    unexplained: int = Field(description="what the meter rose by, less what is explained")
    likely_cause: VarianceCause = Field(
        default="unknown",
        description="what the machine said in between that would account for it; unknown if nothing",
    )


class SequenceViolation(EventBody):
    """A machine said what cannot come next: something before it was lost, or the machine is at fault."""

    schema_name: ClassVar[str] = "slot-sequence-violation"
    type_name: ClassVar[str] = "floor.slot.sequence.violation"

    sequence: str = Field(description="what it is about, e.g. slot_door; see docs/conditions.md")
    state: str = Field(description="in which it was as far as the machine had said")
    happened: str = Field(description="the exception that does not fit, or the meter that rose without one")
    code: str | None = Field(
        pattern="^0x[0-9a-f]{2}$", description="of the exception; null where a meter shows it"
    )
    expected: tuple[str, ...] = Field(description="the exceptions that could have come instead")


class GameIdentified(Strict):
    """One of the games of a machine. A field is null where the machine did not say."""

    game: Count = Field(description="its number on the machine")
    name: str | None
    paytable_id: str | None
    paytable_name: str | None
    denomination: str | None = Field(description="in currency units")
    denominations: tuple[str, ...] = Field(description="those it can be played in, in currency units")
    max_bet: int | None
    base_percent_hundredths: int | None = Field(description="theoretical payback at the least bet")
    progressive_group: int | None
    wager_categories: int | None


class MachineIdentified(EventBody):
    """What a machine says it is. A field is null where it did not answer."""

    schema_name: ClassVar[str] = "slot-identity"
    type_name: ClassVar[str] = "floor.slot.identified"

    sas_version: str | None
    serial_number: str | None
    game_id: str | None
    additional_id: str | None
    denomination: str | None = Field(description="accounting denomination in currency units")
    max_bet: int | None
    progressive_group: int | None
    paytable_id: str | None
    base_percent_hundredths: int | None
    games_implemented: int | None
    enabled_games: tuple[int, ...] | None = Field(description="numbers of the games that can be played")
    games: tuple[GameIdentified, ...] = Field(description="the first of them, each as the machine tells it")
    player_denomination: str | None = Field(description="what the player plays in now, in currency units")
    player_denominations: tuple[str, ...]
    token_denomination: str | None
    asset_number: int | None = Field(description="0 for none")
    validation: str | None = Field(description="how it validates tickets: standard, system, secure_enhanced")
    ticket_functions: tuple[str, ...]
    hopper: str | None
    clock_offset_seconds: int | None = Field(
        description="by how much the machine's clock was ahead of the site's when it was asked"
    )
    features: tuple[str, ...] = Field(description="names of the feature bits that are set")
    unsupported_polls: tuple[str, ...] = Field(
        description="long polls the machine does not answer, e.g. 0xb5"
    )
    vendor_profile: str | None = Field(description="the profile by whose quirks it is treated; null for none")
