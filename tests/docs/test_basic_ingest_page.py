"""The page on Basic Ingest: its consumer unpacks what a gateway sends, and answers its canaries."""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from edge_agent.routes import Route
from edge_agent.uplink import Message
from edge_agent.uplink.canary import read_answer

PAGE = (Path(__file__).parents[2] / "docs" / "basic-ingest.md").read_text(encoding="utf-8")
ALONE = Route("A", "floor/lab/gw-07/ev/{type}", single=True, compress=False, linger=0.0)
TOGETHER = Route("C", "floor/lab/gw-07/ev/batch", single=False, compress=True, linger=0.02)
EVENTS = [b'{"id":"J/%d","sequence":"%020d","type":"floor.slot.game_ended"}' % (n, n) for n in range(1, 51)]
CANARY = b'{"id":"J/canary/5f0c","type":"floor.agent.canary"}'


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def as_the_rule_sends(message: Message) -> dict[str, Any]:
    """What the SQL of the deployment page selects, as a record of a stream."""
    document = {
        "batch": base64.b64encode(message.payload).decode(),
        "site": "lab",
        "gateway": "gw-07",
        "encoding": [value for name, value in message.user_properties if name == "content-encoding"] or None,
    }
    return {"kinesis": {"data": base64.b64encode(json.dumps(document).encode()).decode()}}


def test_the_consumer_of_the_page_unpacks_events_and_answers_canaries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[dict[str, Any]] = []
    boto3 = ModuleType("boto3")
    client = SimpleNamespace(publish=lambda **publish: answers.append(publish))
    boto3.client = lambda _service: client  # type: ignore[attr-defined]  # as the page calls it
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    kept: list[dict[str, Any]] = []
    consumer: dict[str, Any] = {"keep": kept.append}
    exec(block("python"), consumer)  # noqa: S102  the page's own

    sent = [
        ALONE.message(EVENTS[:1], "J", 1, 1),
        TOGETHER.message(EVENTS, "J", 1, 50),
        ALONE.message([CANARY], "J", 0, 0),
    ]
    consumer["handler"]({"Records": [as_the_rule_sends(message) for message in sent]}, None)

    assert [event["id"] for event in kept] == ["J/1", *(f"J/{n}" for n in range(1, 51))]
    ((answer),) = answers
    assert (answer["topic"], answer["qos"]) == ("cmd/lab/gw-07/canary", 1)
    assert read_answer(answer["payload"].encode()) == "J/canary/5f0c"
