"""What the commands share: how arguments are read and refused, and the settings they are given."""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from edge_agent.errors import ConfigurationError
from edge_agent.extras import needed_by

if TYPE_CHECKING:
    from edge_agent.settings import Settings
    from edge_agent.verify import CheckSignature

    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  it has no public name

DEFAULT_CONFIGURATION = Path("/etc/edge-agent/config.yaml")

# What argparse says, and how people say it.
IN_PLAIN_WORDS = (
    (
        r"^argument COMMAND: invalid choice: ('.*?') \(choose from (.*)\)$",
        r"no command is called \1: there are \2",
    ),
    (r"invalid choice: ('.*?') \(choose from (.*)\)$", r"\1 is none of \2"),
    (r"invalid int value: (.*)$", r"\1 is not a whole number"),
    (r"invalid float value: (.*)$", r"\1 is not a number"),
    (r"^the following arguments are required: (.*)$", r"\1 is missing"),
    (r"^unrecognized arguments: (.*)$", r"nothing here is called \1"),
)


class Parser(argparse.ArgumentParser):
    """A parser that refuses as every part of the agent does: in one line, with what to do about it.

    Raises:
        ConfigurationError: for arguments that make no sense.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  argparse's, handed on
        super().__init__(**{"formatter_class": _Unbroken, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401  argparse's
        """Refuse what is not known here: argparse leaves it to `edge-agent`, whose help does not tell."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with an argument, and where it is explained."""
        for theirs, ours in IN_PLAIN_WORDS:
            message = re.sub(theirs, ours, message)
        raise ConfigurationError(
            f"{self.prog.removeprefix('edge-agent').strip()}: {message}".removeprefix(": "),
            f"`{self.prog} --help` tells what it takes",
        )


class _Unbroken(argparse.HelpFormatter):
    """Help in which paths and options stay whole at the end of a line."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return textwrap.fill(
            " ".join(text.split()),
            width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )


def whole_number(text: str, least: int, otherwise: str) -> int:
    """An argument that is a whole number. Raises ArgumentTypeError, and says what one below `least` is."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is {otherwise}")
    return number


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Let a command be given settings."""
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("EDGE_AGENT_CONFIG", DEFAULT_CONFIGURATION)),
        metavar="FILE",
        help="settings, YAML (default: $EDGE_AGENT_CONFIG or %(default)s)",
    )
    add_override(parser)


def add_override(parser: argparse.ArgumentParser) -> None:
    """Let a command be given single settings."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a setting, e.g. uplink.port=443; may be repeated",
    )


def signatures_checked_with(certificates: Sequence[Path], command: str) -> CheckSignature | None:
    """What checks the signatures of checkpoints with certificates in PEM files; None without any.

    Raises:
        ConfigurationError: the extra that can is not installed.
        CredentialError: see `checker_of`.
    """
    if not certificates:
        return None
    with needed_by(f"{command} --certificate", extra="credentials"):
        from edge_agent.credentials.checkpoint_signature import checker_of

    return checker_of(certificates)


def read_settings(options: argparse.Namespace) -> Settings:
    """The settings a command was given; logs are set up by them."""
    from edge_agent.logs import set_up_logs, speak_for_the_process
    from edge_agent.settings import load_settings

    settings = load_settings(options.config, overrides=options.set)
    set_up_logs(settings.log)
    speak_for_the_process()
    return settings


def add_gateway(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which gateway: by its settings, or where a nucleus has those, by its state."""
    add_configuration(parser)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="the state folder, where there is no settings file: under Greengrass, "
        "work/casino.edge.FloorCollector/state in the nucleus' folder",
    )


def gateway_settings(options: argparse.Namespace) -> Settings:
    """The settings; unlike the roles, these commands log nothing."""
    from edge_agent.settings import load_settings, read_settings

    if options.state is None and not options.config.exists():
        raise ConfigurationError(
            f"configuration {options.config} cannot be read: there is no such file",
            "name another with --config, or the state folder with --state",
        )
    if options.state is None:
        return load_settings(options.config, overrides=options.set)
    if not options.state.is_dir():
        raise ConfigurationError(f"{options.state} is no folder", "name the agent's state folder")
    from edge_agent.health import read_status

    about = read_status(options.state / "status" / "forwarder.json").get("about", {})
    known = {name: about.get(name, "unknown") for name in ("site", "gateway")}
    return read_settings(
        {**known, "state": str(options.state)}, "--state", environment={}, overrides=options.set
    )
