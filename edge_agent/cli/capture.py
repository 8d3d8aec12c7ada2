"""`capture` and `replay`: what travelled on a line, kept in a file, and what an agent makes of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands

CAPTURE = """
Records what travels on a line, until it is interrupted or the time is over. By default it polls the machine
as the agent does, reading only, and what the machine reports is on the disk before the machine is told that
it was heard: the file then holds the only record of it, and `replay` tells it again. With --tap it sends
nothing and listens to another host. Ticket and card numbers are masked; a replay is the same.
"""

REPLAY = """
Tells the events of a capture, one JSON object a line, as they would be published: the same bytes with the
same times give the same events, byte for byte, on every run and in every version.
"""


def add(commands: Commands) -> None:
    """Add `capture` and `replay`."""
    capture = commands.add_parser("capture", help="record what travels on a line", description=CAPTURE)
    capture.add_argument("port", metavar="PORT", help="a device path such as /dev/ttyUSB0, or kind:…")
    capture.add_argument("file", type=Path, metavar="FILE", help="the capture to make")
    capture.add_argument("--tap", action="store_true", help="only listen: another host polls")
    capture.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="end after this long")
    capture.add_argument(
        "--address", type=int, metavar="N", help="the machine's, 1 to 127 (default: found out)"
    )
    capture.add_argument("--with-numbers", action="store_true", help="keep ticket and card numbers")
    capture.set_defaults(command=_capture)
    replay = commands.add_parser("replay", help="tell the events of a capture", description=REPLAY)
    replay.add_argument("file", type=Path, metavar="FILE", help="a capture")
    replay.add_argument("--device", metavar="NAME", help="the subject of the events (default: by address)")
    replay.add_argument(
        "--currency",
        default="USD",
        metavar="CODE",
        help="ISO 4217; SAS does not say it (default %(default)s)",
    )
    replay.set_defaults(command=_replay)


def _capture(options: argparse.Namespace) -> int:
    from edge_agent.cabinet.enough import Enough
    from edge_agent.cabinet.question import check_address
    from edge_agent.cabinet.recording import recording
    from edge_agent.cabinet.visiting import find_address, visit_as_host, visit_as_tap
    from edge_agent.drivers.sas.driver import SERIAL_FORMAT
    from edge_agent.links import open_link

    check_address(options.address)
    link = open_link(options.port, SERIAL_FORMAT)
    link.open()
    try:
        address = options.address
        if address is None and not options.tap:
            address = find_address(link)
        with (
            Enough(options.seconds) as enough,
            recording(options.file, with_numbers=options.with_numbers) as made,
        ):
            if options.tap:
                made.begin()
                visit_as_tap(link, made.add, enough)
            else:
                visit_as_host(made.link(link), address, enough)
    finally:
        link.close()
    numbers = "with its numbers" if options.with_numbers else "numbers masked"
    print(f"{options.file}: {made.entries} reads and writes, {numbers}", file=sys.stderr)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from edge_agent.cabinet.retelling import check_currency, retell
    from edge_agent.links.capture import read_capture_file

    check_currency(options.currency)
    capture = read_capture_file(options.file)
    for event in retell(capture, device=options.device, currency=options.currency):
        sys.stdout.write(event.decode() + "\n")
    return 0
