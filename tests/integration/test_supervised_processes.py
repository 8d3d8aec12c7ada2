"""The production processes under a service manager: when they are ready, alive, and no longer so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from edge_agent.testing.patience import PATIENCE_SECONDS, seconds_until_end, wait_until
from edge_agent.testing.service_manager import ServiceManager

pytestmark = pytest.mark.integration

STOP_SECONDS = 5.0  # Greengrass kills five seconds after it asks

SETTINGS = """
site: harbour
gateway: gw-01
state: {state}
lines:
  - {{name: shuffler, port: {port}, driver: {driver}}}
  - {{name: gone, port: /dev/ttyNOPE, driver: tdl1}}
uplink: {{kind: file, path: {state}/out.jsonl}}
log: {{form: json}}
"""

# A vendor's driver, found by entry point like any other, that hangs once a file exists.
HANGING_DRIVER = """
import time
from pathlib import Path
from edge_agent.drivers.tdl1 import Tdl1Driver, Tdl1Station

class HangingStation(Tdl1Station):
    def handle_timer(self, now):
        while Path({hang!r}).exists():
            Path({hang!r} + "s").touch()
            time.sleep(0.05)
        super().handle_timer(now)

class HangingDriver(Tdl1Driver):
    name = "hanging"
    def station(self, identity, options, note):
        station = super().station(identity, options, note)
        station.__class__ = HangingStation
        return station

DRIVER = HangingDriver()
"""


class Gateway:
    """Settings, a pseudo-terminal, a driver that can hang, and one process under a manager."""

    def __init__(self, folder: Path, manager: ServiceManager) -> None:
        self.manager = manager
        self.hang = folder / "hang"
        self._folder = folder
        self._device, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.write_settings()
        self._install_driver()

    def write_settings(self, driver: str = "tdl1", more: str = "") -> None:
        text = SETTINGS.format(state=self._folder / "state", port=os.ttyname(self._slave), driver=driver)
        (self._folder / "agent.yaml").write_text(text + more)

    def start(
        self, verb: str, *, watchdog_seconds: float | None = None
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """The process, and where its log goes."""
        log = self._folder / f"{verb}.log"
        python_path = f"{self._folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        with log.open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent", verb, "--config", self._folder / "agent.yaml"],
                stderr=err,
                env=os.environ
                | {"PYTHONPATH": python_path}
                | self.manager.environment(watchdog_seconds=watchdog_seconds),
            )
        self._processes.append(process)
        return process, log

    def hear(self, wanted: Callable[[Mapping[str, str]], object] | str) -> Mapping[str, str]:
        return self.manager.wait_for(wanted, PATIENCE_SECONDS)

    def close(self) -> None:
        self.hang.unlink(missing_ok=True)
        for process in self._processes:
            process.kill()
            process.wait()
        os.close(self._device)
        os.close(self._slave)

    def _install_driver(self) -> None:
        (self._folder / "hanging_driver.py").write_text(HANGING_DRIVER.format(hang=str(self.hang)))
        package = self._folder / "hanging_driver-1.0.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging-driver\nVersion: 1.0\n")
        (package / "entry_points.txt").write_text("[edge_agent.drivers]\nhanging = hanging_driver:DRIVER\n")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with ServiceManager(tmp_path / "notify") as manager:
        gateway = Gateway(tmp_path, manager)
        yield gateway
        gateway.close()


def end(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE_SECONDS)


def catches(process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    """Whether a process has begun to catch a signal: before, it would die of it."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (caught,) = [line.split()[1] for line in lines if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_a_collector_is_ready_once_its_lines_run_and_says_when_it_stops(gateway: Gateway) -> None:
    collector, _ = gateway.start("collect")

    ready = gateway.hear("READY")
    status = end(collector)

    assert ready["STATUS"].startswith("2 lines: ")
    assert gateway.manager.heard[0] is not None  # the first word is that it is ready
    assert "READY" in gateway.manager.heard[0]
    assert gateway.hear("STOPPING")
    assert status == 0


def test_a_collector_says_that_it_is_alive_while_a_port_is_gone_and_a_machine_silent(
    gateway: Gateway,
) -> None:
    gateway.start("collect", watchdog_seconds=2)
    gateway.hear("READY")

    for _ in range(4):
        gateway.hear("WATCHDOG")
    assert gateway.hear(lambda words: "1 link lost" in words.get("STATUS", ""))


def test_a_collector_whose_line_hangs_no_longer_says_that_it_is_alive(gateway: Gateway) -> None:
    gateway.write_settings(driver="hanging")
    _, log = gateway.start("collect", watchdog_seconds=2)
    gateway.hear("WATCHDOG")

    gateway.hang.touch()

    wait_until(lambda: "is stuck" in log.read_text(), PATIENCE_SECONDS)
    said = log.read_text()
    gateway.manager.drain()
    assert gateway.manager.listen(3) is None  # longer than the watchdog would have waited
    assert "line[shuffler]" in said
    assert "handle_timer" in said


def test_a_collector_whose_line_hangs_stops_in_time_all_the_same(gateway: Gateway) -> None:
    """Nucleus lite would wait for two minutes, in which no line is polled."""
    gateway.write_settings(driver="hanging")
    collector, log = gateway.start("collect")
    gateway.hear("READY")
    gateway.hang.touch()
    wait_until(gateway.hang.with_name("hangs").exists, PATIENCE_SECONDS)

    collector.send_signal(signal.SIGTERM)
    seconds = seconds_until_end(collector)

    assert collector.returncode == 0
    assert seconds < STOP_SECONDS
    assert "a line did not stop in time" in log.read_text()


def test_a_reload_is_said_with_its_end(gateway: Gateway) -> None:
    collector, log = gateway.start("collect")
    gateway.hear("READY")

    gateway.write_settings(driver="hanging")
    collector.send_signal(signal.SIGHUP)
    reloading = gateway.hear("RELOADING")
    gateway.hear("READY")

    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert "settings changed" in log.read_text()


def test_a_reload_that_begins_everything_again_ends_ready_too(gateway: Gateway) -> None:
    collector, _ = gateway.start("collect")
    gateway.hear("READY")

    gateway.write_settings(more="journal: {minimum_free_mb: 2}\n")
    collector.send_signal(signal.SIGHUP)

    gateway.hear("RELOADING")
    gateway.hear("READY")
    assert end(collector) == 0


def test_settings_that_make_no_sense_end_a_reload_ready_with_the_old_ones(gateway: Gateway) -> None:
    collector, log = gateway.start("collect")
    gateway.hear("READY")

    gateway.write_settings(more="nonsense: 1\n")
    collector.send_signal(signal.SIGHUP)

    gateway.hear("RELOADING")
    gateway.hear("READY")
    assert "settings refused" in log.read_text()
    assert end(collector) == 0


def test_a_collector_that_starts_on_a_full_disk_asks_for_time_and_is_not_ready(gateway: Gateway) -> None:
    gateway.write_settings(more=f"journal: {{minimum_free_mb: {1 << 40}}}\n")
    collector, _ = gateway.start("collect", watchdog_seconds=2)

    for _ in range(3):
        waiting = gateway.hear("EXTEND_TIMEOUT_USEC")

    assert "WATCHDOG" in waiting
    assert "is full" in waiting["STATUS"]
    assert not any("READY" in words for words in gateway.manager.heard)
    assert end(collector) == 0


def test_a_forwarder_is_ready_once_the_journal_is_open_and_alive_while_its_loop_turns(
    gateway: Gateway,
) -> None:
    collector, _ = gateway.start("collect")
    gateway.hear("READY")
    end(collector)
    gateway.manager.drain()
    forwarder, _ = gateway.start("forward", watchdog_seconds=2)

    assert "READY" in gateway.hear("READY")
    gateway.hear("WATCHDOG")
    assert gateway.hear(lambda words: words.get("STATUS") == "connected")
    forwarder.send_signal(signal.SIGHUP)
    gateway.hear("RELOADING")
    gateway.hear("READY")
    forwarder.send_signal(signal.SIGSTOP)  # nothing turns any more
    time.sleep(0.2)
    gateway.manager.drain()
    silent = gateway.manager.listen(1.5)
    forwarder.send_signal(signal.SIGCONT)

    assert silent is None
    assert end(forwarder) == 0
    assert gateway.hear("STOPPING")


def test_a_forwarder_without_a_journal_is_not_ready(gateway: Gateway) -> None:
    forwarder, _ = gateway.start("forward")
    wait_until(lambda: catches(forwarder, signal.SIGTERM))

    assert gateway.manager.listen(2) is None
    assert end(forwarder) == 0
