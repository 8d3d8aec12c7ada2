"""Bookkeeping: what each exception moves in the accounts.

A bill is one amount, a game two, a ticket the amount that is read after it. Where an exception
says that money moved but not how much, its account is blind until the meters are read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.drivers.sas.meters import credits_worth
from edge_agent.drivers.sas.normalise import wager_denomination
from edge_agent.drivers.sas.reconcile import Accounts
from edge_agent.sas.code_tables import BILL_DENOMINATIONS, BILL_EXCEPTIONS
from edge_agent.sas.host_events import ExceptionReported
from edge_agent.station import DeviceIdentity


def book(
    accounts: Accounts, event: ExceptionReported, denomination: int | None, identity: DeviceIdentity
) -> None:
    """Book an exception. Bills and tickets without an amount wait for the poll that reads it."""
    doubtful = event.possibly_repeated
    match event.code:
        case 0x7E:  # a game started
            accounts.coin_in.add(_wager(event.values, denomination), doubtful=doubtful)
            accounts.starts.add(1, doubtful=doubtful)
        case 0x7F:  # a game ended
            accounts.won.add(event.values.get("win"), doubtful=doubtful)
            accounts.ends.add(1, doubtful=doubtful)
        case 0x7C:  # a bonus
            accounts.won.add(_bonus(event.values), doubtful=doubtful)
        case 0x69:  # an electronic transfer
            accounts.won.add(None)  # a transfer may be a bonus, which counts as a win
        case 0x51:  # a handpay is pending
            accounts.handpay_pending = True
        case 0x52:  # and was reset
            accounts.handpay_pending = False
        case 0x4F if event.values:  # a bill
            worth = bill_worth(event.values["denomination_code"], denomination, identity)
            accounts.bills.add(worth, doubtful=doubtful)
        case code if code in BILL_EXCEPTIONS:
            units = BILL_EXCEPTIONS[code]
            worth = credits_worth(units * 10**identity.minor_units, denomination, identity)
            accounts.bills.add(worth, doubtful=doubtful)


def bill_worth(denomination_code: int, denomination: int | None, identity: DeviceIdentity) -> int | None:
    """A bill in accounting credits; None if its denomination is unknown or it is not whole credits."""
    units = BILL_DENOMINATIONS.get(denomination_code)
    return None if units is None else credits_worth(units * 10**identity.minor_units, denomination, identity)


def _wager(values: Mapping[str, Any], denomination: int | None) -> int | None:
    """A wager in accounting credits; None if it was not said or is not whole."""
    if not values:
        return None
    worth = wager_denomination(values, denomination)
    if worth == denomination:
        return int(values["wager"])
    if worth is None or denomination is None:
        return None
    amount, remainder = divmod(values["wager"] * worth, denomination)
    return None if remainder else amount


def _bonus(values: Mapping[str, Any]) -> int | None:
    """What a bonus adds to the wins; a multiplied jackpot is not ours to take apart."""
    return int(values["bonus"]) if values and not values["multiplied_win"] else None
