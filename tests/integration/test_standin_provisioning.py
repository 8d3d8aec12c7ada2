"""Fleet provisioning with the client we ship: a claim becomes a gateway, and a gateway renews itself."""

from __future__ import annotations

import json
import queue
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from awscrt import mqtt5
from awsiot import mqtt5_client_builder
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from edge_agent.credentials.dev_pki import PkiPaths, write_private
from edge_agent.credentials.issuing import IssuingAuthority
from edge_agent.standin import StandinConfig, StandinControl, StandinThread, Template
from edge_agent.standin.templates import shipped_blueprint
from edge_agent.testing.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.integration

CREATE = "$aws/certificates/create-from-csr/json"
ENROL = "$aws/provisioning-templates/edge-agent-enrol/provision/json"
ROTATE = "$aws/provisioning-templates/edge-agent-rotate/provision/json"
SOON = PATIENCE_SECONDS


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


@pytest.fixture
def claim(tmp_path: Path) -> Pair:
    pair = Pair(tmp_path / "claim.pem", tmp_path / "claim.key")
    authority = IssuingAuthority.load_or_make(tmp_path / "standin" / "issuing")
    authority.issue_claim("claim").write(pair.certificate, pair.key)
    return pair


@pytest.fixture
def config(config: StandinConfig, claim: Pair) -> StandinConfig:
    return replace(
        config,
        things={},
        templates=(
            Template(
                "edge-agent-enrol",
                serials={"SN-8": "gw-08"},
                blueprint=shipped_blueprint("edge-agent-enrol"),
            ),
            Template("edge-agent-rotate", blueprint=shipped_blueprint("edge-agent-rotate")),
        ),
        claims=(claim.certificate,),
    )


@dataclass
class Client:
    """An awscrt client that asks and hears answers."""

    client: Any
    heard: queue.SimpleQueue[Any]
    disconnected: queue.SimpleQueue[Any]

    def subscribe(self, topic: str) -> list[int]:
        filters = [
            mqtt5.Subscription(f"{topic}/{verdict}", qos=mqtt5.QoS.AT_LEAST_ONCE)
            for verdict in ("accepted", "rejected")
        ]
        suback = self.client.subscribe(mqtt5.SubscribePacket(filters)).result(SOON)
        return [int(code) for code in suback.reason_codes]

    def publish(self, topic: str, document: Any) -> int:
        packet = mqtt5.PublishPacket(
            topic=topic, payload=json.dumps(document).encode(), qos=mqtt5.QoS.AT_LEAST_ONCE
        )
        return int(self.client.publish(packet).result(SOON).puback.reason_code)

    def answer(self) -> tuple[str, dict[str, Any]]:
        packet = self.heard.get(timeout=SOON).publish_packet
        return packet.topic.rpartition("/")[2], json.loads(packet.payload)

    def ask(self, topic: str, document: Any) -> tuple[str, dict[str, Any]]:
        assert self.subscribe(topic) == [1, 1]
        assert self.publish(topic, document) == 0
        return self.answer()


@contextmanager
def started(pki: PkiPaths, port: int, pair: Pair, client_id: str) -> Iterator[tuple[Client, Any, Any]]:
    queues: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in range(5)]
    client = mqtt5_client_builder.mtls_from_path(
        cert_filepath=str(pair.certificate),
        pri_key_filepath=str(pair.key),
        ca_filepath=str(pki.ca),
        endpoint="localhost",
        port=port,
        client_id=client_id,
        enable_metrics_collection=False,
        session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
        keep_alive_interval_sec=40,
        min_reconnect_delay_ms=200,
        max_reconnect_delay_ms=400,
        on_lifecycle_connection_success=queues[0].put,
        on_lifecycle_connection_failure=queues[1].put,
        on_lifecycle_disconnection=queues[2].put,
        on_publish_received=queues[3].put,
        on_lifecycle_stopped=queues[4].put,
    )
    client.start()
    try:
        yield Client(client, queues[3], queues[2]), queues[0], queues[1]
    finally:
        client.stop()
        queues[4].get(timeout=SOON)


@contextmanager
def connected(pki: PkiPaths, port: int, pair: Pair, client_id: str) -> Iterator[Client]:
    with started(pki, port, pair, client_id) as (client, success, _):
        success.get(timeout=SOON)
        yield client


def request(folder: Path, name: str) -> tuple[Path, str]:
    """A key of our own and the request for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = folder / f"{name}.key"
    write_private(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return file, csr.public_bytes(Encoding.PEM).decode()


def provision(client: Client, folder: Path, topic: str, name: str = "gw-08") -> tuple[Pair, str]:
    """What an agent does to get a certificate; the pair and its id."""
    key, csr = request(folder, name)
    verdict, created = client.ask(CREATE, {"certificateSigningRequest": csr})
    assert verdict == "accepted", created
    certificate = key.with_suffix(".pem")
    certificate.write_text(created["certificatePem"])
    parameters = {"SerialNumber": "SN-8", "Site": "lab", "Thing": "gw-08"}
    verdict, registered = client.ask(
        topic, {"certificateOwnershipToken": created["certificateOwnershipToken"], "parameters": parameters}
    )
    assert (verdict, registered) == ("accepted", {"deviceConfiguration": {}, "thingName": "gw-08"})
    return Pair(certificate, key), created["certificateId"]


def test_a_claim_becomes_a_gateway_that_renews_itself(
    config: StandinConfig, pki: PkiPaths, claim: Pair, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    with StandinThread(config) as standin, standin.control() as control:
        with connected(pki, standin.port, claim, "enrol-SN-8") as client:
            first, first_id = provision(client, tmp_path, ENROL)
        with connected(pki, standin.port, first, "gw-08-rotation") as client:
            accepted = client.publish("floor/lab/gw-08/status", {"state": "proving"})
            second, second_id = provision(client, tmp_path / "second", ROTATE)
        with connected(pki, standin.port, second, "gw-08-rotation") as client:
            proven = client.publish("floor/lab/gw-08/status", {"state": "proving"})
        known = {one["id"]: (one["status"], one["thing"]) for one in control.certificates()}

    assert (accepted, proven) == (0x10, 0x10)
    assert known[first_id] == known[second_id] == ("ACTIVE", "gw-08")


def test_what_was_issued_counts_after_a_restart(
    config: StandinConfig, pki: PkiPaths, claim: Pair, tmp_path: Path
) -> None:
    with StandinThread(config) as standin, connected(pki, standin.port, claim, "enrol-SN-8") as client:
        pair, _ = provision(client, tmp_path, ENROL)

    with StandinThread(config) as standin, connected(pki, standin.port, pair, "gw-08-events") as client:
        accepted = client.publish("floor/lab/gw-08/status", {})

    assert accepted == 0x10
    modes = {
        file.name: stat.S_IMODE(file.stat().st_mode)
        for file in (*config.issuing_folder.iterdir(), config.registry_file)
    }
    assert modes == {"issuing-ca.key": 0o600, "issuing-ca.pem": 0o600, "registry.json": 0o600}


def test_an_issued_certificate_that_is_not_known_is_hung_up_on(
    config: StandinConfig, pki: PkiPaths, claim: Pair, tmp_path: Path
) -> None:
    with StandinThread(config) as standin, standin.control() as control:
        with connected(pki, standin.port, claim, "enrol-SN-8") as client:
            pair, known_as = provision(client, tmp_path, ENROL)
        control.forget(known_as)
        with started(pki, standin.port, pair, "gw-08-events") as (_, _, failure):
            error = failure.get(timeout=SOON)
        status = control.status()

    assert error.connack_packet is None
    assert status["certificates_refused"] >= 1


def test_a_certificate_deactivated_ends_its_session_and_lets_nobody_in_until_activated(
    config: StandinConfig, pki: PkiPaths, claim: Pair, tmp_path: Path
) -> None:
    with StandinThread(config) as standin, standin.control() as control:
        with connected(pki, standin.port, claim, "enrol-SN-8") as client:
            pair, known_as = provision(client, tmp_path, ENROL)
        with started(pki, standin.port, pair, "gw-08-events") as (client, success, failure):
            success.get(timeout=SOON)
            control.deactivate(known_as[:16])
            told = client.disconnected.get(timeout=SOON).disconnect_packet
            refused = failure.get(timeout=SOON)
            control.activate(known_as)
            success.get(timeout=SOON)

    assert told.reason_code == 0x87
    assert refused.connack_packet is None


def test_a_pending_certificate_lets_nobody_in(
    config: StandinConfig, pki: PkiPaths, claim: Pair, tmp_path: Path
) -> None:
    key, csr = request(tmp_path, "gw-08")
    with StandinThread(config) as standin:
        with connected(pki, standin.port, claim, "enrol-SN-8") as client:
            _, created = client.ask(CREATE, {"certificateSigningRequest": csr})
        (tmp_path / "gw-08.pem").write_text(created["certificatePem"])
        with started(pki, standin.port, Pair(tmp_path / "gw-08.pem", key), "gw-08-events") as (_, _, failure):
            error = failure.get(timeout=SOON)

    assert error.connack_packet is None


def test_a_claim_may_ask_and_nothing_else(config: StandinConfig, pki: PkiPaths, claim: Pair) -> None:
    with (
        StandinThread(config) as standin,
        connected(pki, standin.port, claim, "enrol-SN-8") as client,
    ):
        codes = [
            client.publish(topic, {})
            for topic in (ROTATE, "floor/lab/gw-08/status", "$aws/things/gw-08/shadow/name/x/update")
        ]
        subscribed = client.subscribe(ROTATE)

    assert codes == [0x87] * 3
    assert subscribed == [0x87] * 2


def test_answers_go_wrong_on_request(
    config: StandinConfig, pki: PkiPaths, claim: Pair, tmp_path: Path
) -> None:
    _, csr = request(tmp_path, "gw-08")
    question = {"certificateSigningRequest": csr}
    with (
        StandinThread(config) as standin,
        standin.control() as control,
        connected(pki, standin.port, claim, "enrol-SN-8") as client,
    ):
        control.reject_requests("create-from-csr", 500, "InternalFailure", "on request")
        rejected = client.ask(CREATE, question)
        control.drop_answers("create-from-csr")
        client.publish(CREATE, question)
        control.delay_answers("create-from-csr", 100)
        control.repeat_answers("create-from-csr")
        client.publish(CREATE, question)
        twice = [client.answer(), client.answer()]
        control.clear()
        expired = control.expire_tokens()
        left = control.certificates()

    assert rejected[1]["errorCode"] == "InternalFailure"
    assert twice[0] == twice[1]
    assert expired == 2
    assert [one["policies"] for one in left] == [["claim"]]


def test_tokens_live_as_long_as_they_are_told(
    config: StandinConfig, pki: PkiPaths, claim: Pair, tmp_path: Path
) -> None:
    _, csr = request(tmp_path, "gw-08")
    with (
        StandinThread(replace(config, token_lifetime=0.0)) as standin,
        connected(pki, standin.port, claim, "enrol-SN-8") as client,
    ):
        _, created = client.ask(CREATE, {"certificateSigningRequest": csr})
        token = created["certificateOwnershipToken"]
        verdict, answer = client.ask(
            ENROL,
            {"certificateOwnershipToken": token, "parameters": {"SerialNumber": "SN-8", "Site": "lab"}},
        )

    assert (verdict, answer["errorCode"]) == ("rejected", "InvalidCertificateOwnershipToken")


def test_a_claim_that_was_forgotten_stays_forgotten(
    config: StandinConfig, pki: PkiPaths, claim: Pair
) -> None:
    with StandinThread(config) as standin, standin.control() as control:
        (known,) = control.certificates()
        control.forget(known["id"])
    with (
        StandinThread(config) as standin,
        started(pki, standin.port, claim, "enrol-SN-8") as (_, _, failure),
    ):
        error = failure.get(timeout=SOON)

    assert error.connack_packet is None


def test_a_control_names_certificates_that_exist(config: StandinConfig) -> None:
    with StandinThread(config), StandinControl(config.state) as control:
        (known,) = control.certificates()

        assert (known["thing"], known["status"]) == (None, "ACTIVE")


def test_the_command_makes_a_claim_that_enrols_who_is_on_the_list(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_agent.standin", "--state", str(tmp_path), "--thing", "gw-07"]
    command += ["--site", "lab", "--template", "edge-agent-enrol", "--serial", "SN-8=gw-08"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            claim = Pair(Path(ready["claim"]), Path(ready["claim"]).with_suffix(".key"))
            pki = PkiPaths.within(tmp_path / "pki")
            with connected(pki, ready["port"], claim, "enrol-SN-8") as client:
                pair, _ = provision(client, tmp_path, ENROL)
            with connected(pki, ready["port"], pair, "gw-08-events") as client:
                accepted = client.publish("floor/lab/gw-08/ev/batch", [])
        finally:
            process.terminate()
            status = process.wait(SOON)

    assert (accepted, status) == (0x10, 0)
    assert stat.S_IMODE(claim.key.stat().st_mode) == 0o600
