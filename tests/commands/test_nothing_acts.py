"""From every verb to everything that can be sent for it: there is nothing but reading on the way.

The walk: what the channel takes, what the collector does for it, what a station can be told, and by which
polls a reading is asked. `tests/drivers/test_reading_meters.py` looks at the bytes themselves.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from edge_agent.agent.captures import Captures
from edge_agent.agent.errands import Errands
from edge_agent.agent.readings import Readings
from edge_agent.commands import VERBS
from edge_agent.drivers.sas.profile import EXTENDED_METERS, MachineProfile
from edge_agent.drivers.sas.reading_plan import requests_for
from edge_agent.line import Line
from edge_agent.links.memory import MemoryLink
from edge_agent.notebook import Notebook
from edge_agent.sas.long_polls import LONG_POLLS, PollType
from edge_agent.station import LineCounters, Metered, Station

# What the collector may be asked for each verb; a bundle asks it for its log alone.
ERRANDS: dict[str, list[dict[str, Any]]] = {
    "meters": [
        {"verb": "meters", "subjects": []},
        {"verb": "meters", "subjects": ["slot-1"]},
        {"verb": "reading", "subject": "slot-1", "after": 0},
    ],
    "capture": [
        {"verb": "capture", "subject": "slot-1", "id": "c-1", "seconds": 1},
        {"verb": "captured", "id": "c-1"},
    ],
    "bundle": [],
}


class Spy:
    """A station that remembers what it was told, and by its line alone."""

    def __init__(self) -> None:
        self.counters = LineCounters()
        self.confidential = False
        self.told: list[str] = []

    def read_meters(self, _now: float) -> None:
        self.told.append("read_meters")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def tell(*_arguments: object) -> Any:
            self.told.append(name)
            return {"take_observations": (), "data_to_send": b"", "note": b""}.get(name)

        return tell


@pytest.fixture
def spied(tmp_path: Path) -> Iterator[tuple[Errands, Line, Spy]]:
    spy = Spy()
    with ExitStack() as held:
        line = Line(
            name="uart-1",
            link=MemoryLink.pair()[0],
            station=lambda _note: cast("Station", spy),
            seal=lambda _observation: b"",
            append=lambda _payloads: None,
            notebook=held.enter_context(Notebook(tmp_path / "uart-1")),
            monotonic=time.monotonic,
        )
        captures = held.enter_context(Captures(lambda _device, _body: 1, time.monotonic))
        yield (
            Errands(
                lambda: {"slot-1": line},
                captures,
                Readings(),
                head=lambda: 0,
                allow=tuple(VERBS),
                longest_capture_seconds=60,
            ),
            line,
            spy,
        )


def test_every_verb_is_walked() -> None:
    assert set(ERRANDS) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_collector_tells_a_station_nothing_itself(spied: tuple[Errands, Line, Spy], verb: str) -> None:
    errands, line, spy = spied

    for errand in ERRANDS[verb]:
        errands.answer(errand)

    assert spy.told == []
    line._heed(time.monotonic())
    of_the_verb = [told for told in spy.told if told != "tell_time"]  # what o'clock it is asks for nothing
    assert of_the_verb == (["read_meters"] if verb == "meters" else [])


def test_a_station_can_be_told_to_read_its_meters_and_nothing_else() -> None:
    told = [name for name, _ in inspect.getmembers(Metered, inspect.isfunction) if not name.startswith("_")]

    assert told == ["read_meters"]


@pytest.mark.parametrize("features", [(), (EXTENDED_METERS,)])
def test_a_machine_is_asked_by_polls_that_the_table_says_only_read(features: tuple[str, ...]) -> None:
    requests = requests_for("command", 1, MachineProfile(features=features))

    assert requests
    for request in requests:
        row = LONG_POLLS[request.command]
        assert row.type in {PollType.R, PollType.M}
        assert not row.changes_machine
        assert not row.consumes
