"""The production processes, started from settings, on a real pseudo-terminal."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.health import read_status
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.integration

BOOT = b"$TDL1|01|0000|H|DEV.BOOT|dev=SHF|mfr=ACME|model=S1|sn=A1234|fw=2.4.1|boot=17*66B7\r\n"
STARTED = b"$TDL1|01|0002|E|SHF.START|ts=20250611T081501.000Z|batch=4411*12B1\r\n"

SETTINGS = """
site: harbour
gateway: gw-01
state: {state}
lines:
  - {{name: shuffler, port: {port}, driver: tdl1}}
  - {{name: gone, port: /dev/ttyNOPE, driver: tdl1}}
uplink: {{kind: file, path: {state}/out.jsonl}}
log: {{form: json}}
"""


class Gateway:
    """A settings file, a pseudo-terminal, and the processes started on them."""

    def __init__(self, folder: Path) -> None:
        self.device, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.state = folder / "state"
        self.config = folder / "agent.yaml"
        self.config.write_text(SETTINGS.format(state=self.state, port=os.ttyname(self._slave)))
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, verb: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", verb, "--config", str(self.config)],
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process

    def status(self, name: str) -> dict[str, Any]:
        return read_status(self.state / "status" / f"{name}.json")

    def published(self) -> list[str]:
        """The types of the events that went out."""
        out = self.state / "out.jsonl"
        messages = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
        return [event["type"] for message in messages for event in events_of(message)]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()
        os.close(self.device)
        os.close(self._slave)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path)
    yield gateway
    gateway.close()


def payload_of(message: dict[str, Any]) -> bytes:
    if "payload_base64" in message:
        return gzip.decompress(base64.b64decode(message["payload_base64"]))
    return str(message["payload"]).encode()


def events_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a batch, or the one that travels alone."""
    found = json.loads(payload_of(message))
    return found if isinstance(found, list) else [found]


def stop(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    return err


def test_what_a_device_says_is_journalled_and_published(gateway: Gateway) -> None:
    collector, forwarder = gateway.start("collect"), gateway.start("forward")
    wait_until(lambda: gateway.status("collector").get("lines", {}).get("shuffler", {}).get("state"))

    def published() -> bool:
        os.write(gateway.device, BOOT + STARTED)  # a device repeats what was not acknowledged
        return "floor.table.shuffler_started" in gateway.published()

    wait_until(published)
    wait_until(lambda: gateway.published().count("floor.table.shuffler_started") == 1)
    wait_until(lambda: gateway.status("forwarder")["depth"] == 0)
    assert '"error"' not in stop(forwarder)
    stop(collector)
    assert (collector.returncode, forwarder.returncode) == (0, 0)


def test_a_port_that_is_gone_is_said_once_and_does_not_stop_the_others(gateway: Gateway) -> None:
    collector = gateway.start("collect")
    wait_until(lambda: gateway.status("collector").get("lines", {}).get("shuffler", {}).get("state"))
    time.sleep(1.2)  # the port is tried again meanwhile

    err = stop(collector)

    assert err.count("/dev/ttyNOPE does not exist") == 1
    assert "ls /dev/serial/by-id" in err
    assert collector.returncode == 0


def test_a_second_collector_is_told_who_has_the_journal(gateway: Gateway) -> None:
    first = gateway.start("collect")
    wait_until(lambda: gateway.status("collector"))
    second = gateway.start("collect")

    _, err = second.communicate(timeout=PATIENCE_SECONDS)

    assert second.returncode == 6
    assert str(first.pid) in err
    assert err.count("\n") == 1
    stop(first)


def test_run_starts_both_and_stops_both(gateway: Gateway) -> None:
    both = gateway.start("run")
    wait_until(lambda: gateway.status("collector") and gateway.status("forwarder"))
    pids = [gateway.status(name)["pid"] for name in ("collector", "forwarder")]

    stop(both)

    assert both.returncode == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_run_ends_when_one_of_the_two_ends(gateway: Gateway) -> None:
    both = gateway.start("run")
    wait_until(lambda: gateway.status("collector") and gateway.status("forwarder"))

    os.kill(gateway.status("forwarder")["pid"], signal.SIGKILL)
    _, said = both.communicate(timeout=PATIENCE_SECONDS)

    assert both.returncode != 0
    assert '"process": "forward", "signal": "SIGKILL"' in said
    with pytest.raises(ProcessLookupError):
        os.kill(gateway.status("collector")["pid"], 0)


def test_run_that_is_killed_takes_both_with_it(gateway: Gateway) -> None:
    """What it leaves behind would hold the journal against the next one."""
    both = gateway.start("run")
    wait_until(lambda: gateway.status("collector") and gateway.status("forwarder"))
    pids = [gateway.status(name)["pid"] for name in ("collector", "forwarder")]

    both.kill()
    both.communicate(timeout=PATIENCE_SECONDS)

    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
