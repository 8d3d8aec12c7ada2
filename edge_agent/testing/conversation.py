"""Conversation: two ends of a line, the wires between them, and a clock that moves from one deed to the next.

Each end is pure: it takes bytes and time and says what to send and when to be woken. The conversation
does what a line thread does, for both, without waiting: an hour on the floor takes seconds.

    talk = Conversation(host, machine, clock, wires=wires_of(LOSSY, seed=7))
    machine.raise_exception(0x11, clock())
    talk.run_for(1.0)
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from edge_agent.events import Observation
from edge_agent.station import Station
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.wires import PERFECT, HostileWire, WireProfile

# An end that wants to be woken again and again without time passing would keep a line thread spinning.
MOST_TURNS_AT_ONCE = 1_000


class End(Protocol):
    """One end of a line, as a conversation drives it."""

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take what arrived."""

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""

    def next_timer(self) -> float | None:
        """When to be called next, or None."""

    def data_to_send(self, now: float) -> bytes:
        """What to write now."""


def wires_of(profile: WireProfile = PERFECT, seed: int | str = 0) -> tuple[HostileWire, HostileWire]:
    """A wire to the machine and one from it, each with chance of its own."""
    return HostileWire(profile, f"{seed} to machine"), HostileWire(profile, f"{seed} to host")


class Conversation:
    """Two ends talking in virtual time.

    Args:
        host: the host's end.
        machine: the other.
        clock: whose time they share.
        wires: to the machine and to the host; perfect ones if left out.
    """

    def __init__(
        self,
        host: End,
        machine: End,
        clock: VirtualClock,
        *,
        wires: tuple[HostileWire, HostileWire] | None = None,
    ) -> None:
        self.host = host
        self.machine = machine
        self.clock = clock
        self.to_machine, self.to_host = wires or wires_of()
        self._under_way: list[tuple[float, int, bool, bytes]] = []
        self._parts = count()  # parts that arrive together arrive in order

    def run_for(self, seconds: float) -> None:
        """Let them talk for a while."""
        self.run_until(self.clock.now + seconds)

    def run_until(self, moment: float) -> None:
        """Let them talk until `moment`."""
        turns_at_once = 0
        self._turn()
        while (due := self._next()) is not None and due <= moment:
            turns_at_once = turns_at_once + 1 if due <= self.clock.now else 0
            if turns_at_once > MOST_TURNS_AT_ONCE:
                raise AssertionError(
                    f"time stands still at {self.clock.now:.6f}: {self.host!r} {self.machine!r}"
                )
            self.clock.move_to(due)
            self._turn()
        self.clock.move_to(moment)

    def _next(self) -> float | None:
        dues = [self.host.next_timer(), self.machine.next_timer()]
        if self._under_way:
            dues.append(self._under_way[0][0])
        return min((due for due in dues if due is not None), default=None)

    def _turn(self) -> None:
        now = self.clock.now
        while self._under_way and self._under_way[0][0] <= now:
            _, _, to_host, stream = heappop(self._under_way)
            (self.host if to_host else self.machine).receive_data(stream, now)
        for end, wire, to_host in ((self.host, self.to_machine, False), (self.machine, self.to_host, True)):
            end.handle_timer(now)
            stream = end.data_to_send(now)
            if stream:
                self._send(stream, wire, to_host=to_host)

    def _send(self, stream: bytes, wire: HostileWire, *, to_host: bool) -> None:
        for at, part in wire.carry(stream, self.clock.now):
            heappush(self._under_way, (at, next(self._parts), to_host, part))
            if wire.profile.echoes:
                heappush(self._under_way, (at, next(self._parts), not to_host, part))


class StationEnd:
    """A station as one end: what it observes is taken before it may send, as a line does."""

    def __init__(self, station: Station, clock: VirtualClock) -> None:
        self.station = station
        self.observations: list[Observation] = []
        self.note = b""
        station.link_opened(clock.now)

    def take(self) -> Sequence[Observation]:
        """What was observed since last asked."""
        taken, self.observations = self.observations, []
        return taken

    def receive_data(self, stream: bytes, now: float) -> None:
        """See End."""
        self.station.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        """See End."""
        self.station.handle_timer(now)

    def next_timer(self) -> float | None:
        """See End."""
        return self.station.next_timer()

    def data_to_send(self, now: float) -> bytes:
        """See End."""
        self.observations.extend(self.station.take_observations())
        data = self.station.data_to_send(now)
        self.note = self.station.note()
        return data
