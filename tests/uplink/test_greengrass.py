"""The uplink over the nucleus: the SDK's real client on a real socket, against both flavours."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.errors import LocalProtocolError, NotConnected, UplinkError
from edge_agent.nucleus import Nucleus
from edge_agent.testing.nucleus import JAVA, LITE, OWN_TOPICS, NucleusDouble
from edge_agent.testing.patience import PATIENCE_SECONDS
from edge_agent.uplink import greengrass
from edge_agent.uplink.base import Message, Promise, Receipt, Received
from edge_agent.uplink.greengrass import GreengrassUplink
from edge_agent.uplink.limits import MAX_PAYLOAD_BYTES

pytestmark = pytest.mark.integration

TOPIC = "floor/harbour/gw-07/ev/batch"
CONFIGURATION: dict[str, Any] = {"accessControl": OWN_TOPICS}

Story = Callable[[GreengrassUplink], Awaitable[None]]


@pytest.fixture
def lite() -> Iterator[NucleusDouble]:
    with NucleusDouble(CONFIGURATION, flavour=LITE) as double:
        yield double


@pytest.fixture
def java() -> Iterator[NucleusDouble]:
    with NucleusDouble(CONFIGURATION, flavour=JAVA) as double:
        yield double


def tell(double: NucleusDouble, story: Story, *, patience: float = 0.3) -> GreengrassUplink:
    """Run a story with an uplink that is started and stopped; the uplink as it was left."""

    async def run(nucleus: Nucleus) -> GreengrassUplink:
        uplink = GreengrassUplink(nucleus, patience=patience)
        await uplink.start()
        try:
            async with asyncio.timeout(2 * PATIENCE_SECONDS):
                await story(uplink)
        finally:
            await uplink.stop()
        return uplink

    with Nucleus.connect(double.environment) as nucleus:
        nucleus.on_validate(lambda _configuration: None)
        return asyncio.run(run(nucleus))


def test_a_receipt_says_accepted_and_never_delivered(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        await uplink.wait_connected()
        assert await uplink.publish(Message(TOPIC, b"[]")) == Receipt(0, promise=Promise.ACCEPTED)

    left = tell(lite, story)

    assert [one.payload for one in lite.cloud.accepted] == [b"[]"]
    assert left.state.promise is Promise.ACCEPTED


def test_to_lite_goes_what_it_hands_on_and_no_more(lite: NucleusDouble) -> None:
    message = Message(TOPIC, b"[]", "application/json", (("a", "b"),), retain=True)

    async def story(uplink: GreengrassUplink) -> None:
        await uplink.publish(message)

    tell(lite, story)

    (request,) = lite.requests("PublishToIoTCore")
    assert request.keys() == {"topicName", "qos", "payload"}


def test_the_java_nucleus_is_given_the_properties_too(java: NucleusDouble) -> None:
    message = Message(TOPIC, b"[]", "application/json", (("a", "b"),), retain=True)

    async def story(uplink: GreengrassUplink) -> None:
        await uplink.publish(message)
        java.wait_until(lambda: java.arrived)

    tell(java, story)

    (arrived,) = java.arrived
    assert arrived.retain
    assert arrived.user_properties == (("a", "b"),)


@pytest.mark.parametrize("topic_bytes", [len(TOPIC), 256])
def test_the_largest_payload_for_lite_passes_and_a_larger_one_is_never_sent(
    lite: NucleusDouble, topic_bytes: int
) -> None:
    topic = TOPIC.ljust(topic_bytes, "x")

    async def story(uplink: GreengrassUplink) -> None:
        largest = uplink.state.payload_maximum
        assert (await uplink.publish(Message(topic, bytes(largest)))).reason_code == 0
        refused = await uplink.publish(Message(topic, bytes(largest + 1)))
        assert refused.reason_code == 0x95
        assert str(largest) in refused.reason
        assert (await uplink.publish(Message(topic, b"still here"))).reason_code == 0

    tell(lite, story)

    assert len(lite.requests("PublishToIoTCore")) == 2


def test_the_java_nucleus_takes_what_iot_core_takes(java: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        assert uplink.state.payload_maximum == MAX_PAYLOAD_BYTES
        assert (await uplink.publish(Message(TOPIC, bytes(MAX_PAYLOAD_BYTES)))).reason_code == 0

    tell(java, story)


def test_a_burst_leaves_in_order_as_room_is_made(lite: NucleusDouble) -> None:
    """40 times 4,000 bytes: nucleus lite has room for three at a time, and refuses the rest for a while."""
    payloads = [bytes([number]) * 4_000 for number in range(40)]

    async def story(uplink: GreengrassUplink) -> None:
        receipts = await asyncio.gather(*(uplink.publish(Message(TOPIC, one)) for one in payloads))
        assert {receipt.reason_code for receipt in receipts} == {0}

    tell(lite, story, patience=PATIENCE_SECONDS)

    assert [one.payload for one in lite.cloud.accepted] == payloads
    assert len(lite.requests("PublishToIoTCore")) > len(payloads)


def test_a_nucleus_that_is_offline_is_asked_for_a_while_and_then_once_each_time(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        lite.go_offline()
        with pytest.raises(NotConnected, match="no connection, or no room"):
            await uplink.publish(Message(TOPIC, b"1"))
        patiently = len(lite.requests("PublishToIoTCore"))
        assert patiently > 2
        assert uplink.state.connected
        assert not uplink.state.reachable
        with pytest.raises(NotConnected):
            await uplink.publish(Message(TOPIC, b"2"))
        assert len(lite.requests("PublishToIoTCore")) == patiently + 1
        lite.go_online()
        assert (await uplink.publish(Message(TOPIC, b"3"))).reason_code == 0

    with capture_logs() as logs:
        left = tell(lite, story, patience=2.0)

    assert not left.state.cut_off
    assert left.state.last_reason == ""
    assert [entry["event"] for entry in logs if "accepts" in entry["event"]] == [
        "the nucleus accepts nothing",
        "the nucleus accepts again",
    ]


def test_a_full_spool_is_no_room(java: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        java.go_offline()
        for _publish in range(20):
            assert (await uplink.publish(Message(TOPIC, bytes(MAX_PAYLOAD_BYTES)))).reason_code == 0
        with pytest.raises(NotConnected):
            await uplink.publish(Message(TOPIC, bytes(MAX_PAYLOAD_BYTES)))

    tell(java, story)


def test_a_topic_that_the_recipe_does_not_list_is_not_authorised(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        receipt = await uplink.publish(Message("floor/harbour/gw-08/ev/batch", b"[]"))
        assert receipt.reason_code == 0x87
        assert "accessControl" in receipt.reason

    tell(lite, story)


def test_an_error_we_do_not_know_keeps_the_record(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        lite.failing = ["InvalidArgumentsError"]
        assert (await uplink.publish(Message(TOPIC, b"[]"))).reason_code == 0x80

    tell(lite, story)


def test_a_nucleus_that_does_not_answer_is_not_waited_for_for_ever(
    lite: NucleusDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greengrass, "ANSWER_SECONDS", 0.2)

    async def story(uplink: GreengrassUplink) -> None:
        lite.delay_seconds = 1.0
        with pytest.raises(NotConnected, match=r"does not answer within 0\.2 s"):
            await uplink.publish(Message(TOPIC, b"[]"))
        assert not uplink.state.reachable

    tell(lite, story)


def test_a_lost_nucleus_is_given_up_at_once(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        lite.restart()
        with pytest.raises(NotConnected):
            await uplink.publish(Message(TOPIC, b"1"))
        assert not uplink.state.connected
        with pytest.raises(UplinkError, match="ConnectionClosedError") as lost:
            await uplink.wait_connected()
        assert lost.value.exit_status == 7
        with pytest.raises(NotConnected):
            await uplink.publish(Message(TOPIC, b"2"))

    tell(lite, story)


def test_nothing_is_published_to_a_wildcard(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        with pytest.raises(LocalProtocolError):
            await uplink.publish(Message("floor/#", b"[]"))

    tell(lite, story)


def test_what_the_cloud_says_is_handed_on_in_the_loop(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        heard: asyncio.Queue[Received] = asyncio.Queue()
        await uplink.subscribe("cmd/harbour/gw-07/+", heard.put_nowait)
        await asyncio.to_thread(lite.wait_until, lambda: lite.subscribed("SubscribeToIoTCore"))
        lite.deliver("cmd/harbour/gw-07/meters", b"{}")
        received = await heard.get()
        assert (received.topic, received.payload) == ("cmd/harbour/gw-07/meters", b"{}")
        received.acknowledge()

    tell(lite, story)


def test_a_refused_filter_is_named_and_asked_for_again(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        lite.failing = ["UnauthorizedError"]
        await uplink.subscribe("cmd/harbour/gw-07/+", lambda _received: None)
        await asyncio.to_thread(lite.wait_until, lambda: uplink.state.refused_filters)
        await asyncio.to_thread(lite.wait_until, lambda: not uplink.state.refused_filters)

    with capture_logs() as logs:
        tell(lite, story)

    (entry,) = [entry for entry in logs if entry["event"] == "not subscribed"]
    assert entry["filter"] == "cmd/harbour/gw-07/+"
    assert "UnauthorizedError" in entry["reason"]


def test_a_lost_nucleus_is_not_asked_to_subscribe_again(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        lite.restart()
        await uplink.subscribe("cmd/harbour/gw-07/+", lambda _received: None)
        await asyncio.to_thread(lite.wait_until, lambda: uplink.state.refused_filters)

    tell(lite, story)


def test_an_uplink_that_has_stopped_hears_nothing_and_leaves_the_nucleus_connected(
    lite: NucleusDouble,
) -> None:
    heard: queue.SimpleQueue[Received] = queue.SimpleQueue()

    async def story(uplink: GreengrassUplink) -> None:
        await uplink.subscribe("cmd/harbour/gw-07/+", heard.put)
        await asyncio.to_thread(lite.wait_until, lambda: lite.subscribed("SubscribeToIoTCore"))

    with Nucleus.connect(lite.environment) as nucleus:

        async def run() -> None:
            uplink = GreengrassUplink(nucleus)
            await uplink.start()
            await story(uplink)
            await uplink.stop()

        asyncio.run(run())
        lite.wait_until(lambda: not lite.subscribed("SubscribeToIoTCore"))
        lite.deliver("cmd/harbour/gw-07/meters", b"{}")

        assert heard.empty()
        assert nucleus.publish(TOPIC, b"[]").result(PATIENCE_SECONDS) is None


def test_a_subscription_granted_to_an_uplink_that_has_stopped_ends_at_once(lite: NucleusDouble) -> None:
    async def story(uplink: GreengrassUplink) -> None:
        lite.delay_seconds = 0.3
        await uplink.subscribe("cmd/harbour/gw-07/+", lambda _received: None)
        await asyncio.sleep(0.1)

    with Nucleus.connect(lite.environment) as nucleus:

        async def run() -> None:
            uplink = GreengrassUplink(nucleus)
            await uplink.start()
            await story(uplink)
            await uplink.stop()

        asyncio.run(run())
        lite.wait_until(lambda: lite.requests("SubscribeToIoTCore"))
        lite.wait_until(lambda: not lite.subscribed("SubscribeToIoTCore"))
