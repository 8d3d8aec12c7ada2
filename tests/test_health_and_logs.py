"""The status file is replaced whole; logs show bytes as hex and keep standard output clean."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import structlog

from edge_agent.health import Heartbeat, read_status, write_status
from edge_agent.logs import set_up_logs
from edge_agent.settings import LogSettings


def test_a_status_is_read_back_with_its_process(tmp_path: Path) -> None:
    write_status(tmp_path / "one.json", {"lines": 3})

    status = read_status(tmp_path / "one.json")

    assert status["lines"] == 3
    assert status["pid"] > 0


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_status_that_is_none_reads_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.json").write_text(text)

    assert read_status(tmp_path / "one.json") == {}


def test_a_heartbeat_writes_at_once_and_a_last_time(tmp_path: Path) -> None:
    beats = iter(range(1_000_000))
    heartbeat = Heartbeat(tmp_path / "one.json", lambda: {"beat": next(beats)}, period=60)

    heartbeat.start()
    deadline = time.monotonic() + 5
    while not read_status(tmp_path / "one.json"):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    heartbeat.stop()

    assert read_status(tmp_path / "one.json")["beat"] == 1


def test_a_heartbeat_that_cannot_write_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(LogSettings(form="json"))
    heartbeat = Heartbeat(tmp_path / "nowhere" / "one.json", dict, period=0.01)

    heartbeat.start()
    time.sleep(0.05)
    heartbeat.stop()

    assert capsys.readouterr().err.count("status cannot be written") == 1
    structlog.reset_defaults()


def test_bytes_are_logged_as_spaced_hex_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogSettings(level="debug", form="json"))

    structlog.get_logger().debug("wire", data=b"\x01\x1a")

    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["data"] == "01 1a"
    structlog.reset_defaults()


def test_what_is_below_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogSettings(level="warning", form="console"))

    structlog.get_logger().info("shift log")

    assert capsys.readouterr().err == ""
    structlog.reset_defaults()
