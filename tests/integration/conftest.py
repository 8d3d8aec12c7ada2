"""The agent's commands, as they are typed: each a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until


def command(*arguments: str) -> list[str]:
    """What starts one."""
    return [sys.executable, "-m", "edge_agent", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What came of one."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=240)


@contextmanager
def machine(path: Path, *arguments: str) -> Iterator[str]:
    """A simulated machine on a pseudo-terminal, that nobody plays unless asked for; its port."""
    words = command("machine", "--link", f"pty:{path}", "--quiet", *arguments)
    with subprocess.Popen(words, stdout=subprocess.PIPE) as running:
        wait_until(path.exists, PATIENCE_SECONDS)
        yield str(path)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=PATIENCE_SECONDS)
