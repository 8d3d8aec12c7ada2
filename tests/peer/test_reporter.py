"""What machines that run alone tell: as words, as JSON, or little."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from edge_agent.peer.reporter import COUNTS_SECONDS, GONE_SECONDS, Reporter, Standing
from edge_agent.peer.tap import Tap
from edge_agent.peer.telling import COLUMNS, Teller
from edge_agent.sas.wakeup import encode_host_message
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.personalities import load_personality
from edge_agent.simulator.unmarked import PARTIAL_POLL_SECONDS

NOON = datetime(2026, 7, 4, 12, 0, 0, 123_000, tzinfo=UTC)


class Watched:
    """A machine without guests, its reporter, and what was told."""

    def __init__(self, *, quiet: bool = False, as_json: bool = True) -> None:
        self.now = 100.0
        self.has_host = False
        self.machine = MachineOnLine(load_personality("plain").spec, seed=1)
        self.machine.handle_timer(self.now)
        self.machine.stop_play(self.now)
        list(self.machine.history())
        self.tap = Tap(self.machine, 1, PARTIAL_POLL_SECONDS)
        self.out = io.StringIO()
        teller = Teller(self.out, quiet=quiet, as_json=as_json, clock=lambda: NOON)
        self.reporter = Reporter(teller, [Standing(1, self.machine, self.tap)], lambda: self.has_host)

    def ask(self, poll: str) -> None:
        self.now += 0.1
        self.tap.receive_data(encode_host_message(bytes.fromhex(poll)), self.now)
        self.tap.data_to_send(self.now)

    def told(self) -> list[Any]:
        """What is told at the next look."""
        self.out.seek(0)
        self.out.truncate()
        self.reporter.look(self.now)
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


@pytest.fixture
def watched() -> Watched:
    watched = Watched()
    watched.told()
    return watched


def kinds(told: list[Any]) -> list[str]:
    return [entry["what"] for entry in told]


def test_a_host_comes_and_goes(watched: Watched) -> None:
    watched.has_host = True
    assert kinds(watched.told()) == ["host_came"]

    watched.has_host = False
    watched.now += GONE_SECONDS / 2
    assert watched.told() == []

    watched.now += GONE_SECONDS / 2
    assert kinds(watched.told()) == ["host_left"]


def test_a_host_that_reopens_the_port_has_not_gone(watched: Watched) -> None:
    watched.has_host = True
    watched.told()

    for has_host in (False, True, False, True):
        watched.has_host = has_host
        watched.now += GONE_SECONDS / 2
        assert watched.told() == []


def test_the_link_comes_up_and_drops(watched: Watched) -> None:
    watched.ask("80")
    assert watched.told() == [{"at": "2026-07-04T12:00:00.123+00:00", "what": "link_up", "address": 1}]

    watched.now += 5.1
    watched.machine.handle_timer(watched.now)
    assert kinds(watched.told()) == ["link_down"]


def test_exceptions_are_told_as_they_are_raised_and_heard(watched: Watched) -> None:
    watched.machine.machine.cabinet.note(0x11)
    (raised,) = (entry for entry in watched.told() if entry["what"] == "raised")
    assert (raised["code"], raised["name"], raised["values"]) == (0x11, "slot_door_opened", {})

    watched.ask("80")
    while not (heard := [entry for entry in watched.told() if entry["what"] == "acknowledged"]):
        watched.ask("81")
        watched.ask("80")
    assert heard[0]["serial"] <= raised["serial"]


def test_a_poll_that_is_refused_is_told_with_the_reason(watched: Watched) -> None:
    watched.ask("80")
    watched.told()

    watched.ask("01 0E 01 00 00")

    (refused,) = watched.told()
    assert (refused["what"], refused["poll"]) == ("refused", "real_time_events")
    assert "CRC" in refused["reason"]


def test_counts_are_told_now_and_then_where_they_changed(watched: Watched) -> None:
    watched.ask("80")
    watched.ask("01 1A")
    watched.now += COUNTS_SECONDS
    (counts,) = (entry for entry in watched.told() if entry["what"] == "polls")
    assert counts["polls"] == {"current_credits": {"answered": 1}}

    watched.now += COUNTS_SECONDS
    assert "polls" not in kinds(watched.told())


def test_words_are_for_people() -> None:
    watched = Watched(as_json=False)
    watched.ask("80")
    watched.ask("01 0E 01 00 00")
    watched.ask("01 EB")
    watched.ask("01 1A")
    watched.machine.machine.cabinet.note(0x11)

    watched.reporter.look(watched.now)
    watched.reporter.end()

    lines = watched.out.getvalue().splitlines()
    assert "12:00:00.123  1  link up" in lines
    assert any(line.endswith(": 11 slot_door_opened") for line in lines)
    assert "12:00:00.123  1  silence unknown_0xeb" in lines
    assert " ".join(watched.out.getvalue().split()).endswith(
        "polls: real_time_events 1 (1 refused), unknown_0xeb 1 (1 silence), current_credits 1"
    )


def test_words_that_are_many_go_on_below_each_other() -> None:
    out = io.StringIO()
    many = ", ".join(f"poll_{number} 1" for number in range(40))

    Teller(out, clock=lambda: NOON).say("polls", f"polls: {many}", address=7)

    first, *more = out.getvalue().splitlines()
    assert first.startswith("12:00:00.123  7  polls: poll_0 1, ")
    assert len(more) > 1
    assert all(line.startswith(" " * 17) and len(line) <= COLUMNS for line in more)
    assert " ".join(out.getvalue().split()).endswith(many)


def test_quiet_tells_only_the_counts_in_the_end() -> None:
    watched = Watched(quiet=True)
    watched.ask("80")
    watched.tap.receive_data(b"\x55", watched.now)
    assert watched.told() == []

    watched.reporter.end()

    (entry,) = (json.loads(line) for line in watched.out.getvalue().splitlines())
    assert (entry["what"], entry["strays"], entry["unfinished"]) == ("polls", 1, 0)
