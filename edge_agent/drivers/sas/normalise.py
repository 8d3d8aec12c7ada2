"""Normalise: from an exception to the event that is published, by a table.

Exceptions that carry data of their own with real-time events on have a row; all others become a
plain `SlotException`. So does one whose data did not come: what was not said is not made
up, and a code no table lists travels through as itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edge_agent.events import Credits, Money, credits_of
from edge_agent.events.slot import (
    BillAccepted,
    BillRecorded,
    BonusPaid,
    CardHeld,
    GameEnded,
    GameRecalled,
    GameSelected,
    GameStarted,
    ReelStopped,
    SlotException,
    TicketRecorded,
)
from edge_agent.sas.code_tables import BILL_DENOMINATIONS, COUNTRIES, DENOMINATIONS
from edge_agent.sas.exception_codes import EXCEPTIONS, exception_name
from edge_agent.sas.host_events import ExceptionReported
from edge_agent.station import DeviceIdentity

UNKNOWN_CATEGORY = "unknown"

# Event 7E, wager type.
MAX_BET, DENOMINATION_GIVEN, DENOMINATION_CODE = 0x80, 0x40, 0x3F
# Event 88, stop; event 8B, card.
STOP_UNKNOWN = 0xFF
HELD, CARD_NUMBER = 0x80, 0x7F


@dataclass(frozen=True, slots=True)
class MoneyRules:
    """What an amount of a machine is worth."""

    currency: str
    minor_units: int
    denomination: int | None  # accounting denomination, in ten-thousandths of a currency unit

    @classmethod
    def of(cls, identity: DeviceIdentity, denomination: int | None) -> MoneyRules:
        """The rules at one machine."""
        return cls(identity.currency, identity.minor_units, denomination)

    def credits(self, amount: int) -> Credits:
        """Accounting credits."""
        return self.credits_at(amount, self.denomination)

    def credits_at(self, amount: int, denomination: int | None) -> Credits:
        """Credits of another denomination."""
        return credits_of(amount, denomination, self.currency, self.minor_units)

    def minor(self, amount: int) -> Money:
        """Minor units."""
        return Money(minor=amount, currency=self.currency)

    def units(self, amount: int | None) -> Money | None:
        """Whole currency units, as bills are."""
        return None if amount is None else self.minor(amount * 10**self.minor_units)


Values = Mapping[str, Any]
Head = Mapping[str, Any]
Maker = Callable[[Head, Values, MoneyRules], SlotException]


def normalise(event: ExceptionReported, rules: MoneyRules) -> SlotException:
    """The event that tells of an exception."""
    row = EXCEPTIONS.get(event.code)
    head: dict[str, Any] = {
        "code": f"0x{event.code:02x}",
        "name": exception_name(event.code),
        "category": row.category if row else UNKNOWN_CATEGORY,
        "real_time": event.real_time,
        "possibly_repeated": event.possibly_repeated,
    }
    maker = MAKERS.get(event.code)
    if maker is not None and event.real_time and (event.values or event.code in SAY_NULL):
        return maker(head, event.values, rules)
    return SlotException(**head)


def bill_recorded(values: Values, rules: MoneyRules) -> BillRecorded:
    """The answer to poll 48."""
    return BillRecorded(**_bill(values, rules))


def ticket_recorded(values: Values, rules: MoneyRules) -> TicketRecorded:
    """The answer to poll 3D, without the number that is as good as cash."""
    return TicketRecorded(amount=rules.minor(values["amount_cents"]))


def wager_denomination(values: Values, accounting: int | None) -> int | None:
    """What the credits of a wager are worth: in the player's denomination where the machine gives it."""
    given = values["wager_type"] & DENOMINATION_CODE
    if values["wager_type"] & DENOMINATION_GIVEN and given:
        return DENOMINATIONS.get(given)
    return accounting


def _bill(values: Values, rules: MoneyRules) -> dict[str, Any]:
    return {
        "bill": rules.units(BILL_DENOMINATIONS.get(values["denomination_code"])),
        "denomination_code": values["denomination_code"],
        "country": COUNTRIES.get(values["country"], f"unknown_{values['country']:02d}"),
        "country_code": values["country"],
        "count": values["count"],
    }


def _bill_accepted(head: Head, values: Values, rules: MoneyRules) -> SlotException:
    return BillAccepted(**head, **_bill(values, rules))


def _bonus_paid(head: Head, values: Values, rules: MoneyRules) -> SlotException:
    return BonusPaid(
        **head,
        multiplier=values["multiplier"],
        multiplied_win=rules.credits(values["multiplied_win"]),
        bonus=rules.credits(values["bonus"]),
        tax_status=values["tax_status"],
    )


def _game_started(head: Head, values: Values, rules: MoneyRules) -> SlotException:
    return GameStarted(
        **head,
        wager=rules.credits_at(values["wager"], wager_denomination(values, rules.denomination)),
        coin_in_credits=values["coin_in"],
        max_bet=bool(values["wager_type"] & MAX_BET),
        progressive_group=values["progressive_group"],
    )


def _game_ended(head: Head, values: Values, rules: MoneyRules) -> SlotException:
    return GameEnded(**head, win=rules.credits(values["win"]))


def _reel_stopped(head: Head, values: Values, _rules: MoneyRules) -> SlotException:
    stop = values.get("stop")
    return ReelStopped(**head, reel=values.get("reel"), stop=None if stop == STOP_UNKNOWN else stop)


def _game_recalled(head: Head, values: Values, _rules: MoneyRules) -> SlotException:
    return GameRecalled(**head, game=values["game"], entry=values["entry"])


def _card_held(head: Head, values: Values, _rules: MoneyRules) -> SlotException:
    return CardHeld(**head, card=values["card"] & CARD_NUMBER, held=bool(values["card"] & HELD))


def _game_selected(head: Head, values: Values, _rules: MoneyRules) -> SlotException:
    return GameSelected(**head, game=values["game"])


MAKERS: Mapping[int, Maker] = MappingProxyType(
    {
        0x4F: _bill_accepted,
        0x7C: _bonus_paid,
        0x7E: _game_started,
        0x7F: _game_ended,
        0x88: _reel_stopped,
        0x8A: _game_recalled,
        0x8B: _card_held,
        0x8C: _game_selected,
    }
)

# One field machine leaves out the data of 88: the event then says null.
SAY_NULL = frozenset({0x88})
