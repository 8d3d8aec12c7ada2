"""Batches: many events in one publish."""

from __future__ import annotations

import gzip
import json
import random

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.uplink.batch import GZIP_ABOVE_BYTES, fitting, make_event, make_message

TOPIC = "floor/lab/gw-07/ev/batch"


def test_a_batch_is_the_json_array_of_its_events() -> None:
    message = make_message(TOPIC, [b'{"id":"a/1"}', b'{"id":"a/2"}'])

    assert message.topic == TOPIC
    assert message.content_type == "application/cloudevents-batch+json"
    assert json.loads(message.payload) == [{"id": "a/1"}, {"id": "a/2"}]
    assert message.user_properties == ()


def test_a_large_batch_is_compressed_and_says_so() -> None:
    events = [b'{"id":"a/%d"}' % number for number in range(200)]

    message = make_message(TOPIC, events)

    assert message.user_properties == (("content-encoding", "gzip"),)
    assert json.loads(gzip.decompress(message.payload)) == [json.loads(event) for event in events]


def test_an_event_alone_is_as_it_is_and_says_so() -> None:
    event = b'{"id":"a/1","data":"' + b"x" * 2 * GZIP_ABOVE_BYTES + b'"}'

    message = make_event("floor/lab/gw-07/ev/t", event, (("class", "A"),))

    assert (message.topic, message.payload) == ("floor/lab/gw-07/ev/t", event)
    assert message.content_type == "application/cloudevents+json; charset=UTF-8"
    assert message.user_properties == (("class", "A"),)


def test_what_else_is_said_of_a_batch_comes_after_its_encoding() -> None:
    events = [b'{"id":"a/%d"}' % number for number in range(200)]

    large = make_message(TOPIC, events, (("class", "C"),))
    small = make_message(TOPIC, events[:1], (("class", "C"),))

    assert large.user_properties == (("content-encoding", "gzip"), ("class", "C"))
    assert small.user_properties == (("class", "C"),)


def test_the_same_batch_is_the_same_bytes_whenever_it_is_made() -> None:
    events = [b'{"id":"a/%d"}' % number for number in range(200)]

    assert make_message(TOPIC, events) == make_message(TOPIC, events)


def test_what_compression_would_not_make_smaller_is_left_alone() -> None:
    noise = random.Random(7).randbytes(2 * GZIP_ABOVE_BYTES)  # noqa: S311  nothing secret

    message = make_message(TOPIC, [noise])

    assert message.payload == b"[" + noise + b"]"
    assert message.user_properties == ()


def test_a_limit_counts_brackets_and_commas() -> None:
    assert fitting([10, 10, 10], 2 + 10 + 1 + 10 + 1 + 10) == 3
    assert fitting([10, 10, 10], 2 + 10 + 1 + 10 + 1 + 9) == 2


def test_an_event_over_the_limit_travels_alone() -> None:
    assert fitting([500, 10], 100) == 1
    assert fitting([10, 500], 100) == 1


def test_no_limit_is_above_what_the_service_takes() -> None:
    assert fitting([100_000, 100_000], 10**9) == 1


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=40), st.integers(2, 400))
def test_a_batch_is_within_its_limit_unless_one_event_is_more(events: list[bytes], limit: int) -> None:
    count = fitting(map(len, events), limit)

    payload = make_message(TOPIC, events[:count], compress=False).payload
    assert count >= 1
    assert len(payload) <= limit or count == 1
    if count < len(events):
        assert len(make_message(TOPIC, events[: count + 1], compress=False).payload) > limit
