"""The plan of a trial: what was asked for, checked, and where its files are.

DIR/                    --state, locked while a trial runs
├── pki/                development certificates, kept between trials
└── run-20260704T193000/
    ├── agent.yaml      the settings of the collector and the forwarder
    ├── floor.json      the plan, for the floor's process
    ├── ports/          one link a line to its pseudo-terminal
    ├── agent/          the agent's own state: journal, notes, status
    ├── logs/           what each process wrote to standard error
    ├── floor.jsonl     what the machines raised, dropped and had acknowledged
    ├── truth.json      what the machines' own meters say at the end
    └── received.jsonl  what the stand-in received and answered
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.errors import ConfigurationError, InUseError, JournalFull

SITE = "trial"
GATEWAY = "trial-gateway"

PROCESSES = ("collector", "forwarder", "broker")

# A pseudo-terminal costs two descriptors in the floor's process, whose usual limit is 1,024.
MOST_LINES = 400
KEPT_RUNS = 5  # older ones are removed, so that trials do not fill a laptop

# The journal keeps 64 MiB free and refuses to fill them; a trial's own files need as much again.
LEAST_FREE_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """What a trial does. Make it with `TrialPlan.of`, which checks it."""

    machines: int
    tables: int
    seconds: float
    seed: int
    outage: float
    wire: str
    kill: str | None
    state: Path
    poll_ms: int
    rate: float
    reconfigure: bool = False

    @classmethod
    def of(
        cls,
        *,
        machines: int = 8,
        tables: int = 2,
        seconds: float = 60,
        seed: int | None = None,
        outage: float = 10,
        wire: str = "perfect",
        kill: str | None = None,
        state: Path | None = None,
        poll_ms: int = 40,
        rate: float = 1.0,
        reconfigure: bool = False,
    ) -> TrialPlan:
        """A plan that makes sense. Raises ConfigurationError naming the option that does not."""
        limits: tuple[tuple[str, float, float, float], ...] = (
            ("--machines", machines, 0, MOST_LINES),
            ("--tables", tables, 0, MOST_LINES),
            ("--for", seconds, 1, 7 * 24 * 3600),
            ("--outage", outage, 0, 24 * 3600),
            ("--poll-ms", poll_ms, 40, 5000),
            ("--rate", rate, 0.01, 1000),
        )
        for option, value, least, most in limits:
            if not least <= value <= most:
                raise ConfigurationError(f"{option} {value:g} is out of range", f"use {least:g} to {most:g}")
        if not 1 <= machines + tables <= MOST_LINES:
            raise ConfigurationError(
                f"--machines {machines} and --tables {tables} make {machines + tables} lines",
                f"use 1 to {MOST_LINES} together",
            )
        return cls(
            machines=machines,
            tables=tables,
            seconds=seconds,
            seed=secrets.randbelow(2**32) if seed is None else seed,
            outage=outage,
            wire=wire,
            kill=kill,
            state=(state or default_state()).absolute(),  # its settings name ports by their paths
            poll_ms=poll_ms,
            rate=rate,
            reconfigure=reconfigure,
        )

    @property
    def killed(self) -> tuple[str, ...]:
        """The processes to kill partway."""
        return PROCESSES if self.kill == "all" else (self.kill,) if self.kill else ()

    @property
    def machine_names(self) -> tuple[str, ...]:
        """The lines of the gaming machines, which are also their subjects."""
        return machine_names(self.machines)

    @property
    def table_names(self) -> tuple[str, ...]:
        """The lines of the card shufflers, which are also their subjects."""
        return table_names(self.tables)


def machine_names(count: int) -> tuple[str, ...]:
    """What so many gaming machines are called."""
    return tuple(f"slot-{number:03d}" for number in range(1, count + 1))


def table_names(count: int) -> tuple[str, ...]:
    """What so many card shufflers are called."""
    return tuple(f"shuffler-{number:02d}" for number in range(1, count + 1))


@dataclass(frozen=True, slots=True)
class TrialFolder:
    """Where one run keeps its files."""

    run: Path
    pki: Path

    def __truediv__(self, name: str) -> Path:
        return self.run / name

    def port(self, line: str) -> Path:
        """The link to a line's pseudo-terminal."""
        return self.run / "ports" / line


@contextmanager
def trial_folder(state: Path) -> Iterator[TrialFolder]:
    """A fresh folder for one run in `state`, which is ours alone meanwhile.

    Raises InUseError when another trial runs there, ConfigurationError when it cannot be made, and
    JournalFull when a trial would fill the disk.
    """
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"state folder {state} cannot be used: {error.strerror}", "name another with --state"
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InUseError(
                f"state folder {state} is in use by another run", "wait for it, or name another with --state"
            ) from error
        run = _new_run(state)
        _check_room(state)
        yield run
    finally:
        os.close(lock)


def _new_run(state: Path) -> TrialFolder:
    for old in sorted(state.glob("run-*"))[: -(KEPT_RUNS - 1)]:
        shutil.rmtree(old, ignore_errors=True)
    run = state / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    try:
        for folder in (run, run / "ports", run / "logs"):
            folder.mkdir(mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"state folder {state} cannot be written: {error.strerror}", "name another with --state"
        ) from error
    return TrialFolder(run=run, pki=state / "pki")


def _check_room(state: Path) -> None:
    disk = os.statvfs(state)
    free = disk.f_bavail * disk.f_frsize
    if free < LEAST_FREE_BYTES:
        raise JournalFull(
            f"the disk of state folder {state} has {free >> 20} of {LEAST_FREE_BYTES >> 20} MiB free",
            "free some space, or name another with --state",
        )


def default_state() -> Path:
    """Where trials are kept unless told otherwise: the user's state folder (XDG)."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "edge-agent" / "trial"
