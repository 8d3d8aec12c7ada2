"""Rules: which take what is published past the broker, and what the cloud says to a canary.

A publish to `$aws/rules/<rule>/<topic>` goes to that one rule and to nobody else. As in the service its
PUBACK says success whether or not there is such a rule: one that is missing or disabled is only counted.
A canary that arrived, an event of the type `floor.agent.canary`, is answered as a consumer behind the rule
would: on `cmd/<site>/<gateway>/canary`, with its id.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from edge_agent.errors import ConfigurationError
from edge_agent.standin.answers import Answer
from edge_agent.standin.packets import Publish
from edge_agent.standin.policy import Policy, parse_policy, shipped
from edge_agent.standin.topics import RULES_PREFIX

# What faults call the question of a canary.
CANARY = "canary"
CANARY_TYPE = "floor.agent.canary"
# Whose name the shipped policy has.
SHIPPED_RULE = "floor_events"
# A canary, alone or in a batch of its own, is some 400 bytes: larger payloads are not searched.
CANARY_LIMIT_BYTES = 2048


class Rules:
    """The rules there are, by name, each enabled or not."""

    def __init__(self, names: Collection[str] = ()) -> None:
        self._enabled = dict.fromkeys(names, True)

    def switch(self, name: str, *, enabled: bool) -> None:
        """Enable or disable a rule. Raises ConfigurationError if there is none of that name."""
        if name not in self._enabled:
            raise ConfigurationError(f"there is no rule {name}", "name one that --rule named")
        self._enabled[name] = enabled

    def misses(self, topic: str) -> bool:
        """Whether a publish there goes to a rule that is missing or disabled, and so nowhere."""
        return is_ingest(topic) and not self._enabled.get(topic.split("/")[2], False)


def is_ingest(topic: str) -> bool:
    """Whether a topic leads past the broker."""
    return topic.startswith(RULES_PREFIX)


def rule_policy(name: str) -> Policy:
    """The shipped policy of Basic Ingest, for a rule of this name."""
    text = shipped("basic-ingest").read_text(encoding="utf-8")
    return parse_policy(json.loads(text.replace(SHIPPED_RULE, name)), str(Path("basic-ingest.json")))


def canary_answers(packet: Publish) -> Iterator[Answer]:
    """What is said to the canary in a publish, if there is one."""
    if len(packet.payload) > CANARY_LIMIT_BYTES:
        return
    levels = packet.topic.split("/")[3 if is_ingest(packet.topic) else 0 :]
    if len(levels) <= len(("floor", "site", "gateway")) or levels[0] != "floor":
        return
    for event in _events(packet):
        if isinstance(event, dict) and event.get("type") == CANARY_TYPE:
            topic = f"cmd/{levels[1]}/{levels[2]}/canary"
            yield Answer(topic, {"id": event.get("id")}, to_all=True)


def _events(packet: Publish) -> list[Any]:
    if not (packet.properties.content_type or "").startswith("application/cloudevents"):
        return []
    try:
        zipped = ("content-encoding", "gzip") in packet.properties.user_properties
        payload = gzip.decompress(packet.payload) if zipped else packet.payload
        said = json.loads(payload) if CANARY_TYPE.encode() in payload else []
    except (ValueError, OSError, EOFError, RecursionError):
        return []  # no event of ours
    return said if isinstance(said, list) else [said]
