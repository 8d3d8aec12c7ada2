"""Station: one end of a line, as pure state.

A station is told what arrived and what time it is, and answers with what it learnt, what to
send and when to be woken. It does no I/O, so a line, a test and a replay drive it alike.

The order in which a line drives a station is the guarantee of the whole agent:

    station.handle_timer(now)                      when `next_timer` has said, if nothing arrived before
    observations = station.take_observations()     journalled, durably, before anything is sent
    data = station.data_to_send(now)               may acknowledge what was just taken
    station.note()                                 kept before `data` is written, and after an append
    station.receive_data(data, now)

Whatever `data_to_send` gives may acknowledge every observation taken before it, and never one
that was not. All times are monotonic seconds; all bytes are in the marked form of
`edge_agent.links`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from edge_agent.events import EventBody, Observation
from edge_agent.events.agent import LineDown, LineUp

# A note is written to the page cache before each poll: it must stay a fraction of a page.
NOTE_LIMIT_BYTES = 256
# A page of a shared line's note: which machine, whose turn, and that machine's note.
PAGE_LIMIT_BYTES = 5 + NOTE_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is not at rest at a device: a door that is open, a printer without paper."""

    state: str
    since: float | None  # monotonic seconds; None: since before the agent was started
    sure: bool = True  # False: something may have happened unheard meanwhile


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """How well a device was heard in the last minute."""

    score: int  # 0 to 100
    reasons: tuple[str, ...]  # why it is no better, the weightiest first
    answer_median_ms: int
    answer_p95_ms: int
    degraded: bool  # it was told that it is


@dataclass(slots=True)
class LineCounters:
    """What a line has done since it started, and how its device stands, read by health and the live view.

    Other threads read it while the line writes: what is not a plain number or text is replaced whole.
    """

    polls: int = 0
    polls_late: int = 0
    polls_unanswered: int = 0
    events: int = 0
    repeats_recognised: int = 0
    protocol_errors: int = 0
    resynchronisations: int = 0
    unknown_codes: dict[str, int] = field(default_factory=dict)
    last_event: str = ""
    state: str = "starting"
    conditions: dict[str, Condition] = field(default_factory=dict)  # by name, those that are raised
    quality: LinkQuality | None = None  # None: it is not there, or nobody judges it


@dataclass(frozen=True, slots=True)
class SerialFormat:
    """How characters travel on a serial port."""

    baud: int
    wakeup_bit: bool  # the ninth bit is emulated with mark and space parity


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """What the site calls the device at the end of a line."""

    subject: str  # e.g. "slot-1001": the CloudEvents subject
    currency: str  # ISO 4217, e.g. "USD"
    minor_units: int = 2  # digits after the decimal point of that currency


@runtime_checkable
class Station(Protocol):
    """One end of a line. See the module for the order of the calls."""

    counters: LineCounters

    def link_opened(self, now: float) -> None:
        """The link is open: begin, or begin again."""

    def link_lost(self, now: float, reason: str) -> None:
        """The link is gone: forget half-received characters, keep what is owed."""

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what arrived. Never raises on bad bytes: they are counted."""

    def handle_timer(self, now: float) -> None:
        """Time has passed: act on whatever is due."""

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next, or None."""

    def take_observations(self) -> Sequence[Observation]:
        """What was learnt since last asked. The caller makes it durable before it sends."""

    def data_to_send(self, now: float) -> bytes:
        """What to write now; b"" for nothing."""

    def note(self) -> bytes:
        """What a restarted station must know, at most NOTE_LIMIT_BYTES."""

    @property
    def confidential(self) -> bool:
        """Whether what is heard now may hold what no log may show: a ticket's number, a card."""


@runtime_checkable
class Metered(Protocol):
    """A station that can be asked to read its device's counters, beside its own schedule."""

    def read_meters(self, now: float) -> None:
        """Read them at the next safe moment, by the polls the schedule reads them by and no others."""


@runtime_checkable
class Timed(Protocol):
    """A station to which the time of day matters. Moments on the line are monotonic all the same."""

    def tell_time(self, local: datetime, now: float) -> None:
        """At the monotonic moment `now` the clock on the wall shows `local`. Said every minute or so."""


@dataclass(frozen=True, slots=True)
class MachineCommand:
    """What an integrator's program wants a machine to do, once it was checked and journalled."""

    id: str
    poll: str  # its name, in the driver's tables
    values: Mapping[str, Any]
    asked_by: str
    reason: str
    until: float  # monotonic seconds: after that it does not leave any more


class CommandOutcome(StrEnum):
    """What became of a command."""

    ACKNOWLEDGED = "acknowledged"  # the machine accepted it
    ANSWERED = "answered"  # it answered with data, which say what it did
    REFUSED = "refused"  # NACK: it did nothing
    BUSY = "busy"  # it did nothing, and may later
    UNANSWERED = "unanswered"  # nobody knows whether it did
    EXPIRED = "expired"  # it never left


# A command, what became of it, and what the device answered.
CommandResult = tuple[MachineCommand, CommandOutcome, Mapping[str, Any]]


@runtime_checkable
class Commandable(Protocol):
    """A station whose device can be told to do something, where the site allows it."""

    @property
    def takes_commands(self) -> bool:
        """Whether the site has listed any."""

    def accept_command(self, device: str, command: MachineCommand) -> EventBody:
        """What is to be journalled before the command is given. Any thread may ask.

        Raises LocalProtocolError if it is not listed, another is under way, or it makes no sense.
        """

    def command(self, device: str, command: MachineCommand) -> None:
        """Send it at the next moment that is safe. What becomes of it is an observation, and `outcomes`."""

    def take_outcomes(self) -> Sequence[CommandResult]:
        """What became of commands since last asked, with what the device answered."""

    @property
    def discloses(self) -> bool:
        """Whether what is sent now may hold what no log may show: a ticket's number, a key."""


@runtime_checkable
class Shared(Protocol):
    """A station of several devices on one line. Its note has pages, see `pack_pages`."""

    @property
    def devices(self) -> Mapping[str, LineCounters]:
        """What the site calls them, and how each is doing."""

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why a device is down, for as long as it is."""


@runtime_checkable
class Driver(Protocol):
    """What an entry point of the group `edge_agent.drivers` names."""

    name: str
    serial_format: SerialFormat

    def check(self, options: Mapping[str, object]) -> None:
        """Raise ConfigurationError naming the option and the mend, if the options make no sense."""

    def station(self, identity: DeviceIdentity, options: Mapping[str, object], note: bytes) -> Station:
        """Make the station for one line. `note` is the last one kept, b"" if there is none."""


@runtime_checkable
class SharesLines(Protocol):
    """A driver whose lines may have several devices each."""

    def devices(self, options: Mapping[str, object]) -> Sequence[str]:
        """What the site calls the devices that share the line; none if it is one device's own.

        Raises ConfigurationError as `check` does.
        """


def trouble_after(observations: Iterable[Observation], trouble: str) -> str:
    """Why a device is down once these were told of it, "" while it is up; `trouble` if they do not say."""
    for observation in observations:
        match observation.body:
            case LineDown(reason=reason):
                trouble = reason
            case LineUp():
                trouble = ""
            case _:
                pass
    return trouble


def pack_pages(pages: Iterable[bytes]) -> bytes:
    """The pages of a shared line's note as one; the first byte of each is its number, 0 to 127.

    A shared line's `note()` gives the pages that may have changed, and it is made from all of them.
    """
    return b"".join(len(page).to_bytes(2, "little") + page for page in pages)


def unpack_pages(note: bytes) -> list[bytes]:
    """What `pack_pages` packed; what is damaged has no pages."""
    pages, at = [], 0
    while at < len(note):
        end = at + 2 + int.from_bytes(note[at : at + 2], "little")
        pages.append(note[at + 2 : end])
        at = end
    return pages if at == len(note) else []
