"""Another world: a module of the agent, run where the clock or the names of hosts are the test's to change.

    python -m edge_agent.testing.another_world --wall FILE edge_agent forward --config agent.yaml
    python -m edge_agent.testing.another_world --hosts FILE edge_agent forward --config agent.yaml

`--wall`: the wall clock is off by the seconds in FILE, asked again at each reading, so it can be stepped
while the process runs. Monotonic time, which nobody can set, is as it is. `--hosts`: FILE is /etc/hosts, in
a mount namespace of this process's own, and no name server answers; needs root.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_CLONE_NEWNS = 0x00020000  # unshare(2)
_NO_NAME_SERVER = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"


def step_wall_clock(file: Path) -> None:
    """Have every reading of the wall clock in this process be off by the seconds in a file."""
    offset = _Offset(file)
    real_time, real_clock = time.time, time.clock_gettime

    def of_clock(clock: int) -> float:
        return real_clock(clock) + (offset() if clock == time.CLOCK_REALTIME else 0.0)

    time.time = lambda: real_time() + offset()
    time.time_ns = lambda: int(time.time() * 1e9)
    time.clock_gettime = of_clock
    time.clock_gettime_ns = lambda clock: int(of_clock(clock) * 1e9)


class _Offset:
    """The seconds in a file, which is read again when it was replaced."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = 0
        self._seconds = 0.0

    def __call__(self) -> float:
        seen = self._file.stat().st_ino
        if seen != self._seen:
            self._seconds, self._seen = float(self._file.read_text()), seen
        return self._seconds


def set_wall_offset(file: Path, seconds: float) -> None:
    """Step the wall clock of whoever runs with this file."""
    beside = file.with_suffix(".new")
    beside.write_text(f"{seconds}")
    beside.replace(file)


def use_hosts(file: Path) -> None:
    """Have this process find hosts in a file alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    resolver = file.with_suffix(".resolv")
    resolver.write_text(_NO_NAME_SERVER)
    # A small disk of another test would stay mounted here when it is unmounted there.
    disks = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if "/dev/loop" in line]
    for command in (
        ["mount", "--make-rprivate", "/"],
        *(["umount", "--lazy", disk] for disk in disks),
        ["mount", "--bind", str(file), "/etc/hosts"],
        ["mount", "--bind", str(resolver), os.path.realpath("/etc/resolv.conf")],
    ):
        subprocess.run(command, check=True)  # noqa: S603  our own words


def main() -> None:
    """Run a module there, as if it had been started by itself."""
    parser = argparse.ArgumentParser(prog="another_world")
    parser.add_argument("--wall", type=Path)
    parser.add_argument("--hosts", type=Path)
    parser.add_argument("module")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    changes: list[tuple[Path | None, Callable[[Path], None]]] = [
        (given.wall, step_wall_clock),
        (given.hosts, use_hosts),
    ]
    for file, change in changes:
        if file is not None:
            change(file)
    sys.argv = [given.module, *given.rest]
    runpy.run_module(given.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
