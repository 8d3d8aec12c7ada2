"""The forwarder and a broker that is not ours: it delivers, and each refusal has its own message."""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from awscrt import mqtt5
from awsiot import mqtt5_client_builder

from edge_agent.credentials.dev_pki import PkiPaths, Validity, issue, make_ca, make_pki
from edge_agent.credentials.device import check_identity
from edge_agent.credentials.diagnosis import diagnose
from edge_agent.errors import CredentialError
from edge_agent.forwarder import Forwarder
from edge_agent.journal import Journal, Record, open_journal
from edge_agent.routes import Route
from edge_agent.testing.mosquitto import Mosquitto
from edge_agent.testing.patience import PATIENCE_SECONDS, Stopwatch, until
from edge_agent.uplink.iot_core import IotCoreOptions, IotCoreUplink

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(Mosquitto.absent()), reason=Mosquitto.absent() or "it is there"),
]

THING = "gw-07"
EVENTS = f"floor/lab/{THING}/ev/batch"
STATUS = f"floor/lab/{THING}/status"
# Far beyond anything on loopback, short of the limit on a test.
SOON = PATIENCE_SECONDS


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    return make_pki(tmp_path / "pki", thing=THING)


def broker(folder: Path, pki: PkiPaths, **options: Any) -> Mosquitto:
    described: dict[str, Any] = {"ca": pki.ca, "certificate": pki.server_certificate, "key": pki.server_key}
    return Mosquitto(folder / "mosquitto", **(described | options), user=THING)


@dataclass
class Gateway:
    """A journal, a forwarder and the uplink it has."""

    collector: Journal
    journal: Journal
    uplink: IotCoreUplink
    forwarder: Forwarder
    running: asyncio.Task[None]
    reason: str = ""  # why it was not connected when the story ended

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(SOON):
            await until(condition)


def forward(
    folder: Path, pki: PkiPaths, port: int, story: Callable[[Gateway], Awaitable[None]], records: int = 3
) -> Gateway:
    """Run a story beside a forwarder that has something to deliver."""

    async def run() -> Gateway:
        files = (pki.ca, pki.device_certificate, pki.device_key)
        uplink = IotCoreUplink(
            IotCoreOptions(
                endpoint="localhost",
                ca=pki.ca,
                certificate=pki.device_certificate,
                key=pki.device_key,
                client_id=f"{THING}-events",
                status_topic=STATUS,
                port=port,
                min_reconnect_ms=100,
                max_reconnect_ms=500,
            ),
            check=partial(check_identity, *files),
            diagnose=partial(diagnose, "localhost", port, *files),
        )
        with (
            open_journal(folder / "journal.db", role="collect", housekeeping=False) as collector,
            open_journal(folder / "journal.db", role="forward") as journal,
        ):
            collector.append([b"%d" % number for number in range(records)])
            forwarder = Forwarder(journal, uplink, compose=compose, routes=ROUTES)
            await uplink.start()
            running = asyncio.create_task(forwarder.run())
            gateway = Gateway(collector, journal, uplink, forwarder, running)
            try:
                await story(gateway)
            finally:
                gateway.reason = uplink.state.last_reason
                forwarder.stop()
                await gateway.running
                await uplink.stop()
            return gateway

    return asyncio.run(run())


ROUTES = {cls: Route(cls, EVENTS, single=False, compress=True, linger=0.0) for cls in "ABC"}


def compose(_journal_id: str, record: Record) -> bytes:
    return b'{"sequence":%d}' % record.sequence


async def delivered(gateway: Gateway) -> None:
    await gateway.until(lambda: gateway.journal.depth("forwarder") == 0)


async def not_connected(gateway: Gateway) -> None:
    await gateway.until(lambda: gateway.uplink.state.last_reason)


def test_the_journal_is_delivered_over_mutual_tls(tmp_path: Path, pki: PkiPaths) -> None:
    with broker(tmp_path, pki) as mosquitto:
        gateway = forward(tmp_path, pki, mosquitto.port, delivered, records=1000)

    assert gateway.forwarder.counters.acknowledged == 1000
    assert gateway.forwarder.counters.refused == {}


def test_what_arrives_is_the_batch_with_its_properties_and_the_status(tmp_path: Path, pki: PkiPaths) -> None:
    with broker(tmp_path, pki) as mosquitto, watching(pki, mosquitto.port) as heard:
        forward(tmp_path, pki, mosquitto.port, delivered)
        packets = [heard() for _ in range(3)]

    by_topic = {(packet.topic, bytes(packet.payload)) for packet in packets}
    batch = next(packet for packet in packets if packet.topic == EVENTS)
    assert [event["sequence"] for event in json.loads(batch.payload)] == [1, 2, 3]
    assert batch.content_type == "application/cloudevents-batch+json"
    assert {(STATUS, b'{"state":"online"}'), (STATUS, b'{"state":"offline"}')} <= by_topic


def test_a_server_with_a_foreign_certificate_is_refused_by_us(tmp_path: Path, pki: PkiPaths) -> None:
    foreign = make_pki(tmp_path / "foreign", thing=THING)
    watch = Stopwatch()

    with broker(tmp_path, pki, certificate=foreign.server_certificate, key=foreign.server_key) as mosquitto:
        gateway = forward(tmp_path, pki, mosquitto.port, not_connected)

    assert "its certificate is not signed by our CA" in gateway.reason
    assert watch.look() < 10  # the SDK alone says so after 10 to 30 s


def test_a_server_with_a_foreign_ca_refuses_us(tmp_path: Path, pki: PkiPaths) -> None:
    foreign = make_pki(tmp_path / "foreign", thing=THING)

    with broker(tmp_path, pki, ca=foreign.ca) as mosquitto:
        gateway = forward(tmp_path, pki, mosquitto.port, diagnosed)

    assert "it does not know who signed our certificate" in gateway.reason


def test_a_server_whose_certificate_has_expired_is_refused_by_us(tmp_path: Path, pki: PkiPaths) -> None:
    ca = make_ca()
    pki.ca.write_bytes(ca.pem)
    issue(ca, "localhost", server_names=["localhost"], validity=Validity.expired()).write(
        pki.server_certificate, pki.server_key
    )

    with broker(tmp_path, pki) as mosquitto:
        gateway = forward(tmp_path, pki, mosquitto.port, not_connected)

    assert "its certificate has expired" in gateway.reason


def test_our_own_expired_certificate_is_refused_before_anybody_is_asked(
    tmp_path: Path, pki: PkiPaths
) -> None:
    issue(make_ca(), THING, validity=Validity.expired()).write(pki.device_certificate, pki.device_key)

    with broker(tmp_path, pki) as mosquitto:
        with pytest.raises(CredentialError, match="expired on"):
            forward(tmp_path, pki, mosquitto.port, delivered)
        assert "OpenSSL" not in mosquitto.log()


def test_a_denied_topic_keeps_the_records_and_says_which_topic(tmp_path: Path, pki: PkiPaths) -> None:
    async def withheld(gateway: Gateway) -> None:
        await gateway.until(lambda: gateway.forwarder.counters.withheld)

    with broker(tmp_path, pki, access=[f"topic write {STATUS}"]) as mosquitto:
        gateway = forward(tmp_path, pki, mosquitto.port, withheld)

    counters = gateway.forwarder.counters
    assert counters.refused == {"0x87": 1}
    assert counters.acknowledged == 0
    assert counters.last_reason.startswith(f"we may not publish to {EVENTS}: 0x87 not authorised")


def test_nobody_there_is_told_and_waited_for(tmp_path: Path, pki: PkiPaths) -> None:
    with broker(tmp_path, pki) as mosquitto:
        port = mosquitto.port

    gateway = forward(tmp_path, pki, port, diagnosed)

    assert "the connection is refused" in gateway.reason


def test_a_broker_that_dies_and_comes_back_gets_everything(tmp_path: Path, pki: PkiPaths) -> None:
    mosquitto = broker(tmp_path, pki)

    async def story(gateway: Gateway) -> None:
        await delivered(gateway)
        await asyncio.to_thread(mosquitto.stop)
        await gateway.until(lambda: not gateway.uplink.state.connected)
        gateway.collector.append([b"while it was away"])
        await asyncio.to_thread(mosquitto.start)
        await delivered(gateway)

    with mosquitto:
        gateway = forward(tmp_path, pki, mosquitto.port, story)

    assert gateway.uplink.state.connects == 2
    assert gateway.forwarder.counters.acknowledged == 4


def test_a_second_agent_with_our_identity_is_suspected_where_the_broker_does_not_say_so(
    tmp_path: Path, pki: PkiPaths
) -> None:
    async def story(gateway: Gateway) -> None:
        await delivered(gateway)
        with client(pki, mosquitto.port, f"{THING}-events"):
            await gateway.until(lambda: "is another client connected" in gateway.uplink.state.last_reason)

    with broker(tmp_path, pki) as mosquitto:
        gateway = forward(tmp_path, pki, mosquitto.port, story)

    assert f"{THING}-events" in gateway.reason


def test_a_batch_over_the_packet_size_of_the_broker_is_sent_in_parts(tmp_path: Path, pki: PkiPaths) -> None:
    with broker(tmp_path, pki, settings=["max_packet_size 600"]) as mosquitto:
        gateway = forward(tmp_path, pki, mosquitto.port, delivered, records=50)

    assert gateway.forwarder.counters.acknowledged == 50
    assert gateway.forwarder.counters.refused["0x95"] >= 1
    assert gateway.forwarder.counters.dead_letters == 0


async def diagnosed(gateway: Gateway) -> None:
    """The SDK says what happened at once, and we a moment later why."""
    await gateway.until(lambda: " — " in gateway.uplink.state.last_reason)


@contextmanager
def client(pki: PkiPaths, port: int, client_id: str) -> Iterator[Any]:
    """Another client of the same broker, and what it receives."""
    up, down, heard = queue.SimpleQueue[Any](), queue.SimpleQueue[Any](), queue.SimpleQueue[Any]()
    made = mqtt5_client_builder.mtls_from_path(
        cert_filepath=str(pki.device_certificate),
        pri_key_filepath=str(pki.device_key),
        ca_filepath=str(pki.ca),
        endpoint="localhost",
        port=port,
        client_id=client_id,
        enable_metrics_collection=False,
        min_reconnect_delay_ms=100,
        max_reconnect_delay_ms=200,
        on_lifecycle_connection_success=up.put,
        on_lifecycle_stopped=down.put,
        on_publish_received=lambda received: heard.put(received.publish_packet),
    )
    made.start()
    try:
        up.get(timeout=SOON)
        yield made, heard
    finally:
        made.stop()
        down.get(timeout=SOON)


@contextmanager
def watching(pki: PkiPaths, port: int) -> Iterator[Callable[[], Any]]:
    """Everything that is published; each call gives the next packet."""
    everything = [mqtt5.Subscription("#", mqtt5.QoS.AT_LEAST_ONCE)]
    with client(pki, port, "watcher") as (made, heard):
        made.subscribe(mqtt5.SubscribePacket(subscriptions=everything)).result(SOON)
        yield partial(heard.get, timeout=SOON)
