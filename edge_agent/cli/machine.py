"""`machine`: a simulated machine alone, for anybody's host."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands

MACHINE = """
Runs a simulated gaming machine on a pseudo-terminal, a TCP port or a serial port, for any SAS host. It
chirps until it hears one, and tells on standard output what happens. Ends at SIGINT or SIGTERM.
"""


def add(commands: Commands) -> None:
    """Add `machine`."""
    machine = commands.add_parser(
        "machine", help="run a simulated machine for any SAS host", description=MACHINE
    )
    machine.add_argument(
        "--link", required=True, metavar="LINK", help="where to be: pty:PATH, tcp:HOST:PORT or uart:DEVICE"
    )
    machine.add_argument(
        "--address",
        default="1",
        metavar="N",
        help="SAS address; 1-8 or 1,3 for several (default %(default)s)",
    )
    machine.add_argument(
        "--personality", default="plain", metavar="NAME", help="a name or a file (default %(default)s)"
    )
    machine.add_argument("--play", action="store_true", help="let guests play")
    machine.add_argument(
        "--rate", type=float, default=1.0, metavar="X", help="guests play this many times faster"
    )
    machine.add_argument(
        "--seed", type=int, default=1, metavar="N", help="the same seed plays the same story"
    )
    machine.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="remember meters, queues and buffers here, over power cycles",
    )
    machine.add_argument(
        "--by-table",
        action="store_true",
        help="find where polls begin by their lengths alone, whatever is known of wakeup bits",
    )
    machine.add_argument("--quiet", action="store_true", help="tell only of the beginning and the end")
    machine.add_argument("--json", action="store_true", help="tell it as JSON, an object a line")
    machine.set_defaults(command=_machine)


def _machine(options: argparse.Namespace) -> int:
    from edge_agent.peer.alone import Wanted, parse_addresses, run_alone

    run_alone(
        Wanted(
            link=options.link,
            addresses=parse_addresses(options.address),
            personality=options.personality,
            play=options.play,
            rate=options.rate,
            seed=options.seed,
            state=options.state,
            by_table=options.by_table,
            quiet=options.quiet,
            as_json=options.json,
        ),
        sys.stdout,
    )
    return 0
