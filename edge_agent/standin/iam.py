"""IAM policies, decided as far as the roles of `certs/policies/iam/` use them.

The stand-in has no IAM; the tests hold our roles to what `certs/README.md` says of them. A role's
policy asks for an action on a whole ARN; a trust policy says which service may take the role on,
and its service is compared like a condition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.standin.statements import Dialect, Statement, decide, load_statements, parse_statements, unfit

# IAM: the policies inline in a role together; a trust policy has a fifth of it.
ROLE_LIMIT = 10_240
TRUST_LIMIT = 2_048

_SERVICE = "principal:service"
_KEYS = {"aws:ResourceAccount", "aws:SourceAccount", "aws:SourceArn"}
_ACTIONS = frozenset(
    {
        "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:UpdateItem",
        "greengrass:CreateComponentVersion", "greengrass:CreateDeployment", "greengrass:DeleteComponent",
        "greengrass:GetComponent", "greengrass:ListComponentVersions",
        "iam:PassRole", "iam:PutRolePolicy",
        "iot:AttachPolicy", "iot:AttachThingPrincipal", "iot:CreatePolicy", "iot:CreatePolicyVersion",
        "iot:CreateThing", "iot:DeleteThing", "iot:DescribeCertificate", "iot:DescribeThing", "iot:GetPolicy",
        "iot:ListAttachedPolicies", "iot:ListPrincipalThings", "iot:ListThingPrincipals", "iot:Publish",
        "iot:UpdateCertificate", "iot:UpdateThing",
        "lambda:InvokeFunction",
        "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DeleteLogGroup", "logs:DescribeLogStreams",
        "logs:GetLogEvents", "logs:PutLogEvents",
        "s3:CreateBucket", "s3:DeleteObject", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket",
        "s3:PutBucketPolicy", "s3:PutObject",
        "sts:AssumeRole",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class IamRequest:
    """One question: may whoever has this policy do this to that?"""

    verb: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict)

    def values(self, key: str) -> tuple[str, ...]:
        """What a condition key stands for here, none or one."""
        return (self.context[key],) if key in self.context else ()


def role_allows(file: Path, request: IamRequest) -> bool:
    """Whether a role's policy document allows the request. Raises ConfigurationError."""
    return decide(load_statements(file, _ROLE), request)


def trusts(file: Path, service: str, context: Mapping[str, str]) -> bool:
    """Whether a trust policy lets a service take the role on. Raises ConfigurationError."""
    question = IamRequest("sts:AssumeRole", "*", {**context, _SERVICE: service})
    return decide(_trust(file), question)


def _trust(file: Path) -> tuple[Statement, ...]:
    document = json.loads(file.read_text(encoding="utf-8"))
    for statement in document["Statement"]:
        principal = statement.pop("Principal", None)
        if not isinstance(principal, dict) or principal.keys() != {"Service"}:
            raise unfit(str(file), f"it trusts {principal!r}, which is no service")
        statement["Resource"] = "*"
        condition = statement.setdefault("Condition", {})
        condition["StringEquals"] = {**condition.get("StringEquals", {}), _SERVICE: principal["Service"]}
    return parse_statements(document, str(file), _TRUST)


_ROLE = Dialect(_ACTIONS, _KEYS.__contains__, ROLE_LIMIT)
_TRUST = Dialect(_ACTIONS, (_KEYS | {_SERVICE}).__contains__, TRUST_LIMIT)
