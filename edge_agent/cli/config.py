"""`config`: check settings before the gateway has to, and print their schema."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.base import add_override

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands


def add(commands: Commands) -> None:
    """Add `config`."""
    config = commands.add_parser(
        "config",
        help="check settings, or print their schema",
        description="Checks a settings file before a gateway has to, or prints what settings there are.",
    )
    kinds = config.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = kinds.add_parser(
        "check",
        help="say what is wrong with a settings file",
        description="Says what is wrong with a settings file; what is merely not there on this computer is a "
        "note. Exit status: 0 the settings are good, 2 they are not.",
    )
    check.add_argument("file", type=Path, metavar="FILE", help="settings, YAML")
    add_override(check)
    check.set_defaults(command=_config_check)
    schema = kinds.add_parser(
        "schema",
        help="print the JSON Schema of the settings",
        description="Prints every setting with its type, limits and default, as JSON Schema.",
    )
    schema.set_defaults(command=_config_schema)


def _config_check(options: argparse.Namespace) -> int:
    from edge_agent.agent.checks import absent_here, check_lines
    from edge_agent.settings import load_settings
    from edge_agent.words import counted

    settings = load_settings(options.file, overrides=options.set)
    check_lines(settings)
    for warning in absent_here(settings):
        print(f"note: {warning}")
    lines = counted(len(settings.lines), "line")
    print(f"{options.file}: {lines}, gateway {settings.gateway} of site {settings.site}: settings are good")
    return 0


def _config_schema(_options: argparse.Namespace) -> int:
    from edge_agent.settings import Settings

    print(json.dumps(Settings.model_json_schema(), indent=2))
    return 0
