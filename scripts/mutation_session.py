"""A plugin of pytest: one session that asks its tests about each mutant, in a fork with that mutant alive.

First every test is run once, with mutmut counting: it has to pass, and which functions it calls and how long
it takes is remembered. Then, for each mutant, the tests that call its function are run until one fails: those
that noticed other mutants of it, then the quickest. Nothing is imported or collected again, so a mutant takes
a fraction of a second. Mutants that have a verdict are left out: an interrupted session can go on.

What a function did while the tables were made is not done again in a fork. Mutants of such functions are
written to TO_JUDGE_ALONE, where they survived.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutmut.state import state

# Seconds of a processor: for tests that take none by themselves, and for each second that they take.
LEAST_SECONDS, TIMES_LONGER = 5, 5
VERDICTS, TO_JUDGE_ALONE = Path("verdicts.txt"), Path("alone.txt")
ALIVE = "MUTANT_UNDER_TEST"


class Session:
    """What is known about the tests, and the mutants that are being asked about."""

    def __init__(self) -> None:
        self.failed = False
        self.seconds: dict[str, float] = {}
        self.callers: dict[str, list[pytest.Item]] = defaultdict(list)
        self.called_at_import = set(state()._stats)  # noqa: SLF001  mutmut has no other door
        self.asked: dict[int, tuple[str, int]] = {}  # by process: the mutant, and where its killer is named

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notice a failure."""
        self.failed = self.failed or report.failed

    def run(self, item: pytest.Item) -> None:
        """Run one test."""
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)

    def learn(self, items: list[pytest.Item]) -> None:
        """Run every test once, without any mutant."""
        for item in items:
            state()._stats.clear()  # noqa: SLF001  as above
            began = time.process_time()
            self.run(item)
            self.seconds[item.nodeid] = time.process_time() - began
            for function in state()._stats:  # noqa: SLF001  as above
                self.callers[function].append(item)
            if self.failed:
                raise pytest.UsageError(f"{item.nodeid} fails without any mutant")
        for callers in self.callers.values():
            callers.sort(key=lambda item: self.seconds[item.nodeid])

    def ask(self, mutant: str) -> None:
        """Ask about one mutant in a fork."""
        tests = self.callers[function(mutant)]
        killer, told = os.pipe()
        child = os.fork()
        if child:
            os.close(told)
            self.asked[child] = mutant, killer
            return
        limit = LEAST_SECONDS + int(TIMES_LONGER * sum(self.seconds[item.nodeid] for item in tests))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        os.environ[ALIVE] = mutant
        for item in tests:
            self.run(item)
            if self.failed:
                os.write(told, item.nodeid.encode())
                break
        os._exit(self.failed)

    def hear(self) -> None:
        """Wait for the next verdict, and write it down."""
        child, status = os.wait()
        mutant, killer = self.asked.pop(child)
        with os.fdopen(killer, encoding="utf-8") as told:
            first = told.read()
        self.callers[function(mutant)].sort(key=lambda item: item.nodeid != first)
        if not status and function(mutant) in self.called_at_import:
            note(TO_JUDGE_ALONE, mutant)
            return
        ended_itself = os.WIFEXITED(status)
        note(VERDICTS, f"{mutant} {('killed' if status else 'survived') if ended_itself else 'timeout'}")


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Ask about every mutant instead of running the tests."""
    asking = Session()
    session.config.pluginmanager.register(asking)
    asking.learn(session.items)
    gc.freeze()  # what is there already need not be copied into each fork
    for mutant in mutants():
        asking.ask(mutant)
        if len(asking.asked) >= (os.cpu_count() or 1):
            asking.hear()
    while asking.asked:
        asking.hear()
    return True


def mutants() -> Iterator[str]:
    """Every mutant that mutmut has made and nobody was asked about."""
    judged = {line.split()[0] for path in (VERDICTS, TO_JUDGE_ALONE) for line in lines(path)}
    for notes in sorted(Path("edge_agent/sas").rglob("*.meta")):
        made = json.loads(notes.read_text(encoding="utf-8"))["exit_code_by_key"]
        yield from (mutant for mutant in made if mutant not in judged)


def function(mutant: str) -> str:
    """The function a mutant is one of, as mutmut calls it."""
    return mutant.rpartition("__mutmut_")[0]


def lines(path: Path) -> list[str]:
    """The lines of a file, which need not be there."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def note(path: Path, line: str) -> None:
    """Add a line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
