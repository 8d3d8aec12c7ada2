"""What the fault tests share: the bench, how often each fault is tried, and the report of it.

FAULTS_COUNTS=full      every fault as often as docs/reliability.md says; else a share of it
FAULTS_REPORT=FILE      where each test adds a line of JSON, for scripts/faults
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.credentials.dev_pki import PkiPaths
from edge_agent.testing.judgement import Judgement
from tests.faults.bench import Bench

Counts = Callable[[int, int], int]


@pytest.fixture
def bench(tmp_path: Path, pki: PkiPaths) -> Iterator[Bench]:
    """A gateway with settings, and nothing running."""
    bench = Bench(tmp_path, pki)
    bench.configure()
    yield bench
    bench.close()


@pytest.fixture
def full() -> bool:
    """Whether faults are tried as often as they are worth."""
    return os.environ.get("FAULTS_COUNTS") == "full"


@pytest.fixture
def counts(*, full: bool) -> Counts:
    """How often, or for how long: `counts(share, full)`."""
    return lambda share, whole: whole if full else share


class Report:
    """Tells scripts/faults what came of a test."""

    def __init__(self, test: str) -> None:
        self._test = test
        self._file = os.environ.get("FAULTS_REPORT")

    def add(self, fault: str, done: str, judgement: Judgement) -> None:
        """One row: the fault, what was done and how often, and what became of the records."""
        self.write(
            fault,
            done,
            appended=judgement.appended,
            lost=len(judgement.lost) + len(judgement.changed),
            repeats=judgement.repeats,
            recorded=judgement.recorded,
        )

    def write(self, fault: str, done: str, **outcome: object) -> None:
        """One row, of what has no proof and no ledger."""
        if self._file is not None:
            row = {"test": self._test, "fault": fault, "done": done, **outcome}
            with Path(self._file).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """The report of this test."""
    return Report(f"{request.path.stem}.{request.node.name}")
