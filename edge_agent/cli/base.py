"""What the commands share: the type of a parser's commands, and the settings they are given."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from edge_agent.errors import ConfigurationError

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


def add_gateway(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which gateway: by its settings, or where a nucleus has those, by its state."""
    add_configuration(parser)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="the state folder, where there is no settings file: under Greengrass, "
        "work/casino.edge.FloorCollector/state in the nucleus' folder",
    )


def gateway_settings(options: argparse.Namespace) -> Settings:
    """The settings; unlike the roles, these commands log nothing."""
    from edge_agent.settings import load_settings, read_settings

    if options.state is None and not options.config.exists():
        raise ConfigurationError(
            f"configuration {options.config} cannot be read: there is no such file",
            "name another with --config, or the state folder with --state",
        )
    if options.state is None:
        return load_settings(options.config, overrides=options.set)
    if not options.state.is_dir():
        raise ConfigurationError(f"{options.state} is no folder", "name the agent's state folder")
    from edge_agent.health import read_status

    about = read_status(options.state / "status" / "forwarder.json").get("about", {})
    known = {name: about.get(name, "unknown") for name in ("site", "gateway")}
    return read_settings(
        {**known, "state": str(options.state)}, "--state", environment={}, overrides=options.set
    )
