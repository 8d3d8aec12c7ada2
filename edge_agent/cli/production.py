"""The production processes: collect, forward, and both under one command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edge_agent.cli.base import add_configuration, read_settings

if TYPE_CHECKING:
    from edge_agent.agent.sources import FileSource
    from edge_agent.cli.base import Commands

COLLECT = (
    "Polls the lines of the settings and journals what machines and table devices say, before they are told "
    "that it was heard. Waits for no cloud."
)
FORWARD = (
    "Publishes what is journalled to the cloud, and lets go of it once the cloud has said that it has it."
)
RUN = (
    "Collects and forwards, as two processes: if one dies it is started again, and the other does not notice."
)
ENDING = (
    "Logs on standard error; `edge-agent status` says how it is. SIGHUP reads the settings again; SIGINT and "
    "SIGTERM end it with exit status 0."
)


def add(commands: Commands) -> None:
    """Add the production commands."""
    for name, command, text, description in (
        ("collect", _collect, "poll the lines and journal what they say", COLLECT),
        ("forward", _forward, "publish the journal to the cloud", FORWARD),
        ("run", _run, "collect and forward, as two processes", RUN),
    ):
        one = commands.add_parser(name, help=text, description=f"{description} {ENDING}")
        add_configuration(one)
        one.set_defaults(command=command)


def _collect(options: argparse.Namespace) -> int:
    from edge_agent.agent.collector import collect

    collect(_source(options))
    return 0


def _forward(options: argparse.Namespace) -> int:
    from edge_agent.agent.forwarding import forward

    forward(_source(options))
    return 0


def _source(options: argparse.Namespace) -> FileSource:
    """Where the settings are; SIGHUP makes a role read them again."""
    from edge_agent.agent.sources import FileSource
    from edge_agent.logs import speak_for_the_process

    speak_for_the_process()
    return FileSource(options.config, tuple(options.set))


def _run(options: argparse.Namespace) -> int:
    read_settings(options)
    from edge_agent.agent.both import run_both

    overrides = [argument for override in options.set for argument in ("--set", override)]
    return run_both(["--config", str(options.config), *overrides])
