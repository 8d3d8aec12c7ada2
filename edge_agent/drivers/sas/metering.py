"""Metering: the meters of one machine over time, and whether its events explain them.

Keeps the accounts, the epochs, the progress of each meter and the reader of snapshots together, because each
needs the others: an exception is booked, may want a snapshot, may spoil one, may end an epoch; a settled
snapshot settles the accounts and says what each meter rose by. Bills and tickets whose amount has to be read
are booked when it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edge_agent.drivers.sas.bookkeeping import bill_worth, book
from edge_agent.drivers.sas.duties import Duty
from edge_agent.drivers.sas.epochs import Epochs
from edge_agent.drivers.sas.meters import (
    MeterRead,
    Step,
    fallen,
    meters_read,
    published,
    readings_for_accounts,
)
from edge_agent.drivers.sas.profile import MachineProfile, decimal_of
from edge_agent.drivers.sas.progress import Progress
from edge_agent.drivers.sas.reads import CASH_OUT_TICKET, LAST_BILL, VALIDATION_RECORD
from edge_agent.drivers.sas.reconcile import Accounts, Variance
from edge_agent.drivers.sas.snapshot import MeterReader, Reading
from edge_agent.events import EventBody
from edge_agent.events.slot import (
    MetersRead,
    MeterVariance,
    SequenceViolation,
    VarianceCause,
)
from edge_agent.sas.exception_codes import exception_name
from edge_agent.sas.host_events import ExceptionReported
from edge_agent.station import DeviceIdentity

BILL_ACCEPTED, TICKET_PRINTED = 0x4F, 0x3D
GAME_STARTED = 0x7E
# A session is on after the first of these, and not after the others.
SESSION_STARTED, SESSION_ENDED, POWER_APPLIED = 0x9E, 0x9F, 0x17
SESSION_TURNS = frozenset({SESSION_STARTED, SESSION_ENDED, POWER_APPLIED})
# After these no game is on, or nobody can know whether one is.
GAME_OVER = frozenset({0x7F, 0x17, 0x70})


BILLS, TICKETS = "bills", "tickets"
# Which polls read the amount an account waits for.
_READ_BY: Mapping[int, str] = MappingProxyType(
    {LAST_BILL.command: BILLS, CASH_OUT_TICKET.command: TICKETS, VALIDATION_RECORD.command: TICKETS}
)
# Validation types that the meter of cashable tickets counts: cash-outs and transfers, debit tickets too.
_CASHABLE_TICKETS = frozenset({0x00, 0x02, 0x04})


@dataclass(frozen=True, slots=True)
class Unread:
    """Bills or tickets heard of whose amount has not been read yet."""

    events: int = 0
    doubtful: bool = False  # the only one may have been a repeat


class Metering:
    """The meters of one machine over time."""

    def __init__(
        self, identity: DeviceIdentity, reader: MeterReader, accounts: Accounts, epochs: Epochs
    ) -> None:
        self.reader = reader
        self.accounts = accounts
        self.epochs = epochs
        self._progress = Progress(accounts.kept())
        self._identity = identity
        self._cause: VarianceCause = "unknown"
        self._unread = {BILLS: Unread(), TICKETS: Unread()}

    def owe(self, command: int) -> None:
        """What `command` reads was not read before the host was restarted."""
        account = _READ_BY.get(command)
        if account is not None:
            self._unread[account] = Unread(1, doubtful=True)

    def heard(
        self, event: ExceptionReported, duty: Duty, profile: MachineProfile, now: float
    ) -> EventBody | None:
        """Book an exception, and see what it means for the snapshots; the epoch that begins with it."""
        book(self.accounts, event, profile.denomination, self._identity)
        if event.code == BILL_ACCEPTED and not event.values:
            self._owe(BILLS, event)
        if event.code == TICKET_PRINTED:
            self._owe(TICKETS, event)
        self.reader.event_heard()
        if event.code == GAME_STARTED:
            self.reader.game_started(now)
        elif event.code in GAME_OVER:
            self.reader.game_over(now)
        if event.code in SESSION_TURNS:
            self.reader.session = event.code == SESSION_STARTED
        if duty.moves_money or duty.interrogate:
            self.reader.money_moved(now)
        if duty.accounts_for is not None:
            self._cause = duty.accounts_for
        if duty.snapshot is not None:
            self.reader.want(duty.snapshot, now)
        began = self.epochs.heard(event.code)
        if began is not None:
            self._begin_again(now)
        return began

    def begin_epoch(self, profile: MachineProfile, now: float, *, another: bool) -> EventBody:
        """Another machine stands here, or this one's meters count in another unit."""
        self._begin_again(now)
        if another:
            return self.epochs.another_machine(profile.denomination)
        return self.epochs.denomination_changed(profile.denomination)

    def _begin_again(self, now: float) -> None:
        """What was read before, and what a reading under way has so far, belongs to another epoch."""
        self.reader.money_moved(now)
        self.accounts.forget()
        self._progress.forget()

    def _owe(self, account: str, event: ExceptionReported) -> None:
        unread = self._unread[account]
        doubtful = event.possibly_repeated and not unread.events
        self._unread[account] = Unread(unread.events + 1, doubtful=doubtful)

    def amount_read(self, command: int, values: Mapping[str, Any], profile: MachineProfile) -> None:
        """A bill or a ticket was read that was not read before."""
        unread = self._read(command)
        match _READ_BY.get(command):
            case "bills" if unread.events:
                worth = bill_worth(values["denomination_code"], profile.denomination, self._identity)
                self.accounts.bills.add(worth if unread.events == 1 else None, doubtful=unread.doubtful)
            case "tickets" if values.get("validation_type", 0) in _CASHABLE_TICKETS:
                amount = values["amount_cents"] if unread.events == 1 else None
                self.accounts.tickets.add(amount, doubtful=unread.doubtful)

    def amount_read_before(self, command: int) -> None:
        """What was read is what had been read before: the exception that asked for it was a repeat."""
        self._read(command)

    def amount_unknown(self, command: int) -> None:
        """A bill or a ticket will not be read."""
        account = _READ_BY.get(command)
        if self._read(command).events:
            (self.accounts.bills if account == BILLS else self.accounts.tickets).add(None)

    def _read(self, command: int) -> Unread:
        """What `command` had to read; that is over now."""
        account = _READ_BY.get(command)
        if account is None:
            return Unread()
        unread, self._unread[account] = self._unread[account], Unread()
        return unread

    def nothing_to_say(self, profile: MachineProfile, now: float) -> list[EventBody]:
        """The machine has nothing more to say: what a snapshot that is now complete tells."""
        reading = self.reader.nothing_to_say(now)
        return [] if reading is None else self._publish(reading, profile, now)

    def _publish(self, reading: Reading, profile: MachineProfile, now: float) -> list[EventBody]:
        meters = meters_read(reading.answers)
        if not reading.settled:
            return [self._snapshot(reading, meters, {}, profile)]
        self.epochs.learnt(profile.denomination)
        began = self._began(meters, now)
        steps = self._progress.take(meters, now)
        found = self.accounts.settle(readings_for_accounts(meters, profile, self._identity))
        cause, self._cause = self._cause, "unknown"
        if any(step.change == "backwards" for step in steps.values()):
            self.reader.want("backwards", now)  # it may just be late
        return [
            *began,
            self._snapshot(reading, meters, steps, profile),
            *fallen(meters, steps, epoch=self.epochs.number),
            *(_variance(variance, cause) for variance in found),
            *(_stacked(variance) for variance in found if cause == "unknown" and _is_bill_unheard(variance)),
        ]

    def _snapshot(
        self,
        reading: Reading,
        meters: Sequence[MeterRead],
        steps: Mapping[str, Step],
        profile: MachineProfile,
    ) -> MetersRead:
        return MetersRead(
            reason=reading.reason,
            denomination=decimal_of(profile.denomination),
            epoch=self.epochs.number,
            settled=reading.settled,
            meters=published(meters, steps, profile, self._identity),
        )

    def _began(self, meters: Sequence[MeterRead], now: float) -> list[EventBody]:
        """The epoch that begins with these meters, if they show that they were cleared."""
        suspected = self.epochs.suspicious and self._progress.has_fallen(meters)
        if not suspected and not self._progress.was_cleared(meters, now):
            self.epochs.read()
            return []
        self.accounts.forget()
        self._progress.forget()
        return [self.epochs.cleared()]


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


def _is_bill_unheard(variance: Variance) -> bool:
    """Whether bills were stacked that the machine had not said it accepted."""
    return variance.meter == "bills_credits" and variance.unexplained > 0


def _stacked(variance: Variance) -> SequenceViolation:
    """The machine had nothing more to say when its meters were read: no bill is still to be told of."""
    return SequenceViolation(
        sequence="bill",
        state="none accepted",
        happened=variance.meter,
        code=None,
        expected=(exception_name(BILL_ACCEPTED),),
    )
