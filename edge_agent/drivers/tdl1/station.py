"""The TDL/1 station: a host end of the protocol, seen as a line sees it.

It adds to `HostEnd` what the agent wants: observations in the published language, counters,
and quiet: however much rubbish a line gives, it is told at most once a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edge_agent.drivers.tdl1.normalise import booted, identified, missing, normalise
from edge_agent.drivers.tdl1.options import Tdl1Options
from edge_agent.events import EventBody, Observation
from edge_agent.events.agent import LineDown, LineUp, ProtocolErrors
from edge_agent.events.table import (
    CountersReset,
    DeviceCounters,
    DeviceIdentified,
    DeviceServiced,
)
from edge_agent.station import DeviceIdentity, LineCounters, SerialFormat, Station
from edge_agent.tdl1 import (
    Booted,
    DeviceAnswers,
    DeviceSilent,
    EventHeard,
    Heard,
    HostEnd,
    Identified,
    SequenceMissing,
    SnapshotHeard,
)
from edge_agent.tdl1.codes import MONOTONIC
from edge_agent.tdl1.plain import PlainReader

# A storm on a line is one fact a minute, not a flood of them.
ERRORS_PERIOD_SECONDS = 60.0

# A device that invents codes without end is counted under one name from here on.
MOST_UNKNOWN_CODES = 64


class Tdl1Station:
    """One TDL/1 device at the end of a line."""

    def __init__(self, identity: DeviceIdentity, options: Tdl1Options, note: bytes = b"") -> None:
        self.counters = LineCounters()
        self.dropped_keys = 0  # what the device sent and may not leave the table
        self._subject = identity.subject
        self._host = HostEnd(
            options.address, receive_only=not options.writable, polled=options.polled, memory=note
        )
        self._plain = PlainReader()
        self._now = 0.0
        self._open = True  # or not yet opened, which is no loss
        self._identified: DeviceIdentified | None = None
        self._totals: dict[str, int] = {}
        self._serviced = False
        self._misread = 0
        self._last_misread = ""
        self._errors_told = 0
        self._errors_due = 0.0  # when rubbish may be told of again

    def __repr__(self) -> str:
        return f"<Tdl1Station {self._subject} {self._host!r}>"

    def link_opened(self, now: float) -> None:
        """The link is open."""
        self._now = now
        self._plain.reset()
        self._open = True
        self._host.link_opened(now)
        self._count()

    def link_lost(self, now: float, reason: str) -> None:
        """The link is gone."""
        self._now = now
        self._plain.reset()
        self._host.link_lost(now, reason)
        self._open = False
        self._count()

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what arrived."""
        self._now = now
        self._host.receive_data(self._plain.receive_data(data), now)
        self._count()

    def handle_timer(self, now: float) -> None:
        """Time has passed."""
        self._now = now
        self._host.handle_timer(now)
        self._count()

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next."""
        due = self._host.next_timer()
        if self._errors == self._errors_told:
            return due
        return self._errors_due if due is None else min(due, self._errors_due)

    def take_observations(self) -> Sequence[Observation]:
        """What was learnt, in the published language."""
        observations = [
            Observation(self._subject, heard.at, body)
            for heard in self._host.take_events()
            for body in self._bodies(heard)
        ]
        if self._errors > self._errors_told and self._now >= self._errors_due:
            observations.append(Observation(self._subject, self._now, self._tell_errors()))
        self._count()
        return observations

    def data_to_send(self, now: float) -> bytes:
        """Acknowledgements of what was taken, and questions. All of it ASCII, so nothing is doubled."""
        return self._host.data_to_send(now)

    def read_meters(self, now: float) -> None:
        """Ask for the counters now; a device that is only listened to says them when it likes."""
        self._now = now
        self._host.ask_for_counters()

    def note(self) -> bytes:
        """Which boot of which device this is, and which of its events were heard."""
        return self._host.memory()

    @property
    def confidential(self) -> bool:
        """Always: a table device may name cards, and a chunk of a frame does not say so."""
        return True

    def _bodies(self, heard: Heard) -> Iterator[EventBody]:
        match heard:
            case EventHeard() | SnapshotHeard():
                yield from self._said(heard)
            case Booted():
                yield booted(heard)
            case Identified():
                yield from self._who(heard)
            case SequenceMissing():
                yield missing(heard)
            case DeviceSilent(_, reason):
                yield LineDown(line=self._subject, reason=reason)
            case DeviceAnswers(_, seconds):
                yield LineUp(line=self._subject, silent_seconds=seconds)

    def _said(self, heard: EventHeard | SnapshotHeard) -> Iterator[EventBody]:
        device_class = self._identified.device_class if self._identified is not None else None
        made = normalise(heard, device_class or "")
        if isinstance(heard, EventHeard):
            self.counters.events += 1
            self.counters.last_event = heard.message.code
        self.dropped_keys += len(made.body.dropped_keys)
        if made.unknown_code:
            self._count_unknown(made.unknown_code)
        for key in made.misread:
            self._misread += 1
            self._last_misread = f"{heard.message.code}: {key} is not written as it should be"
        if isinstance(made.body, DeviceServiced):
            self._serviced = True
        if isinstance(made.body, DeviceCounters):
            yield from self._resets(made.body)
        yield made.body

    def _who(self, heard: Identified) -> Iterator[EventBody]:
        body = identified(heard)
        before, self._identified = self._identified, body
        if before is None or before.serial != body.serial:
            self._totals.clear()
        if before is None or before.model_copy(update={"boot": body.boot}) != body:
            yield body

    def _resets(self, body: DeviceCounters) -> Iterator[EventBody]:
        """A total that fell, and no service since the last snapshot said why."""
        for name in MONOTONIC:
            now = getattr(body, name)
            if now is None:
                continue
            before = self._totals.get(name, 0)
            if now < before and not self._serviced:
                yield CountersReset(
                    serial=body.serial, boot=body.boot, counter=name, before=before, after=now
                )
            self._totals[name] = now
        self._serviced = False

    @property
    def _errors(self) -> int:
        return self._host.errors + self._misread

    def _tell_errors(self) -> ProtocolErrors:
        count, self._errors_told = self._errors - self._errors_told, self._errors
        self._errors_due = self._now + ERRORS_PERIOD_SECONDS
        last = self._host.last_error or self._last_misread
        return ProtocolErrors(line=self._subject, count=count, total=self._errors, last=last)

    def _count(self) -> None:
        self.counters.polls = self._host.polls
        self.counters.repeats_recognised = self._host.repeats
        self.counters.protocol_errors = self._errors
        if not self._open:
            self.counters.state = "link lost"
        elif self._host.answering:
            self.counters.state = self._host.status.lower() or "up"
        else:
            self.counters.state = "silent" if self._host.silent else "starting"

    def _count_unknown(self, code: str) -> None:
        known = self.counters.unknown_codes
        name = code if code in known or len(known) < MOST_UNKNOWN_CODES else "others"
        known[name] = known.get(name, 0) + 1


class Tdl1Driver:
    """The driver `tdl1`."""

    name = "tdl1"
    serial_format = SerialFormat(baud=9600, wakeup_bit=False)

    def check(self, options: Mapping[str, object]) -> None:
        """Raise ConfigurationError if the options make no sense."""
        Tdl1Options.read(options)

    def station(self, identity: DeviceIdentity, options: Mapping[str, object], note: bytes) -> Station:
        """Make the station of one line."""
        return Tdl1Station(identity, Tdl1Options.read(options), note)
