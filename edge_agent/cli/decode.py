"""`decode`: what a frame says."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from edge_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edge_agent.cli.base import Commands

ALL_FIT, SOME_DO_NOT = 0, 1

DECODE = """
Explains frames of a SAS line: every field with its offset, bytes, name, value, unit and meaning, and the
CRC, with the one that would be right. Who said it is guessed unless --from or --poll tells. Bytes that
nobody has explained are named unknown. A TDL/1 frame is taken as its text or in hex. Exit status: 0 all
frames are just what the tables lay out, 1 some are not.
"""


def add(commands: Commands) -> None:
    """Add `decode`."""
    parser = commands.add_parser("decode", help="explain a frame given in hex", description=DECODE)
    parser.add_argument(
        "hex",
        nargs="*",
        metavar="HEX",
        help="a frame, spaced or not, with 0x or without; several are one each; none: a line each from stdin",
    )
    parser.add_argument("--from", dest="side", choices=("host", "machine"), help="who said it")
    parser.add_argument("--poll", metavar="HEX", help="the poll that the frames answer")
    parser.add_argument("--json", action="store_true", help="print one JSON object a frame, one a line")
    parser.set_defaults(command=_decode)


def _decode(options: argparse.Namespace) -> int:
    from edge_agent.cabinet.explain import poll_of
    from edge_agent.cabinet.glued import explain_all
    from edge_agent.cabinet.hex_text import bytes_of
    from edge_agent.cabinet.in_words import as_json, in_lines

    poll = None
    if options.poll is not None:
        if options.side == "host":
            raise ConfigurationError(
                "--poll says what a machine answered, and --from host that it did not", "give one of them"
            )
        poll = poll_of(bytes_of(options.poll))
        if poll is None:
            raise ConfigurationError(
                f"--poll {options.poll!r} is no poll that can be understood", "see what `decode` says to it"
            )
    fitting, separator = True, ""
    for frame in _frames(options.hex):
        for explanation in explain_all(frame, options.side, poll):
            fitting = fitting and explanation.fits
            if options.json:
                print(json.dumps(as_json(explanation)))
            else:
                print(separator + "\n".join(in_lines(explanation)))
                separator = "\n"
    return ALL_FIT if fitting else SOME_DO_NOT


def _frames(texts: list[str]) -> Iterator[bytes]:
    """The frames that were given; something was, or ConfigurationError says so."""
    from edge_agent.cabinet.hex_text import frames_of, lines_of

    if texts and texts != ["-"]:
        yield from frames_of(texts)
        return
    if sys.stdin.isatty():
        raise ConfigurationError("there is nothing to decode", "give a frame in hex, or pipe some in")
    yield from _some(lines_of(sys.stdin))


def _some(frames: Iterable[bytes]) -> Iterator[bytes]:
    nothing = True
    for frame in frames:
        nothing = False
        yield frame
    if nothing:
        raise ConfigurationError("there is nothing to decode on standard input", "give one frame a line")
