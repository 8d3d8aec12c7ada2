"""Health: what is well and what is not, as one small JSON file a process rewrites.

Anybody may read it while the process runs: the live view, a shell, a monitoring agent. It is
replaced whole, so a reader never sees half of it. It holds counters and states and nothing a
player did.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from edge_agent.errors import AgentError

# Often enough for a live view; a rename costs microseconds.
PERIOD_SECONDS = 0.5

Status = Mapping[str, Any]


def write_status(path: Path, status: Status, looked_at: float | None = None) -> None:
    """Replace the status file, stamped with who wrote it and as of when (monotonic seconds; None: now)."""
    beside = path.with_suffix(".new")
    stamp = {"pid": os.getpid(), "monotonic": time.monotonic() if looked_at is None else looked_at}
    beside.write_text(json.dumps({**stamp, **status}), encoding="utf-8")
    beside.replace(path)


def read_status(path: Path) -> dict[str, Any]:
    """The status a process wrote last; empty if it has not yet."""
    try:
        status = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


class StatusFile:
    """A status, rewritten whenever it is asked for. What prevents it is said once, and stops nothing."""

    def __init__(self, path: Path, status: Callable[[], Status]) -> None:
        self._path = path
        self._status = status
        self._trouble = ""

    def rewrite(self) -> None:
        """Write what is so now. Never raises."""
        try:
            looked_at = time.monotonic()  # what comes while it looks may be missing
            write_status(self._path, self._status(), looked_at)
        except Exception as error:  # noqa: BLE001  what runs is worth more than what is said of it
            self._complain(error)
        else:
            self._trouble = ""

    def end(self) -> None:
        """Write a last time, and that it was: nobody need wait for this one to grow old. Never raises."""
        status = self._status
        self._status = lambda: {**status(), "ended": True}
        self.rewrite()

    def _complain(self, error: Exception) -> None:
        trouble = str(error)
        if trouble != self._trouble:
            self._trouble = trouble
            expected = isinstance(error, OSError | AgentError)
            structlog.get_logger().warning(
                "status cannot be written",
                path=str(self._path),
                reason=trouble,
                exc_info=None if expected else error,
            )


class Heartbeat:
    """Rewrites a status file until stopped."""

    def __init__(self, path: Path, status: Callable[[], Status], period: float = PERIOD_SECONDS) -> None:
        self._file = StatusFile(path, status)
        self._period = period
        self._stopping = threading.Event()
        self._turned_at = 0.0
        self.thread = threading.Thread(target=self._run, name="heartbeat")

    def start(self) -> None:
        """Write now, and then every period."""
        self._turned_at = time.monotonic()
        self.thread.start()

    def stop(self) -> None:
        """Write a last time and end."""
        self._stopping.set()
        self.thread.join()

    def stuck(self, now: float, patience: float) -> bool:
        """Whether the last turn began more than `patience` seconds and a period ago (monotonic)."""
        return now - self._turned_at > self._period + patience

    def _run(self) -> None:
        while True:
            self._turned_at = time.monotonic()
            if self._stopping.is_set():
                self._file.end()
                return
            self._file.rewrite()
            self._stopping.wait(self._period)
