"""A gate with a clock that is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.testing.command_bench import CommandBench


@pytest.fixture
def bench(tmp_path: Path) -> CommandBench:
    return CommandBench(tmp_path)
