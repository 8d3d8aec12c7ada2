"""A source of events: what a collector does behind its lines, at a rate that is kept.

    python -m benchmarks.event_source JOURNAL --rate 1000 --lines 64 --seconds 60

Each line is a thread. When its next event is due it seals it, with that moment as the time it was observed,
and appends it; a late append therefore counts as late. With --only-seal nothing is appended, which tells what
the making of events costs beside. Without a rate one thread appends --count events in commits of 500, as a
backlog. Ends when done, or on SIGTERM.
"""

from __future__ import annotations

import argparse
import random
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.workload import MIX, Floor
from edge_agent.events.delivery_class import class_of_sealed
from edge_agent.journal import Journal, open_journal

COMMIT = 500


def main() -> None:
    given = parse()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    with open_journal(given.journal, role="collect", classify=class_of_sealed) as journal:
        if given.rate:
            play(journal, given, stopping)
        else:
            pile_up(journal, given.count, given.mix)
        given.done.touch()
        stopping.wait(given.linger)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("journal", type=Path)
    parser.add_argument("--rate", type=float, default=0.0, help="events a second of all lines together")
    parser.add_argument("--lines", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--count", type=int, default=0, help="events, without a rate")
    parser.add_argument("--mix", type=float, nargs=3, default=MIX, metavar=("A", "B", "C"), help="per cent")
    parser.add_argument("--only-seal", action="store_true")
    parser.add_argument("--done", type=Path, required=True, help="touched when all are appended")
    parser.add_argument("--linger", type=float, default=0.0, help="seconds to keep house afterwards")
    return parser.parse_args()


def pile_up(journal: Journal, count: int, mix: Sequence[float]) -> None:
    """A backlog."""
    floor = Floor(mix=mix)
    while count > 0:
        journal.append(list(floor.events(min(count, COMMIT))))
        count -= COMMIT


def play(journal: Journal, given: argparse.Namespace, stopping: threading.Event) -> None:
    """Lines, until the time is up."""
    began = time.monotonic() + 0.5
    lines = [
        threading.Thread(target=line, args=(journal, given, number, began, stopping), name=f"line[{number}]")
        for number in range(given.lines)
    ]
    for each in lines:
        each.start()
    for each in lines:
        each.join()


def line(
    journal: Journal, given: argparse.Namespace, number: int, began: float, stopping: threading.Event
) -> None:
    """One machine's events, at random moments."""
    rest = random.Random(number)  # noqa: S311  spreads the lines, guards nothing
    floor = Floor(machines=1, seed=number, first=1001 + number, mix=given.mix)
    due = began
    while (due := due + rest.expovariate(given.rate / given.lines)) < began + given.seconds:
        if stopping.wait(max(0.0, due - time.monotonic())):
            return
        sealed = floor.sealed(due)
        if not given.only_seal:
            journal.append([sealed])


if __name__ == "__main__":
    main()
