"""The commands. Each is a few lines: read arguments, hand over, and turn errors into one line.

Heavy modules are imported by the command that needs them, so that `--help` answers at once.

Exit statuses: 0 done, 1 the run or its proof failed, and those of `edge_agent.errors`: 2 bad
arguments or configuration, 3 credentials, 4 a port, 5 the journal, 6 in use by another run,
7 the uplink; 70 a fault of the agent itself, which is for us to mend.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from edge_agent import __version__
from edge_agent.errors import AgentError, ConfigurationError, JournalFull

if TYPE_CHECKING:
    from edge_agent.settings import Settings

    _Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

DEFAULT_CONFIGURATION = Path("/etc/edge-agent/config.yaml")
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
FAULT = 70  # sysexits.h, EX_SOFTWARE
LONGEST_FAULT = 300  # characters; an exception may quote a file

# What the system refuses wherever it is asked, and what to do about it.
REFUSALS = {
    errno.EMFILE: "raise `ulimit -n`",
    errno.ENFILE: "raise `sysctl fs.file-max`",
    errno.ENOMEM: "free some memory",
    errno.EAGAIN: "raise `ulimit -u`",
}


WIRES = ("perfect", "noisy", "lossy", "slow", "cut")
KILLS = ("collector", "forwarder", "broker", "all")

SIMULATE = """
Runs gaming machines and shufflers on pseudo-terminals, the collector, the forwarder and an IoT Core
stand-in as real processes, and proves at the end that every event arrived. Exit status: 0 nothing was
lost and all meters agree, 1 otherwise, 2 bad arguments.
"""

# The options of `simulate`: name, type, default, what its value is called, what it is for.
SIMULATE_OPTIONS: tuple[tuple[str, type, object, str, str], ...] = (
    ("--machines", int, 8, "N", "gaming machines (default %(default)s)"),
    ("--tables", int, 2, "N", "card shufflers (default %(default)s)"),
    ("--for", float, 60.0, "SECONDS", "play this long (default %(default)g)"),
    ("--seed", int, None, "N", "the same seed plays the same story (default: a new one)"),
    ("--outage", float, 10.0, "SECONDS", "cloud away for this long, 0 for never (default %(default)g)"),
    ("--state", Path, None, "DIR", "keep the run here (default: the user's state folder)"),
    ("--poll-ms", int, 40, "N", "poll interval (default %(default)s)"),
    ("--rate", float, 1.0, "X", "guests play this many times faster (default %(default)g)"),
)


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
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description="Reads gaming machines and table devices and delivers what they say to AWS IoT Core.",
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_simulate(commands)
    for name, command, text in (
        ("collect", _collect, "poll the lines and journal what they say"),
        ("forward", _forward, "publish the journal to the cloud"),
        ("run", _run, "collect and forward, as two processes"),
    ):
        one = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        _add_configuration(one)
        one.set_defaults(command=command)
    _add_config(commands)
    _add_stand_in(commands)
    return parser


def _add_configuration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("EDGE_AGENT_CONFIG", DEFAULT_CONFIGURATION)),
        metavar="FILE",
        help="settings, YAML (default: $EDGE_AGENT_CONFIG or %(default)s)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a setting, e.g. uplink.endpoint=…",
    )


def _settings(options: argparse.Namespace) -> Settings:
    from edge_agent.logs import set_up_logs, speak_for_the_process
    from edge_agent.settings import load_settings

    settings = load_settings(options.config, overrides=options.set)
    set_up_logs(settings.log)
    speak_for_the_process()
    return settings


def _collect(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from edge_agent.agent import collect

    collect(settings)
    return 0


def _forward(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from edge_agent.agent import forward

    forward(settings)
    return 0


def _run(options: argparse.Namespace) -> int:
    _settings(options)
    from edge_agent.agent import run_both

    overrides = [argument for override in options.set for argument in ("--set", override)]
    return run_both(["--config", str(options.config), *overrides])


def _add_config(commands: _Commands) -> None:
    config = commands.add_parser("config", help="check settings, or print their schema")
    kinds = config.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = kinds.add_parser("check", help="say what is wrong with a settings file")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    check.set_defaults(command=_config_check)
    schema = kinds.add_parser("schema", help="print the JSON Schema of the settings")
    schema.set_defaults(command=_config_schema)


def _config_check(options: argparse.Namespace) -> int:
    from edge_agent.agent import absent_here, check_lines
    from edge_agent.settings import load_settings

    settings = load_settings(options.file, overrides=options.set)
    check_lines(settings)
    for warning in absent_here(settings):
        print(f"note: {warning}")
    lines = "1 line" if len(settings.lines) == 1 else f"{len(settings.lines)} lines"
    print(f"{options.file}: {lines}, gateway {settings.gateway} of site {settings.site}: settings are good")
    return 0


def _config_schema(_options: argparse.Namespace) -> int:
    from edge_agent.settings import Settings

    print(json.dumps(Settings.model_json_schema(), indent=2))
    return 0


def _add_stand_in(commands: _Commands) -> None:
    stand_in = commands.add_parser(
        "stand-in",
        help="an IoT Core stand-in on loopback, for tests and trials",
        add_help=False,
    )
    stand_in.set_defaults(command=_stand_in)


def _stand_in(options: argparse.Namespace) -> int:
    from edge_agent.standin.__main__ import main as stand_in

    return stand_in(options.rest)


def _add_simulate(commands: _Commands) -> None:
    simulate = commands.add_parser(
        "simulate",
        help="run a trial floor on this computer and prove that nothing was lost",
        description=SIMULATE,
    )
    for name, kind, default, metavar, text in SIMULATE_OPTIONS:
        simulate.add_argument(name, type=kind, default=default, metavar=metavar, help=text)
    simulate.add_argument(
        "--wire", choices=WIRES, default="perfect", help="how bad the lines are (default %(default)s)"
    )
    simulate.add_argument("--kill", choices=KILLS, help="kill -9 it partway, and start it again")
    simulate.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else on standard output"
    )
    simulate.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    from edge_agent.trial.plan import TrialPlan

    try:
        from edge_agent.trial.run import simulate
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("edge_agent"):
            raise
        raise ConfigurationError(
            f"simulate needs the package {error.name}", "pip install 'casino-edge-agent[simulator]'"
        ) from error

    return simulate(
        TrialPlan.of(
            machines=options.machines,
            tables=options.tables,
            seconds=vars(options)["for"],
            seed=options.seed,
            outage=options.outage,
            wire=options.wire,
            kill=options.kill,
            state=options.state,
            poll_ms=options.poll_ms,
            rate=options.rate,
        ),
        as_json=options.json,
    )
