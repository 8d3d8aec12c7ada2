"""Saying at the desk: only what the agent says of itself is journalled for others.

A machine's event is made by its line alone; nobody can forge one here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from edge_agent.desk.asking import Say
from edge_agent.desk.desk import Answer
from edge_agent.errors import LocalProtocolError
from edge_agent.events import EventBody, agent, of_journal
from edge_agent.events.catalogue import EVENT_BODIES

AGENT_BODIES: Mapping[str, type[EventBody]] = {
    body.schema_name: body
    for body in EVENT_BODIES
    if body.__module__ == agent.__name__ or body is of_journal.JournalCheckpoint  # the forwarder has the key
}


def answer_say(say: Say) -> Answer:
    """The desk's answer to `say`: journal an event of the agent's own, and nobody else's."""

    def answer(request: Any) -> Mapping[str, Any]:  # noqa: ANN401  whatever JSON holds
        match request:
            case {"schema": str(name), "data": dict(data)} if len(request) == 2:
                say(_body(name, data))
                return {}
        raise LocalProtocolError("`say` takes a schema and its data")

    return answer


def _body(name: str, data: Mapping[str, Any]) -> EventBody:
    body = AGENT_BODIES.get(name)
    if body is None:
        raise LocalProtocolError(f"{name[:40]!r} is nothing the agent says of itself")
    try:
        return body.model_validate_json(json.dumps(data))
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LocalProtocolError(f"{name}: {where}: {first['msg']}") from invalid
