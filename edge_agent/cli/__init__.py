"""The commands."""

from edge_agent.cli.main import main, make_parser

__all__ = ["main", "make_parser"]
