"""`status` and `diagnose`: what a technician at the gateway wants, while the agent runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.base import add_configuration
from edge_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands
    from edge_agent.settings import Settings

WELL, WANTS_A_LOOK = 0, 1


def add(commands: Commands) -> None:
    """Add `status` and `diagnose`."""
    status = commands.add_parser(
        "status",
        help="say how this gateway is",
        description="Says how the lines, the journal, the uplink and the certificate of this gateway are. "
        "Exit status: 0 all is well, 1 something wants a look.",
    )
    _add_gateway(status)
    status.add_argument("--json", action="store_true", help="print the report as one JSON object")
    status.set_defaults(command=_status)
    diagnose = commands.add_parser(
        "diagnose",
        help="make a bundle for whoever helps",
        description="Makes a zip of the state of this gateway that may be handed on: settings without "
        "secrets, versions, status, a map of the journal, the public part of the certificate, the last log.",
    )
    _add_gateway(diagnose)
    diagnose.add_argument(
        "--output", type=Path, metavar="FILE", help="the zip to make (default: named after gateway and time)"
    )
    diagnose.set_defaults(command=_diagnose)


def _add_gateway(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which gateway: by its settings, or where a nucleus has those, by its state."""
    add_configuration(parser)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="the state folder, where there is no settings file: under Greengrass, "
        "work/casino.edge.FloorCollector/state in the nucleus' folder",
    )


def _gateway(options: argparse.Namespace) -> Settings:
    """The settings of a gateway whose state this user may read: to another, all would seem to stand still."""
    settings = _settings(options)
    try:
        next(settings.status_folder.iterdir(), None)
    except FileNotFoundError:
        pass  # it was never started
    except OSError as error:
        raise ConfigurationError(
            f"{settings.status_folder} cannot be read: {error.strerror}",
            "run this as the user the agent runs as, with sudo -u",
        ) from error
    return settings


def _settings(options: argparse.Namespace) -> Settings:
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


def _status(options: argparse.Namespace) -> int:
    from edge_agent.agent.gateway_report import GatewayReport
    from edge_agent.agent.plain_words import in_plain_words, what_wants_a_look

    report = GatewayReport(_gateway(options)).make_whole()
    wanting = what_wants_a_look(report)
    if options.json:
        print(json.dumps({**report, "wants_a_look": wanting}, indent=2))
    else:
        print("\n".join(in_plain_words(report, wanting)))
    return WANTS_A_LOOK if wanting else WELL


def _diagnose(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from edge_agent.agent.bundle import make_bundle, write_private

    settings = _gateway(options)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    output = options.output or Path(f"edge-agent-{settings.gateway.replace(':', '-')}-{stamp}.zip")
    bundle = make_bundle(settings, configured=options.state is None)
    try:
        write_private(output, bundle)
    except FileExistsError as error:
        raise ConfigurationError(f"{output} exists", "name another file with --output") from error
    print(f"{output}: {len(bundle)} bytes; no key, card or password is in it")
    return 0
