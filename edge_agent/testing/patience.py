"""Patience: waiting in a test for what another thread, process or machine has yet to do.

A wait ends as soon as what it waits for is so. How long it may take only says when to give up, so it is
generous: a loaded machine makes a test slower and never wrong. Where a test has to say that something was
quick, it asks a stopwatch, which stands still while a busy machine gives us no processor.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
# What is waited for may read a file or ask a process: often enough not to be noticed, and no busy loop.
LOOK_SECONDS = 0.01

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def wait_until(
    true: Callable[[], T], seconds: float = PATIENCE_SECONDS, missing: Callable[[], object] = lambda: "it"
) -> T:
    """Wait for something; what `true` returned in the end.

    Raises AssertionError, that says what is `missing`, if it does not come within `seconds`.
    """
    give_up_at = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < give_up_at, f"missing after {seconds:g} s: {missing()}"  # noqa: S101  for tests
        time.sleep(LOOK_SECONDS)
    return found


async def until(true: Callable[[], object]) -> None:
    """Wait for something in a loop, which goes on meanwhile. When to give up is the caller's to say."""
    while not true():  # noqa: ASYNC110  what is waited for sets no event
        await asyncio.sleep(LOOK_SECONDS)


def seconds_until_end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> float:
    """Wait for the end of a process; the seconds it took by a stopwatch."""
    watch = Stopwatch(process.pid)
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT  # what it waited for is told until somebody has its status
    wait_until(lambda: watch.look() >= 0.0 and os.waitid(os.P_PID, process.pid, ended))
    seconds = watch.look()
    process.wait()
    return seconds


class Stopwatch:
    """Seconds since it was made, without those in which one of us was ready to run and was kept waiting.

    On a quiet machine these are the seconds of the clock. Where the kernel does not say how long a thread
    was kept waiting, they always are.

    Args:
        pids: processes that are waited for, beside the one that waits.
        proc: where the kernel tells of them.
    """

    def __init__(self, *pids: int, proc: Path = Path("/proc")) -> None:
        self._pids = (os.getpid(), *pids)
        self._proc = proc
        self._before = self._kept_waiting()
        self._kept: dict[str, float] = {}
        self._began = time.monotonic()

    def look(self) -> float:
        """The seconds so far. Look again and again while a thread may end: what it knows goes with it."""
        self._kept |= self._kept_waiting()
        kept = sum(seconds - self._before.get(one, 0.0) for one, seconds in self._kept.items())
        return max(0.0, time.monotonic() - self._began - kept)

    def _kept_waiting(self) -> dict[str, float]:
        """How long each thread was kept waiting, and the machine by its own host."""
        threads = [
            thread for pid in self._pids for thread in (self._proc / f"{pid}/task").glob("*/schedstat")
        ]
        told = {str(thread): _fields(thread)[1:2] for thread in threads}
        stolen = _fields(self._proc / "stat")[8:9]  # of all processors together
        return {
            **{thread: int(*nanoseconds) / 1e9 for thread, nanoseconds in told.items()},
            "stolen": int(*stolen) / _CLOCK_TICKS,
        }


def _fields(path: Path) -> list[str]:
    """The words of the first line of a file of the kernel; none if it is gone."""
    try:
        return path.read_text(encoding="ascii").partition("\n")[0].split()
    except OSError:
        return []
