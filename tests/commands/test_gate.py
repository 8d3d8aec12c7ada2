"""The gate lets a command through once, in time, if it is listed, and says why it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.commands import VERBS, Accepted, CaptureCommand, Refused
from edge_agent.commands.gate import MOST_AT_ONCE
from edge_agent.events import ClockQuality
from edge_agent.settings import CommandSettings
from edge_agent.testing.command_bench import ANSWERS, NOW, CommandBench, iso

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def refusal(bench: CommandBench, verb: str = "meters", running: int = 0, **said: Any) -> str:
    verdict = bench.gate().judge(bench.command(verb, **said), running)
    assert isinstance(verdict, Refused), verdict
    return verdict.reason


def test_a_command_that_is_listed_and_in_time_is_accepted(bench: CommandBench) -> None:
    received = bench.command("capture", subject="slot-1001", seconds=5, properties=(("requested-by", "ada"),))

    verdict = bench.gate().judge(received, 0)

    assert isinstance(verdict, Accepted)
    assert isinstance(verdict.command, CaptureCommand)
    assert (verdict.command.subject, verdict.command.seconds) == ("slot-1001", 5)
    assert (verdict.asked.id, verdict.asked.requested_by) == ("c-1", "ada")
    assert verdict.asked.response_topic == f"{ANSWERS}/ops"
    assert verdict.asked.correlation_data == b"\x01\x02"


def test_nothing_is_allowed_that_nobody_has_listed(bench: CommandBench) -> None:
    bench.allow = CommandSettings().allow

    for verb in (*VERBS, "reboot", "", "meters/now"):
        assert "not on the allow-list" in refusal(bench, verb)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"body": b"\xff"}, "malformed: the body"),
        ({"body": b"[]"}, "malformed: the body"),
        ({"body": b"{}"}, "malformed: id: Field required"),
        ({"body": b" " * 5000}, "malformed: it is over 4096 bytes"),
        ({"id": ""}, "malformed: id"),
        ({"id": "a b"}, "malformed: id"),
        ({"id": "x" * 65}, "malformed: id"),
        ({"id": 7}, "malformed: id"),
        ({"expires": "soon"}, "malformed: expires"),
        ({"expires": "2026-01-01T00:00:00"}, "malformed: expires"),
        ({"subject": "slot/1"}, "malformed: subject"),
        ({"credits": 100}, "malformed: credits: not understood"),
    ],
)
def test_what_is_malformed_is_refused_and_the_place_is_named(
    bench: CommandBench, said: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(bench, **said)


def test_a_capture_without_a_line_or_without_an_end_is_malformed(bench: CommandBench) -> None:
    assert "subject: Field required" in refusal(bench, "capture", seconds=1)
    assert "seconds: Field required" in refusal(bench, "capture", subject="slot-1")
    assert "seconds" in refusal(bench, "capture", subject="slot-1", seconds=601)


def test_a_refusal_quotes_nothing_of_what_was_sent(bench: CommandBench) -> None:
    assert "4111111111111111" not in refusal(bench, subject="4111111111111111 ")


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(0.1, True), (0, False), (-1, False), (300, True), (301, False)]
)
def test_a_command_is_for_now(bench: CommandBench, seconds: float, *, accepted: bool) -> None:
    verdict = bench.gate().judge(bench.command(expires=iso(NOW + seconds)), 0)

    assert isinstance(verdict, Accepted) is accepted


def test_an_expired_and_an_everlasting_command_are_told_apart(bench: CommandBench) -> None:
    assert refusal(bench, expires=iso(NOW - 5)) == "it expired 5 s ago"
    assert "it would be good for 86400 s, and 300 s are the most" in refusal(bench, expires=iso(NOW + 86400))


def test_expiry_may_be_said_in_any_zone(bench: CommandBench) -> None:
    assert isinstance(bench.gate().judge(bench.command(expires="2025-06-11T10:31:33+02:00"), 0), Accepted)


def test_an_id_is_used_once_whatever_the_verb(bench: CommandBench) -> None:
    assert isinstance(bench.gate().judge(bench.command(), 0), Accepted)

    assert refusal(bench) == "its id was used before"
    assert refusal(bench, "bundle") == "its id was used before"


def test_an_id_that_was_refused_is_not_used_up(bench: CommandBench) -> None:
    assert refusal(bench, expires=iso(NOW - 5))
    assert refusal(bench, running=MOST_AT_ONCE)

    assert isinstance(bench.gate().judge(bench.command(), 0), Accepted)


def test_too_many_at_once_are_refused(bench: CommandBench) -> None:
    assert refusal(bench, running=MOST_AT_ONCE).startswith("4 commands are being carried out")


def test_a_clock_nobody_vouches_for_cannot_say_what_has_expired(bench: CommandBench) -> None:
    bench.quality = ClockQuality.UNSYNCHRONISED
    assert "not synchronised" in refusal(bench)

    bench.unsynchronised = True

    assert isinstance(bench.gate().judge(bench.command(), 0), Accepted)


@pytest.mark.parametrize(
    "topic",
    [
        "floor/lab/gw-08/answer/ops",
        "floor/lab/gw-07/ev/batch",
        "floor/lab/gw-07/answer",
        "floor/lab/gw-07/answer/",
        "floor/lab/gw-07/answer/#",
        "floor/lab/gw-07/answer/a/b/c/d/e",
        "floor/lab/gw-07/answer/" + 300 * "x",
        "$aws/things/gw-07/shadow/update",
    ],
)
@pytest.mark.parametrize("by", ["property", "body"])
def test_no_answer_goes_where_somebody_else_chose(bench: CommandBench, topic: str, by: str) -> None:
    received = bench.command(response_topic=topic if by == "property" else "")
    if by == "body":
        body = {"id": "c-1", "expires": iso(NOW + 9), "response_topic": topic}
        received = replace(received, payload=json.dumps(body).encode())

    verdict = bench.gate().judge(received, 0)

    assert isinstance(verdict, Refused)
    assert "response_topic" in verdict.reason or verdict.reason == f"its answer would not go below {ANSWERS}/"
    assert verdict.asked.response_topic == ""


def test_a_refusal_of_another_kind_is_not_answered_elsewhere_either(bench: CommandBench) -> None:
    verdict = bench.gate().judge(bench.command("reboot", response_topic="elsewhere"), 0)

    assert verdict.asked.response_topic == ""


def test_the_body_may_say_what_mqtt_says(bench: CommandBench) -> None:
    received = replace(
        bench.command(response_topic=""),
        payload=(
            b'{"id": "c-1", "expires": "%s", "response_topic": "%s/x", "correlation_data": "7",'
            b' "requested_by": "bob"}' % (iso(NOW + 9).encode(), ANSWERS.encode())
        ),
        correlation_data=b"",
    )

    verdict = bench.gate().judge(received, 0)

    assert isinstance(verdict, Accepted)
    assert verdict.asked.response_topic == f"{ANSWERS}/x"
    assert verdict.asked.correlation_text == "7"
    assert verdict.asked.requested_by == "bob"


def test_a_command_may_want_no_answer(bench: CommandBench) -> None:
    assert isinstance(bench.gate().judge(bench.command(response_topic=""), 0), Accepted)


def test_every_verb_of_the_settings_is_one_of_the_channel() -> None:
    assert CommandSettings.model_validate({"allow": tuple(VERBS)}).allow == tuple(VERBS)


@given(verb=st.text(max_size=80), payload=st.binary(max_size=200))
def test_any_bytes_whatever_have_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, verb: str, payload: bytes
) -> None:
    bench = CommandBench(tmp_path_factory.mktemp("bench"))

    for allowed in (verb, "meters"):
        verdict = bench.gate().judge(bench.command(allowed, body=payload), 0)

        assert isinstance(verdict, Refused)
        assert len(verdict.asked.verb) <= 64
        assert len(verdict.reason) <= 300


@given(said=st.dictionaries(st.sampled_from(["id", "expires", "subject", "seconds", "x"]), JSON))
def test_any_json_whatever_has_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, Any]
) -> None:
    bench = CommandBench(tmp_path_factory.mktemp("bench"))

    verdict = bench.gate().judge(bench.command("capture", body=json.dumps(said).encode()), 0)

    assert isinstance(verdict, Accepted | Refused)
