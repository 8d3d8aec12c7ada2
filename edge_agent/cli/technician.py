"""`status` and `diagnose`: what a technician at the gateway wants, while the agent runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.base import add_gateway, gateway_settings
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
    add_gateway(status)
    status.add_argument("--json", action="store_true", help="print the report as one JSON object")
    status.set_defaults(command=_status)
    diagnose = commands.add_parser(
        "diagnose",
        help="make a bundle for whoever helps",
        description="Makes a zip of the state of this gateway that may be handed on: settings without "
        "secrets, versions, status, a map of the journal, the public part of the certificate, the last log.",
    )
    add_gateway(diagnose)
    diagnose.add_argument(
        "--output", type=Path, metavar="FILE", help="the zip to make (default: named after gateway and time)"
    )
    diagnose.set_defaults(command=_diagnose)


def _gateway(options: argparse.Namespace) -> Settings:
    """The settings of a gateway whose state this user may read: to another, all would seem to stand still."""
    settings = gateway_settings(options)
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
