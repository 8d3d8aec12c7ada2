"""Two stations and a wire: what was raised at one end is journalled at the other, whatever is in between."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from edge_agent.sas.host import HostConnection, MachineFound, MachineLost
from edge_agent.sas.machine import Delivered, DroppedByOverflow, MachineConnection, Raised
from edge_agent.sas.messages import LongPollRequest, Poll
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import Conversation, wires_of
from edge_agent.testing.mortal_end import deadly
from edge_agent.testing.polling_host import MakeConnection, PollingHost
from edge_agent.testing.storyteller import Account, FewMeters, Storyteller, account
from edge_agent.testing.wires import (
    CUT,
    ECHOING,
    LATE,
    LOSSY,
    NOISY,
    ONE_BYTE_AT_A_TIME,
    PERFECT,
    SLOW,
    VERY_LOSSY,
    WireProfile,
)

ADDRESS = 1
MANY, SOME = 800, 300
# What is pending when the story is over is told within this, on the worst of the wires.
PATIENCE_SECONDS = 600.0
# No wire here takes longer than this for a story: 20 % loss needs a minute for ten game starts.
LONGEST_STORY_SECONDS = 40_000.0


@dataclass
class Story:
    """A story that has been told."""

    account: Account
    host: PollingHost
    machine: MachineConnection
    talk: Conversation


def tell(
    profile: WireProfile,
    *,
    real_time: bool,
    seed: int,
    events: int,
    deaths: float = 0.0,
    connect: MakeConnection | None = None,
) -> Story:
    """Let a machine live through `events` exceptions; the host is killed at a share of the appends."""
    clock = VirtualClock()
    machine = MachineConnection(ADDRESS, FewMeters())
    machine.power_on(clock.now)
    host = PollingHost(ADDRESS, real_time=real_time, fate=deadly(deaths, seed), connect=connect)
    talk = Conversation(host, machine, clock, wires=wires_of(profile, seed))
    while not host.learnt or host.connection.real_time != real_time:
        talk.run_for(1.0)
    story = Storyteller(machine, seed)
    while len(story.told) < events and clock.now < LONGEST_STORY_SECONDS:
        story.go_on(clock.now)
        talk.run_for(1.0)
    end = clock.now + PATIENCE_SECONDS
    while machine.queue and clock.now < end:
        talk.run_for(1.0)
    return Story(account(story.told, host.journal), host, machine, talk)


@pytest.mark.parametrize("real_time", [True, False], ids=["real_time", "one_byte"])
@pytest.mark.parametrize("profile", [PERFECT, LOSSY, VERY_LOSSY], ids=lambda profile: profile.name)
def test_wires_that_only_lose_deliver_every_exception_exactly_once(
    profile: WireProfile, *, real_time: bool
) -> None:
    story = tell(profile, real_time=real_time, seed=1, events=MANY)

    assert story.account.complete
    assert story.account.superfluous == 0


@pytest.mark.parametrize("real_time", [True, False], ids=["real_time", "one_byte"])
@pytest.mark.parametrize("profile", [PERFECT, LOSSY, VERY_LOSSY], ids=lambda profile: profile.name)
def test_a_host_killed_on_either_side_of_appends_loses_nothing_and_flags_what_it_repeats(
    profile: WireProfile, *, real_time: bool
) -> None:
    story = tell(profile, real_time=real_time, seed=2, events=MANY, deaths=0.05)

    assert story.host.runs > MANY * 0.05
    assert story.account.complete
    assert story.account.exact


@pytest.mark.parametrize("real_time", [True, False], ids=["real_time", "one_byte"])
@pytest.mark.parametrize("deaths", [0.0, 0.05], ids=["unharmed", "killed"])
@pytest.mark.parametrize(
    "profile", [ONE_BYTE_AT_A_TIME, SLOW, ECHOING, CUT], ids=lambda profile: profile.name
)
def test_wires_that_delay_echo_or_cut_lose_nothing_and_repeats_are_flagged(
    profile: WireProfile, deaths: float, *, real_time: bool
) -> None:
    story = tell(profile, real_time=real_time, seed=3, events=SOME, deaths=deaths)

    assert story.account.complete
    assert story.account.exact


@pytest.mark.parametrize("real_time", [True, False], ids=["real_time", "one_byte"])
@pytest.mark.parametrize("seed", range(3))
def test_answers_far_later_than_a_host_waits_are_not_taken_for_others(seed: int, *, real_time: bool) -> None:
    story = tell(LATE, real_time=real_time, seed=seed, events=150)

    assert story.account.complete
    assert story.account.exact


@pytest.mark.parametrize("seed", range(3))
def test_noise_never_crashes_and_the_conversation_goes_on(seed: int) -> None:
    story = tell(NOISY, real_time=True, seed=seed, events=SOME, deaths=0.02)

    assert not story.machine.queue
    assert story.talk.to_host.flipped + story.talk.to_machine.flipped
    assert abs(story.account.superfluous) < SOME * 0.1


@pytest.mark.parametrize("deaf", ["host", "machine"])
@pytest.mark.parametrize("real_time", [True, False], ids=["real_time", "one_byte"])
@pytest.mark.parametrize("seconds", [1.0, 4.0, 8.0, 45.0])
def test_a_cut_in_one_direction_loses_nothing(deaf: str, seconds: float, *, real_time: bool) -> None:
    clock = VirtualClock()
    machine = MachineConnection(ADDRESS, FewMeters())
    machine.power_on(clock.now)
    host = PollingHost(ADDRESS, real_time=real_time)
    talk = Conversation(host, machine, clock, wires=wires_of(PERFECT))
    talk.run_for(5.0)
    story = Storyteller(machine, 4)
    wire = talk.to_host if deaf == "host" else talk.to_machine

    for pause in (0.0, 0.01, 0.05, 0.13, 0.4):
        story.go_on(clock.now)
        talk.run_for(pause)
        wire.cut(clock.now, seconds)
        talk.run_for(seconds + 30.0)

    result = account(story.told, host.journal)
    assert result.complete
    assert result.exact


def test_a_long_cut_is_told_as_lost_and_found() -> None:
    clock = VirtualClock()
    machine = MachineConnection(ADDRESS, FewMeters())
    machine.power_on(clock.now)
    host = PollingHost(ADDRESS)
    talk = Conversation(host, machine, clock)
    talk.run_for(2.0)

    talk.to_machine.cut(clock.now, 10.0)
    talk.to_host.cut(clock.now, 10.0)
    talk.run_for(20.0)

    lost = [event for event in host.learnt if isinstance(event, MachineLost | MachineFound)]
    assert [type(event) for event in lost] == [MachineFound, MachineLost, MachineFound]
    assert 2.5 <= next(event.silent_for for event in lost if isinstance(event, MachineLost)) < 2.9
    assert host.connection.real_time


def test_a_machine_that_loses_power_is_found_again_and_tells_what_it_kept() -> None:
    clock = VirtualClock()
    machine = MachineConnection(ADDRESS, FewMeters())
    machine.power_on(clock.now)
    host = PollingHost(ADDRESS)
    talk = Conversation(host, machine, clock)
    talk.run_for(2.0)

    machine.raise_exception(0x18, clock.now)
    machine.power_off(clock.now)
    talk.run_for(6.0)
    machine.power_on(clock.now)
    machine.raise_exception(0x17, clock.now)
    talk.run_for(10.0)

    assert [event.code for event in host.journal] == [0x18, 0x17]
    assert machine.real_time


def test_what_is_delivered_is_what_was_raised() -> None:
    story = tell(LOSSY, real_time=True, seed=5, events=50)

    history = story.machine.history()
    raised = [event.serial for event in history if isinstance(event, Raised)]
    assert raised == [event.serial for event in history if isinstance(event, Delivered)]
    assert not [event for event in history if isinstance(event, DroppedByOverflow)]


class AsksSomethingElse(HostConnection):
    """Breaks the second rule: after silence it does not insist on an answer."""

    def _expendable(self, poll: Poll) -> LongPollRequest | None:
        return poll if isinstance(poll, LongPollRequest) else None


@pytest.mark.parametrize("profile", [LOSSY, VERY_LOSSY], ids=lambda profile: profile.name)
def test_the_bench_shows_what_breaking_the_second_rule_loses(profile: WireProfile) -> None:
    """Any other poll after silence acknowledges what was not heard."""
    story = tell(
        profile,
        real_time=True,
        seed=8,
        events=SOME,
        connect=lambda last_poll, last_event, real_time: AsksSomethingElse(
            1, last_poll=last_poll, last_event=last_event, real_time=real_time
        ),
    )

    assert not story.account.complete


class SynchronisesFirst(HostConnection):
    """Breaks the third rule: after a restart it begins with a poll of its own liking."""

    def _start(self, now: float, quiet_since: float) -> None:
        super()._start(now, quiet_since)
        if self._asked is not None:
            self._synchronise(self._asked, now)


def test_the_bench_shows_what_breaking_the_third_rule_loses() -> None:
    """A host that synchronises when it starts acknowledges what the process before had not journalled."""
    story = tell(
        PERFECT,
        real_time=True,
        seed=7,
        events=SOME,
        deaths=0.05,
        connect=lambda _, last_event, real_time: SynchronisesFirst(
            1, last_event=last_event, real_time=real_time
        ),
    )

    assert not story.account.complete
