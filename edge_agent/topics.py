"""Topics: what IoT Core takes as one, and how the topics of a gateway are made from templates.

A template is a topic with placeholders: `floor/{site}/{gateway}/ev/{type}`. Site, gateway and class are put
in when the agent starts; `{type}`, the event's own, with every event. It is checked with the longest type.

A publish beyond these limits is not answered with a code: the service closes the connection, and a client
that simply sends it again would never get anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edge_agent.errors import LocalProtocolError

# AWS IoT Core, message broker quotas: none of them can be raised. The SDK counts the prefix of a Basic
# Ingest topic as part of the 256 bytes, and so do we.
MAX_TOPIC_BYTES = 256
MAX_TOPIC_SLASHES = 7

BASIC_INGEST = ("$aws", "rules")
# AWS IoT: the name of a rule.
RULE_NAME = r"^[a-zA-Z0-9_]{1,128}$"

TYPE = "{type}"
PLACEHOLDERS = ("site", "gateway", "class", "type")
# The longest type that a topic holds; `floor.slot.jackpot_handpay_keyed_off_to_machine_pay` has 51 bytes.
TYPE_BYTES = 64

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def check_topic(topic: str) -> None:
    """Raise LocalProtocolError if nothing can be published to this topic."""
    if not topic:
        raise LocalProtocolError("a topic is empty", "name a topic")
    if any(character in topic for character in "+#\0"):
        raise LocalProtocolError(f"topic {topic!r} holds a wildcard or a NUL", "publish to one plain topic")
    if len(topic.encode()) > MAX_TOPIC_BYTES:
        raise LocalProtocolError(
            f"topic {topic!r} is over {MAX_TOPIC_BYTES} bytes", "shorten the names of site and gateway"
        )
    if slashes(topic) > MAX_TOPIC_SLASHES:
        raise LocalProtocolError(
            f"topic {topic!r} has over {MAX_TOPIC_SLASHES} slashes",
            "use fewer levels below floor/<site>/<gateway>",
        )


def slashes(topic: str) -> int:
    """The slashes IoT Core counts: those after the prefix of a Basic Ingest topic."""
    return len(topic.split("/")[3 if is_basic_ingest(topic) else 0 :]) - 1


def is_basic_ingest(topic: str) -> bool:
    """Whether a topic leads to a rule, past the broker: nobody subscribes to it, and nothing stays there."""
    return tuple(topic.split("/")[:2]) == BASIC_INGEST


def over_basic_ingest(rule: str | None, topic: str) -> str:
    """The topic, or where a rule of this name takes what would go there."""
    return topic if rule is None else "/".join((*BASIC_INGEST, rule, topic))


def check_template(template: str) -> str:
    """The template. Raises ValueError, in a sentence, for what can be no topic whatever is put in."""
    if not template:
        raise ValueError("a topic is empty; name one, or leave it out")
    if unknown := [name for name in _PLACEHOLDER.findall(template) if name not in PLACEHOLDERS]:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"{{{unknown[0]}}} is not known here; use {known}")
    rest = _PLACEHOLDER.sub("", template)
    if any(character in rest for character in "{}+#\0"):
        raise ValueError(f"{template!r} holds a brace, a wildcard or a NUL that is no placeholder's")
    if template.startswith("$"):
        raise ValueError(
            f"{template!r} is reserved; for Basic Ingest name the rule as uplink.basic_ingest_rule"
        )
    return template


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with these in the place of their names; the other placeholders stay."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def check_filled(topic: str) -> None:
    """Raise LocalProtocolError if the longest type would make this no topic."""
    check_topic(topic.replace(TYPE, "x" * TYPE_BYTES))
