"""Answers: one JSON object a command, cut where it would not fit one publish, and saying so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge_agent.commands.gate import Asked
from edge_agent.uplink.base import Message, Uplink
from edge_agent.uplink.limits import MAX_PAYLOAD_BYTES

# The statement that an answer was cut, and what a transport puts around it.
BESIDE_BYTES = 512


def room_of(uplink: Uplink) -> int:
    """The bytes an answer may have, over this uplink."""
    return (uplink.state.payload_maximum or MAX_PAYLOAD_BYTES) - BESIDE_BYTES


def answer_message(
    asked: Asked,
    outcome: str,
    *,
    at: str,
    room_bytes: int,
    reason: str = "",
    result: Mapping[str, Any] | None = None,
) -> Message:
    """The answer to a command that said where its answer goes, in so many bytes at most."""
    body: dict[str, Any] = {"id": asked.id, "command": asked.verb, "outcome": outcome, "at": at}
    if asked.correlation_text:
        body["correlation_data"] = asked.correlation_text
    if reason:
        body["reason"] = reason
    if result is not None:
        body["result"] = dict(result)
    return Message(
        topic=asked.response_topic,
        payload=_fitting(body, room_bytes),
        content_type="application/json",
        correlation_data=asked.correlation_data,
    )


def _fitting(body: dict[str, Any], room_bytes: int) -> bytes:
    """The body as JSON; the last entries of its largest group are left out until it fits."""
    payload = _json(body)
    if len(payload) <= room_bytes:
        return payload
    result: dict[str, Any] = body.get("result", {})
    name = max(result, key=lambda one: len(_json(result[one])), default="")
    left_out = 0
    entries = result.get(name)
    if isinstance(entries, Mapping):
        kept = dict(entries)
        room = room_bytes - (len(payload) - len(_json(entries)))
        while kept and len(_json(kept)) > room:
            kept.popitem()
            left_out += 1
        body["result"] = {**result, name: kept}
    elif name:
        body["result"] = {**result, name: None}
        left_out = 1
    body["cut"] = f"{left_out} of `{name}` left out: an answer here holds {room_bytes} bytes"
    return _json(body)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
