"""The stand-in and somebody else's clients: mosquitto_pub and mosquitto_sub over TLS."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.credentials.dev_pki import PkiPaths, issue, make_ca, make_pki
from edge_agent.standin import StandinConfig, StandinThread, read_ledger
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        shutil.which("mosquitto_pub") is None or shutil.which("mosquitto_sub") is None,
        reason="mosquitto's clients are not installed (Debian: mosquitto-clients)",
    ),
]

EVENTS = "floor/lab/gw-07/ev/batch"
STATUS = "floor/lab/gw-07/status"
SOON = PATIENCE_SECONDS


class Clients:
    """Starts mosquitto's clients against one stand-in."""

    def __init__(self, pki: PkiPaths, port: int) -> None:
        self.pki = pki
        self.port = port

    def command(self, name: str, *arguments: str) -> list[str]:
        tls = ["--cafile", str(self.pki.ca)]
        tls += ["--cert", str(self.pki.device_certificate), "--key", str(self.pki.device_key)]
        return [name, "-h", "localhost", "-p", str(self.port), *tls, *arguments]

    def run(self, name: str, *arguments: str, version: str = "mqttv5") -> subprocess.CompletedProcess[str]:
        command = self.command(name, "-V", version, *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=SOON, check=False)

    def publish(self, *arguments: str, version: str = "mqttv5") -> subprocess.CompletedProcess[str]:
        return self.run("mosquitto_pub", "-i", "gw-07-events", "-d", *arguments, version=version)


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    """A test's own, since one of them replaces a certificate."""
    return make_pki(tmp_path / "pki", thing="gw-07")


@pytest.fixture
def config(config: StandinConfig) -> StandinConfig:
    return replace(config, observer="watcher")


@pytest.fixture
def clients(standin: StandinThread, pki: PkiPaths) -> Clients:
    return Clients(pki, standin.port)


def test_a_publish_is_received_and_written_down(standin: StandinThread, clients: Clients) -> None:
    told = clients.publish(
        "-t", EVENTS, "-m", "[1]", "-q", "1", "-D", "publish", "content-type", "application/json"
    )

    (entry,) = read_ledger(standin.config.ledger_file)
    assert told.returncode == 0, told.stderr
    assert (entry.client, entry.topic, entry.payload) == ("gw-07-events", EVENTS, b"[1]")
    assert (entry.content_type, entry.puback) == ("application/json", 16)


def test_a_watcher_hears_what_a_gateway_publishes(clients: Clients, standin: StandinThread) -> None:
    command = clients.command(
        "mosquitto_sub", "-V", "mqttv5", "-i", "watcher", "-q", "1", "-t", "floor/#", "-C", "2"
    )
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher,
        standin.control() as control,
    ):
        try:
            wait_until(lambda: control.status()["subscriptions"].get("watcher") == ["floor/#"])
            clients.publish("-t", EVENTS, "-m", "event", "-q", "1")
            clients.publish("-t", STATUS, "-m", "online", "-q", "1", "-r")
            heard, _ = watcher.communicate(timeout=SOON)
        finally:
            watcher.kill()

    assert heard == "event\nonline\n"


def test_the_status_is_retained(clients: Clients) -> None:
    clients.publish("-t", STATUS, "-m", "online", "-q", "1", "-r")

    heard = clients.run("mosquitto_sub", "-i", "watcher", "-t", STATUS, "-C", "1")

    assert heard.stdout == "online\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-t", "floor/lab/gw-08/ev/batch", "-m", "x", "-q", "1"], "RC:135"),
        (["-t", "floor/lab/gw-07/1/2/3/4/5/6", "-m", "x", "-q", "1"], "RC:144"),
        (["-t", EVENTS, "-m", "x", "-q", "1", "-r"], "RC:135"),
    ],
    ids=["another thing", "too deep", "retained elsewhere"],
)
def test_what_is_refused_is_told_with_its_reason(clients: Clients, arguments: list[str], reason: str) -> None:
    told = clients.publish(*arguments)

    assert reason in told.stdout


def test_another_client_id_is_not_authorised(clients: Clients) -> None:
    told = clients.run("mosquitto_pub", "-i", "gw-08-events", "-t", EVENTS, "-m", "x", "-q", "1")

    assert told.returncode != 0
    assert "Not authorized" in told.stderr


def test_qos_2_is_not_spoken(clients: Clients, standin: StandinThread) -> None:
    told = clients.publish("-t", EVENTS, "-m", "x", "-q", "2")

    assert "QoS not supported" in told.stderr
    assert list(read_ledger(standin.config.ledger_file)) == []


def test_an_mqtt_3_1_1_client_understands_why_it_is_refused(clients: Clients) -> None:
    told = clients.publish("-t", EVENTS, "-m", "x", "-q", "1", version="mqttv311")

    assert told.returncode != 0
    assert "unacceptable protocol version" in told.stderr


def test_a_foreign_certificate_is_refused(clients: Clients, standin: StandinThread) -> None:
    issue(make_ca("Somebody else"), "gw-07").write(clients.pki.device_certificate, clients.pki.device_key)

    told = clients.publish("-t", EVENTS, "-m", "x", "-q", "1")

    assert told.returncode != 0
    assert list(read_ledger(standin.config.ledger_file)) == []
