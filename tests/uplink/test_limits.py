"""What IoT Core takes in one publish."""

from __future__ import annotations

import pytest

from edge_agent.errors import LocalProtocolError
from edge_agent.uplink.base import Message
from edge_agent.uplink.limits import MAX_PAYLOAD_BYTES, check_message, check_topic, slashes


@pytest.mark.parametrize(
    "topic",
    [
        "floor/lab/gw-07/ev/batch",
        "1/2/3/4/5/6/7/8",
        "$aws/rules/floor_events/1/2/3/4/5/6/7/8",
        "x" * 256,
    ],
)
def test_a_topic_within_the_quotas_is_taken(topic: str) -> None:
    check_message(Message(topic, b""))


@pytest.mark.parametrize(
    ("topic", "complaint"),
    [
        ("", "empty"),
        ("floor/+/ev", "wildcard"),
        ("floor/#", "wildcard"),
        ("floor/\0", "NUL"),
        ("x" * 257, "256 bytes"),
        ("é" * 129, "256 bytes"),
        ("1/2/3/4/5/6/7/8/9", "7 slashes"),
        ("$aws/rules/floor_events/1/2/3/4/5/6/7/8/9", "7 slashes"),
    ],
)
def test_a_topic_the_service_would_hang_up_on_is_refused(topic: str, complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        check_topic(topic)


def test_a_payload_of_128_kb_is_the_largest() -> None:
    check_message(Message("a", bytes(MAX_PAYLOAD_BYTES)))

    with pytest.raises(LocalProtocolError, match="131073 bytes"):
        check_message(Message("a", bytes(MAX_PAYLOAD_BYTES + 1)))


def test_nothing_is_retained_on_a_reserved_topic() -> None:
    check_message(Message("floor/lab/gw-07/status", b"{}", retain=True))

    with pytest.raises(LocalProtocolError, match=r"nothing can be retained on \$aws/rules"):
        check_message(Message("$aws/rules/floor_events/floor/lab/gw-07/status", b"{}", retain=True))


def test_the_prefix_of_basic_ingest_is_not_counted() -> None:
    assert slashes("$aws/rules/floor_events/a/b") == 1
    assert slashes("$aws/things/gw-07/a") == 3
