"""IoT policies, decided as AWS IoT Core decides them: deny, unless allowed and not denied.

A policy is the JSON document that is attached to a certificate in the cloud; `certs/policies/`
has the one we ship, and the stand-in enforces that very file. Rules kept here:

- everything is denied that no statement allows; an explicit Deny wins over any Allow;
- `*` matches any characters, slashes too, and `?` one; `+` and `#` are plain characters;
- `${...}` is replaced by what is known of the connection; a statement with a variable that has no
  value matches nothing; values are never read as wildcards;
- Connect asks for `client/`, Publish, RetainPublish and Receive for `topic/`, Subscribe for
  `topicfilter/`.

Partition, region and account of an ARN are not looked at: on loopback there are none. What a
document uses and we cannot decide is refused when it is read, never guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from edge_agent.errors import ConfigurationError

# AWS IoT: a policy document has at most 2,048 characters, blanks not counted.
DOCUMENT_LIMIT = 2048

_THING = "iot:Connection.Thing."


class Action(Enum):
    """What can be asked for, with the kind of resource it is asked of."""

    CONNECT = ("iot:Connect", "client")
    PUBLISH = ("iot:Publish", "topic")
    RETAIN_PUBLISH = ("iot:RetainPublish", "topic")
    SUBSCRIBE = ("iot:Subscribe", "topicfilter")
    RECEIVE = ("iot:Receive", "topic")


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
        if attribute := re.fullmatch(re.escape(_THING) + r"Attributes\[(\w+)\]", key):
            return self.attributes.get(attribute[1])
        return None


@dataclass(frozen=True, slots=True)
class Request:
    """One question: may this connection do this to that?"""

    action: Action
    name: str  # a client id, a topic or a topic filter
    identity: Identity
    connect_attributes: frozenset[str] = frozenset()  # LastWill, PersistentConnect

    def values(self, key: str) -> tuple[str, ...]:
        """What a condition key stands for, none, one or several."""
        if key == "iot:ConnectAttributes":
            return tuple(sorted(self.connect_attributes))
        value = self.identity.value(key)
        return () if value is None else (value,)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy document."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()  # operator, key, values

    def matches(self, request: Request) -> bool:
        """Whether this statement speaks of the request."""
        action, kind = request.action.value
        return (
            any(_like(pattern, action) for pattern in self.actions)
            and any(
                _resource_matches(pattern, f"{kind}/{request.name}", request) for pattern in self.resources
            )
            and all(
                _holds(operator, request.values(key), wanted) for operator, key, wanted in self.conditions
            )
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What a certificate may do."""

    statements: tuple[Statement, ...] = field(default=())

    def allows(self, request: Request) -> bool:
        """Whether the request is allowed: default deny, explicit deny wins."""
        matching = [statement.allows for statement in self.statements if statement.matches(request)]
        return bool(matching) and all(matching)


def load_policy(file: Path) -> Policy:
    """Read a policy document. Raises ConfigurationError naming what is wrong with it."""
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f"policy {file} cannot be read: {error.strerror}", "name a policy document with --policy"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"policy {file} is not JSON: {error}", "mend the file") from error
    if len(re.sub(r"\s", "", text)) > DOCUMENT_LIMIT:
        raise ConfigurationError(
            f"policy {file} is longer than {DOCUMENT_LIMIT} characters",
            "IoT Core would refuse it: shorten it",
        )
    return parse_policy(document, str(file))


def parse_policy(document: Any, origin: str = "policy") -> Policy:  # noqa: ANN401  whatever a JSON file held
    """A policy from its JSON document. Raises ConfigurationError."""
    if not isinstance(document, dict) or document.get("Version") != "2012-10-17":
        raise _unfit(origin, 'it has no "Version": "2012-10-17"')
    statements = document.get("Statement")
    if not isinstance(statements, list | dict):
        raise _unfit(origin, "it has no Statement")
    listed = statements if isinstance(statements, list) else [statements]
    return Policy(tuple(_statement(one, f"{origin}: statement {at}") for at, one in enumerate(listed, 1)))


def _statement(document: Any, origin: str) -> Statement:  # noqa: ANN401  as parse_policy
    if not isinstance(document, dict):
        raise _unfit(origin, "it is no object")
    if unknown := document.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        raise _unfit(origin, f"{min(unknown)} is not understood")
    if document.get("Effect") not in ("Allow", "Deny"):
        raise _unfit(origin, f"its Effect is {document.get('Effect')!r}")
    actions = _strings(document.get("Action"), origin, "Action")
    for action in actions:
        if not any(_like(action, known.value[0]) for known in Action):
            raise _unfit(origin, f"action {action!r} is not one a publisher or subscriber takes")
    resources = _strings(document.get("Resource"), origin, "Resource")
    for resource in resources:
        if resource != "*" and not (resource.startswith("arn:") and resource.count(":") >= 5):
            raise _unfit(origin, f"resource {resource!r} is no ARN")
    return Statement(document["Effect"] == "Allow", actions, resources, _conditions(document, origin))


def _conditions(document: Mapping[str, Any], origin: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    conditions = document.get("Condition", {})
    if not isinstance(conditions, dict):
        raise _unfit(origin, "its Condition is no object")
    rows = []
    for operator, tests in conditions.items():
        quantifier, _, comparison = operator.rpartition(":")
        if quantifier not in ("", "ForAllValues", "ForAnyValue") or comparison not in _COMPARISONS:
            raise _unfit(origin, f"condition operator {operator!r} is not understood")
        if not isinstance(tests, dict):
            raise _unfit(origin, f"{operator} holds no keys")
        for key, values in tests.items():
            rows.append((operator, key, _strings(values, origin, key)))
    return tuple(rows)


def _strings(value: Any, origin: str, what: str) -> tuple[str, ...]:  # noqa: ANN401  as parse_policy
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(one, str) for one in listed):
        raise _unfit(origin, f"{what} is neither a string nor a list of them")
    return tuple(listed)


def _unfit(origin: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"{origin} cannot be enforced: {reason}", "see certs/README.md")


def _resource_matches(pattern: str, resource: str, request: Request) -> bool:
    """Whether an ARN pattern covers `topic/…`, `topicfilter/…` or `client/…`."""
    if pattern == "*":
        return True
    expression = _expression(pattern.split(":", 5)[5], request.identity.value)
    return expression is not None and re.fullmatch(expression, resource, re.DOTALL) is not None


def _expression(pattern: str, value: Callable[[str], str | None]) -> str | None:
    """A pattern as a regular expression; None when one of its variables has no value."""
    out = []
    for variable, wildcard, plain in re.findall(r"\$\{([^}]*)\}|([*?])|([^*?$]+|\$)", pattern):
        if variable in ("*", "?", "$"):
            out.append(re.escape(variable))
        elif variable:
            if (replacement := value(variable)) is None:
                return None
            out.append(re.escape(replacement))
        else:
            out.append({"*": ".*", "?": "."}.get(wildcard, re.escape(plain)))
    return "".join(out)


def _like(pattern: str, text: str) -> bool:
    expression = _expression(pattern, lambda _: None)
    return expression is not None and re.fullmatch(expression, text, re.DOTALL) is not None


def _same_truth(pattern: str, text: str) -> bool:
    return pattern.lower() == text.lower()


def _same(pattern: str, text: str) -> bool:
    return pattern == text


# What a comparison does with one wanted and one actual value, and whether it is negated.
_COMPARISONS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "Bool": (_same_truth, False),
    "StringEquals": (_same, False),
    "StringNotEquals": (_same, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
}


def _holds(operator: str, values: Iterable[str], wanted: tuple[str, ...]) -> bool:
    """One condition. Without a quantifier an absent key fails, unless the comparison is negated."""
    quantifier, _, comparison = operator.rpartition(":")
    compare, negated = _COMPARISONS[comparison]
    results = [any(compare(one, value) for one in wanted) is not negated for value in values]
    match quantifier:
        case "ForAllValues":
            return all(results)
        case "ForAnyValue":
            return any(results)
        case _:
            return all(results) if results else negated
