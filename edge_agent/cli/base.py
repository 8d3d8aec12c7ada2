"""What the commands share: the type of a parser's commands, and the settings they are given."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from edge_agent.settings import Settings

    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  it has no public name

DEFAULT_CONFIGURATION = Path("/etc/edge-agent/config.yaml")


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Let a command be given settings."""
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("EDGE_AGENT_CONFIG", DEFAULT_CONFIGURATION)),
        metavar="FILE",
        help="settings, YAML (default: $EDGE_AGENT_CONFIG or %(default)s)",
    )
    add_override(parser)


def add_override(parser: argparse.ArgumentParser) -> None:
    """Let a command be given single settings."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a setting, e.g. uplink.port=443; may be repeated",
    )


def read_settings(options: argparse.Namespace) -> Settings:
    """The settings a command was given; logs are set up by them."""
    from edge_agent.logs import set_up_logs, speak_for_the_process
    from edge_agent.settings import load_settings

    settings = load_settings(options.config, overrides=options.set)
    set_up_logs(settings.log)
    speak_for_the_process()
    return settings
