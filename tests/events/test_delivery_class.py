"""What must never be lost, what may be thinned, and what may go first."""

from __future__ import annotations

import pytest

from edge_agent.events.catalogue import EXAMPLES
from edge_agent.events.delivery_class import (
    OF_CATEGORY,
    OF_FAMILY,
    OF_TYPE,
    DeliveryClass,
    class_of,
    class_of_sealed,
)
from edge_agent.events.published import golden
from edge_agent.sas.exception_codes import EXCEPTIONS


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
    for example in EXAMPLES:
        event = golden(example)
        known = (
            event["type"] in OF_TYPE
            or any(str(event["type"]).startswith(family) for family in OF_FAMILY)
            or event["data"].get("category") in OF_CATEGORY
        )
        assert known, event["type"]


def test_every_category_of_exceptions_has_a_class() -> None:
    assert {row.category for row in EXCEPTIONS.values()} <= OF_CATEGORY.keys()
