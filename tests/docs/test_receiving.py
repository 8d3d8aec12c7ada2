"""The receiver's page: its function runs, its formulas and its rules fit what the agent sends."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from edge_agent.chain import genesis, link, written
from edge_agent.events.delivery_class import DeliveryClass, class_of
from edge_agent.uplink.batch import make_event, make_message
from edge_agent.verify import Limits, Verifier
from tests.docs.test_deploy import blocks
from tests.verify.journals import JOURNAL, Telling, altered, telling

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "receiving.md"
ITEM_BYTES = 400 * 1024  # DynamoDB, quotas


class Table:
    """Stands in for a table of DynamoDB, with the one condition of the page."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def get_item(self, *, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803  theirs
        assert ConsistentRead
        item = self.items.get(Key["gateway"])
        return {"Item": dict(item)} if item else {}

    def put_item(
        self,
        *,
        Item: dict[str, Any],  # noqa: N803  theirs
        ConditionExpression: str,  # noqa: N803  theirs
        ExpressionAttributeValues: dict[str, int],  # noqa: N803  theirs
    ) -> None:
        assert ConditionExpression == "attribute_not_exists(gateway) OR turn = :turn"
        before = self.items.get(Item["gateway"])
        if before is not None and before["turn"] != ExpressionAttributeValues[":turn"]:
            raise RuntimeError("ConditionalCheckFailedException")
        assert len(Item["proof"]) < ITEM_BYTES
        self.items[Item["gateway"]] = Item


class Function:
    """The function of the page, with a table that stands in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.table = Table()
        boto3 = ModuleType("boto3")
        boto3.resource = lambda _service: type("Resource", (), {"Table": lambda _self, _name: self.table})()  # type: ignore[attr-defined]  # as theirs has it
        monkeypatch.setitem(sys.modules, "boto3", boto3)
        monkeypatch.setenv("PROOFS", "proofs")
        (source,) = blocks(PAGE, "python")
        self._names: dict[str, Any] = {}
        exec(compile(source, PAGE.name, "exec"), self._names)  # noqa: S102  it is our own page

    def call(self, *messages: bytes, gateway: str = "gw-07") -> None:
        passed_on = [
            json.dumps({"batch": base64.b64encode(one).decode(), "gateway": gateway}).encode()
            for one in messages
        ]
        records = [{"kinesis": {"data": base64.b64encode(one).decode()}} for one in passed_on]
        self._names["handler"]({"Records": records}, None)

    def missing(self, gateway: str = "gw-07") -> int:
        return int(self.table.items[gateway]["missing"])


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Function:
    return Function(monkeypatch)


def messages_of(told: Telling, size: int = 5) -> list[bytes]:
    """Every seventh is money and travels alone and first; the others in batches."""
    events = told.events()
    money, others = events[::7], [event for place, event in enumerate(events) if place % 7]
    alone = [make_event("t", event).payload for event in money]
    return alone + [make_message("t", others[at : at + size]).payload for at in range(0, len(others), size)]


def test_the_function_follows_a_gateway_from_call_to_call(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = messages_of(telling(200))

    for at in range(0, len(messages), 4):
        function.call(*messages[at : at + 4])
        if at == 40:
            assert function.missing() > 0
    function.call(messages[0])

    assert function.missing() == 0
    assert capsys.readouterr().out == ""


def test_the_function_alarms_where_something_contradicts(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    events = telling(20).events()

    function.call(*events[:10])
    function.call(altered(events[10]), *events[11:])

    said = capsys.readouterr().out
    assert said.startswith("ALARM\n  gw-07\n")
    assert "11: out of chain" in said


def test_the_function_keeps_gateways_apart(function: Function) -> None:
    function.call(*telling(5, "A" * 26).events(), gateway="gw-01")
    function.call(*telling(5, "B" * 26).events()[:3:2], gateway="gw-02")

    assert (function.missing("gw-01"), function.missing("gw-02")) == (0, 1)


def test_the_state_of_a_backlog_fits_an_item(function: Function) -> None:
    events = telling(30_000).events()

    function.call(make_message("t", events[::20]).payload)  # the table checks the size

    assert function.missing() > 25_000


def test_the_formulas_of_the_page_are_those_of_the_chain() -> None:
    told = telling(1)
    before = hashlib.sha256(b"edge-agent journal " + JOURNAL.encode()).digest()[:16]
    digest = hashlib.sha256((1).to_bytes(8, "big") + told.sealed[0]).digest()[:16]
    first = hashlib.sha256(before + digest).digest()[:16]
    as_text = base64.urlsafe_b64encode(first).decode().rstrip("=")

    assert (before, first, as_text) == (genesis(JOURNAL), link(before, 1, told.sealed[0]), written(first))


def test_what_the_rules_look_at_is_there_and_travels_alone() -> None:
    rules = blocks(PAGE, "sql class A")
    golden = {
        event["type"]: event
        for event in (json.loads(path.read_text()) for path in (ROOT / "tests" / "golden").glob("*.json"))
    }

    for rule in rules:
        (topic,) = re.findall(r"FROM 'floor/\+/\+/ev/(.*?)'", rule)
        if topic == "+":
            continue
        event = golden.get(topic) or {"type": topic, "subject": "", "time": "", "data": {"category": "door"}}
        assert class_of(event) is DeliveryClass.A
        for path in re.findall(r"\bdata(?:\.\w+)+", rule):
            found: Any = event
            for name in path.split("."):
                found = found[name]
    assert len(rules) == 3
    assert any(kind.startswith("floor.agent.journal_") for kind in golden)


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert f"at most {Limits().open_records:,} records" in text
    assert Limits().links == 4 * 2**20
    assert Verifier().report().journals == ()
