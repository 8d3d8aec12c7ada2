"""The page for the technician: its commands are run, and print what it says they print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import machine

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cabinet.md").read_text()
# Command and output of each block that is to be held to.
BLOCKS = re.findall(r"```console\n\$ edge-agent (.*?)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The machine of the page: nobody plays it."""
    with machine(tmp_path_factory.mktemp("machine") / "sas", "--seed", "3") as served:
        yield served


def test_the_page_has_commands_to_hold_it_to() -> None:
    tools = {command.split()[0] for command, _ in BLOCKS}

    assert len(BLOCKS) > 6
    assert tools == {"ask", "decode", "watch", "replay"}


@pytest.mark.parametrize(("command", "printed"), BLOCKS, ids=[command[:40] for command, _ in BLOCKS])
def test_a_command_of_the_page_prints_what_the_page_says(command: str, printed: str, port: str) -> None:
    line, _, first = command.partition(" | head -")
    arguments = [port if word == "PORT" else word for word in shlex.split(line)]

    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", *arguments],
        capture_output=True, text=True, check=False, timeout=60, cwd=ROOT,
    )  # fmt: skip

    lines = done.stdout.splitlines()
    assert lines[: int(first) if first else None] == printed.splitlines(), done.stderr
