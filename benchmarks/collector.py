"""What a poll costs the collector, all of it: line, link, driver, note, journal and status.

    .venv/bin/python -m benchmarks.collector
    .venv/bin/python -m benchmarks.collector --tree ../before --tree . --rounds 3

Simulated machines play on pseudo-terminals in a process of their own; a collector polls them, and its CPU
time is divided by the polls it made. With several trees the collectors of each take turns on the same floor,
so that what else the computer does meets all of them. Printed: the median of the rounds, and of a poll how
often its thread gave the processor up (waits for bytes, for time and for the interpreter's lock).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent.parent
LIMIT_PERCENT, MACHINES, POLLS_A_SECOND = 25.0, 64, 25
MEET_SECONDS, SETTLE_SECONDS = 60.0, 5.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Taken:
    """What was counted of a collector until a moment, or between two."""

    user: float  # seconds of CPU
    system: float
    waits: int
    polls: int
    late: int
    events: int

    def since(self, before: Taken) -> Taken:
        return Taken(*(getattr(self, one.name) - getattr(before, one.name) for one in fields(self)))

    @property
    def poll_microseconds(self) -> float:
        return 1e6 * (self.user + self.system) / self.polls


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tree", type=Path, action="append", help="whose collector; default: this one")
    parser.add_argument("--machines", type=int, default=MACHINES)
    parser.add_argument("--poll-ms", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a round, once all machines are met")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    trees = [tree.resolve() for tree in chosen.tree or [HERE]]
    names = [f"slot-{number:03d}" for number in range(1, chosen.machines + 1)]
    with tempfile.TemporaryDirectory() as folder, floor(Path(folder), names):
        rounds: dict[Path, list[Taken]] = {tree: [] for tree in trees}
        for number in range(chosen.rounds):
            for tree in trees[:: -1 if number % 2 else 1]:  # who is first one round is last the next
                rounds[tree].append(collected(tree, Path(folder), names, chosen.poll_ms, chosen.seconds))
    print(
        f"{chosen.machines} machines polled every {chosen.poll_ms} ms, {chosen.rounds} x {chosen.seconds:g} s"
    )
    for tree in trees:
        tell(tree, rounds[tree], chosen.seconds)


def tell(tree: Path, rounds: Sequence[Taken], seconds: float) -> None:
    def median(of: Callable[[Taken], float]) -> float:
        return statistics.median(map(of, rounds))

    cost = median(lambda one: one.poll_microseconds)
    share = cost * MACHINES * POLLS_A_SECOND / 1e4
    print(f"\n{tree}: {cost:.0f} us a poll")
    print(f"  {share:.1f} % of a core for {MACHINES} machines (limit {LIMIT_PERCENT:g} %)")
    print(f"  user {median(lambda one: 1e6 * one.user / one.polls):.0f} us,", end=" ")
    print(f"system {median(lambda one: 1e6 * one.system / one.polls):.0f} us,", end=" ")
    print(f"{median(lambda one: one.waits / one.polls):.1f} waits a poll")
    print(f"  {median(lambda one: one.polls / seconds):.0f} polls/s,", end=" ")
    print(f"{median(lambda one: 100 * one.late / one.polls):.2f} % late,", end=" ")
    print(f"{median(lambda one: one.events / seconds):.0f} exceptions/s")


@contextmanager
def floor(folder: Path, names: Sequence[str]) -> Iterator[None]:
    """A process that plays the machines."""
    folder.joinpath("ports").mkdir()
    plan = {"seed": 1, "rate": 1.0, "wire": "perfect", "machines": list(names), "tables": []}
    folder.joinpath("floor.json").write_text(json.dumps(plan), encoding="utf-8")
    with subprocess.Popen([sys.executable, "-m", "edge_agent.trial.floor", str(folder)]) as process:
        try:
            until(lambda: all((folder / "ports" / name).exists() for name in names))
            yield
        finally:
            process.terminate()


def collected(tree: Path, folder: Path, names: Sequence[str], poll_ms: int, seconds: float) -> Taken:
    """What the collector of a tree took for so long."""
    state = folder / "".join(character if character.isalnum() else "-" for character in str(tree))
    settings = state.with_suffix(".yaml")
    settings.write_text(yaml.safe_dump(_settings(state, folder, names, poll_ms)), encoding="utf-8")
    command = [sys.executable, "-m", "edge_agent", "collect", "--config", str(settings)]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(tree)}) as process:
        try:
            until(lambda: _all_polled(state, process.pid))
            time.sleep(SETTLE_SECONDS)
            before = taken(state, process.pid)
            time.sleep(seconds)
            return taken(state, process.pid).since(before)
        finally:
            process.send_signal(signal.SIGTERM)


def taken(state: Path, pid: int) -> Taken:
    """What it has taken so far; its status is half a second old at most."""
    user, system = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    tasks = Path(f"/proc/{pid}/task").glob("*/status")
    waits = sum(int(task.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for task in tasks)
    lines = _status(state)["lines"].values()
    counted = (sum(line[name] for line in lines) for name in ("polls", "polls_late", "events"))
    return Taken(int(user) / _TICKS, int(system) / _TICKS, waits, *counted)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + MEET_SECONDS
    while not true():
        assert time.monotonic() < deadline, "the machines are not met"
        time.sleep(0.1)


def _all_polled(state: Path, pid: int) -> bool:
    status = _status(state)
    return status.get("pid") == pid and all(line["state"] == "polling" for line in status["lines"].values())


def _status(state: Path) -> dict[str, Any]:
    try:
        status: dict[str, Any] = json.loads((state / "status" / "collector.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return status


def _settings(state: Path, folder: Path, names: Sequence[str], poll_ms: int) -> dict[str, Any]:
    options = {"address": 1, "poll_ms": poll_ms}
    ports = folder / "ports"
    lines = [
        {"name": name, "port": str(ports / name), "driver": "sas", "options": dict(options)} for name in names
    ]
    nowhere = {"endpoint": "localhost", "ca": "none", "certificate": "none", "key": "none"}
    return {
        "site": "benchmark",
        "gateway": "benchmark",
        "state": str(state),
        "lines": lines,
        "uplink": nowhere,
        "log": {"level": "warning"},
    }


if __name__ == "__main__":
    main()
