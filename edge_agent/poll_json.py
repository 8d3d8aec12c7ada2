r"""The values of a poll as JSON: bytes as {"hex": …}, tuples as lists.

>>> to_json({"key": b"\x00\xff", "games": (1, 2)})
{'key': {'hex': '00ff'}, 'games': [1, 2]}
>>> from_json({"key": {"hex": "00ff"}, "games": [1, 2]})
{'key': b'\x00\xff', 'games': (1, 2)}
"""

from __future__ import annotations

from typing import Any

from edge_agent.errors import LocalProtocolError


def to_json(value: Any) -> Any:  # noqa: ANN401  a tree of whatever a poll has
    """What `json.dumps` takes."""
    match value:
        case bytes():
            return {"hex": value.hex()}
        case list() | tuple():
            return [to_json(one) for one in value]
        case dict():
            return {str(name): to_json(one) for name, one in value.items()}
    return value


def from_json(value: Any) -> Any:  # noqa: ANN401  a tree of whatever JSON holds
    """What a poll has. Raises LocalProtocolError for hex that is none."""
    match value:
        case {"hex": str(digits)} if len(value) == 1:
            try:
                return bytes.fromhex(digits)
            except ValueError as error:
                raise LocalProtocolError(f"{digits[:40]!r} is no hex") from error
        case list():
            return tuple(from_json(one) for one in value)
        case dict():
            return {name: from_json(one) for name, one in value.items()}
    return value
