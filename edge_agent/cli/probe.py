"""`probe`: what is the matter with a line, in one verdict."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands

FAULT_FOUND = 1

PROBE = """
Listens, finds the machine, measures how it answers, and says in one line what is the matter with the line
and what to do next. It only reads, and what the machine keeps for its host stays there. Takes 15 s at a
machine, a minute where nobody answers. Exit status: 0 the line is good, 1 a fault was found, 4 the port, 6
the port is held by another program.
"""


def add(commands: Commands) -> None:
    """Add `probe`."""
    parser = commands.add_parser("probe", help="say what is the matter with a line", description=PROBE)
    parser.add_argument("port", metavar="PORT", help="a device path such as /dev/ttyUSB0, or kind:…")
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help="search this long at most, then measure this long (default: all addresses, then 10 s)",
    )
    parser.add_argument("--address", type=int, metavar="A", help="the address it should have, 1 to 127")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_probe)


def _probe(options: argparse.Namespace) -> int:
    from edge_agent.cabinet.enough import Enough
    from edge_agent.cabinet.probing.at_port import probe_link
    from edge_agent.cabinet.probing.telling import as_json, in_lines
    from edge_agent.cabinet.probing.verdicts import judge
    from edge_agent.cabinet.question import check_address
    from edge_agent.drivers.sas.driver import SERIAL_FORMAT
    from edge_agent.errors import ConfigurationError
    from edge_agent.links import open_link

    check_address(options.address)
    if options.seconds is not None and not 0 < options.seconds < float("inf"):
        raise ConfigurationError(f"--seconds {options.seconds:g} is no time", "give seconds, more than 0")
    link = open_link(options.port, SERIAL_FORMAT)
    with Enough() as enough:
        link.open()
        try:
            findings = probe_link(link, options.address, options.seconds, enough=enough, say=_say)
        finally:
            link.close()
    if options.json:
        print(json.dumps(as_json(findings)))
    else:
        print("\n".join(in_lines(findings)))
    return 0 if judge(findings).good else FAULT_FOUND


def _say(text: str) -> None:
    """On the way, for whoever waits; it is no result."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)
