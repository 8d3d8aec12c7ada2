"""The gap between an address and the rest of its poll, with many lines running in one process.

SAS allows 5 ms between two characters of a message. An address and the rest are two writes with a change of
parity between, so what the interpreter and the scheduler do there ends up in that gap. Here so many real
lines poll simulated machines over pseudo-terminals, which a process of their own plays, and append to a real
journal; each write of a poll is timed from the return of its first system call to the second.

A yardstick runs beside them: a process that only sleeps, and sees how late this computer wakes it. What it
measures belongs to the computer, and not to us.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from edge_agent.drivers.sas import DRIVER
from edge_agent.journal import Journal, open_journal
from edge_agent.line import Line
from edge_agent.links.adapters import PSEUDO_TERMINAL, Port
from edge_agent.links.uart import UartLink
from edge_agent.logs import set_up_logs
from edge_agent.notebook import Notebook
from edge_agent.settings import LogSettings
from edge_agent.station import DeviceIdentity, SerialFormat
from edge_agent.testing.patience import wait_until

# Between two characters of one message; beyond that a machine may drop it.
LIMIT_SECONDS = 0.005

# The yardstick sleeps about as long as a port waits for an address to leave.
_YARDSTICK = """
import sys, time
late, until = [], time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    began = time.perf_counter()
    time.sleep(0.0016)
    late.append(time.perf_counter() - began - 0.0016)
print(sorted(late)[int(len(late) * 0.999)])
"""


class TimedUart(UartLink):
    """A serial port that notes how long each poll paused behind its address."""

    def __init__(self, port: str, serial_format: SerialFormat, handover: float) -> None:
        chip = replace(PSEUDO_TERMINAL, handover=handover)
        super().__init__(port, serial_format, behind=lambda _: Port(chip, ""))
        self.gaps: list[float] = []
        self._left_at: float | None = None

    def write(self, data: bytes) -> None:
        """Send it, and note the gaps in it."""
        self._left_at = None
        super().write(data)

    def _write_all(self, characters: bytes) -> None:
        if self._left_at is not None:
            self.gaps.append(time.perf_counter() - self._left_at)
        super()._write_all(characters)
        self._left_at = time.perf_counter()


@dataclass(frozen=True, slots=True)
class Gaps:
    """What was measured, in seconds."""

    gaps: Sequence[float]  # sorted
    late: float  # p99.9 of how late this computer woke a process that only slept
    handover: float  # what a port was told to wait for its chip

    def quantile(self, share: float) -> float:
        """The gap that a share of all gaps does not exceed."""
        return self.gaps[min(int(len(self.gaps) * share), len(self.gaps) - 1)]


@dataclass(slots=True)
class _Bench:
    """The lines that run, and their links."""

    links: list[TimedUart] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def measure_gaps(
    folder: Path, *, lines: int, seconds: float, poll_ms: int, handover: float, real_time: bool = False
) -> Gaps:
    """Run so many lines for so long, in a folder of their own.

    Args:
        folder: for the terminals' names, the journal and the notes.
        lines: how many machines, each on a line.
        seconds: how long gaps are noted, once all machines are met.
        poll_ms: how often each machine is polled.
        handover: seconds that the chip of each port takes to begin a character.
        real_time: run the lines before all that is not real-time. Raises PermissionError if we may not.
    """
    set_up_logs(LogSettings(level="warning"))
    names = [f"slot-{number}" for number in range(lines)]
    with (
        _floor(folder, names),
        _running(folder, names, poll_ms, handover, real_time=real_time) as bench,
    ):
        wait_until(lambda: all(line.station.counters.polls > 20 for line in bench.lines), seconds=60)
        for link in bench.links:
            link.gaps.clear()
        yardstick = subprocess.run(  # noqa: S603  our own words
            [sys.executable, "-c", _YARDSTICK, str(seconds)], stdout=subprocess.PIPE, check=True
        )
        return Gaps(
            sorted(gap for link in bench.links for gap in link.gaps), float(yardstick.stdout), handover
        )


@contextmanager
def _floor(folder: Path, names: Sequence[str]) -> Iterator[None]:
    """A process that plays the machines."""
    folder.joinpath("ports").mkdir()
    plan = {"seed": 1, "rate": 1.0, "wire": "perfect", "machines": list(names), "tables": []}
    folder.joinpath("floor.json").write_text(json.dumps(plan), encoding="utf-8")
    command = [sys.executable, "-m", "edge_agent.trial.floor", str(folder)]
    with subprocess.Popen(command) as floor:  # noqa: S603  our own module
        try:
            wait_until(lambda: all((folder / "ports" / name).exists() for name in names))
            yield
        finally:
            floor.terminate()


@contextmanager
def _running(
    folder: Path, names: Sequence[str], poll_ms: int, handover: float, *, real_time: bool
) -> Iterator[_Bench]:
    bench = _Bench()
    folder.joinpath("notes").mkdir()
    notebooks = [Notebook(folder / "notes" / name) for name in names]
    with open_journal(folder / "journal.db", role="collect") as journal:
        for name, notebook in zip(names, notebooks, strict=True):
            link = TimedUart(str(folder / "ports" / name), DRIVER.serial_format, handover)
            bench.links.append(link)
            bench.lines.append(_line(name, link, journal, notebook, poll_ms))
        with _inherited_by_threads(real_time=real_time):
            for line in bench.lines:
                line.start()
        try:
            yield bench
        finally:
            for line in bench.lines:
                line.stop()
            for line in bench.lines:
                line.join(10.0)
            for notebook in notebooks:
                notebook.close()


@contextmanager
def _inherited_by_threads(*, real_time: bool) -> Iterator[None]:
    """Threads are scheduled as the one that starts them."""
    if real_time:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _line(name: str, link: TimedUart, journal: Journal, notebook: Notebook, poll_ms: int) -> Line:
    options = {"poll_ms": poll_ms, "force_poll_ms": True}
    return Line(
        name=name,
        link=link,
        station=partial(DRIVER.station, DeviceIdentity(name, "USD"), options),
        seal=lambda observation: observation.body.model_dump_json().encode(),
        append=journal.append,
        notebook=notebook,
        monotonic=time.monotonic,
    )
