"""The rules IoT policies are decided by; what the shipped ones allow is in tests/policies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.standin.policy import Action, Identity, Request, load_policy, parse_policy, union

GATEWAY = Identity("gw-07", "gw-07-events", {"site": "lab"})


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
        ({"ForAllValues:StringEquals": {"iot:ConnectAttributes": "LastWill"}}, True),
        ({"ForAnyValue:StringEquals": {"iot:ConnectAttributes": "LastWill"}}, False),
        ({"StringLike": {"iot:ClientId": "gw-*"}, "StringEquals": {"iot:ClientId": "x"}}, False),
        ({"StringEquals": {"iot:ClientId": "gw-07-events", "iot:Connection.Thing.ThingName": "x"}}, False),
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
        (document(statement(Action="iot:Reboot")), "'iot:Reboot' is not one that"),
        (document(statement(Resource="topic/a")), "'topic/a' is no ARN"),
        (document(statement(Condition="always")), "Condition is no object"),
        (document(statement(Condition={"DateLessThan": {}})), "'DateLessThan' is not understood"),
        (document(statement(Condition={"Most:Bool": {}})), "'Most:Bool' is not understood"),
        (document(statement(Condition={"Bool": "true"})), "Bool holds no keys"),
        (document(statement(Condition={"Bool": {"iot:X": 1}})), "iot:X is neither"),
        (document(statement(Condition={"Bool": {"iot:X": "true"}})), "condition key 'iot:X' is not one"),
        (document(statement(Resource="arn:aws:iot:::topic/${iot:X}")), "variable \\${iot:X} is not one"),
        (document(statement(NotAction="iot:Publish")), "NotAction is not understood"),
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


def test_a_thing_is_unknown_to_what_is_asked_over_https() -> None:
    """A nucleus fetches over HTTPS, where there is no MQTT connection whose thing could be meant."""
    named = parse_policy(
        document(
            statement(
                Action=["iot:AssumeRoleWithCertificate", "iot:Publish"],
                Resource=[
                    "arn:aws:iot:*:*:rolealias/${iot:Connection.Thing.ThingName}",
                    "arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingName}",
                ],
            )
        )
    )

    assert named.allows(Request(Action.PUBLISH, "gw-07", GATEWAY))
    assert not named.allows(Request(Action.ASSUME_ROLE, "gw-07", GATEWAY))


def test_several_policies_on_one_certificate_add_up_and_any_of_them_may_deny() -> None:
    a, b = (statement(Resource=f"arn:aws:iot:::topic/{name}") for name in "ab")
    both = union([parse_policy(document(a)), parse_policy(document(b))])
    denied = union([both, parse_policy(document({**a, "Effect": "Deny"}))])

    assert [both.allows(Request(Action.PUBLISH, topic, GATEWAY)) for topic in "abc"] == [True, True, False]
    assert [denied.allows(Request(Action.PUBLISH, topic, GATEWAY)) for topic in "abc"] == [False, True, False]
