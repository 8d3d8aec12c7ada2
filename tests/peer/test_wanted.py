"""What may be asked of a machine that runs alone, and how what makes no sense is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.errors import ConfigurationError
from edge_agent.peer.alone import parse_addresses


@pytest.mark.parametrize(
    ("text", "addresses"),
    [("1", (1,)), ("127", (127,)), ("1-4", (1, 2, 3, 4)), ("9,1-3,2", (1, 2, 3, 9))],
)
def test_addresses(text: str, addresses: tuple[int, ...]) -> None:
    assert parse_addresses(text) == addresses


@pytest.mark.parametrize("text", ["0", "128", "0-3", "5-3", "120-128"])
def test_an_address_that_no_machine_has_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not within 1 to 127 — "):
        parse_addresses(text)


@pytest.mark.parametrize("text", ["", "one", "1-", "-1", "1,,2", "0x01", "1-2-3"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="makes no sense — write 1, 1-8 or 1,3,5"):
        parse_addresses(text)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ["--link", "telnet:x"],
            "link 'telnet:x' names no known kind of port — use one of pty:…, tcp:…, uart:…",
        ),
        (["--link", "pty:"], "names no known kind of port"),
        (["--link", "tcp:nowhere"], "has no TCP port"),
        (["--link", "pty:{folder}/sas", "--address", "200"], "address 200 is not within 1 to 127"),
        (["--link", "pty:{folder}/sas", "--personality", "nobody"], "plain"),
        (["--link", "pty:{folder}/sas", "--rate", "0"], "rate 0 makes no sense"),
        (["--link", "pty:{folder}/sas", "--rate", "nan"], "rate nan makes no sense"),
        (
            ["--link", "pty:{folder}"],
            "exists and was not made by a machine — remove it, or choose another name",
        ),
        (["--link", "pty:{folder}/no/sas"], "cannot be made: No such file or directory"),
        (["--link", "uart:{folder}/ttyUSB0"], "does not exist — check the cable"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(
    options: list[str], line: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()

    status = main(["machine", *(option.format(folder=folder) for option in options)])

    out, err = capfd.readouterr()
    assert status in {2, 4}
    assert line in err
    assert err.count("\n") == 1
    assert out == ""
    assert list(folder.iterdir()) == []
