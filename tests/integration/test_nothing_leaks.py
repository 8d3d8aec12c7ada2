"""What must stay on the gateway is searched for wherever the running agent puts anything.

A card reader and a shuffler say what they should not, at the most talkative log level, over the real
processes; then every file of the state folder and everything printed is searched.
"""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from edge_agent.credentials.dev_pki import PkiPaths, make_pki
from edge_agent.health import read_status
from edge_agent.logs import set_up_logs
from edge_agent.settings import LogSettings
from edge_agent.standin import StandinConfig, StandinThread, read_ledger
from edge_agent.tdl1.frame import encode
from edge_agent.tdl1.messages import Kind, Message
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from edge_agent.testing.proxy import ConnectProxy

pytestmark = pytest.mark.integration

TRACK = "4929130871240011"
PASSWORD = "proxy-password-of-the-floor"  # noqa: S105  of this test's own proxy
ORDER = "AH KD 2C 9S 4D 7H"

SETTINGS = """
site: lab
gateway: gw-07
state: {state}
lines: [{{name: reader, port: {port}, driver: tdl1}}]
uplink:
  endpoint: broker.example
  port: 443
  proxy: {proxy}
  proxy_credentials: {credentials}
  ca: {pki.ca}
  certificate: {pki.device_certificate}
  key: {pki.device_key}
log: {{form: json, level: debug}}
"""


def message(sequence: int, kind: Kind, what: str, **values: str) -> bytes:
    return encode(Message(1, sequence, kind, what, values))


BOOT = message(
    0, Kind.HEARTBEAT, "DEV.BOOT", dev="CRD", mfr="ACME", model="R1", sn="A1234", fw="1.0.0", boot="17"
)
SAID = [
    message(1, Kind.EVENT, "CRD.IN", trk2=TRACK),
    message(2, Kind.EVENT, "SHF.DONE", order=ORDER, cnt="52"),
    message(3, Kind.EVENT, "DEV.FAULT", code="F1", txt=f"deck was {ORDER}"),
]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), thing="gw-07", server_names=["broker.example"])


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    device, line = os.openpty()
    tty.setraw(line)
    yield device, os.ttyname(line)
    os.close(device)
    os.close(line)


def secrets_of(pki: PkiPaths) -> list[bytes]:
    """What may be found nowhere: of the key, a line that is in no certificate."""
    key = pki.device_key.read_text(encoding="ascii").splitlines()
    return [TRACK.encode(), PASSWORD.encode(), b"AH KD", key[1].encode()]


def test_cards_keys_and_passwords_are_found_nowhere(
    tmp_path: Path, pki: PkiPaths, config: StandinConfig, terminal: tuple[int, str]
) -> None:
    device, port = terminal
    credentials, state = tmp_path / "proxy", tmp_path / "state"
    credentials.touch(mode=0o600)
    credentials.write_text(f"gw-07:{PASSWORD}\n", encoding="utf-8")
    with (
        StandinThread(config) as standin,
        ConnectProxy({("broker.example", 443): standin.port}, credentials=f"gw-07:{PASSWORD}") as proxy,
    ):
        settings = tmp_path / "agent.yaml"
        settings.write_text(
            SETTINGS.format(state=state, port=port, proxy=proxy.url, credentials=credentials, pki=pki)
        )
        with running(settings, "collect") as collector, running(settings, "forward") as forwarder:

            def all_is_delivered() -> bool:
                os.write(device, BOOT + b"".join(SAID))  # a device repeats what was not acknowledged
                forwarding = read_status(state / "status" / "forwarder.json")
                delivered = [entry.payload for entry in read_ledger(config.ledger_file)]
                return b"dropped_keys" in plain(delivered) and forwarding.get("depth") == 0

            wait_until(all_is_delivered)
            printed = stop(collector) + stop(forwarder)
        published = plain([entry.payload for entry in read_ledger(config.ledger_file)])
        topics = [entry.topic.encode() for entry in read_ledger(config.ledger_file)]

    places = {
        "logs": printed,
        "events": published,
        "topics": b"\n".join(topics),
        **{str(path): path.read_bytes() for path in state.rglob("*") if path.is_file()},
    }
    assert len(places) > 5
    assert b"CRD.IN" in published or b"crd" in published.lower()
    for secret in secrets_of(pki):
        assert [where for where, text in places.items() if secret in text] == []


def plain(payloads: list[bytes]) -> bytes:
    """Everything published, decompressed."""
    return b"\n".join(gzip.decompress(one) if one[:2] == b"\x1f\x8b" else one for one in payloads)


class running:  # noqa: N801  reads as a statement
    """A process of the agent, killed at the end."""

    def __init__(self, settings: Path, verb: str) -> None:
        self._arguments = [sys.executable, "-m", "edge_agent", verb, "--config", str(settings)]

    def __enter__(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(self._arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def stop(process: subprocess.Popen[bytes]) -> bytes:
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return out


def fail(held: str) -> None:
    raise RuntimeError(len(held))


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_fault_shows_where_it_was_and_nothing_that_was_held(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tracebacks with local variables would print keys and cards."""
    set_up_logs(LogSettings.model_validate({"form": form}))

    try:
        fail(PASSWORD)
    except RuntimeError:
        structlog.get_logger().exception("fault")

    printed = capsys.readouterr().err
    assert "RuntimeError" in printed
    assert PASSWORD not in printed
