"""Topics and their templates."""

from __future__ import annotations

import pytest

from edge_agent.errors import LocalProtocolError
from edge_agent.events.catalogue import EXAMPLES
from edge_agent.sas import EXCEPTIONS
from edge_agent.topics import (
    TYPE_BYTES,
    check_filled,
    check_template,
    check_topic,
    fill,
    is_basic_ingest,
    over_basic_ingest,
)


def test_every_type_there_is_fits_into_a_topic() -> None:
    """Longer ones would go to `unknown`."""
    exceptions = {f"floor.slot.{row.name}" for row in EXCEPTIONS.values()}
    types = exceptions | {example.event_type for example in EXAMPLES}

    assert max(map(len, types)) <= TYPE_BYTES


def test_placeholders_are_put_in_and_the_type_stays() -> None:
    template = check_template("floor/{site}/{gateway}/{class}/{type}")

    topic = fill(template, {"site": "lab", "gateway": "gw-07", "class": "A"})

    assert topic == "floor/lab/gw-07/A/{type}"


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("floor/{typ}", r"\{typ\} is not known here; use \{site\}, \{gateway\}, \{class\}, \{type\}"),
        ("floor/{}", r"\{\} is not known here"),
        ("floor/{type", "a brace, a wildcard or a NUL"),
        ("floor/+/{type}", "a brace, a wildcard or a NUL"),
        ("$aws/rules/mine/{type}", "name the rule as uplink.basic_ingest_rule"),
    ],
)
def test_what_can_be_no_topic_is_refused(template: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_template(template)


def test_a_topic_is_checked_with_the_longest_type() -> None:
    check_filled("x" * (256 - TYPE_BYTES) + "{type}")

    with pytest.raises(LocalProtocolError, match="is over 256 bytes"):
        check_filled("x" * (257 - TYPE_BYTES) + "{type}")


def test_a_rule_takes_what_would_go_to_a_topic() -> None:
    assert over_basic_ingest(None, "a/b") == "a/b"
    assert over_basic_ingest("floor_events", "a/b") == "$aws/rules/floor_events/a/b"
    assert is_basic_ingest("$aws/rules/floor_events/a/b")
    assert not is_basic_ingest("$aws/things/gw-07/shadow/name/edge-agent/update")


def test_the_levels_after_the_rule_are_those_that_count() -> None:
    eight = "1/2/3/4/5/6/7/8"
    check_topic(over_basic_ingest("floor_events", eight))

    with pytest.raises(LocalProtocolError, match="7 slashes"):
        check_topic(over_basic_ingest("floor_events", f"{eight}/9"))
