"""The words of `journal`: what is below it, and how records are chosen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.base import add_gateway, whole_number
from edge_agent.cli.journal import handing_out, looking, mending

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands

LINES = 50

JOURNAL = """
All of it may be done while the agent runs. Records are chosen by sequence, time, class, machine and type;
what is not said fits any.
"""


def add(commands: Commands) -> None:
    """Add `journal` and what is below it."""
    parser = commands.add_parser("journal", help="look into the journal", description=JOURNAL)
    below = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    status = _command(
        below, "status", looking.status, "say what the journal holds, and for how long it lasts"
    )
    status.add_argument("--json", action="store_true", help="print it as one JSON object")
    inspect = _command(below, "inspect", looking.inspect, "list records")
    _add_selection(inspect)
    inspect.add_argument("--json", action="store_true", help="print the events themselves, one a line")
    inspect.add_argument("--dead-letters", action="store_true", help="those that the cloud would not take")
    inspect.add_argument(
        "--limit",
        type=_count,
        default=LINES,
        metavar="N",
        help="at most so many (default: %(default)s); 0: all",
    )
    verify = _command(below, "verify", looking.verify, "check every record, the chain and the signatures")
    verify.add_argument(
        "--certificate",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="check checkpoints with this certificate, PEM (default: the gateway's own); may be repeated",
    )
    _command(below, "repair", mending.repair, "mend a journal whose collector does not run")
    export = _command(below, "export", handing_out.export, "write events as the cloud gets them, one a line")
    _add_selection(export)
    export.add_argument("--output", type=Path, metavar="FILE", help="a new file; .gz: compressed")
    replay = _command(below, "replay", handing_out.replay, "write events at the pace they were journalled")
    _add_selection(replay)
    replay.add_argument("--speed", type=float, default=1.0, metavar="N", help="so many times as fast")
    resend = _command(below, "resend", mending.resend, "have the forwarder send records again")
    _add_selection(resend)
    resend.add_argument("--dead-letters", action="store_true", help="those that the cloud would not take")


def _command(below: Commands, name: str, command: object, what: str) -> argparse.ArgumentParser:
    parser = below.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}. {_EXPLAINED[name]}")
    add_gateway(parser)
    parser.set_defaults(command=command)
    return parser


_EXPLAINED = {
    "status": "What waits for the cloud, by class; how full it is; what was refused or damaged.",
    "inspect": "Sequence, time, class, machine and type of each.",
    "verify": "Names every record that was damaged, changed, taken out or moved. Exit status: 0 sound; "
    "33 it is not.",
    "repair": "A running collector does so by itself. What is damaged is set aside, what is intact is kept, "
    "and what is missing is journalled.",
    "export": "With identity, sequence and chain, so that `edge-agent verify` can prove it.",
    "replay": "For a program that is tried out with what a floor really said.",
    "resend": "Below all other traffic; a receiver drops the repeats by their ids.",
}


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="N", help="from this sequence")
    parser.add_argument("--to", dest="last", type=int, metavar="N", help="to this sequence")
    parser.add_argument("--since", metavar="WHEN", help="2h (ago), or 2026-11-26T08:00 (UTC)")
    parser.add_argument("--until", metavar="WHEN", help="likewise")
    parser.add_argument("--class", dest="classes", action="append", choices=["A", "B", "C"], default=[])
    parser.add_argument("--machine", dest="machines", action="append", metavar="NAME", default=[])
    parser.add_argument("--type", dest="types", action="append", metavar="TYPE", default=[])


def _count(text: str) -> int:
    return whole_number(text, 0, "less than 0")
