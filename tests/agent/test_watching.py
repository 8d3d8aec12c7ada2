"""A line of a running collector is watched at the desk, and is not held up by it."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from edge_agent.agent.watching import FORGOTTEN_SECONDS, Watching
from edge_agent.errors import InUseError, LocalProtocolError
from edge_agent.line import Line
from edge_agent.recorder import Recorder
from edge_agent.testing.clock import VirtualClock


class Wire:
    """What of a line is watched: who records it."""

    name = "uart0"

    def __init__(self) -> None:
        self.recorder: Recorder | None = None

    def record(self, recorder: Recorder | None) -> None:
        self.recorder = recorder

    def travel(self, data: bytes, now: float, *, confidential: bool = False) -> None:
        if self.recorder is not None:
            self.recorder.heard(data, now, confidential=confidential)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(100.0)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def watching(wire: Wire, clock: VirtualClock) -> Watching:
    return Watching(lambda: {"slot-1": cast("Line", wire)}, clock)


def frames(answer: Any) -> list[Any]:
    return [frame[2:] for frame in answer["frames"]]


def test_each_asking_takes_what_came_since(watching: Watching, wire: Wire, clock: VirtualClock) -> None:
    assert watching.answer({"device": "slot-1"}) == {"frames": [], "cut": False}
    wire.travel(b"\x01\x1a", clock() + 0.5)

    assert watching.answer({"device": "slot-1"})["frames"] == [[0.5, "heard", 2, "011a"]]
    assert watching.answer({"device": "slot-1"})["frames"] == []


def test_what_no_log_may_show_is_its_size(watching: Watching, wire: Wire, clock: VirtualClock) -> None:
    watching.answer({"device": "slot-1"})
    wire.travel(b"12345678", clock(), confidential=True)

    assert frames(watching.answer({"device": "slot-1"})) == [[8, None]]


def test_whoever_stops_asking_is_forgotten(watching: Watching, wire: Wire, clock: VirtualClock) -> None:
    watching.answer({"device": "slot-1"})
    clock.advance(FORGOTTEN_SECONDS + 0.1)

    with pytest.raises(LocalProtocolError, match="no line of this gateway has the device 'slot-2'"):
        watching.answer({"device": "slot-2"})

    assert wire.recorder is None


def test_a_capture_has_the_line_to_itself(watching: Watching, wire: Wire) -> None:
    watching.answer({"device": "slot-1"})
    capture = Recorder(time.monotonic())
    wire.record(capture)

    with pytest.raises(InUseError, match="line uart0 is being captured"):
        watching.answer({"device": "slot-1"})

    assert wire.recorder is capture
    wire.record(None)
    assert watching.answer({"device": "slot-1"})["frames"] == []


def test_a_flood_is_cut_and_says_so(watching: Watching, wire: Wire, clock: VirtualClock) -> None:
    watching.answer({"device": "slot-1"})
    for _ in range(1000):
        wire.travel(bytes(100), clock())

    first, second = watching.answer({"device": "slot-1"}), watching.answer({"device": "slot-1"})

    assert first["cut"]
    assert 100 < len(first["frames"]) < 200
    assert second == {"frames": [], "cut": False}


@pytest.mark.parametrize("request_", [{}, {"device": 7}, {"device": "slot-1", "more": 1}, "slot-1"])
def test_anything_else_is_no_request(watching: Watching, request_: Any) -> None:
    with pytest.raises(LocalProtocolError, match="takes a device"):
        watching.answer(request_)
