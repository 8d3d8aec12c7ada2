"""A bundle helps whoever gets it, and holds no key, no card and no password, wherever they were."""

from __future__ import annotations

import base64
import io
import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from edge_agent.agent.bundle import make_bundle, write_private
from edge_agent.agent.errands import answer_log
from edge_agent.credentials.dev_pki import PkiPaths, make_pki
from edge_agent.desk import Desk, desk_path
from edge_agent.events import ClockQuality, ClockReading, EventBody, Observation, seal
from edge_agent.events.agent import LineCaptured, LineDown, WireFrame
from edge_agent.events.table import VendorEvent
from edge_agent.health import write_status
from edge_agent.journal import open_journal
from edge_agent.logs import set_up_logs
from edge_agent.settings import LogSettings, Settings
from edge_agent.testing.patience import Stopwatch

PIN, PROXY_PASSWORD, OPTION = "8264-7719-pin", "proxy-pass-word-9", "vendor-api-key-3f9a"
CARD, TRACK_2 = "4111111111111111", ";4111111111111111=29121010000000000000?"
PLAYER = "P-7700123"
CLOCK = ClockReading(1_749_630_663.0, 5_021.5, "boot", ClockQuality.SYNCHRONISED)


class Gateway:
    """A gateway with secrets in every place they could be."""

    def __init__(self, folder: Path, pki: PkiPaths) -> None:
        self.state = folder / "state"
        (self.state / "status").mkdir(parents=True)
        self.pki = pki
        self.secrets = [PIN, PROXY_PASSWORD, OPTION, CARD, TRACK_2, PLAYER]
        key = pki.device_key.read_text()
        self.secrets += [line for line in key.splitlines() if not line.startswith("-----")]
        self.secrets.append(base64.b64encode(PIN.encode()).decode())
        (folder / "pin").write_text(PIN)
        (folder / "proxy").write_text(f"user:{PROXY_PASSWORD}")
        self.settings = Settings.model_validate(
            {
                "site": "lab",
                "gateway": "gw-07",
                "state": self.state,
                "lines": [
                    {
                        "name": "uart-1",
                        "subject": CARD,
                        "port": "/dev/ttyS1",
                        "driver": "vendor",
                        "options": {"api_key": OPTION},
                    }
                ],
                "uplink": {
                    "endpoint": "a1b2c3d4e5-ats.iot.eu-west-1.amazonaws.com",
                    "ca": pki.ca,
                    "certificate": pki.device_certificate,
                    "key": pki.device_key,
                    "proxy": "http://proxy.example:3128",
                    "proxy_credentials": folder / "proxy",
                },
            }
        )
        self.free_text = f"http://user:{PROXY_PASSWORD}@proxy:3128 said 407 to {CARD}"

    def write(self) -> None:
        lines = {
            "uart-2": {"device": CARD, "state": "silent"},
            "uart-1": {
                "device": "slot-1001",
                "state": "polling",
                "last_event": f"card {CARD}",
                "unknown_codes": {"x": 1},
            },
        }
        write_status(self.state / "status" / "collector.json", {"lines": lines, "journal": {"head": 3}})
        write_status(
            self.state / "status" / "forwarder.json",
            {"depth": 3, "last_reason": self.free_text, "refused": {"0x87": 1}},
        )
        with open_journal(self.settings.journal_path, role="collect", housekeeping=False) as journal:
            journal.append([_sealed(body) for body in self.bodies()])

    def bodies(self) -> list[EventBody]:
        return [
            LineDown(line="slot-1001", reason=f"track {TRACK_2}"),
            VendorEvent(
                serial="W77", boot=2, device_sequence=7, code="CARD.IN", unlisted={"id": PLAYER, "pan": CARD}
            ),
            VendorEvent(serial="W77", boot=2, device_sequence=8, code="CARD.IN", unlisted={"id": PLAYER}),
            LineCaptured(
                line="uart-1",
                id=CARD,
                piece=0,
                last=True,
                cut=False,
                frames=(
                    WireFrame(at=0.012, direction="sent", size=4, data="ff 00 01 1a"),
                    WireFrame(at=0.031, direction="heard", size=12, data=None),
                ),
            ),
        ]


def _sealed(body: EventBody) -> bytes:
    return seal(Observation("slot-1001", 5_021.0, body), CLOCK, "/floor/lab/gw-07")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), thing="gw-07")


@pytest.fixture
def gateway(tmp_path: Path, pki: PkiPaths) -> Gateway:
    gateway = Gateway(tmp_path, pki)
    gateway.write()
    return gateway


@pytest.fixture
def logs() -> Iterator[structlog.typing.FilteringBoundLogger]:
    before = structlog.get_config()
    set_up_logs(LogSettings(form="json"))
    yield structlog.get_logger()
    structlog.configure(**before)


def opened(bundle: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_no_secret_is_in_a_bundle_wherever_it_was(
    gateway: Gateway, logs: structlog.typing.FilteringBoundLogger
) -> None:
    logs.warning("not connected", reason=gateway.free_text, track=TRACK_2)
    logs.debug("heard", data=PLAYER.encode())

    with Desk(desk_path(gateway.state), {"log": answer_log}):
        parts = opened(make_bundle(gateway.settings))

    assert "not connected" in parts["log/collector.jsonl"]
    assert "not connected" in parts["log/this-process.jsonl"]
    for name, text in parts.items():
        for secret in (*gateway.secrets, PLAYER.encode().hex(" ")):
            assert secret not in text, name
        assert "PRIVATE KEY" not in text, name


def test_the_bundle_itself_holds_none_of_them_uncompressed_either(gateway: Gateway) -> None:
    bundle = make_bundle(gateway.settings)

    for secret in gateway.secrets:
        assert secret.encode() not in bundle


def test_a_bundle_says_what_helps(gateway: Gateway) -> None:
    parts = {
        name: json.loads(text)
        for name, text in opened(make_bundle(gateway.settings)).items()
        if name.endswith(".json")
    }

    assert parts["manifest.json"]["gateway"] == "gw-07"
    assert parts["configuration.json"]["uplink"]["key"] == f"…/{gateway.pki.device_key.name}"
    assert parts["configuration.json"]["lines"][0]["options"] == {"api_key": "(withheld)"}
    assert parts["journal.json"]["types"] == {
        "floor.line.captured": 1,
        "floor.line.down": 1,
        "floor.table.vendor_event": 2,
    }
    assert parts["journal.json"]["waiting"] == 4
    assert parts["certificates.json"]["in_use"][0]["subject"] == "gw-07"
    assert "pydantic" in parts["versions.json"]["packages"]
    assert parts["status/forwarder.json"]["refused"] == {"0x87": 1}
    assert parts["report.json"]["lines"]["slot-1001"]


def test_a_bundle_has_the_last_captures_as_they_were_taken(gateway: Gateway) -> None:
    """What is confidential was left out when the line was recorded; the command's id may be anything."""
    (capture,) = opened(make_bundle(gateway.settings))["captures.jsonl"].splitlines()

    frames = json.loads(capture)["data"]["frames"]
    assert [frame["data"] for frame in frames] == ["ff 00 01 1a", None]


def test_a_gateway_on_which_nothing_runs_and_nothing_is_has_a_bundle(tmp_path: Path) -> None:
    settings = Settings.model_validate({"site": "lab", "gateway": "gw-07", "state": tmp_path / "nowhere"})

    parts = opened(make_bundle(settings))

    assert "does not exist" in json.loads(parts["journal.json"])["trouble"]
    assert parts["log/collector.jsonl"].startswith("not to be had: the collector does not answer")


def test_a_damaged_journal_is_told_and_not_repaired(gateway: Gateway) -> None:
    head = gateway.settings.journal_path / "head"
    head.write_bytes(b"no journal at all, but long enough to be read" * 100)

    parts = opened(make_bundle(gateway.settings))

    assert json.loads(parts["journal.json"])["trouble"]


def test_a_bundle_keeps_to_its_size(gateway: Gateway) -> None:
    assert len(make_bundle(gateway.settings, most_bytes=4000)) <= 4000


def test_the_file_is_private_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"

    write_private(path, b"first")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_private(path, b"second")
    assert path.read_bytes() == b"first"


def test_making_one_takes_a_moment_with_a_full_journal(gateway: Gateway) -> None:
    with open_journal(gateway.settings.journal_path, role="collect", housekeeping=False) as journal:
        for _ in range(20):
            journal.append([_sealed(LineDown(line="slot-1001", reason="x"))] * 1000)

    watch = Stopwatch()
    parts = opened(make_bundle(gateway.settings))

    assert json.loads(parts["journal.json"])["types"]["floor.line.down"] == 10_000
    assert watch.look() < 10
