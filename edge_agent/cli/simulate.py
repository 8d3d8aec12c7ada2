"""`simulate`: the trial floor and its proof."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.extras import needed_by

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands

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


def add(commands: Commands) -> None:
    """Add `simulate`."""
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
        "--reconfigure",
        action="store_true",
        help="change every other machine's settings partway, thrice",
    )
    simulate.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else on standard output"
    )
    simulate.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    from edge_agent.trial.plan import TrialPlan

    with needed_by("simulate", extra="simulator"):
        from edge_agent.trial.run import simulate

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
            reconfigure=options.reconfigure,
        ),
        as_json=options.json,
    )
