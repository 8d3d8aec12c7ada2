"""The function of docs/greengrass-ipc.md confirms what the forwarder wants to hear."""

from __future__ import annotations

import base64
import json
import random
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge_agent.uplink.confirmation import Confirmation, read_confirmation

PAGE = Path(__file__).parents[2] / "docs" / "greengrass-ipc.md"
TOPIC = "floor/harbour/gw-07/ev/batch"


class Conflict(Exception):  # noqa: N818  as the service calls it
    """Somebody else has written in between."""


@dataclass
class Account:
    """A table and a broker, as boto3 shows them."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    published: list[tuple[str, bytes]] = field(default_factory=list)

    def get_item(self, *, Key: Mapping[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803  boto3
        assert ConsistentRead
        item = self.items.get(Key["journal"])
        return {} if item is None else {"Item": dict(item)}

    def put_item(  # as boto3 names its arguments
        self,
        *,
        Item: dict[str, Any],  # noqa: N803  boto3
        ConditionExpression: str,  # noqa: N803  boto3
        ExpressionAttributeValues: Mapping[str, Any],  # noqa: N803  boto3
    ) -> None:
        assert ConditionExpression == "attribute_not_exists(version) OR version = :read"
        old = self.items.get(Item["journal"])
        if old is not None and old["version"] != ExpressionAttributeValues[":read"]:
            raise Conflict
        self.items[Item["journal"]] = Item

    def publish(self, *, topic: str, qos: int, payload: str) -> None:
        assert qos == 1
        self.published.append((topic, payload.encode()))

    def store(self, events: list[Mapping[str, Any]]) -> None:
        self.stored |= {str(event["id"]) for event in events}


Handler = Callable[[Mapping[str, Any], object], None]


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def handler(account: Account, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """The function as the page has it."""
    resource = SimpleNamespace(Table=lambda _name: account)
    boto3: Any = SimpleNamespace(resource=lambda _service: resource, client=lambda _service: account)
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    names: dict[str, Any] = {"store": account.store}
    exec(found[1], names)  # noqa: S102  our own page
    handler: Handler = names["handler"]
    return handler


def rule(*sequences: int, journal: str = "j") -> dict[str, str]:
    """What the rule makes of a batch."""
    events = [{"id": f"{journal}/{number}", "sequence": f"{number:020}"} for number in sequences]
    return {"batch": base64.b64encode(json.dumps(events).encode()).decode(), "topic": TOPIC}


def confirmed(account: Account) -> Confirmation:
    topic, payload = account.published[-1]
    assert topic == "cmd/harbour/gw-07/received"
    return read_confirmation(payload)


def test_the_page_confirms_up_to_the_first_hole(account: Account, handler: Handler) -> None:
    for batch, through in (((1, 2), 2), ((5, 6), 2), ((5, 6), 2), ((3, 4), 6), ((1, 2), 6)):
        handler(rule(*batch), None)

        assert confirmed(account) == Confirmation("j", through)
    assert account.items["j"]["beyond"] == []


def test_the_page_confirms_an_event_that_comes_alone(account: Account, handler: Handler) -> None:
    handler(rule(1, 2), None)
    event = json.dumps({"id": "j/3", "sequence": f"{3:020}"}).encode()
    topic = "floor/harbour/gw-07/ev/floor.slot.handpay_recorded"

    handler({"batch": base64.b64encode(event).decode(), "topic": topic}, None)

    assert confirmed(account) == Confirmation("j", 3)


def test_the_page_keeps_journals_apart(account: Account, handler: Handler) -> None:
    handler(rule(1, 2), None)
    handler(rule(1, journal="k"), None)

    assert confirmed(account) == Confirmation("k", 1)


def test_the_page_confirms_nothing_that_it_has_not_stored(account: Account, handler: Handler) -> None:
    batches = [(number, number + 1, number + 2) for number in range(1, 61, 3)] * 2
    random.Random(7).shuffle(batches)  # noqa: S311  an order, not a secret
    for batch in batches:
        handler(rule(*batch), None)

        through = confirmed(account).through
        assert account.stored >= {f"j/{number}" for number in range(1, through + 1)}
    assert confirmed(account).through == 60


def test_the_page_lets_one_of_two_at_a_time_be_tried_again(
    account: Account, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler(rule(1), None)

    with monkeypatch.context() as at_a_time:
        at_a_time.setattr(account, "get_item", lambda **_: {"Item": {"through": 0, "version": 0}})
        with pytest.raises(Conflict):
            handler(rule(2), None)

    handler(rule(2), None)
    assert confirmed(account).through == 2
