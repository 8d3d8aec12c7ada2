"""SharedLine: the host's end of a line with up to 127 machines, one turn after the other.

Each machine has a station of its own, and each keeps all its rules. What they share is the line, and
this: **a poll to one machine tells every other that its last answer was heard.** So a machine has the
line to itself from its poll until its answer is journalled, however often the poll has to be repeated,
and only then comes the next one's turn, the longest waiting first.

A machine that falls silent keeps all others waiting once, until its link has surely dropped (see
`sas.link_watch`); afterwards it is looked for between their turns.

The note of a shared line has a page for each machine: its address, a number that grows with every turn,
and its own note. After a restart the page with the highest number is that of the poll which left last.
It is repeated before any other, as always; every other machine was told by it that it was heard.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Protocol

from edge_agent.events import EventBody, Observation
from edge_agent.sas.wakeup import WakeupDecoder, marked
from edge_agent.station import (
    Commandable,
    CommandResult,
    LineCounters,
    MachineCommand,
    Metered,
    Station,
    Timed,
    pack_pages,
    trouble_after,
    unpack_pages,
)

_PAGE = struct.Struct("<BI")  # address, turn
POLLING = "polling"
INTERROGATING = "interrogating"
COUNT_SECONDS = 1.0
# Machines are met a few at a time: each asks dozens of questions, some of which it leaves unanswered, and
# meanwhile the rest should be heard.
MET_AT_ONCE = 4
_ALWAYS, _NEVER = float("-inf"), float("inf")
_CHARACTER = 0xFF


class Neighbour(Station, Metered, Timed, Commandable, Protocol):
    """A station that shares its line."""

    @property
    def keeps_quiet(self) -> bool:
        """Whether nothing may be sent to anybody, so that its machine's link drops."""

    def holds_line(self, now: float) -> bool:
        """Whether no other machine may be polled now."""

    def neighbour_polled(self, now: float) -> None:
        """Another machine was polled: that acknowledges, as 80 does."""

    def take_pace(self, *, curious: bool, hurried: bool) -> None:
        """Whether more may be asked than whether something happened, and whether faster than usual."""


# Makes a machine's station from its note, and whether it was told since that its last answer was heard.
MakeStation = Callable[[bytes, bool], Neighbour]


@dataclass(slots=True)
class _Place:
    """One machine's place on the line."""

    address: int
    subject: str
    station: Neighbour
    due: float = _ALWAYS  # when its station wants to be called
    trouble: str = ""  # why it is down, for as long as it is


class SharedLine:
    """The host's end of a shared line. See `edge_agent.station` for the calls.

    Args:
        machines: by address: what the site calls it, and what makes its station.
        note: the pages an earlier run kept.
    """

    def __init__(self, machines: Mapping[int, tuple[str, MakeStation]], note: bytes) -> None:
        pages = _read_pages(note)
        self._turn, last = max(((turn, address) for address, (turn, _) in pages.items()), default=(0, 0))
        self._places = [
            _Place(address, subject, make(pages.get(address, (0, b""))[1], last not in (0, address)))
            for address, (subject, make) in machines.items()
        ]
        self._holder = next((one for one in self._places if one.address == last), self._places[0])
        self._before = (self._holder, self._turn)
        self._observations: list[Observation] = []
        self._chirps = WakeupDecoder()
        self._now = _ALWAYS
        self._counted_at = _ALWAYS
        self.counters = LineCounters()

    def __repr__(self) -> str:
        return f"<SharedLine of {len(self._places)}, the turn of {self._holder.subject}>"

    @property
    def devices(self) -> Mapping[str, LineCounters]:
        """See Shared."""
        return {place.subject: place.station.counters for place in self._places}

    @property
    def troubles(self) -> Mapping[str, str]:
        """See Shared."""
        return {place.subject: place.trouble for place in self._places if place.trouble}

    @property
    def confidential(self) -> bool:
        """See Station."""
        return self._holder.station.confidential

    def link_opened(self, now: float) -> None:
        """See Station."""
        self._chirps = WakeupDecoder()
        self._now = now
        for place in self._places:
            place.station.link_opened(now)
            self._attend(place)

    def link_lost(self, now: float, reason: str) -> None:
        """See Station."""
        for place in self._places:
            place.station.link_lost(now, reason)
            self._attend(place)

    def receive_data(self, data: bytes, now: float) -> None:
        """See Station."""
        if any(place.station.keeps_quiet for place in self._places):
            self._hear_chirps(data, now)
        else:
            self._holder.station.receive_data(data, now)
            self._attend(self._holder)

    def handle_timer(self, now: float) -> None:
        """See Station."""
        self._now = now
        for place in self._places:
            if place.due <= now:
                place.station.handle_timer(now)
                self._attend(place)
        if now - self._counted_at >= COUNT_SECONDS:
            self._counted_at = now
            self._pace()
            _add_up(self.counters, [place.station.counters for place in self._places])

    def next_timer(self) -> float | None:
        """See Station."""
        due = min(place.due for place in self._holding(self._now) or self._places)
        return None if due == _NEVER else due

    def take_observations(self) -> Sequence[Observation]:
        """See Station."""
        taken, self._observations = self._observations, []
        return taken

    def data_to_send(self, now: float) -> bytes:
        """See Station."""
        if self._observations:
            return b""  # append, then poll: what is sent to one machine acknowledges for all
        self._now = now
        holding = self._holding(now)
        if any(place.station.keeps_quiet for place in holding):
            return b""
        for place in holding or sorted(self._places, key=_due):
            data = place.station.data_to_send(now)
            self._attend(place)
            if data:
                self._take_turn(place, now)
                return data
        return b""

    def note(self) -> bytes:
        """See Station: the page of whose turn it is, and before it that of whose turn it was."""
        pages = [self._before, (self._holder, self._turn)]
        return pack_pages(_PAGE.pack(one.address, turn) + one.station.note() for one, turn in pages)

    def read_meters(self, now: float) -> None:
        """See Metered."""
        for place in self._places:
            place.station.read_meters(now)

    def tell_time(self, local: datetime, now: float) -> None:
        """See Timed."""
        for place in self._places:
            place.station.tell_time(local, now)

    @property
    def takes_commands(self) -> bool:
        """See Commandable."""
        return any(place.station.takes_commands for place in self._places)

    def accept_command(self, device: str, command: MachineCommand) -> EventBody:
        """See Commandable."""
        return self._of(device).accept_command(device, command)

    def command(self, device: str, command: MachineCommand) -> None:
        """See Commandable."""
        self._of(device).command(device, command)

    def take_outcomes(self) -> Sequence[CommandResult]:
        """See Commandable."""
        return [result for place in self._places for result in place.station.take_outcomes()]

    @property
    def discloses(self) -> bool:
        """See Commandable."""
        return self._holder.station.discloses

    def _of(self, device: str) -> Neighbour:
        return next(place.station for place in self._places if place.subject == device)

    def _pace(self) -> None:
        """Who may ask what, and how fast."""
        new = [place for place in self._places if place.station.counters.state == INTERROGATING]
        met_now = new[:MET_AT_ONCE]
        for place in self._places:
            met = place.station.counters.state == POLLING
            hurried = place in met_now
            place.station.take_pace(curious=met or hurried, hurried=hurried)

    def _holding(self, now: float) -> list[_Place]:
        return [place for place in self._places if place.station.holds_line(now)]

    def _take_turn(self, place: _Place, now: float) -> None:
        """Something leaves for `place`: to all others it is a poll to another address."""
        if place is not self._holder or not self._turn:
            self._before = (self._holder, self._turn)
            self._holder, self._turn = place, self._turn + 1
        for other in self._places:
            if other is not place:
                other.station.neighbour_polled(now)

    def _hear_chirps(self, data: bytes, now: float) -> None:
        """In a silence the only ones who speak are machines that hear no host, each its own address."""
        characters = [character & _CHARACTER for character in self._chirps.feed(data)]
        for place in self._places:
            for _ in range(characters.count(place.address)):
                place.station.receive_data(marked(place.address), now)
            self._attend(place)

    def _attend(self, place: _Place) -> None:
        """Take what a station has learnt, and when it wants to be called again."""
        observations = place.station.take_observations()
        if observations:
            self._observations += observations
            place.trouble = trouble_after(observations, place.trouble)
        due = place.station.next_timer()
        place.due = _NEVER if due is None else due


def _due(place: _Place) -> float:
    return place.due


def _add_up(line: LineCounters, machines: Sequence[LineCounters]) -> None:
    """The sums of a line, and how many of its machines are polled."""
    for field in fields(LineCounters):
        values = [getattr(counters, field.name) for counters in machines]
        if all(isinstance(value, int) for value in values):
            setattr(line, field.name, sum(values))
    polled = sum(counters.state == POLLING for counters in machines)
    line.state = POLLING if polled == len(machines) else f"{polled} of {len(machines)} polling"


def _read_pages(note: bytes) -> dict[int, tuple[int, bytes]]:
    """By address: the number of a machine's last turn, and its own note."""
    pages = [page for page in unpack_pages(note) if len(page) >= _PAGE.size]
    heads = [(_PAGE.unpack_from(page), page[_PAGE.size :]) for page in pages]
    return {address: (turn, own) for (address, turn), own in heads}
