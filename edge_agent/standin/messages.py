"""Messages from the cloud: a control's command becomes a PUBLISH that no policy is asked about.

This is how a command reaches a gateway in a trial: with a response topic, correlation data, user
properties and an expiry, as a backend would send it. The receiver's policy still counts.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from edge_agent.errors import ConfigurationError
from edge_agent.standin import limits
from edge_agent.standin.packets import Properties, Publish
from edge_agent.standin.topics import valid_topic

# Section 1.5.4: a string or binary data has at most this many bytes.
FIELD_LIMIT_BYTES = 65_535


def message(given: Mapping[str, Any]) -> Publish:
    """The PUBLISH a command speaks of. Raises ConfigurationError naming what cannot be sent."""
    payload = _bytes(given, "payload")
    if len(payload) > limits.PAYLOAD_LIMIT_BYTES:
        raise ConfigurationError(
            f"publish: a payload of {len(payload)} bytes", f"send {limits.PAYLOAD_LIMIT_BYTES} at most"
        )
    correlation = _bytes(given, "correlation_data")
    properties = Properties(
        message_expiry_interval=given.get("expiry"),
        content_type=_text(given, "content_type"),
        response_topic=_topic(given, "response_topic"),
        correlation_data=correlation or None,
        user_properties=_pairs(given.get("user_properties", {})),
    )
    _fit("correlation_data", correlation)
    return Publish(
        _topic(given, "topic") or "",
        payload,
        given.get("qos", limits.MAXIMUM_QOS),
        retain=given.get("retain", False),
        properties=properties,
    )


def _bytes(given: Mapping[str, Any], name: str) -> bytes:
    """A field given as text, or in base64 under its name and `_b64`."""
    encoded = given.get(f"{name}_b64")
    if encoded is None:
        return _utf8(name, given.get(name, ""))
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError(f"publish: {name}_b64 is no base64", "encode it so") from error


def _topic(given: Mapping[str, Any], name: str) -> str | None:
    topic = _text(given, name)
    if topic is not None and not valid_topic(topic):
        raise ConfigurationError(
            f"publish: {name} is {topic!r}",
            f"use {limits.TOPIC_LIMIT_BYTES} bytes, {limits.TOPIC_SLASHES} slashes and no wildcards",
        )
    return topic


def _text(given: Mapping[str, Any], name: str) -> str | None:
    text: str | None = given.get(name)
    if text is not None:
        _fit(name, _utf8(name, text))
    return text


def _pairs(given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    for name, value in given.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"publish: user property {name} is {value!r}", "make it a string")
        for text in (name, value):
            _fit("user_properties", _utf8("user_properties", text))
    return tuple(given.items())


def _utf8(name: str, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"publish: {name} is no Unicode text", "leave surrogates out") from error


def _fit(name: str, value: bytes) -> None:
    if len(value) > FIELD_LIMIT_BYTES:
        raise ConfigurationError(
            f"publish: {name} has {len(value)} bytes", f"use {FIELD_LIMIT_BYTES} at most"
        )
