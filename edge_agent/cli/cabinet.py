"""The tools at the cabinet, for a technician with a laptop: what was said, asked and heard on a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.cli import ask, capture, decode, probe, watch

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands


def add(commands: Commands) -> None:
    """Add all of them."""
    for tool in (probe, decode, ask, watch, capture):
        tool.add(commands)
