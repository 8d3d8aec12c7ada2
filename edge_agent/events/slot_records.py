"""What a gaming machine answered when it was asked about something it had told of.

An exception says that money moved or a state changed; the record says how much, or what it is now. Codes
are published by name, `unknown_0x..` where no table lists them. Validation numbers, registration keys,
transaction identifiers and receipt texts never leave: whoever has one can cash it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from edge_agent.events.base import Count, Credits, EventBody, Money

_MACHINE_TIME = "the machine's own clock, local and without a zone; null if it gave none"


class SlotRecord(EventBody):
    """What a machine answered to a question of its own."""

    possibly_repeated: bool = Field(
        description="it may have been journalled before: the collector was restarted, or the machine may"
        " have repeated the exception that made it ask"
    )

    @property
    def event_type(self) -> str:
        """`floor.slot.` and the name of the schema."""
        return f"floor.slot.{self.schema_name.removeprefix('slot-').replace('-', '_')}"


class HandpayRecorded(SlotRecord):
    """A handpay the machine has queued: what an attendant has to pay."""

    schema_name: ClassVar[str] = "slot-handpay-recorded"

    kind: str = Field(
        description="non_progressive_win, non_progressive_top_win, progressive_win, cancelled_credits"
    )
    level: int = Field(ge=0, le=255, description="1 to 32 for a progressive level")
    progressive_group: int = Field(ge=0, le=255, description="0 for a stand-alone or linked progressive")
    amount: Money | None = Field(description="null if the denomination is unknown")
    credits: Credits | None = Field(description="null where a progressive is in it: that is told in money")
    partial_pay: Credits = Field(description="paid to the credit meter already")
    reset: str = Field(description="attendant_reset_only or credit_meter_reset_available")


class ValidationRecorded(SlotRecord):
    """A ticket or a handpay the machine validated, without its number."""

    schema_name: ClassVar[str] = "slot-validation-recorded"

    kind: str = Field(description="what was validated, e.g. cashable_ticket")
    amount: Money
    machine_time: str | None = Field(description=_MACHINE_TIME)


class CashOutRequested(SlotRecord):
    """The machine waits for a validation number before it pays out."""

    schema_name: ClassVar[str] = "slot-cash-out-requested"

    kind: str = Field(description="cashable_ticket or restricted_ticket")
    amount: Money


class TicketInEscrow(SlotRecord):
    """A ticket lies in the acceptor and waits for its verdict."""

    schema_name: ClassVar[str] = "slot-ticket-in-escrow"

    amount: Money | None = Field(description="null where the machine does not know it")


class TicketRedemption(SlotRecord):
    """What became of a ticket that was put in."""

    schema_name: ClassVar[str] = "slot-ticket-redemption"

    status: str
    amount: Money | None = Field(description="null where the machine gave none")


class AftTransferRecorded(SlotRecord):
    """What became of an electronic transfer."""

    schema_name: ClassVar[str] = "slot-aft-transfer-recorded"

    status: str
    kind: str = Field(description="what moved where, e.g. in_house_to_machine")
    cashable: Money
    restricted: Money
    nonrestricted: Money
    machine_time: str | None = Field(description=_MACHINE_TIME)


class AftRegistered(SlotRecord):
    """How the machine is registered for electronic transfers."""

    schema_name: ClassVar[str] = "slot-aft-registration"

    status: str
    asset_number: Count = Field(description="0 for none")


class AftState(SlotRecord):
    """What the machine can transfer now, and whether it is locked for it."""

    schema_name: ClassVar[str] = "slot-aft-state"

    lock: str
    asset_number: Count = Field(description="0 for none")
    available_transfers: tuple[str, ...]
    host_cash_out: tuple[str, ...]
    abilities: tuple[str, ...]
    cashable: Money
    restricted: Money
    nonrestricted: Money
    transfer_limit: Money


class ProgressiveWinRecorded(SlotRecord):
    """A progressive level was won."""

    schema_name: ClassVar[str] = "slot-progressive-win-recorded"

    source: Literal["machine", "sas", "controller"] = Field(
        description="machine: paid by it; sas: on a level a SAS host feeds; controller: on another level"
    )
    group: int = Field(ge=0, le=255)
    level: int = Field(ge=0, le=255)
    amount: Money
    base: Money | None = Field(description="what the level begins with again; null if not told")


class BonusRecorded(SlotRecord):
    """A legacy bonus that was paid, read after a one-byte exception that could not carry it."""

    schema_name: ClassVar[str] = "slot-bonus-recorded"

    multiplier: int = Field(ge=0, le=255)
    multiplied_win: Credits
    bonus: Credits
    tax_status: int = Field(ge=0, le=255, description="0 deductible, 1 non-deductible, 2 wager match")


class SelectedGame(SlotRecord):
    """The game the player has before him."""

    schema_name: ClassVar[str] = "slot-selected-game"

    game: Count = Field(description="0 for the menu")


class Authentication(SlotRecord):
    """What the machine says of its components: how many there are, or what one was authenticated as."""

    schema_name: ClassVar[str] = "slot-authentication"

    status: str
    component_list_crc: str = Field(description="changes when a component does")
    component: str | None
    method: str | None
    result: str | None = Field(description="the digest, in hex")
