"""What comes in from the stand-in: subscribed to over every session, acknowledged by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.standin import StandinConfig, StandinControl
from edge_agent.testing.patience import PATIENCE_SECONDS, until
from edge_agent.uplink.base import Message, Received
from edge_agent.uplink.iot_core import IotCoreOptions, IotCoreUplink

pytestmark = pytest.mark.integration

SOON = PATIENCE_SECONDS
COMMAND = Message("cmd/lab/gw-07/meters", b"{}", "application/json")
OPEN_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iot:Subscribe", "Resource": "arn:aws:iot:::topicfilter/secret/*"},
    ],
}

Story = Callable[[IotCoreUplink, IotCoreUplink], Awaitable[None]]


@pytest.fixture
def config(config: StandinConfig, tmp_path: Path) -> StandinConfig:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(OPEN_POLICY))
    return replace(config, policy=policy)


@pytest.fixture
def options(options: IotCoreOptions) -> IotCoreOptions:
    return replace(options, ack_timeout_seconds=5)


def tell(options: IotCoreOptions, story: Story) -> None:
    """Run a story with the gateway and somebody in the cloud, both connected."""

    async def run() -> None:
        both = [
            IotCoreUplink(one, check=lambda: None, diagnose=lambda: "", birth=lambda: b"born")
            for one in (options, replace(options, client_id="cloud", status_topic="cloud/status"))
        ]
        try:
            async with asyncio.timeout(SOON):
                for uplink in both:
                    await uplink.start()
                    await uplink.wait_connected()
                await story(*both)
        finally:
            for uplink in both:
                await uplink.stop()

    asyncio.run(run())


async def subscribed(control: StandinControl) -> None:
    await until(lambda: control.status()["subscriptions"].get("gw-07-events"))


def test_a_publish_comes_in_whole(options: IotCoreOptions) -> None:
    async def story(gateway: IotCoreUplink, cloud: IotCoreUplink) -> None:
        heard: list[Received] = []
        await gateway.subscribe("cmd/lab/gw-07/+", heard.append)

        await cloud.publish(replace(COMMAND, correlation_data=b"\x00\xff", user_properties=(("by", "ada"),)))
        await until(lambda: heard)

        assert (heard[0].topic, heard[0].payload) == (COMMAND.topic, b"{}")
        assert heard[0].correlation_data == b"\x00\xff"
        assert heard[0].user_properties == (("by", "ada"),)

    tell(options, story)


def test_what_was_subscribed_to_before_is_heard_after_a_reconnect(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(gateway: IotCoreUplink, cloud: IotCoreUplink) -> None:
        heard: list[Received] = []
        await gateway.subscribe("cmd/lab/gw-07/+", heard.append)
        control.drop(client="gw-07-events")
        await until(lambda: gateway.state.connects == 2)
        await subscribed(control)

        await cloud.publish(COMMAND)

        await until(lambda: heard)

    tell(options, story)


def test_nothing_is_acknowledged_before_whoever_heard_it_says_so(
    options: IotCoreOptions, control: StandinControl
) -> None:
    """The window of the session tells: what is not acknowledged keeps its place in it."""

    async def story(gateway: IotCoreUplink, cloud: IotCoreUplink) -> None:
        heard: list[Received] = []
        await gateway.subscribe("cmd/lab/gw-07/+", heard.append)
        for _ in range(30):
            await cloud.publish(COMMAND)
        await until(lambda: len(heard) == 20)
        await asyncio.sleep(0.2)
        assert len(heard) == 20

        for received in heard[:10]:
            received.acknowledge()

        await until(lambda: len(heard) == 30)

    tell(options, story)
    assert control.status()["up"]


def test_acknowledging_after_the_session_has_ended_does_no_harm(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(gateway: IotCoreUplink, cloud: IotCoreUplink) -> None:
        heard: list[Received] = []
        await gateway.subscribe("cmd/lab/gw-07/+", heard.append)
        await cloud.publish(COMMAND)
        await until(lambda: heard)
        control.drop(client="gw-07-events")
        await until(lambda: gateway.state.connects == 2)
        await subscribed(control)

        heard[0].acknowledge()
        await cloud.publish(COMMAND)

        await until(lambda: len(heard) == 2)

    tell(options, story)


def test_a_refused_filter_is_named_and_the_others_stand(options: IotCoreOptions) -> None:
    async def story(gateway: IotCoreUplink, cloud: IotCoreUplink) -> None:
        heard: list[Received] = []
        await gateway.subscribe("secret/+", heard.append)
        await gateway.subscribe("cmd/lab/gw-07/+", heard.append)

        assert gateway.state.refused_filters == ("secret/+",)
        await cloud.publish(COMMAND)
        await until(lambda: heard)

    tell(options, story)


def test_the_birth_says_what_it_is_given(options: IotCoreOptions, control: StandinControl) -> None:
    async def story(gateway: IotCoreUplink, _cloud: IotCoreUplink) -> None:
        heard: list[Received] = []
        await gateway.subscribe("floor/lab/gw-07/status", heard.append)

        await until(lambda: heard)

        assert heard[0].payload == b"born"

    tell(options, story)
    assert "floor/lab/gw-07/status" in control.status()["retained"]
