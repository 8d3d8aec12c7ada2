"""How an accepted command is carried out from the forwarder's process, and how it fails."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.agent.orders import NOT_IN_TIME, Orders, doers
from edge_agent.commands import BundleCommand, CaptureCommand, DoneBadly, MetersCommand
from edge_agent.desk import Desk, desk_path
from edge_agent.errors import InUseError, JournalError, LocalProtocolError
from edge_agent.settings import Settings

EXPIRES = datetime(2025, 6, 11, tzinfo=UTC)
METERS = MetersCommand(id="c-1", expires=EXPIRES)
CAPTURE = CaptureCommand(id="c-2", expires=EXPIRES, subject="slot-1", seconds=1)


class Collector:
    """A desk that answers as told: each verb with the next of its answers, the last for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.asked: list[Mapping[str, Any]] = []

    def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(request)
        coming = self.answers[request["verb"]]
        answer = coming.pop(0) if len(coming) > 1 else coming[0]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, dict)
        return answer


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def orders(tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orders]:
    monkeypatch.setattr("edge_agent.agent.orders.LOOK_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr("edge_agent.agent.orders.METERS_SECONDS", 0.3)
    monkeypatch.setattr("edge_agent.agent.orders.CAPTURE_GRACE_SECONDS", -0.9)
    with Desk(desk_path(tmp_path), {"command": collector.answer}):
        yield Orders(desk_path(tmp_path), "01J", lambda: b"zip")


def done(order: Callable[[Any], Awaitable[Mapping[str, Any]]], command: Any) -> Mapping[str, Any]:
    async def run() -> Mapping[str, Any]:
        return await order(command)

    return asyncio.run(run())


def test_meters_are_waited_for_and_named_by_their_events(orders: Orders, collector: Collector) -> None:
    collector.answers = {
        "meters": [{"after": 41, "asked": ["slot-1"], "cannot": {"odd-1": "it has none"}}],
        "reading": [{}, JournalError("restarting"), {"sequence": 43, "data": {"epoch": 0}}],
    }

    result = done(orders.meters, METERS)

    assert result["subjects"] == {"slot-1": {"event": "01J/43", "data": {"epoch": 0}}}
    assert result["missing"] == {"odd-1": "it has none"}
    assert collector.asked[0] == {"verb": "meters", "subjects": []}
    assert collector.asked[-1] == {"verb": "reading", "subject": "slot-1", "after": 41}


def test_what_was_not_read_in_time_is_missing(orders: Orders, collector: Collector) -> None:
    collector.answers = {
        "meters": [{"after": 41, "asked": ["slot-1", "slot-2"], "cannot": {}}],
        "reading": [{"sequence": 43, "data": {}}, {}],
    }

    assert done(orders.meters, METERS)["missing"] == {"slot-2": NOT_IN_TIME}


def test_meters_of_which_none_were_read_are_a_failure(orders: Orders, collector: Collector) -> None:
    collector.answers = {
        "meters": [{"after": 41, "asked": ["slot-1"], "cannot": {}}],
        "reading": [{}],
    }

    with pytest.raises(DoneBadly, match=f"slot-1: {NOT_IN_TIME}"):
        done(orders.meters, METERS)


def test_one_device_can_be_asked_for(orders: Orders, collector: Collector) -> None:
    collector.answers = {"meters": [{"after": 1, "asked": [], "cannot": {"nine": "not here"}}]}

    with pytest.raises(DoneBadly, match="nine: not here"):
        done(orders.meters, MetersCommand(id="c-1", expires=EXPIRES, subject="nine"))

    assert collector.asked == [{"verb": "meters", "subjects": ["nine"]}]


def test_a_capture_is_over_when_the_collector_says_so(orders: Orders, collector: Collector) -> None:
    over = {"over": True, "first": 50, "pieces": 2, "frames": 9, "cut": False, "trouble": ""}
    collector.answers = {"capture": [{}], "captured": [{"over": False}, over]}

    result = done(orders.capture, CAPTURE)

    assert result == {"first_event": "01J/50", "pieces": 2, "frames": 9, "cut": False}
    assert collector.asked[0] == {"verb": "capture", "subject": "slot-1", "id": "c-2", "seconds": 1}


@pytest.mark.parametrize(
    ("captured", "reason"),
    [
        ({"over": True, "trouble": "the disk is full"}, "the disk is full"),
        ({"over": False}, "did not say in time"),
    ],
)
def test_a_capture_that_does_not_end_well_is_a_failure(
    orders: Orders, collector: Collector, captured: dict[str, Any], reason: str
) -> None:
    collector.answers = {"capture": [{}], "captured": [captured]}

    with pytest.raises(DoneBadly, match=reason):
        done(orders.capture, CAPTURE)


@pytest.mark.parametrize(
    "refused", [InUseError("line uart-1 is being captured", "wait"), LocalProtocolError("no such device")]
)
def test_what_the_collector_refuses_is_the_reason(
    orders: Orders, collector: Collector, refused: Exception
) -> None:
    collector.answers = {"capture": [refused]}

    with pytest.raises(type(refused), match=str(refused).split(" — ", maxsplit=1)[0]):
        done(orders.capture, CAPTURE)


def test_a_bundle_is_named_after_its_command(orders: Orders) -> None:
    result = done(orders.bundle, BundleCommand(id="c-3", expires=EXPIRES))

    assert result == {"name": "edge-agent-c-3.zip", "zip_base64": base64.b64encode(b"zip").decode()}


def test_a_collector_that_is_down_is_the_reason(tmp_path: Path) -> None:
    orders = Orders(desk_path(tmp_path), "01J", lambda: b"")

    with pytest.raises(JournalError, match="the collector does not answer"):
        done(orders.meters, METERS)


def test_only_what_is_allowed_has_a_doer(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"site": "lab", "gateway": "gw-07", "state": tmp_path, "commands": {"allow": ["bundle"]}}
    )

    assert set(doers(settings, "01J", lambda: b"")) == {"bundle"}
