"""The SAS station: the host's end of a line to one gaming machine.

`HostConnection` keeps the protocol's promises; the station decides what to ask and says what was
learnt. Bytes and time come in, observations and bytes go out; whoever drives it makes the
observations durable before it asks for more bytes to send.

    meeting a machine    repeat the last poll, if there was one; real-time events off; interrogate; listen
                         until it has nothing more to say; real-time events on
    meeting it again     its note says what it answers: real-time events on at once, so that no game goes
                         unheard, and only what it answers is asked
    ever after           one poll an interval; see `schedule`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_agent.drivers.sas.acquaintance import Acquaintance
from edge_agent.drivers.sas.cadence import Cadence
from edge_agent.drivers.sas.duties import LAST_BILL, TICKET_INFORMATION, duty_of
from edge_agent.drivers.sas.metering import Metering
from edge_agent.drivers.sas.mishaps import Mishaps
from edge_agent.drivers.sas.normalise import UNKNOWN_CATEGORY, MoneyRules, normalise
from edge_agent.drivers.sas.note import Note, read_note, write_body, write_note
from edge_agent.drivers.sas.options import COMMON_POLL_SECONDS, SasOptions
from edge_agent.drivers.sas.profile import FAST_POLLING, STANDARD_VALIDATION, MachineProfile
from edge_agent.drivers.sas.schedule import Schedule
from edge_agent.drivers.sas.snapshot import MeterReader
from edge_agent.events import EventBody, Observation
from edge_agent.events.agent import LineDown, LineUp
from edge_agent.sas.host import HostConnection
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
    Unanswered,
)
from edge_agent.sas.messages import LongPollRequest
from edge_agent.station import DeviceIdentity, LineCounters

OPERATOR_MENU_LEFT = 0x85

# A machine that was away for so long may have been serviced, or replaced.
LONG_SILENCE_SECONDS = 30.0

# A pause this long ends whatever a machine is saying.
GAP_SECONDS = 0.020

# What is looked after between polls is in no hurry.
CHORES_SECONDS = 0.1


TICKET_POLL = bytes((TICKET_INFORMATION,))


class SasStation:
    """The host's end of a line to one gaming machine. See `edge_agent.station` for the calls."""

    def __init__(self, identity: DeviceIdentity, options: SasOptions, note: bytes = b"") -> None:
        kept = read_note(note)
        self.counters = LineCounters()
        self._identity = identity
        self._options = options
        self._host = HostConnection(options.address, last_poll=kept.last_poll, last_event=kept.last_event)
        self._machine = Acquaintance(
            options.address,
            _profile_of(kept),
            serial_check=kept.serial_check,
            may_real_time=options.real_time_events == "auto",
        )
        reader = MeterReader(options.meters_seconds, options.idle_meters_seconds)
        self._metering = Metering(identity, reader, kept.accounts, kept.epoch)
        self._schedule = Schedule(options.address, self._machine, reader)
        self._mishaps = Mishaps(identity.subject)
        self._cadence = Cadence(self.counters)
        self._observations: list[Observation] = []
        self._note_body: bytes | None = None
        self._up: bool | None = None  # None: nothing heard or missed yet
        self._silent_since = 0.0
        self._found_at: float | None = None
        self._introduced = False
        self._rough = kept.rough
        self._chores_due = float("-inf")
        self._kept: Note | None = kept  # until the link is open, and it is known what time it is
        for command in kept.unread:
            self._metering.owe(command)
            self._schedule.want_read(command)

    def __repr__(self) -> str:
        return f"<SasStation {self._identity.subject} {self._options.address:02X}:{self.counters.state}>"

    def link_opened(self, now: float) -> None:
        """See Station."""
        self._silent_since = now
        kept, self._kept = self._kept, None
        if kept is not None and kept.playing:
            self._metering.reader.game_started(now)
        if kept is not None and kept.rough:
            self._mishaps.assume_rough(now)
        self._host.link_opened(now)
        self._after(now)

    def link_lost(self, now: float, reason: str) -> None:
        """See Station."""
        self._host.link_lost(now)
        self._after(now)
        self._down(reason, now, now)

    def receive_data(self, data: bytes, now: float) -> None:
        """See Station."""
        self._cadence.heard()
        self._host.receive_data(data, now)
        self._cadence.hold(float("-inf") if self._after(now) else now + GAP_SECONDS)

    def handle_timer(self, now: float) -> None:
        """See Station."""
        self._host.handle_timer(now)
        self._after(now)
        if now >= self._chores_due:
            self._chores_due = now + CHORES_SECONDS
            self._do_chores(now)

    def next_timer(self) -> float | None:
        """See Station."""
        timer, due = self._host.next_timer(), self._cadence.due
        if due is None:
            return timer
        return due if timer is None else min(timer, due)

    def take_observations(self) -> Sequence[Observation]:
        """See Station."""
        taken, self._observations = self._observations, []
        return taken

    def data_to_send(self, now: float) -> bytes:
        """See Station."""
        if self._observations:
            return b""  # append, then poll: they may not be durable yet
        if self._cadence.is_due(now) and self._host.ready(now):
            self._host.send(
                self._schedule.next_poll(
                    now,
                    real_time=self._host.real_time,
                    rough=self._mishaps.is_rough(now),
                    confirm_against=self._host.must_differ_from,
                )
            )
            self._cadence.left(now, self._interval())
        data = self._host.data_to_send(now)
        if data:
            self._cadence.sent(outstanding=not self._host.ready(now))
        return data

    def read_meters(self, now: float) -> None:
        """See Metered: a snapshot is wanted, and waits for a quiet moment like any other."""
        self._metering.reader.want("command", now)

    def note(self) -> bytes:
        """See Station."""
        if self._note_body is None:
            self._note_body = write_body(self._to_keep())
        return write_note(self._note_body, self._host.last_poll, self._host.last_event)

    @property
    def confidential(self) -> bool:
        """While an answer is due that holds a ticket's number, which is as good as cash."""
        return self._host.last_poll[1:2] == TICKET_POLL

    def _after(self, now: float) -> bool:
        """Take what the connection has learnt; whether that was anything."""
        events = self._host.events()
        for event in events:
            self._on(event, now)
        self._cadence.free(now, free=self._host.ready(now))
        return bool(events)

    def _on(self, event: HostEvent, now: float) -> None:
        match event:
            case Answered(poll=LongPollRequest(command=command), values=values):
                self._answered(now)
                self._on_data(command, values, now)
            case Answered():
                self._answered(now)
                self._on_silence(now)
            case ExceptionReported():
                self._answered(now)
                self._on_exception(event, now)
            case RepeatRecognised():
                self._answered(now)
                self.counters.repeats_recognised += 1
            case Acknowledged(poll=LongPollRequest(values={"enable": enabled})):
                self._answered(now)
                self._machine.mode_confirmed(enabled, now)
            case Unanswered(poll=LongPollRequest() as poll) | Refused(poll=LongPollRequest() as poll):
                self._on_doubt(poll, now)
            case MachineBusy(poll=LongPollRequest(command=command)):
                self._answered(now)
                self._machine.postpone(command, now)
                self._metering.reader.interrupted(now)
            case _:
                self._on_line(event, now)

    def _answered(self, now: float) -> None:
        self._cadence.answered()
        if not self._up:
            self._on_found(now)

    def _on_line(self, event: HostEvent, now: float) -> None:
        match event:
            case GarbageHeard(reason=reason):
                self._cadence.garbled = True
                self._mishaps.count(reason, now)
            case MachineFound():
                self._found_at = now
            case MachineLost(silent_for=silent_for, heard=heard):
                self._cadence.gave_up()
                self._down(heard or f"silent for {silent_for:.1f} s", now, now - silent_for)

    def _on_data(self, command: int, values: Mapping[str, Any], now: float) -> None:
        if self._machine.answered(command, values):
            self._metering.begin_epoch()
            self._metering.reader.want("configuration", now)
            self._note_body = None
        if self._schedule.duty_done(command):
            self._note_body = None
            body = self._metering.amount_read(command, values, self._machine.profile)
            if body is not None:
                self._observe(body, now)
        self._metering.reader.answered(command, values)
        if self._host.real_time:
            self._on_silence(now)

    def _on_silence(self, now: float) -> None:
        """The machine has nothing more to say."""
        for body in self._metering.nothing_to_say(self._machine.profile, now):
            self._observe(body, now)

    def _on_exception(self, event: ExceptionReported, now: float) -> None:
        profile = self._machine.profile
        body = normalise(event, MoneyRules.of(self._identity, profile.denomination))
        self._observe(body, now)
        self.counters.events += 1
        self.counters.last_event = body.name
        if body.category == UNKNOWN_CATEGORY:
            self.counters.unknown_codes[body.name] = self.counters.unknown_codes.get(body.name, 0) + 1
        duty = duty_of(event.code)
        self._metering.heard(event, duty, profile, now)
        if duty.read is not None:
            self._read_amount(duty.read, event)
        if duty.interrogate:
            self._machine.ask_again_soon(now)
        elif event.code == OPERATOR_MENU_LEFT:
            self._machine.still_changing(now)

    def _read_amount(self, command: int, event: ExceptionReported) -> None:
        """Read the bill or ticket an exception told of, unless it told the amount itself or may not."""
        if command == LAST_BILL and event.values:
            return
        profile = self._machine.askable
        may = command == LAST_BILL or profile.validation == STANDARD_VALIDATION
        if may and profile.answers(command):
            self._schedule.want_read(command)
        else:
            self._metering.amount_unknown(command)

    def _on_doubt(self, poll: LongPollRequest, now: float) -> None:
        """A long poll was refused or not answered: it is asked again, within reason."""
        fine = self._line_is_fine(now)
        self._cadence.gave_up()
        self._metering.reader.interrupted(now)
        if not self._machine.doubt(poll.command, now):
            return
        self._note_body = None
        if "enable" in poll.values:
            self._machine.mode_refused(poll.values["enable"])
        elif fine:
            self._machine.unsupported(poll.command)
        else:
            self._machine.not_now(poll.command, now)
        self._metering.reader.skip(poll.command)
        if self._schedule.duty_done(poll.command):
            self._metering.amount_unknown(poll.command)

    def _line_is_fine(self, now: float) -> bool:
        """Whether silence to a long poll can only mean that the machine does not know it."""
        just_back = now == self._found_at
        return not (just_back or self._cadence.garbled or self._mishaps.is_rough(now))

    def _on_found(self, now: float) -> None:
        silent = max(0.0, now - self._silent_since)
        if self._up is False:
            self._machine.came_back()
            self._metering.reader.want("link_recovery", now)
            if silent >= LONG_SILENCE_SECONDS:
                self._machine.ask_again_soon(now)
        self._up = True
        self._observe(LineUp(line=self._identity.subject, silent_seconds=round(silent, 3)), now)

    def _down(self, reason: str, now: float, since: float) -> None:
        if self._up is not False:
            self._up = False
            self._silent_since = since
            self._metering.reader.interrupted(now)
            self._observe(LineDown(line=self._identity.subject, reason=reason), now)

    def _do_chores(self, now: float) -> None:
        report = self._mishaps.report(now)
        if report is not None:
            self._observe(report, now)
        self.counters.protocol_errors = self._mishaps.total
        rough = self._mishaps.is_rough(now)
        if rough != self._rough:
            self._rough, self._note_body = rough, None
        if self._up and self._machine.look_after(now):
            self._observe(self._machine.profile.identified(), now)
            if not self._introduced:
                self._metering.reader.want("start", now)
            self._introduced = True
        self.counters.state = self._state()

    def _state(self) -> str:
        if self._up is None:
            return "starting"
        if not self._up:
            return "silent"
        return "interrogating" if self._machine.interrogating else "polling"

    def _interval(self) -> float:
        asked = self._options.poll_ms / 1000
        if self._options.force_poll_ms or self._machine.profile.has(FAST_POLLING):
            return asked
        return max(asked, COMMON_POLL_SECONDS)

    def _observe(self, body: EventBody, now: float) -> None:
        self._note_body = None  # whatever is worth telling may be worth noting
        self._observations.append(Observation(self._identity.subject, now, body))

    def _to_keep(self) -> Note:
        profile = self._machine.profile
        return Note(
            serial_check=self._machine.serial_check if self._machine.known else 0,
            features=profile.features or (),
            standard_validation=profile.validation == STANDARD_VALIDATION,
            playing=self._metering.reader.playing,
            rough=self._rough,
            unread=self._metering.unread,
            epoch=self._metering.epoch,
            denomination=profile.denomination,
            unsupported=self._machine.askable.unsupported,
            accounts=self._metering.accounts,
        )


def _profile_of(kept: Note) -> MachineProfile:
    """What a note says of a machine."""
    return MachineProfile(
        denomination=kept.denomination,
        features=kept.features or None,
        validation=STANDARD_VALIDATION if kept.standard_validation else None,
        unsupported=kept.unsupported,
    )
