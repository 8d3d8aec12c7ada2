"""IoT policies, decided as AWS IoT Core decides them: deny, unless allowed and not denied.

A policy is the JSON document that is attached to a certificate in the cloud; `certs/policies/`
has those we ship, and the stand-in enforces the very files. `statements` has the rules that IoT
shares with IAM; kept here are its own:

- Connect asks for `client/`, Publish, RetainPublish and Receive for `topic/`, Subscribe for
  `topicfilter/`, AssumeRoleWithCertificate for `rolealias/`, Greengrass's own for `components:`;
- what is asked over HTTPS, by a nucleus, knows no connection: `iot:Connection.Thing.*` has no value.

Partition, region and account of an ARN are not looked at: on loopback there are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from edge_agent.standin.statements import Dialect, Statement, decide, load_statements, parse_statements

# AWS IoT: a policy document has at most 2,048 characters, blanks not counted.
DOCUMENT_LIMIT = 2048
# The documents the package carries, by the names they have in certs/policies/.
SHIPPED = ("basic-ingest", "claim", "forwarder", "gateway", "gateway-uplink")

_THING = "iot:Connection.Thing."
_ATTRIBUTE = re.compile(re.escape(_THING) + r"Attributes\[(\w+)\]")
_CONNECT_ATTRIBUTES = "iot:ConnectAttributes"
_KEYS = {
    "iot:ClientId",
    "iot:Certificate.Subject.CommonName",
    f"{_THING}IsAttached",
    f"{_THING}ThingName",
    _CONNECT_ATTRIBUTES,
}


class Action(Enum):
    """What can be asked for, with how the resource begins that it is asked of."""

    CONNECT = ("iot:Connect", "client/")
    PUBLISH = ("iot:Publish", "topic/")
    RETAIN_PUBLISH = ("iot:RetainPublish", "topic/")
    SUBSCRIBE = ("iot:Subscribe", "topicfilter/")
    RECEIVE = ("iot:Receive", "topic/")
    # Over HTTPS, by a Greengrass nucleus.
    ASSUME_ROLE = ("iot:AssumeRoleWithCertificate", "rolealias/")
    GET_ARTIFACT = ("greengrass:GetComponentVersionArtifact", "components:")
    RESOLVE_COMPONENTS = ("greengrass:ResolveComponentCandidates", "components:")
    GET_DEPLOYMENT = ("greengrass:GetDeploymentConfiguration", "deployments:")
    LIST_GROUPS = ("greengrass:ListThingGroupsForCoreDevice", "coreDevices:")

    @property
    def over_mqtt(self) -> bool:
        """Whether it is asked within a connection, so that thing variables have values."""
        return self in _OVER_MQTT


_OVER_MQTT = frozenset(
    {Action.CONNECT, Action.PUBLISH, Action.RETAIN_PUBLISH, Action.SUBSCRIBE, Action.RECEIVE}
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known of a connection. `attributes` is None when no thing is attached to the certificate."""

    common_name: str
    client_id: str
    attributes: Mapping[str, str] | None = None
    thing: str = ""  # if it has another name than the certificate

    def value(self, key: str) -> str | None:  # noqa: PLR0911  one row a variable
        """What a policy variable or condition key stands for here."""
        if key == "iot:ClientId":
            return self.client_id
        if key == "iot:Certificate.Subject.CommonName":
            return self.common_name
        if key == f"{_THING}IsAttached":
            return "false" if self.attributes is None else "true"
        if self.attributes is None:
            return None
        if key == f"{_THING}ThingName":
            return self.thing or self.common_name
        if attribute := _ATTRIBUTE.fullmatch(key):
            return self.attributes.get(attribute[1])
        return None


@dataclass(frozen=True, slots=True)
class Request:
    """One question: may this connection do this to that?"""

    action: Action
    name: str  # a client id, a topic, a topic filter, a role alias …
    identity: Identity
    connect_attributes: frozenset[str] = frozenset()  # LastWill, PersistentConnect

    @property
    def verb(self) -> str:
        """The action, as documents name it."""
        return str(self.action.value[0])

    @property
    def resource(self) -> str:
        """What it is done to, as the end of an ARN."""
        return f"{self.action.value[1]}{self.name}"

    def values(self, key: str) -> tuple[str, ...]:
        """What a variable or condition key stands for: none, one or several values."""
        if key == _CONNECT_ATTRIBUTES:
            return tuple(sorted(self.connect_attributes))
        if key.startswith(_THING) and not self.action.over_mqtt:
            return ()
        value = self.identity.value(key)
        return () if value is None else (value,)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a certificate may do."""

    statements: tuple[Statement, ...] = field(default=())

    def allows(self, request: Request) -> bool:
        """Whether the request is allowed: default deny, explicit deny wins."""
        return decide(self.statements, request)


def union(policies: Iterable[Policy]) -> Policy:
    """What a certificate may do that has several policies."""
    return Policy(tuple(statement for policy in policies for statement in policy.statements))


def shipped(name: str) -> Path:
    """A document of `certs/policies/`, which the package carries along: one of `SHIPPED`."""
    return Path(__file__).with_name("policies") / f"{name}.json"


def load_policy(file: Path) -> Policy:
    """Read a policy document. Raises ConfigurationError naming what is wrong with it."""
    return Policy(load_statements(file, _IOT))


def parse_policy(document: Any, origin: str = "policy") -> Policy:  # noqa: ANN401  whatever a JSON file held
    """A policy from its JSON document. Raises ConfigurationError."""
    return Policy(parse_statements(document, origin, _IOT))


def _knows(key: str) -> bool:
    return key in _KEYS or _ATTRIBUTE.fullmatch(key) is not None


_IOT = Dialect(
    actions=frozenset(str(action.value[0]) for action in Action),
    knows=_knows,
    limit=DOCUMENT_LIMIT,
    resource=lambda arn: arn.split(":", 5)[5],
)
