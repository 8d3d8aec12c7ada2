"""A module that is run with another wall clock, or other hosts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_agent.testing.another_world import set_wall_offset

pytestmark = pytest.mark.integration

CLOCKS = """
import sys, time
for _ in sys.stdin:
    walls = time.time(), time.time_ns() / 1e9, time.clock_gettime(time.CLOCK_REALTIME)
    print(*walls, time.monotonic(), flush=True)
"""
NAMES = """
import socket, sys
for name in sys.argv[1:]:
    try: print(socket.gethostbyname(name))
    except OSError: print("nowhere")
"""


def command(tmp_path: Path, code: str, *change: str) -> list[str]:
    (tmp_path / "told.py").write_text(code)
    return [sys.executable, "-m", "edge_agent.testing.another_world", *change, "told"]


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}


def test_every_reading_of_the_wall_clock_steps_and_the_monotonic_clock_does_not(tmp_path: Path) -> None:
    wall = tmp_path / "wall"
    set_wall_offset(wall, 0.0)
    words = command(tmp_path, CLOCKS, "--wall", str(wall))
    offsets = []
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(tmp_path)
    ) as told:
        assert told.stdin is not None
        assert told.stdout is not None
        for step in (0.0, 3600.0, -3600.0):
            set_wall_offset(wall, step)
            told.stdin.write("\n")
            told.stdin.flush()
            *walls, monotonic = map(float, told.stdout.readline().split())
            offsets.append([round((reading - time.time()) / 3600) for reading in walls])
            assert abs(monotonic - time.monotonic()) < 60
        told.stdin.close()

    assert offsets == [[0, 0, 0], [1, 1, 1], [-1, -1, -1]]


@pytest.mark.skipif(os.geteuid() != 0, reason="a process with its own /etc/hosts needs root")
def test_hosts_are_found_in_a_file_alone_and_only_there(tmp_path: Path) -> None:
    hosts, before = tmp_path / "hosts", Path("/etc/hosts").read_text()
    hosts.write_text("127.0.0.9 cloud.example\n")
    words = [*command(tmp_path, NAMES, "--hosts", str(hosts)), "cloud.example", "localhost"]

    told = subprocess.run(words, capture_output=True, text=True, check=True, env=environment(tmp_path))

    assert told.stdout.split() == ["127.0.0.9", "nowhere"]
    assert Path("/etc/hosts").read_text() == before
