"""What IoT Core takes in one publish, checked here because the SDK does not.

A publish beyond these limits is not answered with a code: the service closes the connection,
and a client that simply sends it again would never get anywhere.
"""

from __future__ import annotations

from edge_agent.errors import LocalProtocolError
from edge_agent.uplink.base import Message

# AWS IoT Core, message broker quotas: none of them can be raised.
MAX_PAYLOAD_BYTES = 128 * 1024
MAX_TOPIC_BYTES = 256
MAX_TOPIC_SLASHES = 7

BASIC_INGEST = ("$aws", "rules")


def check_message(message: Message) -> None:
    """Raise LocalProtocolError if IoT Core would hang up on this message."""
    check_topic(message.topic)
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        raise LocalProtocolError(
            f"a payload of {len(message.payload)} bytes is over {MAX_PAYLOAD_BYTES} bytes ({message.topic})",
            "send it in parts",
        )


def check_topic(topic: str) -> None:
    """Raise LocalProtocolError if nothing can be published to this topic."""
    if not topic:
        raise LocalProtocolError("a topic is empty", "name a topic")
    if any(character in topic for character in "+#\0"):
        raise LocalProtocolError(f"topic {topic!r} holds a wildcard or a NUL", "publish to one plain topic")
    if len(topic.encode()) > MAX_TOPIC_BYTES:
        raise LocalProtocolError(
            f"topic {topic!r} is over {MAX_TOPIC_BYTES} bytes", "shorten the names of site and gateway"
        )
    if slashes(topic) > MAX_TOPIC_SLASHES:
        raise LocalProtocolError(
            f"topic {topic!r} has over {MAX_TOPIC_SLASHES} slashes",
            "use fewer levels below floor/<site>/<gateway>",
        )


def slashes(topic: str) -> int:
    """The slashes IoT Core counts: those after the prefix of a basic ingest topic."""
    levels = topic.split("/")
    prefix = 3 if tuple(levels[:2]) == BASIC_INGEST else 0
    return len(levels[prefix:]) - 1
