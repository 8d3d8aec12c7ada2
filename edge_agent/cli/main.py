"""The commands. Each is a few lines: read arguments, hand over, and turn errors into one line.

Heavy modules are imported by the command that needs them, so that `--help` answers at once.

Exit statuses: 0 done, 1 the run or its proof failed, and those of `edge_agent.errors`: 2 bad
arguments or configuration, 3 credentials, 4 a port, 5 the journal, 6 in use by another run,
7 the uplink; 20 to 24 what came of an `ask`, 30 to 33 what `verify` found, see there; 70 a fault
of the agent itself, which is for us to mend.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edge_agent import __version__
from edge_agent.cli import (
    cabinet,
    certs,
    config,
    journal,
    machine,
    production,
    simulate,
    stand_in,
    technician,
    verify,
)
from edge_agent.cli.base import Parser
from edge_agent.errors import AgentError, JournalFull

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
FAULT = 70  # sysexits.h, EX_SOFTWARE
LONGEST_FAULT = 300  # characters; an exception may quote a file

EXIT_STATUSES = """
`edge-agent COMMAND --help` explains each. Exit status: 0 done; 1 not all is well; 2 an argument or a file
makes no sense; 3 a certificate or key; 4 a port; 5 the journal or the disk; 6 in use by another run; 7 the
cloud; 20 to 24 what came of `ask`; 30 to 33 what `verify` found; 70 a fault of the agent; 130 interrupted.
"""

# What the system refuses wherever it is asked, and what to do about it.
REFUSALS = {
    errno.EMFILE: "raise `ulimit -n`",
    errno.ENFILE: "raise `sysctl fs.file-max`",
    errno.ENOMEM: "free some memory",
    errno.EAGAIN: "raise `ulimit -u`",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    _open_standard_streams()
    try:
        options = _read(sys.argv[1:] if arguments is None else arguments)
        status: int = options.command(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("EDGE_AGENT_TRACEBACK") and not isinstance(error, AgentError):
            raise
        _give_up_output()
        return _explain(error)
    return status


def _explain(error: Exception) -> int:
    """Say in one line what is wrong; the exit status."""
    status, line = FAULT, _fault(error)
    match error:
        case AgentError():
            status, line = error.exit_status, str(error)
        case BrokenPipeError():
            return 1  # whoever read our output has gone; there is nobody to tell
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            status, line = JournalFull.exit_status, f"{_refused(error)} — free some space"
        case OSError() if error.errno in REFUSALS:
            status, line = 1, f"{_refused(error)} — {REFUSALS[error.errno]}"
        case OSError() if error.filename is not None:
            status, line = 1, f"{_refused(error)} — check the path, its owner and its mode"
    with suppress(OSError):  # the log may be what has no room
        print(f"edge-agent: {line}", file=sys.stderr, flush=True)
    return status


def _refused(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename is not None else str(error.strerror)


def _fault(error: Exception) -> str:
    """A fault of ours in a line that can be reported, since the next time may be in a year."""
    what = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_FAULT]
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"fault of the agent: {what} ({Path(frame.filename).name}, line {frame.lineno}) — "
        "report this line, and what a run with EDGE_AGENT_TRACEBACK=1 says; what was journalled is safe"
    )


def _open_standard_streams() -> None:
    """A standard stream that is closed lends its number to the next file, and prints would go into that."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _give_up_output() -> None:
    """What cannot be written now cannot be at the end either, where Python would complain of it."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    """The options. The stand-in reads its own: argparse would not leave it those that begin with a dash."""
    own = 1 if arguments[:1] == ["stand-in"] else len(arguments)
    options = make_parser().parse_args(arguments[:own])
    options.rest = arguments[own:]
    return options


def make_parser() -> argparse.ArgumentParser:
    """Everything that can be asked for."""
    parser = Parser(
        prog="edge-agent",
        description="Reads gaming machines and table devices and delivers what they say to AWS IoT Core.",
        epilog=EXIT_STATUSES,
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for room in (
        simulate,
        machine,
        production,
        technician,
        journal,
        cabinet,
        config,
        certs,
        verify,
        stand_in,
    ):
        room.add(commands)
    return parser
