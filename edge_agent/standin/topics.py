"""Topics and topic filters: which are well formed for IoT Core, and which filter means which topic.

IoT Core differs from MQTT 5 in two ways kept here: `a/#` does not match `a`, and the slashes of
`$aws/rules/<rule>/` and `$share/<name>/` are not counted.
"""

from __future__ import annotations

from edge_agent.standin.limits import TOPIC_LIMIT_BYTES, TOPIC_SLASHES

RULES_PREFIX = "$aws/rules/"
SHARED_PREFIX = "$share/"


def valid_topic(topic: str) -> bool:
    """Whether a message may be published there, policy aside."""
    return bool(topic) and not any(wildcard in topic for wildcard in "+#") and _fits(topic, RULES_PREFIX)


def valid_filter(topic_filter: str) -> bool:
    """Whether wildcards stand alone in their level, `#` comes last, and the lengths hold."""
    levels = topic_filter.split("/")
    return (
        bool(topic_filter)
        and all(level in ("+", "#") or not ({"+", "#"} & set(level)) for level in levels)
        and "#" not in levels[:-1]
        and _fits(topic_filter, SHARED_PREFIX)
    )


def has_wildcard(topic_filter: str) -> bool:
    """Whether a filter can match more than one topic."""
    return "+" in topic_filter or "#" in topic_filter


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a well-formed filter means the topic."""
    filters, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and filters[0] in ("+", "#"):
        return False  # section 4.7.2: what begins with $ is asked for by name
    for at, one in enumerate(filters):
        if one == "#":
            return len(levels) > at
        if at >= len(levels) or one not in ("+", levels[at]):
            return False
    return len(filters) == len(levels)


def _fits(topic: str, uncounted: str) -> bool:
    slashes = topic.count("/") - _uncounted_slashes(topic, uncounted)
    return len(topic.encode("utf-8")) <= TOPIC_LIMIT_BYTES and slashes <= TOPIC_SLASHES


def _uncounted_slashes(topic: str, prefix: str) -> int:
    """Those of the prefix, the one after its name included."""
    return min(prefix.count("/") + 1, topic.count("/")) if topic.startswith(prefix) else 0
