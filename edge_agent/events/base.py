"""What every published event shares: strict models at the border, money in whole minor units.

An `EventBody` is the `data` of a CloudEvent. It knows its `type` and the name of its JSON
Schema; `EVENT_BODIES` in `edge_agent.events.catalogue` lists them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

# Denominations go down to 0.0005 of a currency unit (SAS table 6.1), so they are whole numbers of this.
TEN_THOUSANDTHS = 10_000

Count = Annotated[int, Field(ge=0)]
CurrencyCode = Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217")]


class Strict(BaseModel):
    """A frozen model that takes no unknown field and converts nothing silently."""

    # What a model refuses it does not quote: the fault is logged, and it may be a ticket's number.
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class Money(Strict):
    """An amount of money, whole."""

    minor: int = Field(description="in minor units of the currency (cents)")
    currency: CurrencyCode


class Credits(Strict):
    """An amount of play: credits of a denomination, and the money they are, where that is whole."""

    credits: int
    denomination: str | None = Field(
        description="value of one credit in currency units, exact decimal; null if unknown"
    )
    money: Money | None = Field(
        description="null if the denomination is unknown or the amount is not whole minor units"
    )


class EventBody(Strict):
    """The `data` of one CloudEvent."""

    schema_name: ClassVar[str]
    type_name: ClassVar[str]  # may be left out by a body whose type depends on what happened

    @property
    def event_type(self) -> str:
        """The CloudEvents `type`."""
        return self.type_name


@dataclass(frozen=True, slots=True)
class Observation:
    """Something a device told us, at a monotonic moment, not yet in an envelope."""

    subject: str
    at: float  # monotonic seconds
    body: EventBody


def money_of(amount: int, ten_thousandths: int, currency: str, minor_units: int = 2) -> Money | None:
    """Money for `amount` pieces worth `ten_thousandths` of a currency unit each; None if not whole.

    >>> money_of(25, 100, "USD")
    Money(minor=25, currency='USD')
    >>> money_of(1, 5, "USD") is None
    True
    """
    minor, remainder = divmod(amount * ten_thousandths * 10**minor_units, TEN_THOUSANDTHS)
    return None if remainder else Money(minor=minor, currency=currency)


def credits_of(amount: int, ten_thousandths: int | None, currency: str, minor_units: int = 2) -> Credits:
    """`amount` credits of a denomination given in ten-thousandths of a currency unit, None if unknown."""
    if ten_thousandths is None:
        return Credits(credits=amount, denomination=None, money=None)
    return Credits(
        credits=amount,
        denomination=f"{(Decimal(ten_thousandths) / TEN_THOUSANDTHS).normalize():f}",
        money=money_of(amount, ten_thousandths, currency, minor_units),
    )
