"""The units as systemd reads them: correct, and with every door shut that the agent does not need."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from edge_agent.agent.collector import LOOK_SECONDS
from edge_agent.agent.vigil import SHARE_OF_WATCHDOG
from edge_agent.cli.main import make_parser
from edge_agent.supervision import EXTENSION_SECONDS

UNITS = Path(__file__).parents[2] / "packaging" / "systemd"
COLLECTOR, FORWARDER = "edge-agent-collector.service", "edge-agent-forwarder.service"
SERVICES = (COLLECTOR, FORWARDER)

# systemd's own measure of what a service could do, in tenths of ten: up to 2.0 it calls it safe or OK.
MOST_EXPOSED_TENTHS = 20

# The units of systemd that any unit is ordered against.
OF_SYSTEMD = ("sysinit", "basic", "shutdown", "network-online", "time-sync", "multi-user")

SAME_FOR_BOTH = {
    "Type": "notify",
    "NotifyAccess": "main",
    "User": "edge-agent",
    "Group": "edge-agent",
    "StateDirectory": "edge-agent",
    "StateDirectoryMode": "0700",
    "UMask": "0077",
    "LimitCORE": "0",  # a core would hold the private key
    "Restart": "on-failure",
    "RestartPreventExitStatus": "2",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "ProtectProc": "invisible",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
}


def read(name: str) -> Mapping[str, Sequence[str]]:
    """The directives of a unit, each with its values in order."""
    directives: dict[str, list[str]] = defaultdict(list)
    for line in (UNITS / name).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            directives[key].append(value)
    return directives


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("directive", "value"), SAME_FOR_BOTH.items())
def test_a_service_is_shut_in(service: str, directive: str, value: str) -> None:
    assert read(service)[directive] == [value]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_call_what_services_call_and_nothing_privileged(service: str) -> None:
    assert read(service)["SystemCallFilter"][:2] == ["@system-service", "~@privileged @resources"]


def test_the_collector_may_ask_what_every_event_says_of_its_clock() -> None:
    """Shut in further, it would journal `clockquality: unknown` and `bootid: unknown`."""
    unit = read(COLLECTOR)

    assert unit["SystemCallFilter"][2:] == ["adjtimex clock_adjtime"]
    assert not unit["ProcSubset"]
    assert not unit["ProtectClock"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_fails_is_started_for_ever(service: str) -> None:
    assert read(service)["StartLimitIntervalSec"] == ["0"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_bounded_in_memory_and_threads(service: str) -> None:
    unit = read(service)
    assert unit["MemoryMax"]
    assert unit["TasksMax"]


def test_the_collector_has_serial_ports_and_no_network() -> None:
    unit = read(COLLECTOR)

    assert unit["SupplementaryGroups"] == ["dialout"]
    assert unit["DevicePolicy"] == ["closed"]
    assert {"char-188 rw", "char-166 rw", "char-ttyS rw"} <= set(unit["DeviceAllow"])
    assert (unit["PrivateNetwork"], unit["RestrictAddressFamilies"]) == (["yes"], ["AF_UNIX"])


def test_the_forwarder_has_a_network_and_no_serial_ports() -> None:
    unit = read(FORWARDER)

    assert (unit["PrivateDevices"], unit["SupplementaryGroups"]) == (["yes"], [])
    assert unit["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX AF_NETLINK"]


def test_the_collector_waits_for_neither_the_network_nor_the_time() -> None:
    unit = read(COLLECTOR)

    assert not {*unit["After"], *unit["Wants"], *unit["Requires"]}
    assert read(FORWARDER)["After"] == ["network-online.target time-sync.target"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_starts_is_a_command_of_ours(service: str) -> None:
    (command,) = read(service)["ExecStart"]
    program, *arguments = command.split()

    options = make_parser().parse_args(arguments)

    assert program == "/usr/bin/edge-agent"
    assert options.config == Path("/etc/edge-agent/config.yaml")


@pytest.mark.parametrize("service", SERVICES)
def test_the_watchdog_waits_longer_than_anything_that_is_well_takes(service: str) -> None:
    (watchdog,) = read(service)["WatchdogSec"]

    assert float(watchdog) / SHARE_OF_WATCHDOG > 10 * LOOK_SECONDS


@pytest.mark.parametrize("service", SERVICES)
def test_a_start_that_asks_for_time_gets_it_before_it_is_over(service: str) -> None:
    (limit,) = read(service)["TimeoutStartSec"]

    assert float(limit) > EXTENSION_SECONDS


def test_the_services_belong_to_the_target() -> None:
    for service in SERVICES:
        assert read(service)["PartOf"] == read(service)["WantedBy"] == ["edge-agent.target"]
    assert read("edge-agent.target")["WantedBy"] == ["multi-user.target"]


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here (Debian: systemd)"
)


@needs_systemd
@pytest.mark.integration
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/systemd/system"
    shutil.copytree(UNITS, folder)
    for name in OF_SYSTEMD:
        (folder / f"{name}.target").write_text("[Unit]\nDescription=there\n")
    for program in ("usr/bin/edge-agent", "bin/kill"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)

    done = subprocess.run(
        ["systemd-analyze", "verify", f"--root={tmp_path}", *(unit.name for unit in UNITS.iterdir())],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.integration
@pytest.mark.parametrize("service", SERVICES)
def test_systemd_finds_little_exposed(service: str) -> None:
    done = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=true", "--no-pager"),
            *(f"--threshold={MOST_EXPOSED_TENTHS}", UNITS / service),
        ],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
