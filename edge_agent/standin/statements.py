"""Statements: a policy document read, and matched against a question.

IoT policies and IAM policies share their grammar. A `Dialect` says which actions and which keys a
kind of document may speak of; whatever else a document holds is refused when it is read, never
skipped: a Deny that is not understood would otherwise deny nothing.

- everything is denied that no statement allows; an explicit Deny wins over any Allow;
- `*` matches any characters, slashes too, and `?` one; `+` and `#` are plain characters;
- `${...}` is replaced by what is known of who asks; a statement with a variable that has no value
  matches nothing; values are never read as wildcards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge_agent.errors import ConfigurationError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# Variables that stand for themselves.
_ESCAPED = ("*", "?", "$")
_FIELDS = {"Sid", "Effect", "Action", "Resource", "Condition"}


class Question(Protocol):
    """May this be done to that?"""

    @property
    def verb(self) -> str:
        """The action, as documents name it."""

    @property
    def resource(self) -> str:
        """What it is done to, as the dialect's `resource` leaves an ARN."""

    def values(self, key: str) -> tuple[str, ...]:
        """What a variable or condition key stands for: none, one or several values."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a kind of document may hold for us to decide it."""

    actions: frozenset[str]
    knows: Callable[[str], bool]  # whether a variable or a condition key is one we have values for
    limit: int  # characters, blanks not counted
    resource: Callable[[str], str] = str  # the part of an ARN that is compared


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy document."""

    sid: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()  # operator, key, values

    def matches(self, question: Question) -> bool:
        """Whether this statement speaks of the question."""
        return (
            any(_like(pattern, question.verb) for pattern in self.actions)
            and any(_covers(pattern, question) for pattern in self.resources)
            and all(
                _holds(operator, question.values(key), wanted) for operator, key, wanted in self.conditions
            )
        )


def decide(statements: Iterable[Statement], question: Question) -> bool:
    """Whether the question is answered yes: default deny, explicit deny wins."""
    matching = [statement.allows for statement in statements if statement.matches(question)]
    return bool(matching) and all(matching)


def load_statements(file: Path, dialect: Dialect) -> tuple[Statement, ...]:
    """Read a policy document. Raises ConfigurationError naming what is wrong with it."""
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f"policy {file} cannot be read: {error.strerror}", "name a policy document"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"policy {file} is not JSON: {error}", "mend the file") from error
    if len(re.sub(r"\s", "", text)) > dialect.limit:
        raise ConfigurationError(
            f"policy {file} is longer than {dialect.limit} characters", "AWS would refuse it: shorten it"
        )
    return parse_statements(document, str(file), dialect)


def parse_statements(document: Any, origin: str, dialect: Dialect) -> tuple[Statement, ...]:  # noqa: ANN401  whatever a JSON file held
    """The statements of a JSON document. Raises ConfigurationError."""
    if not isinstance(document, dict) or document.get("Version") != "2012-10-17":
        raise unfit(origin, 'it has no "Version": "2012-10-17"')
    statements = document.get("Statement")
    if not isinstance(statements, list | dict):
        raise unfit(origin, "it has no Statement")
    listed = statements if isinstance(statements, list) else [statements]
    return tuple(_statement(one, f"{origin}: statement {at}", dialect) for at, one in enumerate(listed, 1))


def unfit(origin: str, reason: str) -> ConfigurationError:
    """What is raised for a document that cannot be decided."""
    return ConfigurationError(f"{origin} cannot be enforced: {reason}", "see certs/README.md")


def _statement(document: Any, origin: str, dialect: Dialect) -> Statement:  # noqa: ANN401  as parse_statements
    if not isinstance(document, dict):
        raise unfit(origin, "it is no object")
    if unknown := document.keys() - _FIELDS:
        raise unfit(origin, f"{min(unknown)} is not understood")
    if document.get("Effect") not in ("Allow", "Deny"):
        raise unfit(origin, f"its Effect is {document.get('Effect')!r}")
    resources = _strings(document.get("Resource"), origin, "Resource")
    conditions = _conditions(document, origin)
    _check_keys([*resources, *(value for _, _, values in conditions for value in values)], origin, dialect)
    for _, key, _ in conditions:
        if not dialect.knows(key):
            raise unfit(origin, f"condition key {key!r} is not one we have values for")
    return Statement(
        str(document.get("Sid", "")),
        document["Effect"] == "Allow",
        _actions(document, origin, dialect),
        tuple(_arn(resource, origin, dialect) for resource in resources),
        conditions,
    )


def _actions(document: Mapping[str, Any], origin: str, dialect: Dialect) -> tuple[str, ...]:
    actions = _strings(document.get("Action"), origin, "Action")
    for action in actions:
        if not any(_like(action, known) for known in dialect.actions):
            raise unfit(origin, f"action {action!r} is not one that is decided here")
    return actions


def _arn(resource: str, origin: str, dialect: Dialect) -> str:
    if resource == "*":
        return resource
    if not resource.startswith("arn:") or resource.count(":") < 5:
        raise unfit(origin, f"resource {resource!r} is no ARN")
    return dialect.resource(resource)


def _check_keys(texts: Sequence[str], origin: str, dialect: Dialect) -> None:
    for variable in (found for text in texts for found in _VARIABLE.findall(text)):
        if variable not in _ESCAPED and not dialect.knows(variable):
            raise unfit(origin, f"variable ${{{variable}}} is not one we have values for")


def _conditions(document: Mapping[str, Any], origin: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    conditions = document.get("Condition", {})
    if not isinstance(conditions, dict):
        raise unfit(origin, "its Condition is no object")
    rows = []
    for operator, tests in conditions.items():
        quantifier, _, comparison = operator.rpartition(":")
        if quantifier not in ("", "ForAllValues", "ForAnyValue") or comparison not in _COMPARISONS:
            raise unfit(origin, f"condition operator {operator!r} is not understood")
        if not isinstance(tests, dict):
            raise unfit(origin, f"{operator} holds no keys")
        for key, values in tests.items():
            rows.append((operator, key, _strings(values, origin, key)))
    return tuple(rows)


def _strings(value: Any, origin: str, what: str) -> tuple[str, ...]:  # noqa: ANN401  as parse_statements
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(one, str) for one in listed):
        raise unfit(origin, f"{what} is neither a string nor a list of them")
    return tuple(listed)


def _covers(pattern: str, question: Question) -> bool:
    if pattern == "*":
        return True
    expression = _expression(pattern, lambda key: next(iter(question.values(key)), None))
    return expression is not None and re.fullmatch(expression, question.resource, re.DOTALL) is not None


def _expression(pattern: str, value: Callable[[str], str | None]) -> str | None:
    """A pattern as a regular expression; None when one of its variables has no value."""
    out = []
    for variable, wildcard, plain in re.findall(r"\$\{([^}]*)\}|([*?])|([^*?$]+|\$)", pattern):
        if variable in _ESCAPED:
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


def _arn_like(pattern: str, text: str) -> bool:
    """As `_like`, each of the six parts by itself."""
    ours, theirs = pattern.split(":", 5), text.split(":", 5)
    return len(ours) == len(theirs) and all(map(_like, ours, theirs))


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
    "ArnLike": (_arn_like, False),
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
