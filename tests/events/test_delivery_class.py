"""What must never be lost, what may be thinned, and what may go first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.events import ClockQuality, ClockReading, Observation, seal
from edge_agent.events.base import EventBody
from edge_agent.events.catalogue import EXAMPLES
from edge_agent.events.delivery_class import (
    OF_CATEGORY,
    OF_FAMILY,
    OF_TYPE,
    DeliveryClass,
    class_by_parsing,
    class_of,
    class_of_sealed,
)
from edge_agent.events.published import golden
from edge_agent.events.slot import SlotException
from edge_agent.sas.exception_codes import EXCEPTIONS

CLOCK = ClockReading(1_749_630_663.0, 5_021.5, "boot", ClockQuality.UNKNOWN)
BEGINNING = b'{"specversion":"1.0","type":"'
# What an event is made of, where it could be mistaken: keys, values, and texts that look like either.
WORDS = st.sampled_from(
    [
        "type",
        "data",
        "category",
        "game",
        "door",
        "floor.slot.x",
        "floor.slot.reel_stopped",
        "floor.table.x",
        "floor.agent.canary",
        '"type":"',
        '"category":"game"',
        ',"data":{',
        "\\",
        '\\"',
        '"',
        "{}",
        "}}",
        "é",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
JSON = st.recursive(
    WORDS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def sealed(body: EventBody, subject: str = "slot-1") -> bytes:
    return seal(Observation(subject, 5_021.1, body), CLOCK, "/floor/lab/gw-07")


def compact(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "floor.slot.handpay_pending", "data": {"category": "handpay"}}, "A"),
        ({"type": "floor.slot.slot_door_opened", "data": {"category": "door"}}, "A"),
        ({"type": "floor.slot.session_started", "data": {"category": "game"}}, "A"),
        ({"type": "floor.line.down", "data": {}}, "A"),
        ({"type": "floor.agent.stopped", "data": {}}, "A"),
        ({"type": "floor.slot.printer_paper_low", "data": {"category": "printer"}}, "B"),
        ({"type": "floor.slot.meters_read", "data": {}}, "B"),
        ({"type": "floor.slot.game_ended", "data": {"category": "game"}}, "C"),
        ({"type": "floor.table.device_temperature", "data": {}}, "C"),
    ],
)
def test_an_event_has_the_class_of_what_it_is_about(event: dict[str, object], expected: str) -> None:
    assert class_of(event) == expected


@pytest.mark.parametrize(
    "event",
    [
        {"type": "floor.slot.unknown_0x9b", "data": {"category": "unknown"}},
        {"type": "floor.wheel.spun", "data": {}},
        {"type": "floor.slot.something"},
        {},
    ],
)
def test_what_no_table_knows_is_not_the_first_to_go(event: dict[str, object]) -> None:
    assert class_of(event) is DeliveryClass.A


@pytest.mark.parametrize("record", [b"", b"{", b"[1]", b"\xff\xfe", b'"text"'])
def test_a_record_that_is_no_event_is_not_the_first_to_go(record: bytes) -> None:
    assert class_of_sealed(record) is DeliveryClass.A


def test_a_record_has_the_class_of_its_event() -> None:
    assert class_of_sealed(b'{"type":"floor.slot.game_ended","data":{"category":"game"}}') is DeliveryClass.C


def test_every_event_there_is_has_its_class_from_a_table() -> None:
    for body in EXAMPLES:
        event = golden(body)
        known = (
            event["type"] in OF_TYPE
            or any(str(event["type"]).startswith(family) for family in OF_FAMILY)
            or event["data"].get("category") in OF_CATEGORY
        )
        assert known, event["type"]


def test_every_category_of_exceptions_has_a_class() -> None:
    assert {row.category for row in EXCEPTIONS.values()} <= OF_CATEGORY.keys()


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: str(body.schema_name))
def test_what_is_cut_out_of_a_sealed_event_is_what_a_parser_finds(body: EventBody) -> None:
    assert class_of_sealed(sealed(body)) is class_by_parsing(sealed(body))


@given(WORDS, WORDS, WORDS, WORDS)
@example("x", "game", "a", '\\"category\\":\\"door')
def test_no_text_within_an_event_is_taken_for_its_type_or_category(
    name: str, category: str, subject: str, code: str
) -> None:
    body = SlotException.model_construct(
        code=code, name=name, category=category, real_time=False, possibly_repeated=False
    )

    record = sealed(body, subject)

    assert class_of_sealed(record) is class_by_parsing(record)


@given(WORDS, st.dictionaries(WORDS, JSON, max_size=4), JSON)
@example("floor.slot.x", {}, {"a": {"category": "game"}})
@example("floor.slot.x", {"a": {"data": {"category": "game"}}}, {})
@example("floor.slot.x", {"data": {"category": "game"}}, {"category": "door"})
@example("floor.slot.reel_stopped", {"a": {"type": "floor.slot.x"}}, {})
@example("floor.slot.x", {}, {"category": ["game"]})
def test_whatever_the_shape_of_an_event_its_class_is_what_a_parser_finds(
    name: str, others: dict[str, Any], data: object
) -> None:
    record = compact({"specversion": "1.0", "type": name, **others, "data": data})

    assert class_of_sealed(record) is class_by_parsing(record)


@given(st.binary(max_size=60) | WORDS.map(str.encode))
def test_whatever_the_bytes_of_a_record_it_has_a_class(record: bytes) -> None:
    assert class_of_sealed(record) is class_by_parsing(record)
    assert class_of_sealed(BEGINNING + record) in DeliveryClass


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: str(body.schema_name))
def test_a_record_that_was_cut_short_is_not_the_first_to_go(body: EventBody) -> None:
    record = sealed(body)

    for length in range(len(record)):
        if not record[:length].endswith(b"}}"):
            assert class_of_sealed(record[:length]) is DeliveryClass.A
