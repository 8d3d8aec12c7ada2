"""The envelope: sealed before the journal, identified after it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.chain import genesis, link, written
from edge_agent.events import (
    ClockQuality,
    ClockReading,
    ClockSource,
    Observation,
    identify,
    read_batch,
    seal,
)
from edge_agent.events.agent import LineDown, LineUp
from edge_agent.events.envelope import SEQUENCE_WIDTH, dataschema

NOON = datetime(2025, 6, 11, 12, tzinfo=UTC)
CLOCK = ClockReading(NOON.timestamp(), 1_000.0, "boot-1", ClockQuality.SYNCHRONISED)
DOWN = LineDown(line="slot-1", reason="silent")


def test_an_identified_event_is_a_cloudevent() -> None:
    sealed = seal(Observation("slot-1", 990.5, DOWN), CLOCK, "/sites/a/gateways/b")

    event = json.loads(identify(sealed, "JOURNAL", 42))

    assert event == {
        "id": "JOURNAL/42",
        "sequence": "00000000000000000042",
        "specversion": "1.0",
        "type": "floor.line.down",
        "source": "/sites/a/gateways/b",
        "subject": "slot-1",
        "time": "2025-06-11T11:59:50.500Z",
        "partitionkey": "slot-1",
        "monotonictime": "990.500000",
        "bootid": "boot-1",
        "clockquality": "synchronised",
        "clocksource": "unknown",
        "datacontenttype": "application/json",
        "dataschema": "urn:casino-edge-agent:schema:line-down:1",
        "data": {"line": "slot-1", "reason": "silent"},
    }


def test_a_link_stands_between_the_identity_and_what_it_is_a_link_of() -> None:
    sealed = seal(Observation("slot-1", 1.0, DOWN), CLOCK, "/s")
    before = genesis("JOURNAL")
    chain = link(before, 42, sealed)

    event = identify(sealed, "JOURNAL", 42, chain)

    assert event == (
        b'{"id":"JOURNAL/42","sequence":"00000000000000000042","chain":"%s",' % written(chain).encode()
        + sealed[1:]
    )


def test_a_record_after_a_gap_says_what_it_is_chained_to() -> None:
    sealed = seal(Observation("slot-1", 1.0, DOWN), CLOCK, "/s")
    before = genesis("JOURNAL")

    event = json.loads(identify(sealed, "JOURNAL", 42, link(before, 42, sealed), before))

    assert [*event][:4] == ["id", "sequence", "chain", "chainbefore"]
    assert event["chainbefore"] == written(before)


def test_a_synchronised_clock_says_how_far_it_may_be_off() -> None:
    clock = replace(CLOCK, source=ClockSource.PPS, offset_ms=-2, error_ms=10)

    event = json.loads(seal(Observation("slot-1", 1.0, DOWN), clock, "/s"))

    assert (event["clocksource"], event["clockoffset"], event["clockerror"]) == ("pps", -2, 10)


@pytest.mark.parametrize(
    ("moment", "time", "quality"),
    [
        (1_000.0, "2025-06-11T12:00:00.000Z", "synchronised"),
        (999.5, "2025-06-11T11:59:59.500Z", "synchronised"),
        (999.4, "2025-06-11T10:59:59.400Z", "unsynchronised"),
        (999.0, "2025-06-11T10:59:59.000Z", "unsynchronised"),
    ],
)
def test_what_was_seen_before_the_clock_was_stepped_is_told_by_the_clock_of_before(
    moment: float, time: str, quality: str
) -> None:
    before = ClockReading(NOON.timestamp() - 3600.5, 999.5, "boot-1", ClockQuality.UNSYNCHRONISED)
    stepped = replace(CLOCK, before=(before,))

    event = json.loads(seal(Observation("slot-1", moment, DOWN), stepped, "/s"))

    assert (event["time"], event["clockquality"]) == (time, quality)


@given(st.floats(0, 10**7), st.floats(-1000, 1000))
def test_a_monotonic_moment_keeps_its_distance_on_the_wall_clock(monotonic: float, away: float) -> None:
    reading = ClockReading(NOON.timestamp(), monotonic, "boot", ClockQuality.UNKNOWN)

    when = reading.utc_of(monotonic + away)

    assert abs(when - (NOON + timedelta(seconds=away))) < timedelta(milliseconds=1)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_sequences_sort_as_text_as_they_do_as_numbers(one: int, other: int) -> None:
    sealed = seal(Observation("slot-1", 0.0, DOWN), CLOCK, "/s")
    texts = [json.loads(identify(sealed, "J", sequence))["sequence"] for sequence in (one, other)]

    assert (texts[0] < texts[1]) == (one < other)
    assert all(len(text) == SEQUENCE_WIDTH for text in texts)


@given(st.text(), st.text())
def test_any_text_comes_back_out_of_the_envelope(line: str, reason: str) -> None:
    body = LineDown(
        line=line.encode("utf-8", "replace").decode(), reason=reason.encode("utf-8", "replace").decode()
    )

    event = json.loads(identify(seal(Observation("subject", 1.0, body), CLOCK, "/s"), "J", 1))

    assert LineDown.model_validate(event["data"]) == body


def test_a_batch_is_read_as_its_receiver_reads_it() -> None:
    sealed = seal(Observation("slot-1", 1.0, LineUp(line="slot-1", silent_seconds=2.5)), CLOCK, "/s")
    batch = b"[" + identify(sealed, "J", 1) + b"," + identify(sealed, "J", 2) + b"]"

    assert [event["id"] for event in read_batch(batch)] == ["J/1", "J/2"]


def test_what_is_no_array_is_no_batch() -> None:
    with pytest.raises(ValueError, match="JSON array"):
        read_batch(b"{}")


def test_a_schema_is_named_by_urn() -> None:
    assert dataschema(LineUp) == "urn:casino-edge-agent:schema:line-up:1"
