"""Shadows and commands with the client we ship: what a gateway reports, and what the cloud asks of it."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from awscrt import mqtt5
from awsiot import mqtt5_client_builder

from edge_agent.credentials.dev_pki import PkiPaths
from edge_agent.errors import ConfigurationError
from edge_agent.standin import StandinControl, StandinThread
from edge_agent.testing.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.integration

SHADOW = "$aws/things/gw-07/shadow/name/edge-agent"
COMMANDS = "cmd/lab/gw-07"
SOON = PATIENCE_SECONDS


class Gateway:
    """An awscrt client that subscribes and listens."""

    def __init__(self, client: Any, heard: queue.SimpleQueue[Any]) -> None:
        self._client = client
        self._heard = heard

    def subscribe(self, topic_filter: str) -> int:
        packet = mqtt5.SubscribePacket([mqtt5.Subscription(topic_filter, qos=mqtt5.QoS.AT_LEAST_ONCE)])
        return int(self._client.subscribe(packet).result(SOON).reason_codes[0])

    def publish(self, topic: str, document: Any = None) -> int:
        payload = b"" if document is None else json.dumps(document).encode()
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        return int(self._client.publish(packet).result(SOON).puback.reason_code)

    def hear(self) -> Any:
        return self._heard.get(timeout=SOON).publish_packet

    def answers(self, count: int) -> dict[str, Any]:
        packets = [self.hear() for _ in range(count)]
        return {packet.topic.removeprefix(f"{SHADOW}/"): json.loads(packet.payload) for packet in packets}


@contextmanager
def connected(pki: PkiPaths, port: int) -> Iterator[Gateway]:
    connections: queue.SimpleQueue[Any] = queue.SimpleQueue()
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stopped: queue.SimpleQueue[Any] = queue.SimpleQueue()
    client = mqtt5_client_builder.mtls_from_path(
        cert_filepath=str(pki.device_certificate),
        pri_key_filepath=str(pki.device_key),
        ca_filepath=str(pki.ca),
        endpoint="localhost",
        port=port,
        client_id="gw-07-events",
        enable_metrics_collection=False,
        session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
        keep_alive_interval_sec=40,
        on_lifecycle_connection_success=connections.put,
        on_publish_received=heard.put,
        on_lifecycle_stopped=stopped.put,
    )
    client.start()
    try:
        connections.get(timeout=SOON)
        yield Gateway(client, heard)
    finally:
        client.stop()
        stopped.get(timeout=SOON)


def test_a_gateway_reports_and_is_told_what_is_desired(
    standin: StandinThread, control: StandinControl, pki: PkiPaths
) -> None:
    with connected(pki, standin.port) as gateway:
        for operation in ("update", "get"):
            assert gateway.subscribe(f"{SHADOW}/{operation}/+") == 1
        code = gateway.publish(f"{SHADOW}/update", {"state": {"reported": {"up": True}}, "clientToken": "1"})
        reported = gateway.answers(2)
        gateway.publish(f"{SHADOW}/update", {"state": {"desired": {"up": False}}})
        wished = gateway.answers(3)
        gateway.publish(f"{SHADOW}/get")
        seen = gateway.answers(1)
        (known,) = control.shadows()

    assert code == 0
    assert reported["update/accepted"]["clientToken"] == "1"
    assert wished["update/delta"]["state"] == {"up": False}
    assert seen["get/accepted"]["version"] == 2
    assert (known["thing"], known["name"], known["version"]) == ("gw-07", "edge-agent", 2)
    assert known["delta"] == {"up": False}


def test_a_shadow_refused_says_so_and_the_connection_goes_on(
    standin: StandinThread, control: StandinControl, pki: PkiPaths
) -> None:
    with connected(pki, standin.port) as gateway:
        gateway.subscribe(f"{SHADOW}/update/+")
        gateway.publish(f"{SHADOW}/update", {"state": {"reported": {"x": "x" * 9000}}})
        too_large = gateway.answers(1)
        control.reject_requests("shadow", 429, "TooManyRequests", "on request")
        gateway.publish(f"{SHADOW}/update", {"state": {"reported": {"x": 1}}})
        rejected = gateway.answers(1)
        other = gateway.publish("$aws/things/gw-08/shadow/name/edge-agent/update", {"state": {}})

    assert too_large["update/rejected"]["code"] == 413
    assert rejected["update/rejected"].keys() == {"code", "message", "timestamp"}
    assert rejected["update/rejected"]["code"] == 429
    assert other == 0x87


def test_the_cloud_sends_a_command_with_all_that_belongs_to_it(
    standin: StandinThread, control: StandinControl, pki: PkiPaths
) -> None:
    with connected(pki, standin.port) as gateway:
        assert gateway.subscribe(f"{COMMANDS}/+") == 1
        delivered = control.publish(
            f"{COMMANDS}/meters",
            b'{"machine":"slot-1"}',
            expiry=30,
            response_topic="floor/lab/gw-07/answer/1",
            correlation_data=b"\x00\x07",
            user_properties={"by": "desk"},
            content_type="application/json",
        )
        heard = gateway.hear()
        nobody = control.publish("cmd/lab/gw-08/meters")

    assert (delivered, nobody) == (True, False)
    assert (heard.topic, heard.payload) == (f"{COMMANDS}/meters", b'{"machine":"slot-1"}')
    assert (heard.message_expiry_interval_sec, heard.content_type) == (30, "application/json")
    assert (heard.response_topic, heard.correlation_data_bytes) == ("floor/lab/gw-07/answer/1", b"\x00\x07")
    assert [(one.name, one.value) for one in heard.user_properties] == [("by", "desk")]


def test_a_message_as_large_as_it_gets_can_be_sent_and_rubbish_cannot(
    standin: StandinThread, control: StandinControl, pki: PkiPaths
) -> None:
    with connected(pki, standin.port) as gateway:
        gateway.subscribe(f"{COMMANDS}/+")
        control.publish(f"{COMMANDS}/large", bytes(128 * 1024))
        heard = gateway.hear()
        with pytest.raises(ConfigurationError, match="topic is 'cmd/#'"):
            control.publish("cmd/#")

    assert len(heard.payload) == 128 * 1024
