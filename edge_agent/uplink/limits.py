"""What IoT Core takes in one publish, checked here because the SDK does not.

A publish beyond these limits is not answered with a code: the service closes the connection,
and a client that simply sends it again would never get anywhere.
"""

from __future__ import annotations

from edge_agent.errors import LocalProtocolError
from edge_agent.topics import MAX_TOPIC_BYTES, MAX_TOPIC_SLASHES, check_topic, slashes
from edge_agent.uplink.base import Message

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "MAX_TOPIC_BYTES",
    "MAX_TOPIC_SLASHES",
    "check_message",
    "check_topic",
    "slashes",
]

# AWS IoT Core, message broker quotas: it cannot be raised.
MAX_PAYLOAD_BYTES = 128 * 1024


def check_message(message: Message) -> None:
    """Raise LocalProtocolError if IoT Core would hang up on this message."""
    check_topic(message.topic)
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        raise LocalProtocolError(
            f"a payload of {len(message.payload)} bytes is over {MAX_PAYLOAD_BYTES} bytes ({message.topic})",
            "send it in parts",
        )
    if message.retain and message.topic.startswith("$"):
        raise LocalProtocolError(
            f"nothing can be retained on {message.topic}", "retain on topics of your own, such as the status"
        )
