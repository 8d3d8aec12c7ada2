"""The uplink to IoT Core against the stand-in: what it promises when the cloud misbehaves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from edge_agent.errors import CredentialError, LocalProtocolError, NotConnected, UplinkError
from edge_agent.standin import StandinControl, StandinThread, read_ledger
from edge_agent.testing.patience import PATIENCE_SECONDS, until
from edge_agent.uplink import iot_core
from edge_agent.uplink.base import Message
from edge_agent.uplink.iot_core import IotCoreOptions, IotCoreUplink

pytestmark = pytest.mark.integration

EVENTS = "floor/lab/gw-07/ev/batch"
STATUS = "floor/lab/gw-07/status"
BATCH = Message(EVENTS, b'[{"id":"a/1"}]')
# Beyond any answer on loopback, short of the limit on a test.
SOON = PATIENCE_SECONDS

Story = Callable[[IotCoreUplink], Awaitable[None]]


@pytest.fixture
def options(options: IotCoreOptions) -> IotCoreOptions:
    return replace(options, ack_timeout_seconds=1)


def tell(options: IotCoreOptions, story: Story, diagnose: Callable[[], str] = lambda: "") -> IotCoreUplink:
    """Run a story with an uplink that has been started; the uplink as it was left."""

    async def run() -> IotCoreUplink:
        uplink = IotCoreUplink(options, check=lambda: None, diagnose=diagnose)
        await uplink.start()
        try:
            async with asyncio.timeout(SOON):
                await story(uplink)
        finally:
            await uplink.stop()
        return uplink

    return asyncio.run(run())


def statuses(standin: StandinThread) -> list[bytes]:
    return [entry.payload for entry in read_ledger(standin.config.ledger_file) if entry.topic == STATUS]


def test_a_publish_ends_with_the_receipt_of_the_broker(
    standin: StandinThread, options: IotCoreOptions
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        receipt = await uplink.publish(replace(BATCH, user_properties=(("content-encoding", "none"),)))
        assert receipt.reason_code == 0x10
        assert uplink.state.receive_maximum == 100

    uplink = tell(options, story)

    (entry,) = [entry for entry in read_ledger(standin.config.ledger_file) if entry.topic == EVENTS]
    assert (entry.payload, entry.encoding) == (BATCH.payload, "none")
    assert (uplink.state.connected, uplink.state.last_reason) == (False, "stopped")


def test_the_status_topic_says_online_and_offline(standin: StandinThread, options: IotCoreOptions) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        await until(lambda: statuses(standin))

    tell(options, story)

    assert statuses(standin) == [b'{"state":"online"}', b'{"state":"offline"}']


def test_a_status_that_is_refused_is_logged_and_keeps_nothing_from_being_delivered(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        await until(lambda: any(entry["event"] == "status refused" for entry in logs))
        assert (await uplink.publish(BATCH)).reason_code == 0x10

    control.refuse(0x87, following=1)
    with capture_logs() as logs:
        tell(options, story)


def test_a_goodbye_that_is_not_answered_is_not_waited_for(
    options: IotCoreOptions, control: StandinControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        await uplink.publish(BATCH)
        control.stall()

    monkeypatch.setattr(iot_core, "GOODBYE_SECONDS", 0.05)
    with capture_logs() as logs:
        tell(options, story)

    assert {"event": "status not published", "reason": "no receipt in time"}.items() <= logs[-1].items()


@pytest.mark.parametrize("code", [0x80, 0x87, 0x90, 0x97, 0x99])
def test_a_refusal_is_a_receipt(options: IotCoreOptions, control: StandinControl, code: int) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        await until(lambda: control.status()["accepted"])
        control.refuse(code, following=1)
        assert (await uplink.publish(BATCH)).reason_code == code

    tell(options, story)


def test_a_code_the_sdk_does_not_know_is_no_success(options: IotCoreOptions, control: StandinControl) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        await until(lambda: control.status()["accepted"])
        control.refuse(0xFE, following=1)
        assert (await uplink.publish(BATCH)).reason_code == 0x80

    tell(options, story)


def test_a_receipt_that_does_not_come_in_time_fails_the_publish(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        control.lose(following=5)
        with pytest.raises(NotConnected, match="no receipt: no answer in time"):
            await uplink.publish(BATCH)
        assert uplink.state.connected

    tell(options, story)


def test_what_is_unanswered_fails_as_soon_as_the_session_ends(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        control.delay(60_000)
        publishes = [asyncio.create_task(uplink.publish(BATCH)) for _ in range(3)]
        await asyncio.sleep(0.1)
        control.drop()
        for publish in publishes:
            with pytest.raises(NotConnected, match="connection was lost"):
                await publish
        await uplink.wait_connected()
        assert uplink.state.connects == 2

    tell(replace(options, ack_timeout_seconds=60), story)


def test_the_first_attempt_after_a_loss_comes_within_the_shortest_delay(
    options: IotCoreOptions, control: StandinControl
) -> None:
    """The SDK draws it from another of its settings, which were ten seconds by default."""

    async def story(uplink: IotCoreUplink) -> None:
        for _ in range(3):
            await uplink.wait_connected()
            await asyncio.sleep(0.5)  # as long as makes a session one to begin anew from
            control.drop()
            await until(lambda: not uplink.state.connected)
            async with asyncio.timeout(2.5):  # of a busy machine; ten seconds would often be more
                await uplink.wait_connected()

    tell(replace(options, min_reconnect_ms=400, max_reconnect_ms=120_000), story)


def test_a_disconnect_is_told_with_the_reason_of_the_server(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        control.refuse_connections(0x88)
        control.drop(reason=0x98)
        await until(lambda: not uplink.state.connected)
        assert uplink.state.last_reason.endswith("ended the session: 0x98 administrative action")
        with pytest.raises(NotConnected, match="not connected"):
            await uplink.publish(BATCH)
        await until(lambda: "refuses the session: 0x88 server unavailable" in uplink.state.last_reason)
        control.clear()
        await uplink.wait_connected()

    tell(options, story)


def test_a_client_id_the_policy_does_not_allow_is_told(options: IotCoreOptions) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        with pytest.raises(NotConnected, match="not yet"):
            await uplink.publish(BATCH)
        await until(lambda: "refuses the session: 0x87 not authorised" in uplink.state.last_reason)

    tell(replace(options, client_id="gw-08-events"), story)


def test_a_session_taken_over_is_given_up_and_not_fought_for(
    standin: StandinThread, options: IotCoreOptions
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        twin = IotCoreUplink(options, check=lambda: None, diagnose=lambda: "")
        await twin.start()
        await twin.wait_connected()
        await until(lambda: not uplink.state.connected)
        with pytest.raises(UplinkError, match=r"another client connected to .* as gw-07-events"):
            await uplink.wait_connected()
        await asyncio.sleep(0.5)  # five times the shortest reconnect
        assert (twin.state.connected, twin.state.connects) == (True, 1)
        await twin.stop()

    with capture_logs() as logs:
        tell(options, story)

    assert [entry["event"] for entry in logs if entry.get("alarm")] == ["session taken over"]
    assert standin.port == options.port


def test_sessions_that_end_as_soon_as_they_begin_make_us_ask_for_a_twin(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        reasons = []
        for _session in range(3):
            await uplink.wait_connected()
            control.drop()
            await until(lambda: not uplink.state.connected)
            reasons.append(uplink.state.last_reason)
        assert ["is another client connected as gw-07-events?" in reason for reason in reasons] == [
            False,
            False,
            True,
        ]

    tell(options, story)


def test_stopping_does_not_wait_for_a_handshake_that_never_ends(
    options: IotCoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK waits it out, as it does on purpose where a server is not trusted; nobody has to watch."""
    silent: list[socket.socket] = []

    async def story(_uplink: IotCoreUplink) -> None:
        connection, _ = await asyncio.to_thread(server.accept)
        silent.append(connection)

    monkeypatch.setattr(iot_core, "STOP_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server, capture_logs() as logs:
        uplink = tell(replace(options, port=server.getsockname()[1]), story)
    silent[0].close()

    assert [entry["event"] for entry in logs] == ["the MQTT client is still stopping"]
    assert uplink.state.last_reason == "stopped"


def test_a_broker_that_does_not_answer_is_diagnosed_before_the_sdk_gives_up(
    options: IotCoreOptions, control: StandinControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def diagnose() -> str:
        asked.append(1)
        return "it is asleep — wake it"

    async def story(uplink: IotCoreUplink) -> None:
        await until(lambda: uplink.state.last_reason == "it is asleep — wake it")
        control.clear()

    control.stall()
    monkeypatch.setattr(iot_core, "PATIENCE_SECONDS", 0.05)
    tell(options, story, diagnose)

    assert asked == [1]


def test_without_a_diagnosis_the_words_of_the_sdk_have_to_do(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await until(lambda: "CONNECTION_REFUSED" in uplink.state.last_reason)

    control.down(60)
    tell(options, story)


def test_a_diagnosis_that_comes_after_the_connection_changes_nothing(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        uplink._explain()
        await asyncio.sleep(0.1)
        assert uplink.state.last_reason == ""

    tell(options, story, diagnose=lambda: "too late")
    assert control.status()["up"]


def test_trouble_is_diagnosed_once_in_a_while_and_not_at_every_attempt(
    options: IotCoreOptions, control: StandinControl
) -> None:
    asked = []

    def diagnose() -> str:
        asked.append(1)
        return "down"

    async def story(uplink: IotCoreUplink) -> None:
        await until(lambda: uplink.state.last_reason == "down")
        await asyncio.sleep(1)

    control.down(60)
    tell(options, story, diagnose)

    assert asked == [1]


@pytest.mark.parametrize("topic", ["floor/#", "1/2/3/4/5/6/7/8/9"])
def test_what_the_service_would_hang_up_on_is_not_sent(options: IotCoreOptions, topic: str) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        with pytest.raises(LocalProtocolError):
            await uplink.publish(Message(topic, b""))
        assert uplink.state.connects == 1

    tell(options, story)


def test_what_the_sdk_refuses_is_our_fault(options: IotCoreOptions) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        with pytest.raises(LocalProtocolError, match="the SDK refuses a publish"):
            await uplink.publish(Message(EVENTS, b"", content_type="a" * 70_000))

    tell(options, story)


def test_a_publish_nobody_waits_for_any_more_disturbs_nobody(
    options: IotCoreOptions, control: StandinControl
) -> None:
    async def story(uplink: IotCoreUplink) -> None:
        await uplink.wait_connected()
        control.delay(100)
        publish = asyncio.create_task(uplink.publish(BATCH))
        await asyncio.sleep(0.05)
        publish.cancel()
        await asyncio.sleep(0.2)
        assert (await uplink.publish(BATCH)).reason_code == 0x10

    tell(options, story)


def test_an_identity_that_cannot_be_used_is_refused_at_the_start(options: IotCoreOptions) -> None:
    def expired() -> None:
        raise CredentialError("it expired", "renew it")

    uplink = IotCoreUplink(options, check=expired, diagnose=lambda: "")

    with pytest.raises(CredentialError, match="it expired"):
        asyncio.run(uplink.start())


def test_files_the_sdk_cannot_use_are_a_credential_error_too(options: IotCoreOptions) -> None:
    """`check` looks first, but the files may change between the two."""
    uplink = IotCoreUplink(replace(options, key=options.ca), check=lambda: None, diagnose=lambda: "")

    with pytest.raises(CredentialError, match="TLS cannot use"):
        asyncio.run(uplink.start())


def test_an_uplink_that_never_started_can_be_stopped(options: IotCoreOptions) -> None:
    uplink = IotCoreUplink(options, check=lambda: None, diagnose=lambda: "")

    asyncio.run(uplink.stop())

    assert not uplink.state.connected


def test_a_status_topic_with_a_wildcard_is_refused(options: IotCoreOptions) -> None:
    with pytest.raises(LocalProtocolError, match="wildcard"):
        IotCoreUplink(replace(options, status_topic="floor/+"), check=lambda: None, diagnose=lambda: "")
