"""Enrolling and rotating from the command line, over TLS, with the documents that gateways get."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge_agent.agent.forwarding import forward_until
from edge_agent.agent.sources import FileSource
from edge_agent.agent.uplinks import make_uplink
from edge_agent.agent.wishes import Wishes
from edge_agent.cli import main
from edge_agent.credentials.certificate import read_certificates
from edge_agent.credentials.dev_pki import Validity, issue, make_ca, make_pki
from edge_agent.credentials.identity import Generation, IdentityStore
from edge_agent.credentials.issuing import IssuingAuthority
from edge_agent.health import read_status
from edge_agent.journal import open_journal
from edge_agent.settings import Settings, load_settings
from edge_agent.standin import StandinConfig, StandinControl, StandinThread, Template, read_ledger
from edge_agent.testing import patience
from edge_agent.testing.patience import PATIENCE_SECONDS, seconds_until_end
from edge_agent.testing.proxy import ConnectProxy
from edge_agent.testing.service_manager import ServiceManager
from edge_agent.testing.softhsm import softhsm, softhsm_library
from edge_agent.uplink.base import Message

pytestmark = pytest.mark.integration

# An answer that does not come is waited for no longer than this.
SHORT = ("--set", "uplink.ack_timeout_seconds=3", "--set", "uplink.ack_watchdog_seconds=2")


SETTINGS = """
site: harbour
gateway: gw-07
state: {state}
uplink:
  endpoint: localhost
  port: {port}
  ca: {ca}
  identity: {folder}/identity
  enrolment:
    template: edge-agent-enrol
    claim_certificate: {folder}/claim.pem
    claim_key: {folder}/claim.key
    serial_number: SN-7
log: {{form: json}}
"""


@dataclass(frozen=True)
class Gateway:
    """A gateway that was just unpacked, and the cloud."""

    folder: Path
    standin: StandinThread
    control: StandinControl

    @property
    def config(self) -> str:
        return str(self.folder / "agent.yaml")

    @property
    def claim_key(self) -> Path:
        return self.folder / "claim.key"

    @property
    def store(self) -> IdentityStore:
        return IdentityStore(self.folder / "identity")

    def certs(self, *arguments: str) -> int:
        return main(["certs", arguments[0], "--config", self.config, *arguments[1:]])

    def known(self) -> dict[str, str]:
        """The status of each certificate of this thing."""
        return {one["id"]: one["status"] for one in self.control.certificates() if one["thing"] == "gw-07"}

    def current_id(self) -> str:
        current = self.store.current()
        assert current is not None
        return read_certificates("current", current.certificate)[0].fingerprint

    def events(self) -> list[Mapping[str, Any]]:
        """What the cloud has of this gateway."""
        return [
            event
            for entry in read_ledger(self.standin.config.ledger_file)
            if "/ev/" in entry.topic
            for event in events_of(gzip.decompress(entry.payload) if entry.encoding else entry.payload)
        ]

    def types(self) -> list[str]:
        """Their types."""
        return [str(event["type"]) for event in self.events()]


def events_of(payload: bytes) -> list[Mapping[str, Any]]:
    """Those of a batch, or the one that travels alone."""
    found = json.loads(payload)
    return found if isinstance(found, list) else [found]


ROTATION_ONLY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "iot:Connect",
            "Resource": "arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}-rotation",
        },
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:*:*:topic/floor/*"},
    ],
}


@pytest.fixture
def rotated_policy() -> str:
    """What the rotation template attaches to a new certificate."""
    return "forwarder"


@pytest.fixture
def once() -> bool:
    """Whether the allow-list lets a serial number pass once, as the shipped hook does."""
    return False


@pytest.fixture
def gateway(tmp_path: Path, rotated_policy: str, *, once: bool) -> Iterator[Gateway]:
    pki = make_pki(tmp_path / "pki", thing="server-only", days=30)
    claim = IssuingAuthority.load_or_make(tmp_path / "standin" / "issuing").issue_claim("claim")
    folder = tmp_path / "gateway"
    folder.mkdir(mode=0o700)
    claim.write(folder / "claim.pem", folder / "claim.key")
    config = StandinConfig(
        state=tmp_path / "standin",
        ca=pki.ca,
        certificate=pki.server_certificate,
        key=pki.server_key,
        things={},
        templates=(
            Template("edge-agent-enrol", serials={"SN-7": "gw-07"}, once=once, policies=("forwarder",)),
            Template("edge-agent-rotate", policies=(rotated_policy,)),
        ),
        policies={"rotation-only": tmp_path / "rotation-only.json"},
        claims=(folder / "claim.pem",),
    )
    (tmp_path / "rotation-only.json").write_text(json.dumps(ROTATION_ONLY))
    with StandinThread(config) as standin, standin.control() as control:
        (folder / "agent.yaml").write_text(
            SETTINGS.format(state=folder / "state", port=standin.port, ca=pki.ca, folder=folder)
        )
        yield Gateway(folder, standin, control)


def test_a_gateway_enrols_and_is_known_and_its_claim_key_is_gone(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gateway.certs("enrol") == 0

    assert "enrolled as gw-07" in capsys.readouterr().out
    assert gateway.known() == {gateway.current_id(): "ACTIVE"}
    assert not gateway.claim_key.exists()
    assert gateway.certs("check") == 0
    (proof,) = [e for e in read_ledger(gateway.standin.config.ledger_file) if e.client == "gw-07-rotation"]
    assert proof.topic == "floor/harbour/gw-07/status"


@pytest.mark.parametrize(
    ("arguments", "complaint", "mend"),
    [
        (["--set", "uplink.enrolment.serial_number=SN-8"], "is rejected: 403", "serial number SN-8"),
        (["--set", "uplink.enrolment.template=other"], "does not let enrol-SN-7", "policy"),
        (["--set", "uplink.endpoint=127.0.0.2"], "connection is refused", "uplink.port"),
    ],
    ids=["serial", "template", "endpoint"],
)
def test_a_refusal_is_one_line(
    gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
    mend: str,
) -> None:
    assert gateway.certs("enrol", *arguments) == 7

    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("edge-agent: ")]
    assert len(told) == 1
    assert complaint in told[0]
    assert mend in told[0]
    assert gateway.store.current() is None
    assert gateway.claim_key.exists()


def test_a_claim_that_was_withdrawn_is_told(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    claim = read_certificates("claim", gateway.folder / "claim.pem")[0]
    gateway.control.deactivate(claim.fingerprint)

    assert gateway.certs("enrol") == 7

    assert "check that its certificate is active" in capsys.readouterr().err


def test_a_gateway_enrols_through_a_proxy(gateway: Gateway) -> None:
    port = gateway.standin.port
    with ConnectProxy({("localhost", port): port}) as proxy:
        assert gateway.certs("enrol", "--set", f"uplink.proxy={proxy.url}") == 0

        assert set(proxy.requests) == {f"CONNECT localhost:{port} HTTP/1.1"}


def test_an_expired_claim_is_told_before_anything_is_asked(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    expired = issue(make_ca(), "claim", validity=Validity.expired())
    expired.write(gateway.folder / "claim.pem", gateway.claim_key)

    assert gateway.certs("enrol") == 3

    assert "claim.pem expired on" in capsys.readouterr().err
    assert not gateway.store.generations()


@pytest.mark.parametrize("once", [True])
def test_no_answer_is_told_and_a_second_run_goes_on(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.control.drop_answers("provision", following=1)

    assert gateway.certs("enrol", *SHORT) == 7
    assert "no answer on $aws/provisioning-templates/edge-agent-enrol" in capsys.readouterr().err

    assert gateway.certs("enrol") == 0
    assert gateway.known() == {gateway.current_id(): "ACTIVE"}


def test_a_token_that_died_meanwhile_begins_with_a_new_certificate(gateway: Gateway) -> None:
    gateway.control.reject_requests("provision", 500, "InternalError", "later", following=1)
    assert gateway.certs("enrol") == 7
    gateway.control.expire_tokens()

    assert gateway.certs("enrol") == 0
    assert gateway.known() == {gateway.current_id(): "ACTIVE"}


def test_a_claim_key_that_a_power_cut_left_is_wiped(gateway: Gateway) -> None:
    secret = gateway.claim_key.read_bytes()
    gateway.certs("enrol")
    gateway.claim_key.write_bytes(secret)
    gateway.claim_key.chmod(0o600)

    assert gateway.certs("check") == 3
    assert gateway.certs("enrol") == 0
    assert not gateway.claim_key.exists()
    assert gateway.certs("check") == 0


def test_force_enrols_again_though_there_is_an_identity(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = gateway.claim_key.read_bytes()
    gateway.certs("enrol")
    assert gateway.certs("enrol") == 3
    assert "enrolled already, as gw-07" in capsys.readouterr().err
    assert gateway.certs("enrol", "--force") == 3
    assert "it is wiped once a gateway is enrolled — put it there again" in capsys.readouterr().err
    gateway.claim_key.write_bytes(secret)
    gateway.claim_key.chmod(0o600)

    assert gateway.certs("enrol", "--force") == 0
    assert gateway.store.version() == "000002"


@pytest.mark.skipif(softhsm_library() is None, reason="needs SoftHSM (apt install softhsm2)")
def test_a_key_in_a_token_is_enrolled_and_rotated_and_never_leaves_it(gateway: Gateway) -> None:
    with softhsm(gateway.folder / "hsm") as token:
        document = json.dumps(token.model_dump(mode="json"))
        arguments = ("--set", f"uplink.token={document}")

        assert gateway.certs("enrol", *arguments) == 0
        first = gateway.current_id()
        assert gateway.certs("check", *arguments) == 0
        assert gateway.certs("rotate", *arguments) == 0

        assert gateway.known() == {first: "ACTIVE", gateway.current_id(): "ACTIVE"}
        for generation in gateway.store.generations():
            assert asyncio.run(publish_with(by_hand(gateway, generation, document))) == 0x10
    assert not list(gateway.folder.rglob("device.key"))


def by_hand(gateway: Gateway, generation: Generation, token: str) -> Settings:
    """Settings that name a generation's certificate and its key in the token, without a store."""
    overrides = [
        "uplink.identity=null",
        "uplink.enrolment=null",
        f"uplink.certificate={generation.certificate}",
        f"uplink.token={token}",
        f"uplink.token.key_label={generation.key_label()}",
    ]
    return load_settings(Path(gateway.config), overrides=overrides)


async def publish_with(settings: Settings) -> int:
    """Publish over the forwarder's own uplink, each time a new client in this process."""
    uplink = make_uplink(settings, lambda: b"{}", None)
    await uplink.start()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await uplink.wait_connected()
            return (await uplink.publish(Message(settings.events_topic, b"[]"))).reason_code
    finally:
        await uplink.stop()


class Processes:
    """The gateway's two roles."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._running: dict[str, subprocess.Popen[str]] = {}
        self.seconds_to_stop = 0.0  # of the last that was

    def start(self, role: str) -> None:
        self._running[role] = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", role, "--config", self._gateway.config],
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self, role: str) -> tuple[int, str]:
        process = self._running.pop(role)
        process.terminate()
        self.seconds_to_stop = seconds_until_end(process)
        _out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, err

    def close(self) -> None:
        for process in self._running.values():
            process.kill()
            process.communicate()


@pytest.fixture
def processes(gateway: Gateway) -> Iterator[Processes]:
    processes = Processes(gateway)
    yield processes
    processes.close()


def wait_until(true: Callable[[], object], what: str) -> None:
    patience.wait_until(true, PATIENCE_SECONDS, lambda: what)


def test_the_forwarder_enrols_delivers_and_takes_up_a_rotated_identity(
    gateway: Gateway, processes: Processes
) -> None:
    """From unpacking to a renewed identity, with both processes running throughout."""
    processes.start("collect")
    processes.start("forward")
    wait_until(lambda: "floor.agent.started" in gateway.types(), "the first event arrives")
    first = gateway.current_id()
    assert not gateway.claim_key.exists()

    assert gateway.certs("rotate") == 0
    assert gateway.known() == {first: "ACTIVE", gateway.current_id(): "ACTIVE"}

    def rotated() -> list[Mapping[str, Any]]:
        return [event for event in gateway.events() if event["type"] == "floor.agent.certificate_rotated"]

    wait_until(rotated, "the rotation is told")
    (told,) = rotated()
    assert told["data"]["old_certificate_id"] == first
    assert told["data"]["new_certificate_id"] == gateway.current_id()
    wait_until(lambda: [one.name for one in gateway.store.generations()] == ["000002"], "the old key is gone")
    assert gateway.control.status()["clients"] == ["gw-07-events"]
    wait_until(lambda: "floor.agent.certificate_expiring" in gateway.types(), "the root will end in 30 days")
    code, log = processes.stop("forward")
    assert code == 0
    assert "Traceback" not in log
    assert processes.stop("collect")[0] == 0


@contextmanager
def forwarding(gateway: Gateway) -> Iterator[Wishes]:
    """The forwarder in a thread of this process, with a journal that holds nothing."""
    with open_journal(gateway.folder / "state" / "journal", role="collect"):
        pass
    wishes = Wishes()
    source = FileSource(Path(gateway.config))
    forwarder = threading.Thread(target=forward_until, args=(source, wishes), name="forwarder")
    forwarder.start()
    try:
        yield wishes
    finally:
        wishes.stop()
        forwarder.join(PATIENCE_SECONDS)
    assert not forwarder.is_alive()


def forwards(gateway: Gateway) -> bool:
    return bool(gateway.control.status()["clients"] == ["gw-07-events"])


@pytest.mark.parametrize("rotated_policy", ["rotation-only"])
def test_an_identity_that_cannot_forward_is_taken_back(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rotation's own sessions are allowed, the forwarder's is not: only it can find that out."""
    monkeypatch.setattr("edge_agent.credentials.handover.TRIAL_SECONDS", 2.0)
    gateway.certs("enrol")
    first = gateway.current_id()
    with forwarding(gateway):
        wait_until(lambda: forwards(gateway), "it forwards")
        assert gateway.certs("rotate") == 0
        assert gateway.store.version() == "000002"

        wait_until(lambda: gateway.store.version() == "000001", "the old identity is current again")
        wait_until(lambda: forwards(gateway), "it forwards again")

    assert gateway.current_id() == first


def test_a_forwarder_enrols_as_soon_as_the_cloud_lets_it(gateway: Gateway) -> None:
    gateway.control.reject_requests("provision", 403, "AccessDenied", "not on the list", following=1)

    with forwarding(gateway):
        wait_until(lambda: forwards(gateway), "it forwards")

    assert gateway.known() == {gateway.current_id(): "ACTIVE"}
    assert not gateway.claim_key.exists()


def test_settings_that_mend_an_enrolment_are_heeded_while_it_is_refused(gateway: Gateway) -> None:
    """A deployment is the only way to a gateway under Greengrass, which starts no component again for it."""
    file = Path(gateway.config)
    right = file.read_text()
    file.write_text(right.replace("SN-7", "SN-8"))
    status = gateway.folder / "state" / "status" / "forwarder.json"

    with forwarding(gateway) as wishes:
        wait_until(lambda: "403" in read_status(status).get("last_reason", ""), "it is refused")
        file.write_text(right)
        wishes.read_again()
        wait_until(lambda: forwards(gateway), "it forwards")

    assert gateway.known() == {gateway.current_id(): "ACTIVE"}


def test_a_forwarder_that_cannot_enrol_yet_counts_as_started(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A boot waits for its services; it must not wait for somebody to put us on a list."""
    gateway.control.reject_requests("provision", 403, "AccessDenied", "not on the list", following=1000)
    with ServiceManager(tmp_path / "notify") as manager:
        for name, value in manager.environment().items():
            monkeypatch.setenv(name, value)
        with forwarding(gateway) as wishes:
            ready = manager.wait_for("READY", PATIENCE_SECONDS)
            wishes.read_again()
            manager.wait_for("RELOADING", PATIENCE_SECONDS)
            manager.wait_for("READY", PATIENCE_SECONDS)
            manager.wait_for("WATCHDOG", PATIENCE_SECONDS)

        assert "not on the list" in ready["STATUS"]
        manager.wait_for("STOPPING", PATIENCE_SECONDS)


def test_a_forwarder_that_cannot_enrol_goes_on_trying_and_stops_when_asked(
    gateway: Gateway, processes: Processes
) -> None:
    gateway.control.reject_requests("provision", 403, "AccessDenied", "not on the list", following=1000)
    processes.start("forward")
    status = gateway.folder / "state" / "status" / "forwarder.json"
    wait_until(lambda: "not on the list" in read_status(status).get("last_reason", ""), "it says why not")

    code, log = processes.stop("forward")

    assert processes.seconds_to_stop < 5.0
    assert code == 0
    assert "not enrolled yet" in log
    assert "not on the list" in log
