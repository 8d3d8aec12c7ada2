"""Changes: which settings differ, by name, and what a role does about each.

Names and digests leave the gateway, values do not: an option may be nobody else's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from edge_agent.settings import Settings

# A role that holds one of these closes everything and begins again, within its process, when it changes. The
# collector takes other lines as it goes; what it does not hold, it does not notice.
COLLECTOR_HOLDS = frozenset({"site", "gateway", "state", "currency", "minor_units", "journal", "commands"})
FORWARDER_HOLDS = frozenset(
    {"site", "gateway", "state", "journal", "uplink", "forwarder", "status", "commands", "deployments"}
)

# A deployment that changes every line of a full gateway is told by the first of them.
MOST_NAMES = 64
DIGEST_DIGITS = 16


def changed(old: Settings, new: Settings) -> tuple[str, ...]:
    """The settings that differ, by name: `uplink.endpoint`, `lines.slot-1001.port`."""
    return tuple(sorted(_differing(_by_name(old), _by_name(new))))


def concerns(names: tuple[str, ...], held: frozenset[str]) -> bool:
    """Whether one of these settings belongs to a group that is held."""
    return any(name.partition(".")[0] in held for name in names)


def digest(settings: Settings) -> str:
    """A short name for these settings: equal ones have the same."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:DIGEST_DIGITS]


def _by_name(settings: Settings) -> dict[str, Any]:
    document = settings.model_dump(mode="json")
    return {**document, "lines": {line["name"]: line for line in document["lines"]}}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any], within: str = "") -> Iterator[str]:
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differing(before, after, f"{within}{key}.")
        else:
            yield f"{within}{key}"
