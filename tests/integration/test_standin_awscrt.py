"""The stand-in and the client we ship: awscrt over real TLS, against every limit and every fault."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from awscrt import mqtt5
from awsiot import mqtt5_client_builder

from edge_agent.credentials.dev_pki import PkiPaths, Validity, issue, make_ca, write_private
from edge_agent.standin import StandinConfig, StandinControl, StandinThread, read_ledger
from edge_agent.standin.packets import Reason
from edge_agent.testing.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.integration

EVENTS = "floor/lab/gw-07/ev/batch"
STATUS = "floor/lab/gw-07/status"
# Beyond any answer on loopback, short of the test's own limit.
SOON = PATIENCE_SECONDS


@pytest.fixture
def config(config: StandinConfig) -> StandinConfig:
    return replace(config, observer="watcher")


@dataclass
class Gateway:
    """An awscrt client and what befell it."""

    client: Any
    connected: queue.SimpleQueue[Any]
    refused: queue.SimpleQueue[Any]
    disconnected: queue.SimpleQueue[Any]
    heard: queue.SimpleQueue[Any]

    def send(self, topic: str = EVENTS, payload: bytes = b"[]", **options: Any) -> Any:
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE, **options)
        return self.client.publish(packet)

    def publish(self, topic: str = EVENTS, payload: bytes = b"[]", **options: Any) -> int:
        return int(self.send(topic, payload, **options).result(SOON).puback.reason_code)


@contextmanager
def started(pki: PkiPaths, port: int, client_id: str = "gw-07-events", **options: Any) -> Iterator[Gateway]:
    """A client that tries to connect, until the block ends."""
    stopped: queue.SimpleQueue[Any] = queue.SimpleQueue()
    queues: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in range(4)]
    will = mqtt5.PublishPacket(
        topic=STATUS, payload=b'{"state":"offline"}', qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True
    )
    clean = mqtt5.ClientSessionBehaviorType.CLEAN
    options = {"will": will, "keep_alive_interval_sec": 40, "session_behavior": clean} | options
    client = mqtt5_client_builder.mtls_from_path(
        cert_filepath=str(pki.device_certificate),
        pri_key_filepath=str(pki.device_key),
        ca_filepath=str(pki.ca),
        endpoint="localhost",
        port=port,
        client_id=client_id,
        enable_metrics_collection=False,
        min_reconnect_delay_ms=200,
        max_reconnect_delay_ms=400,
        offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
        on_lifecycle_connection_success=queues[0].put,
        on_lifecycle_connection_failure=queues[1].put,
        on_lifecycle_disconnection=queues[2].put,
        on_publish_received=queues[3].put,
        on_lifecycle_stopped=stopped.put,
        **options,
    )
    client.start()
    try:
        yield Gateway(client, *queues)
    finally:
        client.stop()
        stopped.get(timeout=SOON)


@contextmanager
def connected(pki: PkiPaths, port: int, client_id: str = "gw-07-events", **options: Any) -> Iterator[Gateway]:
    with started(pki, port, client_id, **options) as gateway:
        gateway.connected.get(timeout=SOON)
        yield gateway


UNPACED = mqtt5.ExtendedValidationAndFlowControlOptions.NONE


def unpaced(**options: Any) -> dict[str, Any]:
    """The client without the pace it keeps towards IoT Core."""
    return {"extended_validation_and_flow_control_options": UNPACED, **options}


def test_the_negotiated_settings_are_those_of_iot_core(standin: StandinThread, pki: PkiPaths) -> None:
    with started(pki, standin.port) as gateway:
        settings = gateway.connected.get(timeout=SOON).negotiated_settings

    assert settings.receive_maximum_from_server == 100
    assert settings.maximum_qos == mqtt5.QoS.AT_LEAST_ONCE
    assert settings.maximum_packet_size_to_server == 149_504
    assert settings.topic_alias_maximum_to_server == 8
    assert settings.server_keep_alive_sec == 40
    assert not settings.rejoined_session


def test_what_is_acknowledged_is_in_the_ledger(standin: StandinThread, pki: PkiPaths) -> None:
    with connected(pki, standin.port) as gateway:
        futures = [gateway.send(payload=str(number).encode()) for number in range(100)]
        codes = {int(future.result(SOON).puback.reason_code) for future in futures}

    entries = list(read_ledger(standin.config.ledger_file))
    assert codes == {Reason.NO_MATCHING_SUBSCRIBERS}
    assert [entry.payload for entry in entries] == [str(number).encode() for number in range(100)]


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        (EVENTS, Reason.NO_MATCHING_SUBSCRIBERS),
        ("floor/lab/gw-08/ev/batch", Reason.NOT_AUTHORISED),
        ("floor/other/gw-07/ev/batch", Reason.NOT_AUTHORISED),
        ("floor/lab/gw-07/1/2/3/4/5/6", Reason.TOPIC_NAME_INVALID),
        ("floor/lab/gw-07/" + "x" * 241, Reason.TOPIC_NAME_INVALID),
    ],
)
def test_topics_are_bound_to_the_thing(
    standin: StandinThread, pki: PkiPaths, topic: str, reason: Reason
) -> None:
    with connected(pki, standin.port) as gateway:
        assert gateway.publish(topic) == reason
        assert gateway.publish() == Reason.NO_MATCHING_SUBSCRIBERS


def test_only_the_status_may_be_retained(standin: StandinThread, pki: PkiPaths) -> None:
    with connected(pki, standin.port) as gateway:
        assert gateway.publish(STATUS, retain=True) == Reason.NO_MATCHING_SUBSCRIBERS
        assert gateway.publish(EVENTS, retain=True) == Reason.NOT_AUTHORISED


def test_a_payload_beyond_128_kb_ends_the_connection(standin: StandinThread, pki: PkiPaths) -> None:
    with connected(pki, standin.port) as gateway:
        largest = gateway.publish(payload=bytes(131_072))
        too_large = gateway.send(payload=bytes(131_073))

        packet = gateway.disconnected.get(timeout=SOON).disconnect_packet
        assert largest == Reason.NO_MATCHING_SUBSCRIBERS
        assert packet.reason_code == Reason.PACKET_TOO_LARGE
        assert too_large.exception(SOON) is not None


def test_beyond_a_hundred_publishes_a_second_there_is_0x97(standin: StandinThread, pki: PkiPaths) -> None:
    with connected(pki, standin.port, **unpaced()) as gateway:
        futures = [gateway.send() for _ in range(400)]
        codes = [int(future.result(SOON).puback.reason_code) for future in futures]

    assert codes[:100] == [Reason.NO_MATCHING_SUBSCRIBERS] * 100
    assert codes.count(Reason.QUOTA_EXCEEDED) > 100


def test_awscrt_paced_for_iot_core_never_meets_0x97(standin: StandinThread, pki: PkiPaths) -> None:
    with connected(pki, standin.port) as gateway:
        futures = [gateway.send() for _ in range(300)]
        codes = {int(future.result(SOON).puback.reason_code) for future in futures}

    assert codes == {Reason.NO_MATCHING_SUBSCRIBERS}


def test_beyond_512_kib_a_second_publishes_wait(standin: StandinThread, pki: PkiPaths) -> None:
    with connected(pki, standin.port, **unpaced()) as gateway:
        futures = [gateway.send(payload=bytes(120_000)) for _ in range(14)]
        codes = {int(future.result(SOON).puback.reason_code) for future in futures}

    entries = list(read_ledger(standin.config.ledger_file))
    # 1.68 MB at 512 KiB/s with one second of burst takes 2.2 s, less one read of the socket.
    assert entries[-1].at - entries[0].at > 1.5
    assert codes == {Reason.NO_MATCHING_SUBSCRIBERS}


def test_a_wrong_client_id_is_not_authorised(standin: StandinThread, pki: PkiPaths) -> None:
    with started(pki, standin.port, client_id="gw-08-events") as gateway:
        failure = gateway.refused.get(timeout=SOON)

    assert failure.connack_packet.reason_code == Reason.NOT_AUTHORISED


def test_a_persistent_session_is_not_authorised(standin: StandinThread, pki: PkiPaths) -> None:
    rejoin = mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS
    with started(pki, standin.port, session_behavior=rejoin) as gateway:
        failure = gateway.refused.get(timeout=SOON)

    assert failure.connack_packet.reason_code == Reason.NOT_AUTHORISED


def test_a_certificate_of_another_authority_does_not_get_through_tls(
    standin: StandinThread, control: StandinControl, pki: PkiPaths, tmp_path: Path
) -> None:
    foreign = replace(pki, device_certificate=tmp_path / "device.pem", device_key=tmp_path / "device.key")
    issue(make_ca("Somebody else"), "gw-07").write(foreign.device_certificate, foreign.device_key)

    with started(foreign, standin.port) as gateway:
        failure = gateway.refused.get(timeout=SOON)

    assert failure.connack_packet is None
    assert control.status()["connected"] == 0


@pytest.mark.parametrize(
    ("validity", "accepted"),
    [(Validity.days(1), True), (Validity.expired(), False), (Validity.not_yet(), False)],
    ids=["valid", "expired", "not yet valid"],
)
def test_only_a_certificate_that_is_valid_now_gets_through_tls(
    config: StandinConfig, tmp_path: Path, validity: Validity, *, accepted: bool
) -> None:
    own, ca = PkiPaths.within(tmp_path), make_ca()
    write_private(own.ca, ca.pem)
    issue(ca, "localhost", server_names=("localhost",)).write(own.server_certificate, own.server_key)
    issue(ca, "gw-07", validity=validity).write(own.device_certificate, own.device_key)
    ours = replace(config, ca=own.ca, certificate=own.server_certificate, key=own.server_key)

    with StandinThread(ours) as standin, started(own, standin.port) as gateway:
        outcome = gateway.connected if accepted else gateway.refused
        told = outcome.get(timeout=SOON)

    assert (told.connack_packet is not None) is accepted


def test_a_second_client_takes_over(standin: StandinThread, pki: PkiPaths) -> None:
    with connected(pki, standin.port) as older, connected(pki, standin.port) as newer:
        told = older.disconnected.get(timeout=SOON).disconnect_packet
        evicted = newer.disconnected.get(timeout=SOON).disconnect_packet

    # As two gateways with one identity do: each reconnects and evicts the other.
    assert told.reason_code == Reason.SESSION_TAKEN_OVER
    assert evicted.reason_code == Reason.SESSION_TAKEN_OVER


def test_birth_and_will_reach_a_watcher(
    standin: StandinThread, control: StandinControl, pki: PkiPaths
) -> None:
    with (
        connected(pki, standin.port, "watcher", will=None) as watcher,
        connected(pki, standin.port) as gateway,
    ):
        watch(watcher, STATUS)
        gateway.publish(STATUS, b"online", retain=True)
        birth = watcher.heard.get(timeout=SOON).publish_packet
        control.drop("gw-07-events")
        will = watcher.heard.get(timeout=SOON).publish_packet

    assert (birth.payload, will.payload) == (b"online", b'{"state":"offline"}')


def test_an_orderly_stop_leaves_the_birth_in_place(
    standin: StandinThread, control: StandinControl, pki: PkiPaths
) -> None:
    with connected(pki, standin.port) as gateway:
        gateway.publish(STATUS, b"online", retain=True)
        gateway.client.stop(
            mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.NORMAL_DISCONNECTION)
        )
        gateway.disconnected.get(timeout=SOON)

    with connected(pki, standin.port, "watcher", will=None) as watcher:
        watch(watcher, STATUS)
        status = watcher.heard.get(timeout=SOON).publish_packet

    assert (status.payload, status.retain) == (b"online", True)
    assert control.status()["wills"] == 0


def test_a_gateway_may_not_subscribe(standin: StandinThread, pki: PkiPaths) -> None:
    with connected(pki, standin.port) as gateway:
        assert watch(gateway, "floor/#") == [Reason.NOT_AUTHORISED]


# Faults


def test_delayed_pubacks(standin: StandinThread, control: StandinControl, pki: PkiPaths) -> None:
    control.delay(300)
    with connected(pki, standin.port) as gateway:
        code = gateway.publish()

    (entry,) = read_ledger(standin.config.ledger_file)
    assert code == Reason.NO_MATCHING_SUBSCRIBERS
    assert entry.acked_at is not None
    assert 0.3 <= entry.acked_at - entry.at < 1.0


def test_lost_pubacks(standin: StandinThread, control: StandinControl, pki: PkiPaths) -> None:
    control.lose(following=1)
    with connected(pki, standin.port, ack_timeout_sec=1) as gateway:
        lost = gateway.send(payload=b"1").exception(SOON)
        code = gateway.publish(payload=b"2")

    assert "TIMEOUT" in str(lost)
    assert code == Reason.NO_MATCHING_SUBSCRIBERS
    assert [(entry.payload, entry.puback) for entry in read_ledger(standin.config.ledger_file)] == [
        (b"1", "lost"),
        (b"2", 16),
    ]


def test_a_stall_and_its_end(standin: StandinThread, control: StandinControl, pki: PkiPaths) -> None:
    with connected(pki, standin.port) as gateway:
        control.stall()
        future = gateway.send()
        during = control.status()["accepted"]
        control.clear()

        assert during == 0
        assert int(future.result(SOON).puback.reason_code) == Reason.NO_MATCHING_SUBSCRIBERS


@pytest.mark.parametrize("code", [0x80, 0x87, 0x90, 0x91, 0x97, 0x99])
def test_refused_publishes(standin: StandinThread, control: StandinControl, pki: PkiPaths, code: int) -> None:
    control.refuse(code, following=1)
    with connected(pki, standin.port) as gateway:
        assert [gateway.publish(), gateway.publish()] == [code, Reason.NO_MATCHING_SUBSCRIBERS]


@pytest.mark.parametrize("reason", [None, 0x8D, 0x8E, 0x97, 0x98], ids=str)
def test_a_dropped_connection_comes_back(
    standin: StandinThread, control: StandinControl, pki: PkiPaths, reason: int | None
) -> None:
    with connected(pki, standin.port) as gateway:
        dropped = control.drop(reason=reason)
        packet = gateway.disconnected.get(timeout=SOON).disconnect_packet
        gateway.connected.get(timeout=SOON)

        assert dropped == 1
        assert (packet.reason_code if packet else None) == reason
        assert gateway.publish() == Reason.NO_MATCHING_SUBSCRIBERS


def test_refused_connections(standin: StandinThread, control: StandinControl, pki: PkiPaths) -> None:
    control.refuse_connections(Reason.SERVER_UNAVAILABLE)
    with started(pki, standin.port) as gateway:
        failure = gateway.refused.get(timeout=SOON)
        control.clear()
        gateway.connected.get(timeout=SOON)

    assert failure.connack_packet.reason_code == Reason.SERVER_UNAVAILABLE


def test_an_outage(standin: StandinThread, control: StandinControl, pki: PkiPaths) -> None:
    with connected(pki, standin.port) as gateway:
        control.down(1.0)
        lost = gateway.disconnected.get(timeout=SOON)
        away = control.status()
        failure = gateway.refused.get(timeout=SOON)
        gateway.connected.get(timeout=SOON)
        back = control.status()

        assert lost.disconnect_packet is None
        assert (away["up"], away["clients"], away["port"]) == (False, [], standin.port)
        assert failure.connack_packet is None
        assert (back["up"], back["port"]) == (True, standin.port)
        assert gateway.publish() == Reason.NO_MATCHING_SUBSCRIBERS


def test_a_second_outage_replaces_the_first(
    standin: StandinThread, control: StandinControl, pki: PkiPaths
) -> None:
    control.down(3600)
    control.down(0.1)

    with connected(pki, standin.port) as gateway:
        assert gateway.publish() == Reason.NO_MATCHING_SUBSCRIBERS


def test_a_stand_in_that_ends_says_so(config: StandinConfig, pki: PkiPaths) -> None:
    with ExitStack() as client:
        with StandinThread(config) as standin:
            gateway = client.enter_context(connected(pki, standin.port))
        packet = gateway.disconnected.get(timeout=SOON).disconnect_packet

    assert packet.reason_code == Reason.SERVER_SHUTTING_DOWN


def watch(gateway: Gateway, topic_filter: str) -> list[int]:
    subscription = mqtt5.Subscription(topic_filter=topic_filter, qos=mqtt5.QoS.AT_LEAST_ONCE)
    packet = mqtt5.SubscribePacket(subscriptions=[subscription])
    suback = gateway.client.subscribe(packet).result(SOON)
    return [int(code) for code in suback.reason_codes]
