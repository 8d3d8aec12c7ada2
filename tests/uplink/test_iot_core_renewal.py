"""A session in which receipts do not come is renewed: with the SDK, against the stand-in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from edge_agent.errors import NotConnected
from edge_agent.standin import StandinControl, StandinThread, read_ledger
from edge_agent.testing.patience import PATIENCE_SECONDS, Stopwatch, until, wait_until
from edge_agent.uplink.base import Message, Received
from edge_agent.uplink.iot_core import IotCoreOptions, IotCoreUplink
from edge_agent.uplink.iot_core_renewal import Renewing

pytestmark = pytest.mark.integration

EVENTS, STATUS = "floor/lab/gw-07/ev/batch", "floor/lab/gw-07/status"
BATCH = Message(EVENTS, b'[{"id":"a/1"}]')
SOON = 2 * PATIENCE_SECONDS
LIMIT = 2.0
# A busy machine wakes us late, and looks twice.
LATE = 4.0

Story = Callable[[IotCoreUplink], Awaitable[None]]


@pytest.fixture
def options(options: IotCoreOptions) -> IotCoreOptions:
    return replace(options, ack_watchdog_seconds=LIMIT, min_reconnect_ms=1_000, max_reconnect_ms=2_000)


def tell(options: IotCoreOptions, story: Story) -> IotCoreUplink:
    """Run a story with an uplink that is connected and has told its birth; the uplink as it was left."""

    async def run() -> IotCoreUplink:
        uplink = IotCoreUplink(options, check=lambda: None, diagnose=lambda: "", jitter=lambda: 0.5)
        await uplink.start()
        try:
            async with asyncio.timeout(SOON):
                await uplink.wait_connected()
                await uplink.publish(BATCH)
                await story(uplink)
        finally:
            await uplink.stop()
        return uplink

    return asyncio.run(run())


async def failing(uplink: IotCoreUplink) -> None:
    """A publish fails for want of a receipt, in its time."""
    watch, began = Stopwatch(), time.monotonic()
    with pytest.raises(NotConnected, match=r"no receipt for over 2 s"):
        await uplink.publish(BATCH)
    assert time.monotonic() - began >= LIMIT
    assert watch.look() < LATE


def statuses(standin: StandinThread) -> list[bytes]:
    return [entry.payload for entry in read_ledger(standin.config.ledger_file) if entry.topic == STATUS]


def test_a_broker_that_answers_pings_and_no_publish_is_noticed_within_the_limit(
    standin: StandinThread, options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await until(lambda: statuses(standin))
        control.hang()
        await failing(uplink)
        control.clear()
        await uplink.wait_connected()
        assert (await uplink.publish(BATCH)).reason_code == 0x10
        assert (uplink.state.renewals, uplink.state.connects) == (1, 2)
        assert control.status()["wills"] == 1  # the next will is that of stopping

    with capture_logs() as logs:
        tell(options, story)

    status = control.status()
    assert (status["connected"], status["connects_over_rate"], status["disconnected"]) == (2, 0, {})
    assert statuses(standin) == [b'{"state":"online"}', b'{"state":"online"}', b'{"state":"offline"}']
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["session renewed"]


def test_all_that_awaits_a_receipt_fails_to_be_sent_again(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        control.hang()
        publishes = [asyncio.create_task(uplink.publish(BATCH)) for _ in range(20)]
        outcomes = await asyncio.gather(*publishes, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {NotConnected}

    tell(options, story)


def test_one_lost_receipt_among_many_is_noticed_too(options: IotCoreOptions, control: StandinControl) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await until(lambda: control.status()["accepted"] == 2)  # the birth, too
        control.lose(following=1)
        hung = asyncio.create_task(uplink.publish(BATCH))
        while not hung.done():
            await asyncio.sleep(0.1)
            if uplink.state.connected:
                await asyncio.gather(uplink.publish(BATCH), return_exceptions=True)
        assert isinstance(hung.exception(), NotConnected)
        assert uplink.state.renewals == 1

    tell(options, story)


def test_a_broker_that_is_merely_slow_is_left_alone(options: IotCoreOptions, control: StandinControl) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        control.delay(3_000)
        receipts = await asyncio.gather(*(uplink.publish(BATCH) for _ in range(5)))
        assert {receipt.reason_code for receipt in receipts} == {0x10}
        assert (uplink.state.renewals, uplink.state.connects) == (0, 1)

    tell(replace(options, ack_watchdog_seconds=8.0), story)


def test_a_cable_cut_without_a_word_is_noticed_while_publishes_are_under_way(
    options: IotCoreOptions, control: StandinControl
) -> None:
    """The keep-alive would take three quarters of a minute, and the kernel a quarter of an hour."""

    async def story(uplink: IotCoreUplink) -> None:
        control.swallow(0.0)
        await failing(uplink)
        await uplink.wait_connected()
        assert (await uplink.publish(BATCH)).reason_code == 0x10

    tell(options, story)

    status = control.status()
    assert status["bytes_swallowed"] > 0
    # The broker still had the old session: the new one took it over, and the will told of it.
    assert status["disconnected"] == {"0x8e": 1}


def test_what_was_subscribed_to_is_subscribed_to_again(
    options: IotCoreOptions, control: StandinControl
) -> None:
    heard: list[Received] = []

    async def story(uplink: IotCoreUplink) -> None:
        await uplink.subscribe("cmd/lab/gw-07/canary", heard.append)
        uplink.renew("a test")
        uplink.renew("once is enough")
        await uplink.wait_connected()
        await until(lambda: control.publish("cmd/lab/gw-07/canary", b"{}"))
        await until(lambda: heard)
        assert uplink.state.renewals == 1

    tell(options, story)


def test_stopping_while_a_session_is_renewed_stops(options: IotCoreOptions, control: StandinControl) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        uplink.renew("a test")

    uplink = tell(options, story)

    assert (uplink.state.connected, uplink.state.connects) == (False, 1)
    wait_until(lambda: control.status()["clients"] == [], SOON)


def test_without_a_session_there_is_nothing_to_renew(options: IotCoreOptions) -> None:
    uplink = IotCoreUplink(options, check=lambda: None, diagnose=lambda: "")

    uplink.renew("too early")

    assert uplink.state.renewals == 0


def test_a_session_is_renewed_at_once_and_then_ever_more_seldom_until_a_receipt_comes() -> None:
    async def pauses() -> list[float]:
        renewing = Renewing(8.0, 1.0, 5.0, jitter=lambda: 1.0, too_late=lambda: None)
        in_vain = [renewing.pause() for _ in range(5)]
        renewing.heard()
        return [*in_vain, renewing.pause()]

    assert asyncio.run(pauses()) == [0.0, 2.0, 4.0, 5.0, 5.0, 0.0]


def test_a_second_passes_between_two_connects() -> None:
    async def pause() -> float:
        renewing = Renewing(8.0, 1.0, 5.0, jitter=lambda: 0.0, too_late=lambda: None)
        renewing.attempted()
        return renewing.pause()

    assert asyncio.run(pause()) == pytest.approx(1.0, abs=0.2)
