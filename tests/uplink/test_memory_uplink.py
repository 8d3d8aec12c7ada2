"""The uplink to nowhere does what it is asked to."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.errors import LocalProtocolError, NotConnected, UplinkError
from edge_agent.testing.memory_uplink import MemoryUplink
from edge_agent.testing.virtual_loop import run_virtually
from edge_agent.uplink.base import Message
from edge_agent.uplink.batch import make_message

MESSAGE = Message("floor/lab/gw-07/ev/batch", b'[{"id":1}]')


async def connected(**options: float) -> MemoryUplink:
    uplink = MemoryUplink(**options)
    await uplink.start()
    await uplink.wait_connected()
    return uplink


def test_what_is_accepted_is_in_the_cloud() -> None:
    async def story() -> None:
        uplink = await connected()
        large = make_message(MESSAGE.topic, [b'{"id":2}'] * 300)
        assert (await uplink.publish(MESSAGE)).reason_code == 0
        assert (await uplink.publish(large)).reason_code == 0
        assert [event["id"] for event in uplink.events()] == [1] + [2] * 300

    run_virtually(story())


def test_answers_come_in_the_order_asked_for() -> None:
    async def story() -> None:
        uplink = await connected()
        uplink.accept_next()
        uplink.refuse_next(0x97)
        codes = [(await uplink.publish(MESSAGE)).reason_code for _ in range(3)]
        assert codes == [0, 0x97, 0]
        assert (len(uplink.attempts), len(uplink.delivered)) == (3, 2)

    run_virtually(story())


def test_it_refuses_everything_until_told() -> None:
    async def story() -> None:
        uplink = await connected()
        uplink.refuse_all(0x87)
        assert (await uplink.publish(MESSAGE)).reason_code == 0x87
        uplink.refuse_all(None)
        assert (await uplink.publish(MESSAGE)).reason_code == 0

    run_virtually(story())


def test_a_lost_receipt_leaves_the_message_in_the_cloud() -> None:
    async def story() -> None:
        uplink = await connected(ack_timeout=7.0)
        uplink.lose_next()
        with pytest.raises(NotConnected, match="no receipt within 7 s"):
            await uplink.publish(MESSAGE)
        assert asyncio.get_running_loop().time() == 7.0
        assert uplink.delivered == [MESSAGE]

    run_virtually(story())


def test_hanging_up_fails_what_waits_and_what_comes() -> None:
    async def story() -> None:
        uplink = await connected(delay=1.0)
        waiting = asyncio.create_task(uplink.publish(MESSAGE))
        await asyncio.sleep(0.5)
        assert uplink.most_in_flight == 1
        uplink.disconnect("cable")
        with pytest.raises(NotConnected, match="cable"):
            await waiting
        with pytest.raises(NotConnected, match="not connected"):
            await uplink.publish(MESSAGE)
        uplink.reconnect()
        await uplink.wait_connected()
        assert uplink.state.connects == 2

    run_virtually(story())


def test_hanging_up_at_the_moment_of_a_receipt_changes_nothing() -> None:
    async def story() -> None:
        uplink = await connected(delay=1.0)
        waiting = asyncio.create_task(uplink.publish(MESSAGE))
        await asyncio.sleep(1.0)
        uplink.disconnect()
        assert (await waiting).reason_code == 0

    run_virtually(story())


def test_hanging_up_just_before_a_receipt_loses_it() -> None:
    async def story() -> None:
        uplink = await connected(delay=1.0)
        asyncio.get_running_loop().call_later(1.0, uplink.disconnect)
        with pytest.raises(NotConnected, match="connection lost"):
            await uplink.publish(MESSAGE)

    run_virtually(story())


def test_a_session_taken_over_is_given_up() -> None:
    async def story() -> None:
        uplink = await connected()
        uplink.take_over()
        with pytest.raises(UplinkError, match="another client"):
            await uplink.wait_connected()

    run_virtually(story())


def test_it_takes_no_more_than_the_service_would() -> None:
    async def story() -> None:
        uplink = await connected()
        with pytest.raises(LocalProtocolError):
            await uplink.publish(Message("floor/#", b""))
        await uplink.stop()
        assert uplink.state.last_reason == "stopped"

    run_virtually(story())
