"""Attention: what is made of each thing the connection has heard.

An exception is journalled, booked and followed by its duty; an answer adds to what is known of the
machine; silence and refusals are weighed; a line that goes or comes back is told of. What is worth
telling waits in `observations` until the station hands it over; what is worth noting is marked.

Nothing here decides when a poll leaves: the schedule is told what to ask, the cadence what was heard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edge_agent.drivers.sas.acquaintance import VERSION_AND_SERIAL
from edge_agent.drivers.sas.assembly import Parts
from edge_agent.drivers.sas.duties import duty_of
from edge_agent.drivers.sas.normalise import UNKNOWN_CATEGORY, MoneyRules, normalise
from edge_agent.drivers.sas.reads import CLOCK
from edge_agent.events import EventBody, Observation
from edge_agent.events.agent import LineDown, LineUp
from edge_agent.sas.exception_codes import exception_name
from edge_agent.sas.host_events import (
    Acknowledged,
    Answered,
    ExceptionReported,
    GarbageHeard,
    HostEvent,
    MachineBusy,
    MachineFound,
    MachineLost,
    Refused,
    RepeatRecognised,
    SignatureHeard,
    Unanswered,
)
from edge_agent.sas.messages import LongPollRequest
from edge_agent.station import DeviceIdentity, LineCounters

OPERATOR_MENU_LEFT = 0x85

# How a refused poll is told of.
REFUSED = "81 in place of an answer: not now"
# How an event is told of whose data had to be left out.
UNREAD = "data that no table lays out so"

# A machine that was away for so long may have been serviced, or replaced.
LONG_SILENCE_SECONDS = 30.0


class Attention:
    """What is made of what one machine says.

    Args:
        identity: what the site calls the machine.
        counters: what the line has done, kept up to date here.
        parts: what the machine is looked after with.
        rough: whether an earlier run noted that the line is.
    """

    def __init__(
        self, identity: DeviceIdentity, counters: LineCounters, parts: Parts, *, rough: bool
    ) -> None:
        self.observations: list[Observation] = []
        self.noteworthy = True  # something changed that the note should say
        self.rough = rough
        self.silent_since = 0.0
        self._identity = identity
        self._counters = counters
        self._machine = parts.machine
        self._metering = parts.metering
        self._part_meters = parts.part_meters
        self._conditions = parts.conditions
        self._schedule = parts.schedule
        self._inquiries = parts.inquiries
        self._site_time = parts.site_time
        self._cadence = parts.cadence
        self._link = parts.link
        self._mishaps = parts.mishaps
        self._up: bool | None = None  # None: nothing heard or missed yet
        self._found_at: float | None = None
        self._introduced = False
        self._worth_known = False  # when the machine was introduced last

    def pay(self, events: Iterable[HostEvent], now: float, *, real_time: bool) -> None:
        """Take what was heard; `real_time` if the machine reports real-time events now."""
        for event in events:
            self._on(event, now, real_time=real_time)

    def command_settled(self, body: EventBody, now: float) -> None:
        """It is known what became of a command that somebody had sent to the machine."""
        self._cadence.answered()
        self._observe(body, now)

    def line_down(self, reason: str, now: float, since: float) -> None:
        """Nothing is heard of the machine, since a moment."""
        if self._up is not False:
            self._link.went_down(was_up=bool(self._up))
            self._up = False
            self.silent_since = since
            self._metering.reader.interrupted(now)
            self._conditions.doubt()
            self._observe(LineDown(line=self._identity.subject, reason=reason), now)

    def look_after(self, now: float) -> None:
        """Do what is in no hurry: reports, introductions, counters."""
        report = self._mishaps.report(now)
        if report is not None:
            self._observe(report, now)
        self._counters.protocol_errors = self._mishaps.total
        if self._site_time.day_began(now):
            self._metering.reader.want("gaming_day", now)
        quality = self._link.look(now) if self._up else None
        if quality is not None:
            self._observe(quality, now)
        rough = self._mishaps.is_rough(now)
        if rough != self.rough:
            self.rough, self.noteworthy = rough, True
        if self._up and self._machine.look_after(now):
            self._introduce(now)
        if self._conditions.lapse(now):
            self.noteworthy = True
        self._counters.conditions = self._conditions.raised
        self._counters.state = self._state()

    def _introduce(self, now: float) -> None:
        """The interrogation has come to its end: tell what the machine is."""
        self._observe(self._machine.profile.identified(self._machine.vendor.name or None), now)
        self._metering.reader.met()
        self._part_meters.met()
        worth_known = self._machine.profile.denomination is not None
        if not self._introduced:
            self._metering.reader.want("start", now)
        elif worth_known and not self._worth_known:
            self._metering.reader.want("configuration", now)  # what was read before had no worth
        self._introduced, self._worth_known = True, worth_known

    def _state(self) -> str:
        if self._up is None:
            return "starting"
        if not self._up:
            return "silent"
        return "interrogating" if self._machine.interrogating else "polling"

    def _on(self, event: HostEvent, now: float, *, real_time: bool) -> None:
        match event:
            case Answered(poll=LongPollRequest() as poll):
                self._answered(now)
                self._on_data(event, poll, now, real_time=real_time)
            case Answered():
                self._answered(now)
                self._on_silence(now)
            case ExceptionReported():
                self._answered(now)
                self._on_exception(event, now)
            case SignatureHeard():
                self._answered(now)  # another host asked for it: the answer is that one's
            case RepeatRecognised():
                self._answered(now)
                self._counters.repeats_recognised += 1
            case Acknowledged(poll=LongPollRequest(values={"enable": enabled})):
                self._on_mode(enabled, now)
            case Unanswered(poll=LongPollRequest() as poll) | Refused(poll=LongPollRequest() as poll):
                self._on_doubt(poll, now)
            case Refused():
                self._mishaps.count(REFUSED, now, of_the_line=False)
            case MachineBusy(poll=LongPollRequest() as poll):
                self._answered(now)
                self._machine.postpone(poll, now)
                self._schedule.hold_back(now)
                self._part_meters.gave_up(poll, self._machine.profile, now)
                self._metering.reader.interrupted(now)
            case _:
                self._on_line(event, now)

    def _answered(self, now: float) -> None:
        self._cadence.answered()
        if not self._up:
            self._on_found(now)

    def _on_line(self, event: HostEvent, now: float) -> None:
        match event:
            case GarbageHeard(data=data, reason=reason):
                self._link.unreadable(data)
                self._cadence.garbled = True
                self._mishaps.count(reason, now)
            case MachineFound():
                self._found_at = now
            case MachineLost(silent_for=silent_for, heard=heard):
                self._cadence.gave_up()
                self.line_down(heard or f"silent for {silent_for:.1f} s", now, now - silent_for)

    def _on_data(self, answer: Answered, poll: LongPollRequest, now: float, *, real_time: bool) -> None:
        command = poll.command
        if self._machine.answered(poll, answer.values):
            self._on_change(now, another=command == VERSION_AND_SERIAL)
        if command == CLOCK.command:
            self._machine.shows_time(self._site_time.ahead(answer.values, now))
        self._schedule.served(poll)
        for body in self._inquiries.answered(answer, poll):
            self._observe(body, now)
        for body in self._part_meters.answered(
            poll, answer.values, self._machine.profile, self._metering.epochs.number, now
        ):
            self._observe(body, now)
        self._metering.reader.answered(command, answer.values)
        if real_time:
            self._on_silence(now)

    def _on_change(self, now: float, *, another: bool) -> None:
        """Another machine stands here, or this one's meters count in another unit."""
        if another:
            self._inquiries.another_machine()
        self._observe(self._metering.begin_epoch(self._machine.profile, now, another=another), now)
        self._metering.reader.want("configuration", now)

    def _on_silence(self, now: float) -> None:
        """The machine has nothing more to say."""
        self._link.nothing_to_say()
        bodies = self._metering.nothing_to_say(self._machine.profile, now)
        for body in bodies:
            self._observe(body, now)
        if bodies:
            self._inquiries.meters_read()

    def _on_exception(self, event: ExceptionReported, now: float) -> None:
        if not event.real_time and self._machine.never_reports(event.code):
            self._mishaps.count(REFUSED, now, of_the_line=False)
            return
        if event.unread:
            self._mishaps.count(f"{exception_name(event.code)}: {UNREAD}", now, of_the_line=False)
        if self._conditions.is_told_again(event.code, now):
            event = replace(event, possibly_repeated=True)
        profile = self._machine.profile
        body = normalise(event, MoneyRules.of(self._identity, profile.denomination))
        self._observe(body, now)
        self._link.exception_heard()
        self._counters.events += 1
        self._counters.last_event = body.name
        if body.category == UNKNOWN_CATEGORY:
            self._counters.unknown_codes[body.name] = self._counters.unknown_codes.get(body.name, 0) + 1
        for violation in self._conditions.heard(event, now, validation=profile.validation):
            self._observe(violation, now)
        duty = duty_of(event.code)
        began = self._metering.heard(event, duty, profile, now)
        if began is not None:
            self._observe(began, now)
        self._inquiries.called_for(event, duty)
        self.noteworthy = True
        if duty.interrogate:
            self._machine.ask_again_soon(now)
        elif event.code == OPERATOR_MENU_LEFT:
            self._machine.still_changing(now)

    def _on_mode(self, enabled: int, now: float) -> None:
        self._answered(now)
        self._machine.mode_confirmed(enabled, now)
        if not enabled:
            self._conditions.real_time_ended()

    def _on_doubt(self, poll: LongPollRequest, now: float) -> None:
        """A long poll was refused or not answered: it is asked again, within reason."""
        fine = self._line_is_fine(now)
        self._cadence.gave_up()
        self._metering.reader.interrupted(now)
        self._part_meters.gave_up(poll, self._machine.profile, now)
        if not self._machine.doubt(poll, now):
            return
        self.noteworthy = True
        if "enable" in poll.values:
            self._machine.mode_refused(poll.values["enable"], fine=fine)
        elif fine:
            self._machine.unsupported(poll, now)
        else:
            self._machine.not_now(poll, now)
        self._metering.reader.skip(poll.command)
        self._inquiries.gave_up(poll)

    def _line_is_fine(self, now: float) -> bool:
        """Whether silence to a long poll can only mean that the machine does not know it."""
        just_back = now == self._found_at
        return not (just_back or self._cadence.garbled or self._mishaps.is_rough(now))

    def _on_found(self, now: float) -> None:
        silent = max(0.0, now - self.silent_since)
        if self._up is False:
            self._machine.came_back()
            self._metering.reader.want("link_recovery", now)
            if silent >= LONG_SILENCE_SECONDS:
                self._machine.ask_again_soon(now)
        self._up = True
        self._observe(LineUp(line=self._identity.subject, silent_seconds=round(silent, 3)), now)

    def _observe(self, body: EventBody, now: float) -> None:
        self.noteworthy = True  # whatever is worth telling may be worth noting
        self.observations.append(Observation(self._identity.subject, now, body))
