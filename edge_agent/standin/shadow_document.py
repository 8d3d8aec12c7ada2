"""Shadow documents: what an update makes of a state, and what desired and reported differ in.

Pure functions over JSON objects. An update touches only what it names; null removes. Metadata
mirrors the state, with the time of the last update at each leaf.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]


def merged(state: Mapping[str, Any], update: Mapping[str, Any]) -> Document:
    """The state after an update."""
    out = dict(state)
    for key, value in update.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            out[key] = merged(_object(out.get(key)), value)
        else:
            out[key] = value
    return out


def stamped(value: Any, timestamp: int) -> Any:  # noqa: ANN401  any JSON value
    """The metadata of a value all of which is new. What is removed has none."""
    match value:
        case dict():
            return {key: stamped(one, timestamp) for key, one in value.items() if one is not None}
        case list():
            return [stamped(one, timestamp) for one in value]
        case _:
            return {"timestamp": timestamp}


def restamped(
    state: Mapping[str, Any], metadata: Mapping[str, Any], update: Mapping[str, Any], timestamp: int
) -> Document:
    """The metadata of a state that an update has just been merged into."""
    out: Document = {}
    for key, value in state.items():
        asked = update.get(key)
        if asked is None:
            out[key] = metadata[key]
        elif isinstance(value, dict):
            out[key] = restamped(value, _object(metadata.get(key)), asked, timestamp)
        else:
            out[key] = stamped(value, timestamp)
    return out


def difference(desired: Mapping[str, Any], reported: Mapping[str, Any]) -> Document:
    """What is desired and not reported so."""
    out: Document = {}
    for key, wanted in desired.items():
        if isinstance(wanted, dict):
            if (key not in reported) or (inner := difference(wanted, _object(reported[key]))):
                out[key] = wanted if key not in reported else inner
        elif key not in reported or reported[key] != wanted:
            out[key] = wanted
    return out


def selected(metadata: Mapping[str, Any], state: Mapping[str, Any]) -> Document:
    """The metadata of a part of the state."""
    return {
        key: selected(metadata[key], value) if isinstance(value, dict) else metadata[key]
        for key, value in state.items()
    }


def depth(value: Any) -> int:  # noqa: ANN401  any JSON value
    """How many objects and lists lie within each other."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((depth(one) for one in inside), default=0) if isinstance(value, dict | list) else 0


def _object(value: Any) -> Document:  # noqa: ANN401  any JSON value
    return value if isinstance(value, dict) else {}
