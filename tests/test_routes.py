"""Routes: settings of the delivery classes, and the publishes they make."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.events import ClockQuality, ClockReading, Observation, identify, seal
from edge_agent.events.catalogue import EXAMPLES
from edge_agent.routes import Route, routes_of, type_of
from edge_agent.settings import Settings, read_settings
from edge_agent.uplink.limits import check_message

EVENTS = [b'{"id":"J/%d","type":"floor.slot.game_ended","data":{}}' % number for number in range(1, 101)]
RULED = {"kind": "file", "path": "out.jsonl", "basic_ingest_rule": "floor_events"}


def settings(classes: dict[str, object] | None = None, **more: object) -> Settings:
    document = {"site": "lab", "gateway": "gw-07", "state": "state", "forwarder": {"classes": classes or {}}}
    return read_settings(document | more, "agent.yaml", environment={})


def routes(classes: dict[str, object] | None = None, **more: object) -> dict[str, Route]:
    return dict(routes_of(settings(classes, **more)))


def test_money_travels_alone_and_at_once_the_rest_in_batches() -> None:
    by_class = routes()

    assert by_class["A"] == Route("A", "floor/lab/gw-07/ev/{type}", single=True, compress=False, linger=0.0)
    for name in "BC":
        assert by_class[name] == Route(
            name, "floor/lab/gw-07/ev/batch", single=False, compress=True, linger=0.02
        )


def test_an_event_alone_goes_to_the_topic_of_its_type_and_says_its_class() -> None:
    message = routes()["A"].message(EVENTS[:1], "J", 1, 1)

    assert message.topic == "floor/lab/gw-07/ev/floor.slot.game_ended"
    assert message.payload == EVENTS[0]
    assert message.content_type == "application/cloudevents+json; charset=UTF-8"
    assert message.user_properties == (("class", "A"),)


def test_a_batch_says_whose_it_is_and_from_where_to_where() -> None:
    message = routes()["C"].message(EVENTS, "J", 1, 104)

    assert message.topic == "floor/lab/gw-07/ev/batch"
    assert message.user_properties == (
        ("content-encoding", "gzip"),
        ("journal", "J"),
        ("first", "1"),
        ("last", "104"),
        ("class", "C"),
    )
    assert len(json.loads(gzip.decompress(message.payload))) == len(EVENTS)


def test_every_event_there_is_goes_to_a_topic_of_its_own() -> None:
    clock = ClockReading(1_750_000_000.0, 1000.0, "b" * 36, ClockQuality.SYNCHRONISED)
    route = routes(uplink=RULED)["A"]
    for example in EXAMPLES:
        event = identify(
            seal(Observation(subject="slot-1", body=example, at=999.0), clock, "/floor/lab/gw-07"), "J", 1
        )

        message = route.message([event], "J", 1, 1)

        check_message(message)
        assert message.topic == f"$aws/rules/floor_events/floor/lab/gw-07/ev/{example.event_type}"


@pytest.mark.parametrize(
    "event", [b"", b"{}", b'{"type":""}', b'{"type":"a/b"}', b'{"type":"#"}', b'{"type":"%s"}' % (b"x" * 65)]
)
def test_what_has_no_type_that_fits_goes_to_unknown(event: bytes) -> None:
    assert type_of(event) == "unknown"


def test_nothing_is_compressed_where_nobody_could_tell() -> None:
    by_class = routes_of(settings(), carries_properties=False)

    assert not any(route.compress for route in by_class.values())


def test_a_class_is_changed_one_setting_at_a_time() -> None:
    by_class = routes({"A": {"linger_ms": "5"}, "C": {"topic": "floor/{site}/{gateway}/ev/{class}"}})

    assert (by_class["A"].single, by_class["A"].linger) == (True, 0.005)
    assert by_class["C"].topic == "floor/lab/gw-07/ev/C"
    assert by_class["B"] == routes()["B"]


def test_money_may_travel_in_batches_and_telemetry_alone() -> None:
    by_class = routes({"A": {"encoding": "batch"}, "C": {"encoding": "event"}})

    assert (by_class["A"].topic, by_class["A"].compress) == ("floor/lab/gw-07/ev/batch", True)
    assert (by_class["C"].topic, by_class["C"].compress) == ("floor/lab/gw-07/ev/{type}", False)


def test_a_rule_takes_the_events_and_nothing_else() -> None:
    ruled = settings(uplink=RULED)

    assert {route.topic for route in routes_of(ruled).values()} == {
        "$aws/rules/floor_events/floor/lab/gw-07/ev/{type}",
        "$aws/rules/floor_events/floor/lab/gw-07/ev/batch",
    }
    assert ruled.status_topic == "floor/lab/gw-07/status"
    assert ruled.answers_topic == "floor/lab/gw-07/answer"


@pytest.mark.parametrize(
    ("classes", "complaint"),
    [
        ({"A": {"topic": "ev/{kind}"}}, "forwarder.classes.A.topic: {kind} is not known here; use {site}"),
        (
            {"B": {"topic": "ev/{type}"}},
            "forwarder.classes.B: a batch has events of many types: take {type} out",
        ),
        ({"A": {"compress": True}}, "forwarder.classes.A: an event that travels alone is not compressed"),
        (
            {"C": {"topic": "1/2/3/4/5/6/7/8/9"}},
            "forwarder.classes.C.topic: topic '1/2/3/4/5/6/7/8/9' has over 7",
        ),
        ({"A": {"topic": "x" * 200 + "/{type}"}}, "is over 256 bytes"),
        ({"A": {"topic": ""}}, "forwarder.classes.A.topic: a topic is empty"),
        ({"D": {}}, "forwarder.classes.D: not known here"),
        (
            {"B": {"linger_ms": 60_001}},
            "forwarder.classes.B.linger_ms: should be less than or equal to 60000",
        ),
    ],
)
def test_a_class_that_makes_no_sense_is_one_line(classes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(classes)

    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("rule", ["", "floor-events", "a b", "a/b", "x" * 129, "règle"])
def test_a_rule_that_can_have_no_such_name_is_refused(rule: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"uplink\.basic_ingest_rule: should match"):
        settings(uplink=RULED | {"path": str(tmp_path / "out"), "basic_ingest_rule": rule})


def test_a_rule_with_the_longest_name_leaves_no_room_for_a_long_gateway() -> None:
    with pytest.raises(ConfigurationError, match=r"forwarder.classes.A.topic: .* is over 256 bytes"):
        settings(uplink=RULED | {"basic_ingest_rule": "r" * 128}, gateway="g" * 64)
