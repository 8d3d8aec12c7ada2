"""Answers: one JSON object a command, cut where it would not fit one publish, and saying so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge_agent.commands.gate import Asked
from edge_agent.uplink.base import Message
from edge_agent.uplink.limits import MAX_PAYLOAD_BYTES

# An answer that is wanted longer than this was wanted sooner.
ROOM_BYTES = MAX_PAYLOAD_BYTES - 1024  # the topic, the properties and the statement that it was cut


def answer_message(
    asked: Asked, outcome: str, *, at: str, reason: str = "", result: Mapping[str, Any] | None = None
) -> Message:
    """The answer to a command that said where its answer goes."""
    body: dict[str, Any] = {"id": asked.id, "command": asked.verb, "outcome": outcome, "at": at}
    if asked.correlation_text:
        body["correlation_data"] = asked.correlation_text
    if reason:
        body["reason"] = reason
    if result is not None:
        body["result"] = dict(result)
    return Message(
        topic=asked.response_topic,
        payload=_fitting(body),
        content_type="application/json",
        correlation_data=asked.correlation_data,
    )


def _fitting(body: dict[str, Any]) -> bytes:
    """The body as JSON; the last entries of its largest group are left out until it fits."""
    payload = _json(body)
    if len(payload) <= ROOM_BYTES:
        return payload
    result: dict[str, Any] = body.get("result", {})
    name = max(result, key=lambda one: len(_json(result[one])), default="")
    left_out = 0
    entries = result.get(name)
    if isinstance(entries, Mapping):
        kept = dict(entries)
        room = ROOM_BYTES - (len(payload) - len(_json(entries)))
        while kept and len(_json(kept)) > room:
            kept.popitem()
            left_out += 1
        body["result"] = {**result, name: kept}
    elif name:
        body["result"] = {**result, name: None}
        left_out = 1
    body["cut"] = f"{left_out} of `{name}` left out: an answer holds {MAX_PAYLOAD_BYTES} bytes"
    return _json(body)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
