"""Inquiries: what exceptions make the driver ask, and what the answers tell.

An exception has its duty (`duties`); each read of it that our role may make, and the machine has what it
takes for, is wanted of the schedule. The answer becomes a record (`records`), is booked where an account
waited for it, or turns out to be no news. What is wanted and not asked yet is in the note: after a restart
it is asked all the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.drivers.sas.acquaintance import Acquaintance
from edge_agent.drivers.sas.duties import OVERFLOW, READS, Duty
from edge_agent.drivers.sas.metering import Metering
from edge_agent.drivers.sas.normalise import MoneyRules
from edge_agent.drivers.sas.reads import VALIDATION_RECORD, Read
from edge_agent.drivers.sas.records import KINDS, Records
from edge_agent.drivers.sas.roles import PRIMARY, Role
from edge_agent.drivers.sas.schedule import Schedule
from edge_agent.events import EventBody
from edge_agent.sas.host_events import Answered, ExceptionReported
from edge_agent.sas.messages import LongPollRequest
from edge_agent.station import DeviceIdentity

METER_CHANGE_CANCELLED = 0xA1
METER_COLLECT_STATUS, NO_CHANGE_PENDING = 0xB6, 0x80


class Inquiries:
    """What is asked of one machine because of what it told.

    Args:
        identity: what the site calls the machine.
        address: the machine's on its line.
        role: which reads are ours to make.
        machine: what is known of it.
        metering: books amounts that were read.
        schedule: asks.
    """

    def __init__(
        self,
        identity: DeviceIdentity,
        address: int,
        role: Role,
        *,
        machine: Acquaintance,
        metering: Metering,
        schedule: Schedule,
    ) -> None:
        self._identity = identity
        self._address = address
        self._role = role
        self._machine = machine
        self._metering = metering
        self._schedule = schedule
        self._records = Records()
        self._afterwards: LongPollRequest | None = None  # asked once the meters are read

    def resume(self, reads: Iterable[Read]) -> None:
        """An earlier run had these still to ask, or had just asked them."""
        for read in reads:
            self._metering.owe(read.command)
            if read.is_for(self._role):
                self._schedule.want_read(read.request(self._address, self._role), doubtful=True)
            else:
                self._metering.amount_unknown(read.command)

    @property
    def wanted(self) -> tuple[Read, ...]:
        """What is still to ask, or was asked and not answered yet."""
        requests = self._schedule.wanted
        return tuple(read for read in READS if read.request(self._address, self._role) in requests)

    def called_for(self, event: ExceptionReported, duty: Duty) -> None:
        """Want the reads of an exception's duty. One that told all by itself calls for none."""
        doubtful = event.possibly_repeated or event.code == OVERFLOW
        wanted = [read for read in duty.reads if not event.values and self._may_ask(read)]
        for read in wanted:
            self._schedule.want_read(read.request(self._address, self._role), doubtful=doubtful)
        if duty.reads and not wanted:
            self._metering.amount_unknown(duty.reads[0].command)
        if duty.afterwards is not None and self._may_ask(duty.afterwards):
            self._afterwards = duty.afterwards.request(self._address, self._role)
        elif event.code == METER_CHANGE_CANCELLED:
            self._afterwards = None

    def answered(self, answer: Answered, poll: LongPollRequest) -> list[EventBody]:
        """What an answer tells that was not told yet."""
        wanted = self._schedule.duty_done(poll)
        if poll.command == METER_COLLECT_STATUS and answer.values["machine_status"] == NO_CHANGE_PENDING:
            self._afterwards = None
        if wanted is None and poll.command not in KINDS:
            return []
        rules = MoneyRules.of(self._identity, self._machine.profile.denomination)
        told = self._records.told(
            poll, answer.values, rules, wanted=wanted, repeated=answer.possibly_repeated
        )
        if told:
            self._metering.amount_read(poll.command, answer.values, self._machine.profile)
            self._ask_for_more(poll)
        elif wanted is not None and told is None:
            self._metering.amount_read_before(poll.command)
        elif wanted is not None:
            self._metering.amount_unknown(poll.command)
        return told or []

    def gave_up(self, poll: LongPollRequest) -> None:
        """A poll stays unanswered; if a duty asked it, that is over."""
        if self._schedule.duty_done(poll) is not None:
            self._metering.amount_unknown(poll.command)

    def meters_read(self) -> None:
        """The meters were read and told: what waited for that is asked."""
        if self._afterwards is not None:
            self._schedule.want_read(self._afterwards)
            self._afterwards = None

    def another_machine(self) -> None:
        """What the one before told says nothing of this one."""
        self._records.forget()
        self._afterwards = None

    def _may_ask(self, read: Read) -> bool:
        return read.is_for(self._role) and read.makes_sense(self._machine.askable)

    def _ask_for_more(self, poll: LongPollRequest) -> None:
        """The machine gives its records one by one, and the primary takes them all."""
        if self._role == PRIMARY and poll.command == VALIDATION_RECORD.command:
            self._schedule.want_read(poll)
