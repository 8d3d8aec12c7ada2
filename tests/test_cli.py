"""The commands: what they print, and the one line and the exit status of everything that is wrong."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.errors import AgentError, ConfigurationError, LinkError

MINIMAL = """
site: harbour
gateway: gw-01
state: {state}
lines:
  - {{name: shuffler, port: {port}, driver: tdl1}}
uplink: {{kind: file, path: {state}/out.jsonl}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.yaml"
    path.write_text(MINIMAL.format(state=tmp_path / "state", port="/dev/ttyNOPE"))
    return path


def test_good_settings_are_called_good(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(file)]) == 0

    out = capsys.readouterr().out
    assert "note: line shuffler: port /dev/ttyNOPE does not exist here" in out
    assert "1 line, gateway gw-01 of site harbour: settings are good" in out


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("site=", "--set site: not text"),
        ("lines=[{name: a, port: /dev/x, driver: telepathy}]", "line a: driver 'telepathy' is not installed"),
        ("lines=[{name: a, port: /dev/x, driver: tdl1, options: {adress: 1}}]", "line a: .*adress"),
        ("lines=[{name: a, port: 'pigeon:7'}]", "line a: port 'pigeon:7' names no known kind of link"),
        ("lines=[{name: a, port: ttyUSB0}]", "line a: port 'ttyUSB0' .* — write /dev/ttyUSB0"),
        ("lines=[{name: a, port: 'tcp:ds-7:99999'}]", "line a: port .* TCP port '99999' — write a number"),
        ("lines=[{name: a, port: 'rfc2217:ds-7'}]", "line a: port .* — write rfc2217:HOST:PORT"),
        ("lines=[{name: a, port: 'tcp:ds-7:4001?marks=1'}]", "line a: .* marks '1' — write in-band or none"),
    ],
)
def test_a_wrong_setting_is_one_line_and_status_two(
    file: Path, capsys: pytest.CaptureFixture[str], override: str, said: str
) -> None:
    assert main(["config", "check", str(file), "--set", override]) == 2

    err = capsys.readouterr().err
    assert re.search(said, err)
    assert err.count("\n") == 1
    assert " — " in err


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0

    assert json.loads(capsys.readouterr().out)["title"] == "Settings"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--machines", "-1"],
        ["--machines", "many"],
        ["--wire", "barbed"],
        ["--kill", "joy"],
        ["--for", "0"],
        ["--outage", "-1"],
        ["--rate", "0"],
        ["--frobnicate"],
    ],
)
def test_a_wrong_option_of_simulate_is_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["simulate", "--state", str(tmp_path), *arguments]) == 2

    assert arguments[0] in capsys.readouterr().err
    assert not list(tmp_path.glob("run-*"))


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["dance"], "no command is called 'dance': there are 'simulate', 'machine',"),
        ([], "COMMAND is missing — `edge-agent --help` tells what it takes"),
        (["ask"], "ask: PORT, POLL is missing — `edge-agent ask --help`"),
        (["certs"], "certs: COMMAND is missing — `edge-agent certs --help`"),
        (
            ["machine", "--link", "pty:x", "--rate", "fast"],
            "machine: argument --rate: 'fast' is not a number",
        ),
        (["simulate", "--machines", "2.5"], "simulate: argument --machines: '2.5' is not a whole number"),
        (["simulate", "--wire", "wet"], "simulate: argument --wire: 'wet' is none of 'perfect', 'noisy',"),
        (["replay", "a", "b"], "replay: nothing here is called b — `edge-agent replay --help`"),
        (
            ["journal", "status", "--seconds", "3"],
            "journal status: nothing here is called --seconds 3 — `edge-agent journal status --help`",
        ),
        (["--loud", "status"], "nothing here is called --loud — `edge-agent --help`"),
    ],
)
def test_arguments_that_make_no_sense_are_one_line_and_status_two(
    capsys: pytest.CaptureFixture[str], command: list[str], says: str
) -> None:
    assert main(command) == 2

    err = capsys.readouterr().err
    assert err.startswith(f"edge-agent: {says}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [["--help"], ["collect", "--help"], ["watch", "--help"]])
def test_help_breaks_no_path_at_a_hyphen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    with pytest.raises(SystemExit, match="0"):
        main(command)

    assert not re.search(r"\w-$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["collect", "--config", "/nowhere/agent.yaml"], 2),
        (["forward", "--config", "/nowhere/agent.yaml"], 2),
        (["run", "--config", "/nowhere/agent.yaml"], 2),
        (["simulate", "--state", "/proc/nowhere"], 2),
    ],
)
def test_what_cannot_start_says_so_in_one_line(
    capsys: pytest.CaptureFixture[str], command: list[str], status: int
) -> None:
    assert main(command) == status

    err = capsys.readouterr().err
    assert err.startswith("edge-agent: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            ZeroDivisionError("division\nby zero"),
            70,
            r"fault of the agent: ZeroDivisionError: division by zero",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), 5, "No space left on device — free some space"),
        (OSError(errno.EMFILE, "Too many open files"), 1, "Too many open files — raise `ulimit -n`"),
        (OSError(errno.EISDIR, "Is a directory", "/x"), 1, "/x: Is a directory — check the path"),
        (OSError("for no reason"), 70, "fault of the agent: OSError: for no reason"),
        (LinkError("port x is gone", "plug it in"), 4, "port x is gone — plug it in"),
    ],
)
def test_whatever_goes_wrong_in_a_command_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    said: str,
) -> None:
    def fail(_options: object) -> int:
        raise error

    monkeypatch.setattr("edge_agent.cli.config._config_schema", fail)

    assert main(["config", "schema"]) == status
    err = capsys.readouterr().err
    assert said in err
    assert " — " in err
    assert err.count("\n") == 1


def test_a_fault_keeps_its_traceback_for_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_options: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("edge_agent.cli.config._config_schema", fail)
    monkeypatch.setenv("EDGE_AGENT_TRACEBACK", "1")

    with pytest.raises(ZeroDivisionError):
        main(["config", "schema"])


def test_every_kind_of_error_has_a_status_of_its_own() -> None:
    def tree(kind: type[AgentError]) -> list[type[AgentError]]:
        return [kind, *(one for sub in kind.__subclasses__() for one in tree(sub))]

    direct = AgentError.__subclasses__()
    statuses = [kind.exit_status for kind in direct if kind.exit_status != 1]
    assert len(set(statuses)) == len(statuses) == 6
    assert all(kind.__doc__ for kind in tree(AgentError))


def test_an_error_reads_as_the_thing_and_its_mend() -> None:
    assert str(ConfigurationError("x is missing", "add it")) == "x is missing — add it"
    assert str(ConfigurationError("x is missing")) == "x is missing"


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from edge_agent.cli import make_parser; make_parser().format_help(); print(*sys.modules)"
    )

    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"pydantic", "structlog", "yaml", "serial", "awscrt", "rich", "asyncio", "sqlite3"} & set(
        modules
    )


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m edge_agent config schema | true"

    run = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=False, env=dict(os.environ)
    )

    assert "Traceback" not in run.stderr
