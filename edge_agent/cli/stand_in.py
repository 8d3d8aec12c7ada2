"""`stand-in`: IoT Core on loopback."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands


def add(commands: Commands) -> None:
    """Add `stand-in`."""
    stand_in = commands.add_parser(
        "stand-in",
        help="an IoT Core stand-in on loopback, for tests and trials",
        add_help=False,
    )
    stand_in.set_defaults(command=_stand_in)


def _stand_in(options: argparse.Namespace) -> int:
    from edge_agent.standin.__main__ import main as stand_in

    return stand_in(options.rest)
