"""A component ends with the status for which a nucleus begins it again, and no timer outlives it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.agent.starts import ALL_STARTS, Starts
from edge_agent.agent.wishes import Wishes
from edge_agent.component import LET_IN_SECONDS, Component, Role, _run
from edge_agent.nucleus import Nucleus, NucleusError
from edge_agent.nucleus.errors import LOST
from edge_agent.testing.nucleus import LITE, NucleusDouble

TOKEN = "SVCUID"  # noqa: S105  the name of a variable


class Vanishing(Nucleus):
    """A nucleus whose socket is lost when told, or as soon as it is asked for something."""

    def __init__(self, *, at_once: bool) -> None:
        self.asks_first = False
        self.at_once = at_once
        self.tell: Callable[[], object] = lambda: None

    def on_lost(self, lost: Callable[[], object]) -> None:
        self.tell = lost

    def on_configuration_changed(self, changed: Callable[[], object]) -> None:
        del changed
        if self.at_once:
            self.tell()
            raise NucleusError("the nucleus is gone", code=LOST)

    def on_validate(self, objection: object) -> None:
        del objection

    def on_update(self, defer: object) -> None:
        del defer

    def report_state(self, state: str) -> None:
        del state


@pytest.fixture
def starts(tmp_path: Path) -> Starts:
    return Starts(tmp_path / "starts.json", "boot", lambda: 1000.0)


def role_of(work: Callable[[Wishes], object]) -> Role:
    def run(_nucleus: Nucleus, wishes: Wishes) -> None:
        work(wishes)

    return Role(run, lambda _configuration: None)


def timers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "new-socket"]


def test_a_socket_that_is_lost_while_a_component_begins_is_no_orderly_end(starts: Starts) -> None:
    """Whoever ends with 0 is finished, and no nucleus begins it again."""
    starts.record()
    component = Component(role_of(Wishes.stop), Vanishing(at_once=True), Wishes(), starts)

    assert component.run() == 7


def test_a_socket_that_is_lost_while_a_component_ends_leaves_no_timer_to_wait_for(starts: Starts) -> None:
    starts.record()
    starts.record()
    nucleus, wishes = Vanishing(at_once=False), Wishes()
    component = Component(role_of(Wishes.stop), nucleus, wishes, starts)

    assert component.run() == 0
    nucleus.tell()

    assert timers() == []


def test_going_on_without_a_nucleus_keeps_no_process_that_ends(starts: Starts) -> None:
    starts.record()
    starts.record()
    nucleus, found = Vanishing(at_once=False), []

    def work(wishes: Wishes) -> None:
        nucleus.tell()
        found.extend(timers())
        assert not wishes.stopping
        wishes.stop()

    assert Component(role_of(work), nucleus, Wishes(), starts).run() == 0
    assert [timer.daemon for timer in found] == [True]
    assert timers() == []


class LetInLater(Wishes):
    """Nobody asks for anything; but while we wait the nucleus comes to know us."""

    def __init__(self, know: Callable[[], object]) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._know = know

    def stopped_within(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self._know()
        return self.stopping


@pytest.fixture
def double() -> Iterator[NucleusDouble]:
    with NucleusDouble({"site": "harbour"}, flavour=LITE) as double:
        yield double


@pytest.mark.integration
def test_a_nucleus_that_did_not_let_us_in_is_asked_again_long_before_we_may_end(
    double: NucleusDouble, starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _start in range(ALL_STARTS):
        starts.record()
    for name, value in (double.environment | {TOKEN: "of before"}).items():
        monkeypatch.setenv(name, value)
    wishes = LetInLater(lambda: monkeypatch.setenv(TOKEN, double.environment[TOKEN]))

    assert _run(role_of(Wishes.stop), starts, wishes) == 0

    assert wishes.waits == [LET_IN_SECONDS]
    assert double.states == ["RUNNING"]


@pytest.mark.integration
def test_who_is_not_let_in_is_begun_again_at_once_as_long_as_a_nucleus_does_that(
    double: NucleusDouble, starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can do nothing meanwhile, and begun again it gets a token that is good."""
    starts.record()
    starts.record()
    for name, value in (double.environment | {TOKEN: "of before"}).items():
        monkeypatch.setenv(name, value)

    with pytest.raises(NucleusError, match="does not let us in"):
        _run(role_of(Wishes.stop), starts, Wishes())
