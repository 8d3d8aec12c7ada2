"""Two ends, two wires and a clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edge_agent.events import Observation
from edge_agent.sas.machine import MachineConnection
from edge_agent.station import LineCounters
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import Conversation, StationEnd, wires_of
from edge_agent.testing.mortal_end import Step
from edge_agent.testing.polling_host import PollingHost
from edge_agent.testing.storyteller import FewMeters, Storyteller, account
from edge_agent.testing.wires import ECHOING, SLOW


class Speaker:
    """Says one thing each second, and keeps what it hears."""

    def __init__(self, word: bytes = b"", every: float = 1.0) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self._word, self._every, self._due = word, every, 0.0

    def receive_data(self, stream: bytes, now: float) -> None:
        self.heard.append((now, stream))

    def handle_timer(self, now: float) -> None:
        assert now >= 0

    def next_timer(self) -> float | None:
        return self._due if self._word else None

    def data_to_send(self, now: float) -> bytes:
        if not self._word or now < self._due:
            return b""
        self._due = now + self._every
        return self._word


def test_what_one_says_the_other_hears() -> None:
    host, machine, clock = Speaker(b"a"), Speaker(), VirtualClock()

    Conversation(host, machine, clock).run_for(2.5)

    assert machine.heard == [(0.0, b"a"), (1.0, b"a"), (2.0, b"a")]
    assert clock() == 2.5


def test_what_takes_time_arrives_later() -> None:
    host, machine = Speaker(b"a"), Speaker()

    Conversation(host, machine, VirtualClock(), wires=wires_of(SLOW)).run_for(0.9)

    [(at, _)] = machine.heard
    assert 0.0 < at < 0.1


def test_an_echo_comes_back_to_the_speaker() -> None:
    host, machine = Speaker(b"a"), Speaker()

    Conversation(host, machine, VirtualClock(), wires=wires_of(ECHOING)).run_for(0.5)

    assert host.heard == machine.heard == [(0.0, b"a")]


def test_an_end_that_never_lets_time_pass_is_found_out() -> None:
    with pytest.raises(AssertionError, match="time stands still"):
        Conversation(Speaker(b"a", every=0.0), Speaker(), VirtualClock()).run_for(1.0)


class OneWord:
    """A station that observes what it hears, and speaks once it was taken."""

    def __init__(self) -> None:
        self.counters = LineCounters()
        self._heard: list[Observation] = []
        self._said = False

    def link_opened(self, now: float) -> None:
        self.counters.state = f"open since {now}"

    def link_lost(self, now: float, reason: str) -> None:
        self.counters.state = f"{reason} at {now}"

    def receive_data(self, data: bytes, now: float) -> None:
        assert now >= 0
        self.counters.last_event = data.decode()

    def handle_timer(self, now: float) -> None:
        assert now >= 0

    def next_timer(self) -> float | None:
        return None if self._said else 0.0

    def take_observations(self) -> Sequence[Observation]:
        return self._heard

    def data_to_send(self, now: float) -> bytes:
        assert now >= 0
        said, self._said = self._said, True
        return b"" if said else b"hello"

    def note(self) -> bytes:
        return b"said" if self._said else b""

    @property
    def confidential(self) -> bool:
        return False


def test_a_station_takes_part_as_it_does_on_a_line() -> None:
    clock, machine = VirtualClock(), Speaker(b"world", every=10.0)
    station = OneWord()
    end = StationEnd(station, clock)

    Conversation(end, machine, clock).run_for(1.0)

    assert machine.heard == [(0.0, b"hello")]
    assert station.counters.last_event == "world"
    assert end.note == b"said"
    assert end.take() == []


def test_a_killed_host_forgets_what_it_heard_and_begins_again_from_its_note() -> None:
    clock = VirtualClock()
    machine = MachineConnection(1, FewMeters())
    machine.power_on(0.0)
    fates = {Step.BEFORE_APPEND: [True], Step.AFTER_APPEND: [], Step.BEFORE_WRITE: [], Step.AFTER_WRITE: []}
    host = PollingHost(fate=lambda step: bool(fates[step] and fates[step].pop()))
    talk = Conversation(host, machine, clock)
    talk.run_for(2.0)

    machine.raise_exception(0x11, clock())
    talk.run_for(0.1)
    assert host.runs == 2
    assert host.journal == []
    talk.run_for(2.0)

    assert [(event.code, event.possibly_repeated) for event in host.journal] == [(0x11, True)]
    assert repr(host).startswith("<PollingHost run 2 journalled 1 <HostConnection 01")


@pytest.mark.parametrize("step", [Step.BEFORE_WRITE, Step.AFTER_WRITE])
def test_a_host_killed_around_a_write_goes_on(step: Step) -> None:
    clock = VirtualClock()
    machine = MachineConnection(1, FewMeters())
    machine.power_on(0.0)
    fates = [step]
    host = PollingHost(fate=lambda here: bool(fates and here is fates[0] and fates.pop()))
    talk = Conversation(host, machine, clock)

    talk.run_for(10.0)

    assert host.runs == 2
    assert host.connection.real_time


def test_a_journal_that_lacks_something_is_incomplete_and_one_with_too_much_is_not_exact() -> None:
    clock = VirtualClock()
    machine = MachineConnection(1, FewMeters())
    machine.power_on(0.0)
    host = PollingHost()
    talk = Conversation(host, machine, clock)
    talk.run_for(2.0)
    story = Storyteller(machine, seed=1)
    story.go_on(clock())
    talk.run_for(5.0)

    whole = account(story.told, host.journal)
    short = account(story.told, host.journal[1:])
    long = account(story.told, [*host.journal, host.journal[-1]])

    assert whole.complete
    assert whole.exact
    assert not short.complete
    assert (long.complete, long.exact, long.superfluous) == (True, False, 1)


@pytest.mark.parametrize(("step", "heard"), [(Step.BEFORE_WRITE, False), (Step.AFTER_WRITE, True)])
def test_what_a_killed_host_had_written_has_left(step: Step, *, heard: bool) -> None:
    clock, machine = VirtualClock(), Speaker()
    host = PollingHost(fate=lambda now: now is step)

    Conversation(host, machine, clock).run_for(10.0)

    assert host.runs > 1
    assert bool(machine.heard) is heard
