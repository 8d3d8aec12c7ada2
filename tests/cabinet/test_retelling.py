"""The same bytes with the same times give the same events, and they are what the driver told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from edge_agent.cabinet.masking import MASKED, Masker
from edge_agent.cabinet.retelling import capture_id, check_currency, retell
from edge_agent.errors import ConfigurationError
from edge_agent.events.slot import SlotException
from edge_agent.links.capture import FROM_DEVICE, Capture, Travelled, read_capture
from edge_agent.testing.wires import ONE_BYTE_AT_A_TIME, PERFECT, lossy

if TYPE_CHECKING:
    from tests.cabinet.conftest import Story

Tell = Callable[..., "Story"]


def masked(travelled: Sequence[Travelled]) -> list[str]:
    masker = Masker()
    lines = [line for entry in travelled for line in masker.lines(entry)]
    return [*lines, *masker.flush()]


def told(capture: Capture) -> list[dict[str, Any]]:
    return [json.loads(event) for event in retell(capture)]


@pytest.fixture(params=[(PERFECT, 11), (lossy(0.02), 12), (ONE_BYTE_AT_A_TIME, 13)], ids=lambda p: p[0].name)
def story(request: pytest.FixtureRequest, tell_story: Tell) -> Story:
    """A busy minute of a machine, over three kinds of wire."""
    wire, seed = request.param
    return tell_story(seconds=60, wire=wire, seed=seed, rate=20.0)


def test_what_the_driver_told_is_told_again(story: Story) -> None:
    """In order, exceptions and all they carry; snapshots of meters are the driver's own choice."""
    again = told(Capture(tuple(story.travelled)))

    live = [
        observation.body.model_dump(mode="json")
        for observation in story.observations
        if isinstance(observation.body, SlotException)
    ]
    exceptions = [
        one["data"] for one in again if one["dataschema"].startswith(SCHEMAS) and "code" in one["data"]
    ]
    assert len(live) > 20
    assert [without_doubt(one) for one in exceptions] == [without_doubt(one) for one in live]


SCHEMAS = "urn:casino-edge-agent:schema:slot-"


def without_doubt(data: dict[str, Any]) -> dict[str, Any]:
    """How sure one is that it is no repeat depends on who asked."""
    return {name: value for name, value in data.items() if name != "possibly_repeated"}


def test_every_run_tells_the_same_bytes(story: Story) -> None:
    capture = Capture(tuple(story.travelled), {"began": "2026-03-01T09:30:00.250Z"})

    assert [*retell(capture)] == [*retell(capture)]


def test_moments_are_those_of_the_capture() -> None:
    entries = (
        Travelled(0.0, ">", bytes.fromhex("ff0081")),
        Travelled(0.025, FROM_DEVICE, b"\x11"),
    )

    (_, door) = told(Capture(entries, {"began": "2026-03-01T09:30:00.250Z"}))

    assert (door["time"], door["monotonictime"]) == ("2026-03-01T09:30:00.275Z", "0.025000")
    assert door["subject"] == "machine-01"
    assert door["data"]["name"] == "slot_door_opened"
    assert door["id"] == f"{capture_id(Capture(entries))}/2"


def test_a_capture_is_named_by_when_how_much_travelled() -> None:
    entry = Travelled(0.0, FROM_DEVICE, b"\x11")

    names = {
        capture_id(Capture((one,)))
        for one in (
            entry,
            replace(entry, at=0.1),
            replace(entry, data=b"\x11\x12"),
            replace(entry, direction=">"),
        )
    }

    assert len(names) == 4
    assert all(len(name) == 26 for name in names)
    assert capture_id(Capture((entry,), {"began": "whenever"})) in names


def test_each_machine_of_a_line_tells_its_own() -> None:
    entries = [
        *(Travelled(at, ">", bytes.fromhex(poll)) for at, poll in ((0.0, "ff0081"),)),
        Travelled(0.02, FROM_DEVICE, b"\x11"),
        Travelled(0.1, ">", bytes.fromhex("ff0085")),
        Travelled(0.12, FROM_DEVICE, b"\x12"),
    ]

    subjects = [(event["subject"], event["type"]) for event in told(Capture(tuple(entries)))]

    assert subjects == [
        ("machine-01", "floor.line.up"),
        ("machine-01", "floor.slot.slot_door_opened"),
        ("machine-05", "floor.line.up"),
        ("machine-05", "floor.slot.slot_door_closed"),
    ]


def test_what_was_asked_again_and_said_again_is_told_once() -> None:
    poll, door = bytes.fromhex("ff0081"), b"\x11"
    entries = [Travelled(at / 10, direction, data) for at, direction, data in (
        (0, ">", poll), (1, "<", door), (2, ">", poll), (3, "<", door), (4, ">", bytes.fromhex("ff0080")),
        (5, ">", poll), (6, "<", b"\x00"),
    )]  # fmt: skip

    assert [event["type"] for event in told(Capture(tuple(entries)))] == [
        "floor.line.up",
        "floor.slot.slot_door_opened",
    ]


def test_a_machine_that_falls_silent_is_told_of() -> None:
    poll = bytes.fromhex("ff0081")
    entries = [Travelled(0.0, ">", poll), Travelled(0.01, "<", b"\x00")]
    entries += [
        Travelled(1.0 + number / 4, ">", bytes.fromhex(sync))
        for number in range(40)
        for sync in ("ff0080", "ff0081")
    ]
    entries += [Travelled(12.0, ">", poll), Travelled(12.01, "<", b"\x00")]

    lines = [event for event in told(Capture(tuple(entries))) if event["type"].startswith("floor.line")]

    assert [event["type"] for event in lines] == ["floor.line.up", "floor.line.down", "floor.line.up"]


def test_no_ticket_number_is_in_a_masked_capture(story: Story) -> None:
    lines = masked(story.travelled)

    numbers = {number for number in story.tickets if number.strip("0")}
    digits = "".join(line.split()[2] for line in lines if not line.startswith("#"))
    whole = "".join(entry.data.hex() for entry in story.travelled)
    assert any(number in whole for number in numbers)
    assert [number for number in numbers if number in digits] == []
    assert any(line.startswith(f"{MASKED}validation_number") for line in lines)


def test_a_masked_capture_tells_the_same_events_byte_for_byte(story: Story) -> None:
    lines = masked(story.travelled)

    whole = tuple(read_capture(map(str, story.travelled)))
    assert any(line.startswith(MASKED) for line in lines)
    assert [*retell(Capture(tuple(read_capture(lines))))] == [*retell(Capture(whole))]


def test_masking_twice_changes_nothing_more(story: Story) -> None:
    lines = [line for line in masked(story.travelled) if not line.startswith("#")]

    again = masked(list(read_capture(lines)))

    assert [line for line in again if not line.startswith("#")] == lines


@pytest.mark.parametrize("currency", ["usd", "US", "", "DOLLAR"])
def test_a_currency_that_is_none_is_refused(currency: str) -> None:
    with pytest.raises(ConfigurationError, match="give three letters"):
        check_currency(currency)


def test_a_capture_that_began_at_no_moment_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'yesterday', which is no moment"):
        [*retell(Capture((Travelled(0.0, ">", b"\x81"),), {"began": "yesterday"}))]
