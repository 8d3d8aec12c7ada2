"""Messages as the cloud would send them, from a control's words."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.standin.messages import message
from edge_agent.standin.packets import Properties, Publish

TOPIC = "cmd/lab/gw-07/meters"


def test_a_topic_is_enough() -> None:
    assert message({"topic": TOPIC}) == Publish(TOPIC, b"", 1)


def test_everything_a_command_carries_is_there() -> None:
    given = {
        "topic": TOPIC,
        "payload": '{"machine":1}',
        "qos": 0,
        "retain": True,
        "expiry": 30,
        "content_type": "application/json",
        "response_topic": "floor/lab/gw-07/answer/1",
        "correlation_data": "7",
        "user_properties": {"by": "desk"},
    }

    assert message(given) == Publish(
        TOPIC,
        b'{"machine":1}',
        0,
        retain=True,
        properties=Properties(
            message_expiry_interval=30,
            content_type="application/json",
            response_topic="floor/lab/gw-07/answer/1",
            correlation_data=b"7",
            user_properties=(("by", "desk"),),
        ),
    )


def test_bytes_travel_in_base64() -> None:
    packet = message({"topic": TOPIC, "payload_b64": "AP8=", "correlation_data_b64": "/w=="})

    assert (packet.payload, packet.properties.correlation_data) == (b"\x00\xff", b"\xff")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"topic": "cmd/#"}, "topic is 'cmd/#' — use 256 bytes"),
        ({"topic": ""}, "topic is ''"),
        ({"topic": "a/" * 9}, "topic is"),
        ({"response_topic": "+"}, r"response_topic is '\+'"),
        ({"payload_b64": "not base64"}, "payload_b64 is no base64"),
        ({"payload_b64": "é"}, "payload_b64 is no base64"),
        ({"payload": "x" * 131_073}, "a payload of 131073 bytes"),
        ({"payload": "\ud800"}, "payload is no Unicode text"),
        ({"correlation_data": "x" * 65_536}, "correlation_data has 65536 bytes"),
        ({"content_type": "x" * 65_536}, "content_type has 65536 bytes"),
        ({"user_properties": {"a": 7}}, "user property a is 7"),
        ({"user_properties": {"a": "x" * 65_536}}, "user_properties has 65536 bytes"),
    ],
)
def test_what_cannot_be_sent_is_named(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        message({"topic": TOPIC, **given})
