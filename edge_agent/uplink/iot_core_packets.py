"""What the SDK calls things, and what we call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from awscrt import mqtt5

from edge_agent.uplink.base import Message, Promise, Receipt, Received
from edge_agent.uplink.reason_codes import UNSPECIFIED_ERROR

# What a person meets on an ordinary day; the rest goes by its name.
PLAIN_WORDS = {
    "AWS_IO_SOCKET_CLOSED": "the other side hung up",
    "AWS_IO_SOCKET_TIMEOUT": "no answer in time",
    "AWS_ERROR_MQTT_UNEXPECTED_HANGUP": "the other side hung up",
    "AWS_ERROR_MQTT_TIMEOUT": "no answer in time",
}


def packet_of(message: Message) -> Any:  # noqa: ANN401  awscrt has no types
    """A message as the SDK publishes it."""
    return mqtt5.PublishPacket(
        topic=message.topic,
        payload=message.payload,
        qos=mqtt5.QoS.AT_LEAST_ONCE,
        retain=message.retain,
        content_type=message.content_type,
        user_properties=[mqtt5.UserProperty(name, value) for name, value in message.user_properties],
        correlation_data_bytes=message.correlation_data or None,
    )


def received_from(packet: Any, acknowledge: Callable[[], None]) -> Received:  # noqa: ANN401  as packet_of
    """A publish that came in."""
    return Received(
        topic=packet.topic,
        payload=bytes(packet.payload or b""),
        response_topic=packet.response_topic or "",
        correlation_data=bytes(packet.correlation_data_bytes or b""),
        user_properties=tuple((one.name, one.value) for one in packet.user_properties or ()),
        acknowledge=acknowledge,
    )


def receipt_of(puback: Any) -> Receipt:  # noqa: ANN401  as packet_of
    """The SDK gives None for a code it does not know, which is none of the successes."""
    code = UNSPECIFIED_ERROR if puback.reason_code is None else int(puback.reason_code)
    return Receipt(code, puback.reason_string or "", Promise.DELIVERED)


def words_of(error: BaseException | None) -> str:
    """What the SDK says: in plain words where we have them, with the name its documentation has for it."""
    name = str(getattr(error, "name", "") or type(error).__name__)
    return f"{PLAIN_WORDS[name]} ({name})" if name in PLAIN_WORDS else name
