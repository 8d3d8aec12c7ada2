"""The control's commands and the command line, as far as they need no broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.errors import ConfigurationError, UplinkError
from edge_agent.standin.__main__ import main
from edge_agent.standin.commands import COMMANDS, parse
from edge_agent.standin.config import StandinConfig, shipped_policy
from edge_agent.standin.control import StandinControl


@pytest.mark.parametrize(
    "document",
    [
        {"command": "delay", "ms": 250},
        {"command": "delay", "ms": 0.5},
        {"command": "lose", "next": 3},
        {"command": "lose", "percent": 12.5},
        {"command": "stall"},
        {"command": "stall", "seconds": 5},
        {"command": "hang", "seconds": 5},
        {"command": "swallow", "seconds": 25},
        {"command": "refuse", "code": 135, "topic": "floor/+/+/ev/batch"},
        {"command": "rates", "beyond": "discard"},
        {"command": "rule", "name": "floor_events", "enabled": False},
        {"command": "counts"},
        {"command": "drop_answers", "of": "canary"},
        {"command": "drop"},
        {"command": "drop", "client": "gw-07-events", "reason": 0x98},
        {"command": "refuse", "code": 151, "next": 1},
        {"command": "refuse_connections", "code": 136, "seconds": 1},
        {"command": "down", "seconds": 10},
        {"command": "clear"},
        {"command": "status"},
        {"command": "certificates"},
        {"command": "deactivate", "id": "ab12"},
        {"command": "reject_requests", "of": "provision", "status": 403, "code": "AccessDenied", "next": 2},
        {"command": "delay_answers", "of": "shadow", "ms": 5},
        {"command": "publish", "topic": "cmd/lab/gw-07/x", "retain": False, "user_properties": {"a": "b"}},
    ],
)
def test_commands_are_understood(document: dict[str, object]) -> None:
    command, arguments = parse(json.dumps(document).encode())

    assert {"command": command, **arguments} == document


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "no such command — send one of delay, lose"),
        (b"\xff", "no such command"),
        (b"[]", "no such command"),
        (b'{"command": "explode"}', "no such command"),
        (b'{"command": "delay"}', "delay needs ms — add it"),
        (b'{"command": "down"}', "down needs seconds"),
        (b'{"command": "clear", "all": 1}', "clear has no all — use nothing"),
        (b'{"command": "lose", "code": 1}', "lose has no code — use next, percent"),
        (b'{"command": "delay", "ms": "1"}', "delay: ms is '1' — make it float"),
        (b'{"command": "delay", "ms": true}', "delay: ms is True"),
        (b'{"command": "lose", "next": 1.5}', "lose: next is 1.5 — make it int"),
        (b'{"command": "lose", "percent": 101}', "percent is 101 — use 0 to 100"),
        (b'{"command": "delay", "ms": NaN}', "ms is nan"),
        (b'{"command": "refuse", "code": 16}', "code is 16 — use 128 to 255"),
        (b'{"command": "rates", "beyond": "x"}', "beyond is 'x' — use discard, refuse, take"),
        (b'{"command": "activate"}', "activate needs id"),
        (b'{"command": "drop_answers", "of": "x"}', "of is 'x' — use canary, create-from-csr, provision"),
        (b'{"command": "reject_requests", "of": "shadow", "status": 200, "code": "x"}', "use 400 to 599"),
        (b'{"command": "publish", "topic": "a", "retain": 1}', "retain is 1 — make it bool"),
        (b'{"command": "publish", "topic": "a", "qos": 2}', "qos is 2 — use 0 to 1"),
        (b'{"command": "publish", "topic": "a", "user_properties": []}', "make it dict"),
        (b'{"command": "publish", "topic": "a", "expiry": 604801}', "use 0 to 604800"),
    ],
)
def test_a_command_that_makes_no_sense_is_told_why(line: bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse(line)

    assert message in str(refused.value)


def test_every_command_has_a_method_of_its_name() -> None:
    assert [name for name in COMMANDS if not callable(getattr(StandinControl, name, None))] == []


def test_a_control_without_a_stand_in_says_so(tmp_path: Path) -> None:
    with pytest.raises(UplinkError, match=r"no stand-in answers at .*control\.sock: .* — start one"):
        StandinControl(tmp_path)
    with pytest.raises(UplinkError, match="No such file"):
        StandinControl(tmp_path / "nowhere")


def test_the_policy_we_ship_is_the_default(tmp_path: Path) -> None:
    config = StandinConfig(state=tmp_path, ca=tmp_path, certificate=tmp_path, key=tmp_path, things={})

    assert config.policy == shipped_policy()
    assert config.policy.is_file()
    assert config.ledger_file == tmp_path / "ledger.jsonl"


def test_help_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    assert "--observer CLIENT_ID" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--port", "70000"], 2, "stand-in: --port 70000 is no TCP port — use 0 to 65535"),
        (["--serial", "SN-1"], 2, "stand-in: --serial belongs to a provisioning template — name it"),
        (["--rule", "floor-events"], 2, "stand-in: --rule 'floor-events' cannot be a rule's name"),
        (["--certificate-days", "0"], 2, "stand-in: --certificate-days 0 is no span for a certificate"),
        (["--policy", "/nowhere.json"], 2, "stand-in: policy /nowhere.json cannot be read: No such file"),
        (["--ledger", "/proc/nowhere/l"], 2, "stand-in: ledger /proc/nowhere/l cannot be written"),
        (["--pki", "/proc/nowhere"], 3, "stand-in: development certificates cannot be kept in /proc/nowhere"),
    ],
)
def test_wrong_options_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    ended = main(["--state", str(tmp_path), "--thing", "gw-07", "--site", "lab", *arguments])

    error = capsys.readouterr().err
    assert ended == status
    assert error.startswith(message)
    assert error.count("\n") == 1


@pytest.mark.usefixtures("_without_cryptography")
def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = main(["--state", str(tmp_path), "--thing", "gw-07", "--site", "lab"])

    assert ended == 2
    assert "pip install 'casino-edge-agent[simulator]'" in capsys.readouterr().err
