"""What the status topic says, and how: to a watcher in the cloud, over birth, loss and return."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from awscrt import mqtt5

from edge_agent.standin import StandinConfig, StandinControl
from edge_agent.testing.patience import PATIENCE_SECONDS, until
from edge_agent.uplink.iot_core import IotCoreOptions, IotCoreUplink
from edge_agent.uplink.mutual_tls import make_client

pytestmark = pytest.mark.integration

STATUS = "floor/lab/gw-07/status"
SOON = PATIENCE_SECONDS
BORN, GONE = b'{"state":"online","at":"2026-11-26T08:00:00Z"}', b'{"state":"offline"}'


@pytest.fixture
def config(config: StandinConfig) -> StandinConfig:
    """The stand-in with somebody who may watch."""
    return replace(config, observer="watcher")


@contextmanager
def watching(where: IotCoreOptions) -> Iterator[queue.Queue[Any]]:
    """What is said on the status topic, retained or live."""
    heard: queue.Queue[Any] = queue.Queue()
    connected, stopped = threading.Event(), threading.Event()
    client = make_client(
        where,
        client_id="watcher",
        keep_alive_interval_sec=60,
        on_publish_received=lambda data: heard.put(data.publish_packet),
        on_lifecycle_connection_success=lambda _data: connected.set(),
        on_lifecycle_stopped=lambda _data: stopped.set(),
    )
    client.start()
    assert connected.wait(SOON)
    subscription = mqtt5.Subscription(STATUS, mqtt5.QoS.AT_LEAST_ONCE)
    client.subscribe(mqtt5.SubscribePacket(subscriptions=[subscription])).result(SOON)
    try:
        yield heard
    finally:
        client.stop()
        stopped.wait(SOON)


def test_birth_and_last_will_say_what_they_are(options: IotCoreOptions, control: StandinControl) -> None:
    async def story(heard: queue.Queue[Any]) -> None:
        uplink = IotCoreUplink(options, check=lambda: None, diagnose=lambda: "", birth=lambda: BORN)
        await uplink.start()
        try:
            async with asyncio.timeout(SOON):
                await until(lambda: heard.qsize() == 1)
                control.drop("gw-07-events")
                await until(lambda: heard.qsize() == 3)
        finally:
            await uplink.stop()

    with watching(options) as heard:
        asyncio.run(story(heard))
        said = [heard.get(timeout=SOON) for _ in range(4)]

    assert [packet.payload for packet in said] == [BORN, GONE, BORN, GONE]
    assert {packet.content_type for packet in said} == {"application/json"}
    with watching(options) as heard:
        kept = heard.get(timeout=SOON)
    assert (kept.payload, kept.content_type, kept.retain) == (GONE, "application/json", True)
