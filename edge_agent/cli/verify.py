"""`verify`: whether what arrived in the cloud is everything, or exactly what is not."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.base import signatures_checked_with, whole_number
from edge_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands
    from edge_agent.verify import Report

COMPLETE, ACCOUNTED, INCOMPLETE, NOT_ALL_READ = 0, 30, 31, 32

VERIFY = """
Says of each journal whether what arrived is complete and in chain, or exactly what is missing, repeated,
altered, out of chain, shed or set aside. Takes files and folders of them: events, batches, one event a line,
or one after another; gzip or base64 of these; or JSON that wraps them. Exit status: 0 complete; 30 all is
accounted for, and what is not here the gateway itself tells of; 31 something is missing or contradicts; 32
what could be read is complete or accounted for, and some of the input is no event.
"""


def add(commands: Commands) -> None:
    """Add `verify`."""
    parser = commands.add_parser(
        "verify", help="prove that what arrived in the cloud is complete", description=VERIFY
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="files or folders; none or -: standard input"
    )
    parser.add_argument(
        "--from", dest="first", type=_sequence, metavar="N", help="prove from this sequence on"
    )
    parser.add_argument("--to", dest="last", type=_sequence, metavar="N", help="prove to this sequence")
    parser.add_argument(
        "--expect-head",
        dest="head",
        type=_sequence,
        metavar="N",
        help="this sequence was written: it and all before it are to be here",
    )
    parser.add_argument(
        "--certificate",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="check the signatures of checkpoints with this certificate, PEM; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    from edge_agent.verify import Verifier, as_json, in_sentences
    from edge_agent.verify.inputs import STANDARD_INPUT, read_files

    if options.first is not None and options.last is not None and options.first > options.last:
        raise ConfigurationError("--from is behind --to", "give the lower one to --from")
    verifier = Verifier(check_signature=signatures_checked_with(options.certificate, "verify"))
    files = options.files or [STANDARD_INPUT]
    if STANDARD_INPUT in files and sys.stdin.isatty():
        raise ConfigurationError("there is nothing to verify", "name files or folders, or pipe some in")
    read_files(verifier, files, sys.stdin.buffer)
    report = verifier.report(first=options.first, last=options.last, head=options.head)
    if options.json:
        print(json.dumps(as_json(report)))
    else:
        print("\n".join(in_sentences(report)))
    return _status(report)


def _status(report: Report) -> int:
    if report.journals and not report.accounted:
        return INCOMPLETE
    if report.unreadable or not report.journals:
        return NOT_ALL_READ
    return COMPLETE if report.complete else ACCOUNTED


def _sequence(text: str) -> int:
    return whole_number(text, 1, "no sequence: they begin with 1")
