"""The status file is replaced whole; logs show bytes as hex and keep standard output clean."""

from __future__ import annotations

import errno
import io
import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from edge_agent.health import Heartbeat, StatusFile, read_status, write_status
from edge_agent.logs import set_up_logs, speak_for_the_process
from edge_agent.settings import LogSettings
from edge_agent.testing.patience import wait_until


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
    wait_until(lambda: read_status(tmp_path / "one.json"), seconds=5)
    heartbeat.stop()

    assert read_status(tmp_path / "one.json")["beat"] == 1


def test_a_heartbeat_that_has_stopped_says_that_it_has_ended(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / "status.json", lambda: {"polls": 7}, period=60)
    heartbeat.start()
    heartbeat.stop()

    status = read_status(tmp_path / "status.json")

    assert status["ended"] is True
    assert status["polls"] == 7


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


def test_a_status_that_nothing_can_say_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(LogSettings(form="json"))

    def broken() -> dict[str, object]:
        raise RuntimeError("dictionary changed size during iteration")

    status = StatusFile(tmp_path / "one.json", broken)
    status.rewrite()
    status.rewrite()

    (said,) = capsys.readouterr().err.splitlines()
    assert "Traceback" in json.loads(said)["exception"]
    structlog.reset_defaults()


def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", FullDisk())
    set_up_logs(LogSettings(form="json"))

    structlog.get_logger().error("journal refuses")

    structlog.reset_defaults()


def test_a_log_nobody_reads_any_more_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", closed)
    set_up_logs(LogSettings(form="json"))
    closed.close()

    structlog.get_logger().error("journal refuses")

    structlog.reset_defaults()


@pytest.fixture
def speaking(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process whose threads and libraries log through ours, for the length of a test."""
    root = logging.getLogger()
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    set_up_logs(LogSettings(form="json"))
    root.handlers.clear()
    speak_for_the_process()
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("speaking")
def test_a_thread_that_dies_is_one_entry_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogSettings(form="json"))

    def die() -> None:
        raise ZeroDivisionError("a bug of ours")

    thread = threading.Thread(target=die, name="journal-housekeeper")
    thread.start()
    thread.join()

    (said,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (said["level"], said["thread"]) == ("error", "journal-housekeeper")
    assert "a bug of ours" in said["exception"]


@pytest.mark.usefixtures("speaking")
def test_what_a_library_logs_is_one_entry_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogSettings(form="json"))

    logging.getLogger("asyncio").error("Task was destroyed but it is pending!")

    (said,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (said["level"], said["logger"]) == ("error", "asyncio")


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
