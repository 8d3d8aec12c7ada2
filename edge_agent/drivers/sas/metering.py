"""Metering: the meters of one machine over time, and whether its events explain them.

Keeps the accounts, the epoch and the reader of snapshots together, because each needs the others: an
exception is booked, may want a snapshot, may spoil one, may end an epoch; a settled snapshot settles the
accounts. Bills and tickets whose amount has to be read are booked when it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.drivers.sas.bookkeeping import bill_worth, book
from edge_agent.drivers.sas.duties import LAST_BILL, TICKET_INFORMATION, Duty
from edge_agent.drivers.sas.meters import meters_of, readings_for_accounts
from edge_agent.drivers.sas.normalise import MoneyRules, bill_recorded, ticket_recorded
from edge_agent.drivers.sas.profile import MachineProfile, decimal_of
from edge_agent.drivers.sas.reconcile import Accounts, Variance
from edge_agent.drivers.sas.snapshot import MeterReader, Reading
from edge_agent.events import EventBody
from edge_agent.events.slot import MetersRead, MeterVariance, VarianceCause
from edge_agent.sas.host_events import ExceptionReported
from edge_agent.station import DeviceIdentity

BILL_ACCEPTED, TICKET_PRINTED = 0x4F, 0x3D
GAME_STARTED = 0x7E
# After these no game is on, or nobody can know whether one is.
GAME_OVER = frozenset({0x7F, 0x17, 0x70})

# Meters that were cleared read next to nothing; a machine that has not played so much has nothing to lose.
NEAR_ZERO = 1000


@dataclass(frozen=True, slots=True)
class Unread:
    """Bills or tickets heard of whose amount has not been read yet."""

    events: int = 0
    doubtful: bool = False  # the only one may have been a repeat


class Metering:
    """The meters of one machine over time."""

    def __init__(self, identity: DeviceIdentity, reader: MeterReader, accounts: Accounts, epoch: int) -> None:
        self.reader = reader
        self.accounts = accounts
        self.epoch = epoch
        self._identity = identity
        self._cause: VarianceCause = "unknown"
        self._last_read: dict[int, tuple[Any, ...]] = {}
        self._unread = {LAST_BILL: Unread(), TICKET_INFORMATION: Unread()}

    @property
    def unread(self) -> tuple[int, ...]:
        """The polls that still have to read an amount."""
        return tuple(command for command, unread in self._unread.items() if unread.events)

    def owe(self, command: int) -> None:
        """An amount was not read before the host was restarted."""
        self._unread[command] = Unread(1, doubtful=True)

    def heard(self, event: ExceptionReported, duty: Duty, profile: MachineProfile, now: float) -> None:
        """Book an exception, and see what it means for the snapshots."""
        book(self.accounts, event, profile.denomination, self._identity)
        if event.code == BILL_ACCEPTED and not event.values:
            self._owe(LAST_BILL, event)
        if event.code == TICKET_PRINTED:
            self._owe(TICKET_INFORMATION, event)
        self.reader.event_heard()
        if event.code == GAME_STARTED:
            self.reader.game_started(now)
        elif event.code in GAME_OVER:
            self.reader.game_over()
        if duty.moves_money:
            self.reader.money_moved(now)
        if duty.new_epoch:
            self.begin_epoch()
        if duty.accounts_for is not None:
            self._cause = duty.accounts_for
        if duty.snapshot is not None:
            self.reader.want(duty.snapshot, now)

    def _owe(self, command: int, event: ExceptionReported) -> None:
        unread = self._unread[command]
        doubtful = event.possibly_repeated and not unread.events
        self._unread[command] = Unread(unread.events + 1, doubtful=doubtful)

    def begin_epoch(self) -> None:
        """The meters begin again, or count in another unit."""
        self.epoch += 1
        self.accounts.forget()

    def amount_read(
        self, command: int, values: Mapping[str, Any], profile: MachineProfile
    ) -> EventBody | None:
        """A bill or a ticket was read; None if it is the one read before: its exception was a repeat."""
        unread, self._unread[command] = self._unread[command], Unread()
        which = tuple(values.values())
        before, self._last_read[command] = self._last_read.get(command), which
        if which == before:
            return None
        rules = MoneyRules.of(self._identity, profile.denomination)
        if command == TICKET_INFORMATION:
            amount = values["amount_cents"] if unread.events == 1 else None
            self.accounts.tickets.add(amount, doubtful=unread.doubtful)
            return ticket_recorded(values, rules)
        if unread.events:
            worth = bill_worth(values["denomination_code"], profile.denomination, self._identity)
            self.accounts.bills.add(worth if unread.events == 1 else None, doubtful=unread.doubtful)
        return bill_recorded(values, rules)

    def amount_unknown(self, command: int) -> None:
        """A bill or a ticket will not be read."""
        if self._unread[command].events:
            self._unread[command] = Unread()
            account = self.accounts.bills if command == LAST_BILL else self.accounts.tickets
            account.add(None)

    def nothing_to_say(self, profile: MachineProfile, now: float) -> list[EventBody]:
        """The machine has nothing more to say: what a snapshot that is now complete tells."""
        reading = self.reader.nothing_to_say(now)
        return [] if reading is None else self._publish(reading, profile)

    def _publish(self, reading: Reading, profile: MachineProfile) -> list[EventBody]:
        meters = meters_of(reading.answers, profile, self._identity)
        found: list[Variance] = []
        if reading.settled:
            readings = readings_for_accounts(meters, profile, self._identity)
            if self._cleared(readings):
                self.begin_epoch()
            found = self.accounts.settle(readings)
        read = MetersRead(
            reason=reading.reason,
            denomination=decimal_of(profile.denomination),
            epoch=self.epoch,
            settled=reading.settled,
            meters=meters,
        )
        cause = self._cause
        if reading.settled:
            self._cause = "unknown"
        return [read, *(_variance(variance, cause) for variance in found)]

    def _cleared(self, readings: Mapping[str, int]) -> bool:
        """Whether all meters that had counted something are next to nothing."""
        counted = [
            (account.before + account.certain, readings[account.meter])
            for account in self.accounts.every()
            if account.before is not None and account.meter in readings
        ]
        return any(expected > NEAR_ZERO for expected, _ in counted) and all(
            value < min(expected, NEAR_ZERO) for expected, value in counted if expected
        )


def _variance(variance: Variance, cause: VarianceCause) -> MeterVariance:
    return MeterVariance(
        meter=variance.meter,
        unit=variance.unit,
        before=variance.before,
        after=variance.after,
        explained=variance.explained,
        unexplained=variance.unexplained,
        likely_cause=cause,
    )
