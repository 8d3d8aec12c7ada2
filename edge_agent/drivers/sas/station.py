"""The SAS station: the host's end of a line to one gaming machine.

`HostConnection` keeps the protocol's promises, `Schedule` decides what to ask and `Attention` what is
made of the answers; the station holds them together. Bytes and time come in, observations and bytes
go out; whoever drives it makes the observations durable before it asks for more bytes to send.

    meeting a machine    repeat the last poll, if there was one; real-time events off; interrogate; listen
                         until it has nothing more to say; real-time events on
    meeting it again     its note says what it answers: real-time events on at once, so that no game goes
                         unheard, and only what it answers is asked
    ever after           one poll an interval; see `schedule`
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from edge_agent.drivers.sas.assembly import note_of, parts_of
from edge_agent.drivers.sas.attention import Attention
from edge_agent.drivers.sas.commander import Commander
from edge_agent.drivers.sas.note import Note, read_note, write_body, write_note
from edge_agent.drivers.sas.options import COMMON_POLL_SECONDS, SasOptions
from edge_agent.drivers.sas.profile import FAST_POLLING
from edge_agent.drivers.sas.roles import may_send
from edge_agent.drivers.sas.vendors.quirks import NO_VENDORS, Vendors
from edge_agent.events import EventBody, Observation
from edge_agent.sas.host import SYNCHRONISATION_POLL, HostConnection
from edge_agent.sas.long_polls import CONFIDENTIAL_ANSWERS, CONFIDENTIAL_REQUESTS
from edge_agent.sas.messages import Poll
from edge_agent.station import CommandResult, DeviceIdentity, LineCounters, MachineCommand

# A pause this long ends whatever a machine is saying.
GAP_SECONDS = 0.020

# What is looked after between polls is in no hurry.
CHORES_SECONDS = 0.25

# What is said about these holds numbers that are as good as cash, or keys; a line may echo what was asked.
CONFIDENTIAL = CONFIDENTIAL_ANSWERS | CONFIDENTIAL_REQUESTS


class SasStation:
    """The host's end of a line to one gaming machine. See `edge_agent.station` for the calls.

    Args:
        identity: what the site calls the machine.
        options: what the site chose for it.
        note: what an earlier run kept.
        vendors: the profiles to choose from.
        shared: other machines are on the line; see `shared_line`.
        told: another of them was polled after the last poll of the note.
    """

    def __init__(
        self,
        identity: DeviceIdentity,
        options: SasOptions,
        note: bytes = b"",
        vendors: Vendors = NO_VENDORS,
        *,
        shared: bool = False,
        told: bool = False,
    ) -> None:
        kept = read_note(note)
        self.counters = LineCounters()
        self._identity = identity
        self._options = options
        self._host = HostConnection(
            options.address,
            last_poll=SYNCHRONISATION_POLL if told else kept.last_poll,
            last_event=kept.last_event,
            shared=shared,
            may_send=self._may_send,
        )
        self._parts = parts = parts_of(identity, options, kept, self.counters, vendors)
        self._machine = parts.machine
        self._metering = parts.metering
        self._schedule = parts.schedule
        self._site_time = parts.site_time
        self._cadence = parts.cadence
        self._mishaps = parts.mishaps
        self._attention = Attention(identity, self.counters, parts, rough=kept.rough)
        self._commander = Commander(identity.subject, options.address, options.command_host)
        self._note_body = self._note = b""
        self._noted: tuple[bytes, bytes] | None = None  # the frames in the note; None: it has to be written
        self._heed_profile()
        self._hurried = False
        self._chores_due = float("-inf")
        self._kept: Note | None = kept  # until the link is open, and it is known what time it is

    def __repr__(self) -> str:
        return f"<SasStation {self._identity.subject} {self._options.address:02X}:{self.counters.state}>"

    def link_opened(self, now: float) -> None:
        """See Station."""
        self._attention.silent_since = now
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
        self._attention.line_down(reason, now, now)

    def receive_data(self, data: bytes, now: float) -> None:
        """See Station."""
        self._cadence.heard(now)
        self._host.receive_data(data, now)
        self._cadence.hold(float("-inf") if self._after(now) else now + GAP_SECONDS)

    def handle_timer(self, now: float) -> None:
        """See Station."""
        self._host.handle_timer(now)
        self._after(now)
        if now >= self._chores_due:
            self._chores_due = now + CHORES_SECONDS
            self.counters.resynchronisations = self._host.resynchronisations
            self._attention.look_after(now)
            for body in self._commander.expire(now):
                self._attention.command_settled(body, now)

    def next_timer(self) -> float | None:
        """See Station."""
        timer, due = self._host.next_timer(), self._cadence.due
        if due is None:
            return timer
        return due if timer is None else min(timer, due)

    def take_observations(self) -> Sequence[Observation]:
        """See Station."""
        taken = self._attention.observations
        if taken:
            self._attention.observations = []
        return taken

    def data_to_send(self, now: float) -> bytes:
        """See Station."""
        if self._attention.observations:
            return b""  # append, then poll: they may not be durable yet
        if self._cadence.is_due(now) and self._host.ready(now):
            confirming = self._host.must_differ_from is not None
            command = self._commander.next_poll(confirming=confirming)
            self._host.send(command or self._next_poll(now))
            self._cadence.left(now, self._interval())
        data = self._host.data_to_send(now)
        if data:
            self._cadence.sent(now, outstanding=not self._host.ready(now))
        return data

    def _next_poll(self, now: float) -> Poll:
        return self._schedule.next_poll(
            now,
            real_time=self._host.real_time,
            rough=self._mishaps.is_rough(now),
            confirm_against=self._host.must_differ_from,
        )

    @property
    def takes_commands(self) -> bool:
        """See Commandable."""
        return bool(self._options.command_host)

    def accept_command(self, device: str, command: MachineCommand) -> EventBody:  # noqa: ARG002  the only one
        """See Commandable."""
        return self._commander.accept(command)

    def command(self, device: str, command: MachineCommand) -> None:  # noqa: ARG002  it is the only one
        """See Commandable."""
        self._commander.take(command)

    def take_outcomes(self) -> Sequence[CommandResult]:
        """See Commandable."""
        return self._commander.take_outcomes()

    @property
    def discloses(self) -> bool:
        """See Commandable."""
        return self._commander.discloses

    def read_meters(self, now: float) -> None:
        """See Metered: a snapshot is wanted, and waits for a quiet moment like any other."""
        self._metering.reader.want("command", now)

    def tell_time(self, local: datetime, now: float) -> None:
        """See Timed."""
        self._site_time.tell(local, now)

    def note(self) -> bytes:
        """See Station."""
        if self._attention.noteworthy:
            self._attention.noteworthy = False
            now_known = note_of(self._parts, role=self._options.role, rough=self._attention.rough)
            self._note_body, self._noted = write_body(now_known), None
        frames = self._host.last_poll, self._host.last_event
        if frames != self._noted:
            self._note, self._noted = write_note(self._note_body, *frames), frames
        return self._note

    @property
    def confidential(self) -> bool:
        """While an answer is due that holds a ticket's number, which is as good as cash, or a key."""
        return bool(CONFIDENTIAL.intersection(self._host.last_poll[1:2]))

    @property
    def keeps_quiet(self) -> bool:
        """See Neighbour."""
        return self._host.keeps_quiet

    def take_pace(self, *, curious: bool, hurried: bool) -> None:
        """See Neighbour."""
        self._schedule.curious = curious
        self._hurried = hurried

    def holds_line(self, now: float) -> bool:
        """See Neighbour."""
        return self._host.holds_line(now)

    def neighbour_polled(self, now: float) -> None:
        """See Neighbour."""
        self._host.neighbour_polled(now)

    def _after(self, now: float) -> bool:
        """Take what the connection has learnt; whether that was anything."""
        events = self._host.events()
        if events:
            others, told = self._commander.hear(events)
            self._attention.pay(others, now, real_time=self._host.real_time)
            for body in told:
                self._attention.command_settled(body, now)
            if self._machine.profile is not self._heeded:
                self._heed_profile()
        self._cadence.free(now, free=self._host.ready(now))
        return bool(events)

    def _may_send(self, poll: Poll) -> bool:
        """What the role allows, and the command an integrator's program has given: the gate of this line."""
        return may_send(self._options.role, poll) or self._commander.is_own(poll)

    def _heed_profile(self) -> None:
        """What follows from what the machine has said it is, and from its vendor's ways."""
        self._heeded, quirks = self._machine.profile, self._machine.quirks
        self._host.refuses_with = self._machine.refuses_with
        self._host.wait_at_least(quirks.reply_window)
        self._metering.reader.settle_seconds = quirks.settle_seconds
        may_be_fast = self._options.force_poll_ms or self._heeded.has(FAST_POLLING)
        shortest = max(quirks.poll_seconds, 0.0 if may_be_fast else COMMON_POLL_SECONDS)
        self._usual_interval = max(self._options.poll_ms / 1000, shortest)
        self._hurried_interval = max(COMMON_POLL_SECONDS, shortest)

    def _interval(self) -> float:
        return self._hurried_interval if self._hurried else self._usual_interval
