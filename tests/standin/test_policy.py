"""The IoT policy we ship, and the rules policies are decided by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.standin.config import shipped_policy
from edge_agent.standin.policy import DOCUMENT_LIMIT, Action, Identity, Request, load_policy, parse_policy

GATEWAY = Identity("gw-07", "gw-07-events", {"site": "lab"})
UNATTACHED = Identity("gw-07", "gw-07-events", None)
SITELESS = Identity("gw-07", "gw-07-events", {})
WILDCARD_NAME = Identity("*", "*-events", {"site": "*"})

LAST_WILL = frozenset({"LastWill"})
PERSISTENT = frozenset({"LastWill", "PersistentConnect"})

# action, resource, whether the shipped policy allows it to the gateway gw-07 of site lab
SHIPPED = [
    (Action.CONNECT, "gw-07-events", True),
    (Action.CONNECT, "gw-07", False),
    (Action.CONNECT, "gw-07-events2", False),
    (Action.CONNECT, "gw-08-events", False),
    (Action.PUBLISH, "floor/lab/gw-07/ev/batch", True),
    (Action.PUBLISH, "floor/lab/gw-07/status", True),
    (Action.PUBLISH, "floor/lab/gw-07/a/b/c/d", True),
    (Action.PUBLISH, "floor/lab/gw-07", False),
    (Action.PUBLISH, "floor/lab/gw-070/ev/batch", False),
    (Action.PUBLISH, "floor/lab/gw-08/ev/batch", False),
    (Action.PUBLISH, "floor/other/gw-07/ev/batch", False),
    (Action.PUBLISH, "floor/+/gw-07/ev/batch", False),
    (Action.PUBLISH, "cmd/lab/gw-07/reboot", False),
    (Action.PUBLISH, "$aws/things/gw-07/shadow/update", False),
    (Action.PUBLISH, "$aws/rules/any/floor/lab/gw-07/ev/batch", False),
    (Action.RETAIN_PUBLISH, "floor/lab/gw-07/status", True),
    (Action.RETAIN_PUBLISH, "floor/lab/gw-07/status/more", False),
    (Action.RETAIN_PUBLISH, "floor/lab/gw-07/ev/batch", False),
    (Action.RETAIN_PUBLISH, "floor/lab/gw-08/status", False),
    (Action.SUBSCRIBE, "floor/lab/gw-07/#", False),
    (Action.SUBSCRIBE, "cmd/lab/gw-07/+", False),
    (Action.SUBSCRIBE, "#", False),
    (Action.RECEIVE, "floor/lab/gw-07/ev/batch", False),
]


@pytest.mark.parametrize(("action", "name", "allowed"), SHIPPED)
def test_the_shipped_policy_binds_a_gateway_to_its_own_topics(
    action: Action, name: str, *, allowed: bool
) -> None:
    policy = load_policy(shipped_policy())

    assert policy.allows(Request(action, name, GATEWAY)) is allowed


@pytest.mark.parametrize(
    ("attributes", "allowed"), [(frozenset[str](), True), (LAST_WILL, True), (PERSISTENT, False)]
)
def test_the_shipped_policy_lets_a_client_connect_with_a_will_but_no_session(
    attributes: frozenset[str],
    *,
    allowed: bool,
) -> None:
    policy = load_policy(shipped_policy())

    assert policy.allows(Request(Action.CONNECT, "gw-07-events", GATEWAY, attributes)) is allowed


@pytest.mark.parametrize("identity", [UNATTACHED, SITELESS], ids=["no thing attached", "no site attribute"])
def test_a_variable_without_a_value_matches_nothing(identity: Identity) -> None:
    policy = load_policy(shipped_policy())

    assert not policy.allows(Request(Action.PUBLISH, "floor/lab/gw-07/ev/batch", identity))
    assert not policy.allows(Request(Action.PUBLISH, "floor//gw-07/ev/batch", identity))


def test_a_certificate_without_a_thing_may_not_connect() -> None:
    policy = load_policy(shipped_policy())

    assert not policy.allows(Request(Action.CONNECT, "gw-07-events", UNATTACHED))


def test_the_value_of_a_variable_is_never_a_wildcard() -> None:
    policy = load_policy(shipped_policy())

    assert not policy.allows(Request(Action.PUBLISH, "floor/lab/gw-07/ev/batch", WILDCARD_NAME))
    assert policy.allows(Request(Action.PUBLISH, "floor/*/*/ev/batch", WILDCARD_NAME))


def test_the_shipped_policy_fits_into_iot_core() -> None:
    text = shipped_policy().read_text(encoding="utf-8")

    assert len("".join(text.split())) <= DOCUMENT_LIMIT


def statement(**changes: Any) -> dict[str, Any]:
    base = {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:1:topic/a/*"}
    return {**base, **changes}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def publishes(topic: str, *statements: dict[str, Any]) -> bool:
    return parse_policy(document(*statements)).allows(Request(Action.PUBLISH, topic, GATEWAY))


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    assert not publishes("a/b")
    assert not publishes("b/a", statement())


def test_an_explicit_deny_wins_wherever_it_stands() -> None:
    deny = statement(Effect="Deny", Resource="arn:aws:iot:us-east-1:1:topic/a/secret")

    assert not publishes("a/secret", statement(), deny)
    assert not publishes("a/secret", deny, statement())
    assert publishes("a/b", deny, statement())


@pytest.mark.parametrize(
    ("resource", "topic", "allowed"),
    [
        ("topic/a/*", "a/b/c", True),
        ("topic/a/*", "a/", True),
        ("topic/a/?", "a/b", True),
        ("topic/a/?", "a/bc", False),
        ("topic/a/+", "a/b", False),
        ("topic/a/+", "a/+", True),
        ("topic/a.b", "axb", False),
        ("topic/${*}", "*", True),
        ("topic/${*}", "a", False),
        ("topic/$aws/rules/r/*", "$aws/rules/r/a", True),
        ("topic/${iot:ClientId}", "gw-07-events", True),
        ("topic/${iot:Certificate.Subject.CommonName}", "gw-07", True),
        ("topic/${iot:Connection.Thing.Attributes[floor]}", "", False),
        ("topic/${iot:Something}", "${iot:Something}", False),
        ("topicfilter/a/*", "a/b", False),
        ("client/a/*", "a/b", False),
        ("*", "anything", True),
    ],
)
def test_wildcards_and_variables_in_resources(resource: str, topic: str, *, allowed: bool) -> None:
    arn = resource if resource == "*" else f"arn:aws:iot:us-east-1:123456789012:{resource}"

    assert publishes(topic, statement(Resource=arn)) is allowed


def test_actions_may_have_wildcards_and_lists() -> None:
    assert publishes("a/b", statement(Action=["iot:Connect", "iot:Pub*"]))
    assert publishes(
        "a/b", statement(Action="iot:*", Resource=["arn:aws:iot:::topic/x", "arn:aws:iot:::topic/a/b"])
    )
    assert not publishes("a/b", statement(Action="iot:Receive"))


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"iot:ClientId": "gw-07-events"}}, True),
        ({"StringEquals": {"iot:ClientId": ["x", "gw-07-events"]}}, True),
        ({"StringEquals": {"iot:ClientId": "x"}}, False),
        ({"StringNotEquals": {"iot:ClientId": "x"}}, True),
        ({"StringLike": {"iot:ClientId": "gw-*"}}, True),
        ({"StringNotLike": {"iot:ClientId": "gw-*"}}, False),
        ({"Bool": {"iot:Connection.Thing.IsAttached": "True"}}, True),
        ({"Bool": {"iot:Connection.Thing.IsAttached": "false"}}, False),
        ({"StringEquals": {"iot:Connection.Thing.Attributes[floor]": "2"}}, False),
        ({"StringNotEquals": {"iot:Connection.Thing.Attributes[floor]": "2"}}, True),
        ({"StringEquals": {"iot:Nothing": "2"}}, False),
        ({"ForAllValues:StringEquals": {"iot:ConnectAttributes": "LastWill"}}, True),
        ({"ForAnyValue:StringEquals": {"iot:ConnectAttributes": "LastWill"}}, False),
        ({"StringLike": {"iot:ClientId": "gw-*"}, "StringEquals": {"iot:ClientId": "x"}}, False),
        ({"StringEquals": {"iot:ClientId": "gw-07-events", "iot:Nothing": "x"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], *, allowed: bool) -> None:
    assert publishes("a/b", statement(Condition=condition)) is allowed


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ([], 'no "Version"'),
        ({"Version": "2008-10-17", "Statement": []}, 'no "Version"'),
        ({"Version": "2012-10-17"}, "no Statement"),
        ({"Version": "2012-10-17", "Statement": ["x"]}, "it is no object"),
        (document(statement(Principal="*")), "Principal is not understood"),
        (document(statement(Effect="Maybe")), "Effect is 'Maybe'"),
        (document(statement(Action=None)), "Action is neither"),
        (document(statement(Action=[])), "Action is neither"),
        (document(statement(Action="iot:Reboot")), "'iot:Reboot' is not one"),
        (document(statement(Resource="topic/a")), "'topic/a' is no ARN"),
        (document(statement(Condition="always")), "Condition is no object"),
        (document(statement(Condition={"DateLessThan": {}})), "'DateLessThan' is not understood"),
        (document(statement(Condition={"Most:Bool": {}})), "'Most:Bool' is not understood"),
        (document(statement(Condition={"Bool": "true"})), "Bool holds no keys"),
        (document(statement(Condition={"Bool": {"iot:X": 1}})), "iot:X is neither"),
    ],
)
def test_what_cannot_be_enforced_is_refused(broken: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        parse_policy(broken)


def test_a_single_statement_needs_no_list() -> None:
    policy = parse_policy({"Version": "2012-10-17", "Statement": statement()})

    assert policy.allows(Request(Action.PUBLISH, "a/b", GATEWAY))


def test_files_that_are_no_policy_are_named(tmp_path: Path) -> None:
    missing, rubbish, long = tmp_path / "missing.json", tmp_path / "rubbish.json", tmp_path / "long.json"
    rubbish.write_text("{", encoding="utf-8")
    long.write_text(json.dumps(document(*[statement()] * 30)), encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"missing\.json cannot be read: No such file"):
        load_policy(missing)
    with pytest.raises(ConfigurationError, match=r"rubbish\.json is not JSON"):
        load_policy(rubbish)
    with pytest.raises(ConfigurationError, match=r"long\.json is longer than 2048 characters"):
        load_policy(long)
