"""The least a layout can say: values for a poll or an answer of any row, where a test minds nothing else."""

from __future__ import annotations

from typing import Any

from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.fields import Field


def smallest(fields: tuple[Field, ...]) -> dict[str, Any]:
    """What zeros mean, and as few of them as can be."""
    values: dict[str, Any] = {}
    for field in fields:
        try:
            field.decode(bytes(field.size or 0), 0, values)
        except RemoteProtocolError:
            field.decode(b"\x00", 0, values)  # a count or a length of none
    return values
