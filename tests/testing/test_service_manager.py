"""The double of a service manager's socket hears what systemd would."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edge_agent.testing.service_manager import ServiceManager


def say(address: str, text: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
        speaker.sendto(text.encode(), address)


def test_a_datagram_is_heard_as_names_and_values(tmp_path: Path) -> None:
    with ServiceManager(tmp_path / "notify") as manager:
        say(manager.address, "READY=1\nSTATUS=a=b")

        assert manager.listen(1) == {"READY": "1", "STATUS": "a=b"}
        assert manager.listen() is None


def test_what_is_waited_for_is_found_behind_other_words(tmp_path: Path) -> None:
    with ServiceManager(tmp_path / "notify") as manager:
        for text in ("STATUS=x", "WATCHDOG=1", "READY=1"):
            say(manager.address, text)

        assert manager.wait_for("READY", 1) == {"READY": "1"}
        assert [*map(list, manager.heard)] == [["STATUS"], ["WATCHDOG"], ["READY"]]


def test_what_does_not_come_is_said_with_what_came_instead(tmp_path: Path) -> None:
    with ServiceManager(tmp_path / "notify") as manager:
        say(manager.address, "STATUS=x")

        with pytest.raises(TimeoutError, match="STATUS"):
            manager.wait_for("READY", 0.05)


def test_the_socket_is_gone_once_closed(tmp_path: Path) -> None:
    ServiceManager(tmp_path / "notify").close()

    assert not (tmp_path / "notify").exists()
