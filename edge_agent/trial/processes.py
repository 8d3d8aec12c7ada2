"""The trial's processes: started, watched, measured, killed and started again.

Each runs in a session of its own, so that Ctrl-C reaches the director alone, which then stops
them in order; and each dies with the director, so that nothing is left behind by a crash.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import AgentError
from edge_agent.parentage import die_with_parent

# So long a process may take to end, and to begin: on a busy machine a Python takes seconds for either.
STOP_SECONDS = 30.0
START_SECONDS = 60.0

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Usage:
    """What a process has used, over all its lives."""

    cpu_seconds: float = 0.0
    peak_rss_bytes: int = 0


class TrialProcess:
    """One of the trial's processes, over all its lives."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self.kills = 0
        self.usage = Usage()
        self._command = [sys.executable, "-m", *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._cpu_of_this_life = 0.0
        self._expected_end = False

    def start(self) -> None:
        """Start it, or start it again."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own modules
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  a prctl and nothing else
            )
        self._expected_end = False

    @property
    def pid(self) -> int:
        """Its process id in this life; 0 before the first."""
        return self._process.pid if self._process is not None else 0

    @property
    def status(self) -> int | None:
        """How it ended, as `Popen.returncode`; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL it: no handler runs, nothing is flushed."""
        if self._process is not None:
            self.measure()
            self._expected_end = True
            self._process.kill()
            self._process.wait()
            self.kills += 1
            self._end_of_life()

    def stop(self) -> None:
        """SIGTERM it, and wait."""
        if self._process is None or self._process.poll() is not None:
            return
        self._expected_end = True
        self.measure()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._end_of_life()

    def check(self) -> None:
        """Raise AgentError if it ended by itself, with the last thing it said."""
        if self._process is not None and not self._expected_end and self._process.poll() is not None:
            lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            said = lines[-1] if lines else "it said nothing"
            raise AgentError(
                f"the {self.name} ended with status {self._process.returncode}: {said}", f"read {self._log}"
            )

    def measure(self) -> None:
        """Read what it has used so far from /proc."""
        if self._process is None or self._process.poll() is not None:
            return
        proc = Path("/proc") / str(self._process.pid)
        try:
            fields = (proc / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return
        self._cpu_of_this_life = (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS  # utime, stime
        self.usage.peak_rss_bytes = max(self.usage.peak_rss_bytes, int(fields[21]) * _PAGE_BYTES)

    @property
    def cpu_seconds(self) -> float:
        """CPU used over all lives, as last measured."""
        return self.usage.cpu_seconds + self._cpu_of_this_life

    def _end_of_life(self) -> None:
        self.usage.cpu_seconds += self._cpu_of_this_life
        self._cpu_of_this_life = 0.0


def wait_for(
    what: str, ready: Callable[[], object], processes: Sequence[TrialProcess], seconds: float = START_SECONDS
) -> None:
    """Wait until `ready()` is true; raise AgentError if a process ends or time runs out."""
    deadline = time.monotonic() + seconds
    while not ready():
        for process in processes:
            process.check()
        if time.monotonic() > deadline:
            raise AgentError(f"{what} did not happen within {seconds:g} s", "read the logs of the run")
        time.sleep(0.02)
