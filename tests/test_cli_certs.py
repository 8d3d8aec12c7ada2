"""The commands of `certs`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.cli import main

SETTINGS = """
site: lab
gateway: gw-07
state: {folder}/state
uplink:
  {{endpoint: localhost, ca: {folder}/ca.pem, certificate: {folder}/device.pem, key: {folder}/device.key}}
"""


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["certs", "dev", str(tmp_path), "--thing", "gw-07"]) == 0
    assert "good for trials only" in capsys.readouterr().out
    (tmp_path / "agent.yaml").write_text(SETTINGS.format(folder=tmp_path))
    return tmp_path


def test_inspect_tells_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certs", "inspect", f"{folder}/device.pem", f"{folder}/device.key"]) == 0

    told = capsys.readouterr().out
    assert "subject  CN=gw-07" in told
    assert "UTC, 89 days left" in told
    assert f"private key, EC P-256, mode 0600, matches certificate {folder}/device.pem" in told


def test_inspect_tells_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certs", "inspect", "--json", f"{folder}/device.pem", f"{folder}/device.key"]) == 0

    certificate, key = json.loads(capsys.readouterr().out)
    assert certificate["subject"] == "CN=gw-07"
    assert key["matches"] == f"{folder}/device.pem"


def test_check_is_a_line_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certs", "check", "--config", f"{folder}/agent.yaml"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("good  ") for line in lines)


def test_check_ends_with_the_status_of_credentials(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "device.key").chmod(0o644)

    assert main(["certs", "check", "--config", f"{folder}/agent.yaml"]) == 3

    told = capsys.readouterr()
    assert "BAD   key" in told.out
    assert "chmod 600" in told.out


def test_check_needs_no_cryptography_package(
    folder: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("_without_cryptography")  # now that the folder is made

    assert main(["certs", "check", "--config", f"{folder}/agent.yaml"]) == 0
    assert "BAD" not in capsys.readouterr().out


@pytest.mark.usefixtures("_without_cryptography")
@pytest.mark.parametrize(
    "arguments",
    [
        ["certs", "inspect", "file"],
        ["certs", "dev", "folder", "--thing", "gw-07"],
        ["verify", "--certificate", "file"],
    ],
)
def test_a_missing_extra_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2

    told = capsys.readouterr().err
    assert "needs the package cryptography" in told
    assert "pip install 'casino-edge-agent[credentials]'" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("thing", ["", "a b", "a/b", "x" * 65])
def test_a_name_that_no_thing_can_have_is_refused(
    thing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = str(tmp_path / "state")
    assert main(["certs", "dev", state, "--thing", thing]) == 2
    assert main(["stand-in", "--state", state, "--site", "lab", "--thing", thing]) == 2
    assert capsys.readouterr().err.count(f"--thing {thing!r} cannot be a thing's name — use 1 to 64") == 2
    assert not (tmp_path / "state").exists()


def test_days_beyond_reason_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certs", "dev", str(tmp_path), "--thing", "gw-07", "--days", "-1"]) == 2
    assert "--days -1 is no time to be valid" in capsys.readouterr().err
