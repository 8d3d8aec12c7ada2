"""Meters that somebody asked for are read by the same polls as ever, and by no others."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.drivers.sas import DRIVER as SAS
from edge_agent.drivers.tdl1 import DRIVER as TDL1
from edge_agent.events import EventBody
from edge_agent.events.slot import MetersRead
from edge_agent.events.table import DeviceCounters
from edge_agent.sas.long_polls import LONG_POLLS, PollType
from edge_agent.sas.machine import MachineConnection
from edge_agent.sas.messages import LongPollRequest
from edge_agent.sas.poll_reader import PollReader
from edge_agent.sas.wakeup import WakeupDecoder
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.station import Metered
from edge_agent.tdl1 import DeviceCard, DeviceEnd
from edge_agent.testing.station_bench import Bench, DeviceUnderTest, StationCase

REAL_TIME_EVENTS = 0x0E


class Device:
    """A device at the other end of a bench's line, at which nothing happens."""

    def __init__(self, end: MachineConnection | DeviceEnd) -> None:
        self.receive_data = end.receive_data
        self.handle_timer = end.handle_timer
        self.next_timer = end.next_timer
        self.data_to_send = end.data_to_send
        self.pending = 0

    def raise_event(self, _now: float) -> str:
        return ""


def machine() -> DeviceUnderTest:
    spec = default_floor(1, seed=1)[0]
    return Device(
        GamingMachine(spec, lambda answers: MachineConnection(spec.address, answers), seed=1).connection
    )


def shuffler() -> DeviceUnderTest:
    end = DeviceEnd(DeviceCard("SHF", "ACME", "S1", "A1234", "2.4.1"), lambda: ("SHF.CTR", {"cyc": "1"}))
    end.boot(now=100.0)
    return Device(end)


def asked_for_meters(case: StationCase) -> tuple[list[EventBody], bytes]:
    """What was journalled, and what was written, after meters were asked for on a quiet line."""
    bench = Bench(case)
    bench.run_for(60)
    bench.journal.clear()
    bench.written = b""

    assert isinstance(bench.station, Metered)
    bench.station.read_meters(bench.now)
    bench.run_for(10)

    return [observation.body for observation in bench.journal], bench.written


def polls_in(written: bytes) -> Sequence[LongPollRequest]:
    polls = PollReader().feed(WakeupDecoder().feed(written), 0.0)
    return [poll for poll in polls if isinstance(poll, LongPollRequest)]


def test_a_machine_is_asked_by_reading_polls_alone() -> None:
    bodies, written = asked_for_meters(StationCase(SAS, machine, lambda _body: None))

    (read,) = [body for body in bodies if isinstance(body, MetersRead)]
    assert (read.reason, read.settled) == ("command", True)
    asked = {poll.command for poll in polls_in(written)} - {REAL_TIME_EVENTS}
    assert asked
    assert {LONG_POLLS[command].type for command in asked} <= {PollType.R, PollType.M}
    assert not [command for command in asked if LONG_POLLS[command].changes_machine]
    assert not [command for command in asked if LONG_POLLS[command].consumes]


def test_a_table_device_is_asked_for_its_counters_alone() -> None:
    bodies, written = asked_for_meters(StationCase(TDL1, shuffler, lambda _body: None))

    assert [body for body in bodies if isinstance(body, DeviceCounters)]
    commands = {frame.split(b"|")[4].partition(b"*")[0] for frame in written.splitlines() if b"|C|" in frame}
    assert commands == {b"CT?"}


def test_a_shuffler_that_is_only_listened_to_is_not_asked() -> None:
    _bodies, written = asked_for_meters(StationCase(TDL1, shuffler, lambda _body: None, {"writable": False}))

    assert written == b""
