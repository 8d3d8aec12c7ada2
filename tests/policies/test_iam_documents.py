"""The IAM roles we ship: what each may do, and what it may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.standin.iam import IamRequest, role_allows, trusts

ROLES = Path(__file__).parents[2] / "certs" / "policies" / "iam"
BUCKET = "arn:aws:s3:::edge-agent-REGION-ACCOUNT"
OTHER_BUCKET = "arn:aws:s3:::edge-agent-REGION-ELSEWHERE"
ARTIFACT = f"{BUCKET}/casino.edge.Forwarder/0.2.0/forwarder.zip"
COMPONENTS = "arn:aws:greengrass:REGION:ACCOUNT:components"
IOT = "arn:aws:iot:REGION:ACCOUNT"
LOGS = "arn:aws:logs:REGION:ACCOUNT:log-group"
OURS = {"aws:ResourceAccount": "ACCOUNT"}
THEIRS = {"aws:ResourceAccount": "999999999999"}

ALLOWED = [
    ("token-exchange-role", "s3:GetBucketLocation", BUCKET, OURS),
    ("token-exchange-role", "s3:GetObject", ARTIFACT, OURS),
    ("token-exchange-logs", "logs:CreateLogGroup", f"{LOGS}:/aws/greengrass/UserComponent/REGION/x", {}),
    ("token-exchange-logs", "logs:PutLogEvents", f"{LOGS}:/aws/greengrass/a:log-stream:gw-07", {}),
    ("publish-components", "s3:GetBucketLocation", BUCKET, OURS),
    ("publish-components", "s3:PutObject", ARTIFACT, OURS),
    ("publish-components", "greengrass:CreateComponentVersion", f"{COMPONENTS}:casino.edge.Forwarder", {}),
    ("publish-components", "greengrass:ListComponentVersions", f"{COMPONENTS}:casino.edge.Simulator", {}),
    ("provisioning-role", "iot:CreateThing", f"{IOT}:thing/gw-07", {}),
    ("provisioning-role", "iot:UpdateCertificate", f"{IOT}:cert/{'0' * 64}", {}),
    ("provisioning-role", "iot:AttachThingPrincipal", "*", {}),
    ("provisioning-role", "iot:GetPolicy", f"{IOT}:policy/edge-agent-forwarder", {}),
    ("hook-role", "dynamodb:UpdateItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/edge-agent-gateways", {}),
    ("hook-role", "iot:ListPrincipalThings", "*", {}),
]

FORBIDDEN = [
    # A gateway fetches our components, and nothing else with the role it borrows.
    (
        "token-exchange-role",
        "s3:GetObject",
        f"{OTHER_BUCKET}/casino.edge.Forwarder/0.2.0/forwarder.zip",
        OURS,
    ),
    ("token-exchange-role", "s3:GetObject", f"{BUCKET}/other.Component/1.0.0/a.zip", OURS),
    ("token-exchange-role", "s3:GetObject", ARTIFACT, THEIRS),
    ("token-exchange-role", "s3:GetObject", ARTIFACT, {}),
    ("token-exchange-role", "s3:PutObject", ARTIFACT, OURS),
    ("token-exchange-role", "s3:DeleteObject", ARTIFACT, OURS),
    ("token-exchange-role", "s3:ListBucket", BUCKET, OURS),
    ("token-exchange-role", "iot:Publish", f"{IOT}:topic/floor/lab/gw-08/ev/batch", OURS),
    ("token-exchange-role", "iam:PassRole", "*", OURS),
    ("token-exchange-role", "logs:PutLogEvents", f"{LOGS}:/aws/greengrass/a", OURS),
    ("token-exchange-logs", "logs:PutLogEvents", f"{LOGS}:/aws/lambda/other", {}),
    ("token-exchange-logs", "logs:GetLogEvents", f"{LOGS}:/aws/greengrass/a", {}),
    ("token-exchange-logs", "logs:DeleteLogGroup", f"{LOGS}:/aws/greengrass/a", {}),
    # Whoever publishes components does not deploy them, and does not touch others.
    ("publish-components", "s3:PutObject", f"{BUCKET}/other.Component/1.0.0/a.zip", OURS),
    ("publish-components", "s3:PutObject", f"{OTHER_BUCKET}/casino.edge.Forwarder/0.2.0/a.zip", OURS),
    ("publish-components", "s3:PutObject", ARTIFACT, THEIRS),
    ("publish-components", "s3:DeleteObject", ARTIFACT, OURS),
    ("publish-components", "s3:CreateBucket", BUCKET, OURS),
    ("publish-components", "s3:PutBucketPolicy", BUCKET, OURS),
    ("publish-components", "greengrass:CreateComponentVersion", f"{COMPONENTS}:other.Component", {}),
    ("publish-components", "greengrass:DeleteComponent", f"{COMPONENTS}:casino.edge.Forwarder", {}),
    ("publish-components", "greengrass:CreateDeployment", "*", {}),
    ("publish-components", "iam:PassRole", "*", {}),
    # Provisioning attaches what there is; it makes no rights of its own.
    ("provisioning-role", "iot:CreatePolicy", f"{IOT}:policy/edge-agent-forwarder", {}),
    ("provisioning-role", "iot:CreatePolicyVersion", f"{IOT}:policy/edge-agent-forwarder", {}),
    ("provisioning-role", "iot:GetPolicy", f"{IOT}:policy/administrator", {}),
    ("provisioning-role", "iot:DeleteThing", f"{IOT}:thing/gw-07", {}),
    ("provisioning-role", "iot:Publish", f"{IOT}:topic/floor/lab/gw-07/ev/batch", {}),
    ("provisioning-role", "iam:PassRole", "*", {}),
    ("hook-role", "dynamodb:PutItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/edge-agent-gateways", {}),
    ("hook-role", "dynamodb:Scan", "arn:aws:dynamodb:REGION:ACCOUNT:table/edge-agent-gateways", {}),
    ("hook-role", "dynamodb:UpdateItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/other", {}),
    ("hook-role", "iot:AttachThingPrincipal", "*", {}),
]


@pytest.mark.parametrize(("role", "verb", "resource", "context"), ALLOWED)
def test_a_role_may(role: str, verb: str, resource: str, context: dict[str, str]) -> None:
    assert role_allows(ROLES / f"{role}.json", IamRequest(verb, resource, context))


@pytest.mark.parametrize(("role", "verb", "resource", "context"), FORBIDDEN)
def test_a_role_may_not(role: str, verb: str, resource: str, context: dict[str, str]) -> None:
    assert not role_allows(ROLES / f"{role}.json", IamRequest(verb, resource, context))


ALIAS = f"{IOT}:rolealias/edge-agent-token-exchange"


@pytest.mark.parametrize(
    ("file", "service", "context", "trusted"),
    [
        ("token-exchange-trust", "credentials.iot.amazonaws.com", {"aws:SourceArn": ALIAS}, True),
        ("token-exchange-trust", "iot.amazonaws.com", {"aws:SourceArn": ALIAS}, False),
        ("token-exchange-trust", "credentials.iot.amazonaws.com", {"aws:SourceArn": f"{ALIAS}2"}, False),
        ("token-exchange-trust", "credentials.iot.amazonaws.com", {}, False),
        ("provisioning-trust", "iot.amazonaws.com", {}, True),
        ("provisioning-trust", "credentials.iot.amazonaws.com", {}, False),
        ("hook-trust", "lambda.amazonaws.com", {}, True),
        ("hook-trust", "ec2.amazonaws.com", {}, False),
    ],
)
def test_a_role_trusts_one_service_of_our_account(
    file: str, service: str, context: dict[str, str], *, trusted: bool
) -> None:
    assert trusts(ROLES / f"{file}.json", service, {"aws:SourceAccount": "ACCOUNT", **context}) is trusted
    assert not trusts(ROLES / f"{file}.json", service, {"aws:SourceAccount": "999999999999", **context})


def test_a_trust_in_an_account_or_a_person_is_not_decided(tmp_path: Path) -> None:
    file = tmp_path / "trust.json"
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}), encoding="utf-8")

    with pytest.raises(ConfigurationError, match="which is no service"):
        trusts(file, "iot.amazonaws.com", {})


def test_no_role_allows_every_action_of_anything() -> None:
    for file in ROLES.glob("*.json"):
        for statement in json.loads(file.read_text(encoding="utf-8"))["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert "*" not in action, f"{file.name}: {statement['Sid']}"
