"""A machine that runs alone, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until


class Alone:
    """`edge-agent machine` on a pseudo-terminal, and what it told in JSON."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = folder / "sas"
        self._told = folder / "told.jsonl"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.end()

    def start(self) -> None:
        """Start it, and wait until it is there."""
        before = len(self.told("ready"))
        command = [sys.executable, "-m", "edge_agent", "machine", "--link", f"pty:{self.port}", "--json"]
        with self._told.open("ab") as told:
            self._process = subprocess.Popen([*command, *self._options], stdout=told)
        wait_until(lambda: len(self.told("ready")) > before, seconds=PATIENCE_SECONDS)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_SECONDS)

    def told(self, what: str) -> list[dict[str, Any]]:
        """What it told of one kind."""
        return [entry for entry in self._entries() if entry["what"] == what]

    def all_told(self) -> list[str]:
        """The kinds of all that it told."""
        return [entry["what"] for entry in self._entries()]

    def _entries(self) -> list[dict[str, Any]]:
        if not self._told.exists():
            return []
        lines = self._told.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]
