"""The production processes: collect, forward, and both under one command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edge_agent.cli.base import add_configuration, read_settings

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands


def add(commands: Commands) -> None:
    """Add the production commands."""
    for name, command, text in (
        ("collect", _collect, "poll the lines and journal what they say"),
        ("forward", _forward, "publish the journal to the cloud"),
        ("run", _run, "collect and forward, as two processes"),
    ):
        one = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        add_configuration(one)
        one.set_defaults(command=command)


def _collect(options: argparse.Namespace) -> int:
    settings = read_settings(options)
    from edge_agent.agent.collector import collect

    collect(settings)
    return 0


def _forward(options: argparse.Namespace) -> int:
    settings = read_settings(options)
    from edge_agent.agent.forwarding import forward

    forward(settings)
    return 0


def _run(options: argparse.Namespace) -> int:
    read_settings(options)
    from edge_agent.agent.both import run_both

    overrides = [argument for override in options.set for argument in ("--set", override)]
    return run_both(["--config", str(options.config), *overrides])
