"""What a service manager hears: over a real datagram socket, as systemd listens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.supervision import Supervisor
from edge_agent.testing.service_manager import ServiceManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    with ServiceManager(tmp_path / "notify") as manager:
        yield manager


def test_ready_is_said_with_how_things_are(manager: ServiceManager) -> None:
    Supervisor(manager.environment()).ready("2 lines: 2 polling")

    assert manager.listen(1) == {"READY": "1", "STATUS": "2 lines: 2 polling"}


def test_abstract_names_are_reached() -> None:
    with ServiceManager(f"@edge-agent-test-{os.getpid()}") as manager:
        Supervisor(manager.environment()).ready()

        assert manager.listen(1) == {"READY": "1"}


def test_reloading_carries_the_managers_own_clock(manager: ServiceManager) -> None:
    Supervisor(manager.environment(), monotonic=lambda: 12.5).reloading()

    assert manager.listen(1) == {"RELOADING": "1", "MONOTONIC_USEC": "12500000"}


def test_stopping_is_said(manager: ServiceManager) -> None:
    Supervisor(manager.environment()).stopping()

    words = manager.listen(1)
    assert words is not None
    assert words["STOPPING"] == "1"


def test_a_start_that_waits_is_given_longer_and_is_alive(manager: ServiceManager) -> None:
    Supervisor(manager.environment()).waiting("the disk is full")

    assert manager.listen(1) == {
        "EXTEND_TIMEOUT_USEC": "30000000",
        "WATCHDOG": "1",
        "STATUS": "the disk is full",
    }


def test_a_reason_of_several_lines_stays_one_word(manager: ServiceManager) -> None:
    """Else whoever words the reason could speak to the manager in our name."""
    Supervisor(manager.environment()).ready("refused\nSTOPPING=1")

    assert manager.listen(1) == {"READY": "1", "STATUS": "refused STOPPING=1"}


def test_alive_is_said_four_times_within_the_watchdogs_limit(manager: ServiceManager) -> None:
    clock = iter([0.0, 0.4, 1.0, 1.9, 2.0])
    supervisor = Supervisor(manager.environment(watchdog_seconds=4), monotonic=lambda: next(clock))

    said = []
    for _ in range(5):
        supervisor.alive()
        said.append(manager.listen())

    assert said == [{"WATCHDOG": "1"}, None, {"WATCHDOG": "1"}, None, {"WATCHDOG": "1"}]


def test_nobody_is_told_where_nobody_listens(tmp_path: Path) -> None:
    with capture_logs() as said:
        for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}):
            supervisor = Supervisor(environment)
            supervisor.ready("x")
            supervisor.alive("x")

    assert said == []
    assert [*tmp_path.iterdir()] == []


def test_a_manager_that_has_gone_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")})

    with capture_logs() as said:
        supervisor.ready()
        supervisor.stopping()

    assert [entry["event"] for entry in said] == ["the service manager is not told"]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),  # a parent's, not ours
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
    ],
)
def test_the_watchdog_is_heeded_when_it_is_ours(environment: dict[str, str], seconds: float | None) -> None:
    assert Supervisor(environment).watchdog_seconds == seconds
