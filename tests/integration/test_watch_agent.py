"""`watch agent:DEVICE`: the line of a collector that runs, and its port that nobody else gets."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from edge_agent.desk import desk_path
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from tests.integration.conftest import command, run

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A collector with one machine; its folder."""
    folder = tmp_path_factory.mktemp("agent")
    port = folder / "sas"
    line = {"name": "uart0", "port": str(port), "driver": "sas", "subject": "slot-1"}
    settings = {"site": "lab", "gateway": "gw-1", "state": str(folder / "state"), "lines": [line]}
    (folder / "agent.yaml").write_text(yaml.safe_dump(settings))
    with ExitStack() as running:
        for words in (
            command("machine", "--link", f"pty:{port}", "--quiet"),
            command("collect", "--config", str(folder / "agent.yaml")),
        ):
            process = running.enter_context(
                subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            )
            running.callback(process.communicate)
            running.callback(process.send_signal, signal.SIGTERM)
            wait_until(port.exists, PATIENCE_SECONDS)
        wait_until(desk_path(folder / "state").exists, PATIENCE_SECONDS)
        yield folder


def test_the_line_of_a_running_agent_is_shown(agent: Path) -> None:
    watched = run("watch", "agent:slot-1", "--config", str(agent / "agent.yaml"), "--for", "8")

    assert watched.returncode == 0, watched.stderr
    assert "host to machine 01: " in watched.stdout
    assert "machine 01: answer to " in watched.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (
            ["watch", "agent:slot-9", "--config", "CONFIG"],
            4,
            "no line of this gateway has the device 'slot-9'",
        ),
        (["watch", "PORT", "--tap"], 6, "is held by another program"),
        (["capture", "PORT", "FILE"], 6, "is held by another program"),
        (["ask", "PORT", "1F"], 6, "is held by another program"),
    ],
)
def test_what_an_agent_holds_is_held(agent: Path, arguments: list[str], status: int, complaint: str) -> None:
    names = {
        "CONFIG": str(agent / "agent.yaml"),
        "PORT": str(agent / "sas"),
        "FILE": str(agent / "x.capture"),
    }

    done = run(*(names.get(argument, argument) for argument in arguments))

    assert done.returncode == status
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_agent_that_does_not_run_is_said_so(tmp_path: Path) -> None:
    settings = {"site": "lab", "gateway": "gw-1", "state": str(tmp_path), "lines": []}
    (tmp_path / "agent.yaml").write_text(yaml.safe_dump(settings))

    done = run("watch", "agent:slot-1", "--config", str(tmp_path / "agent.yaml"))

    assert done.returncode == 4
    assert "the collector does not answer" in done.stderr
