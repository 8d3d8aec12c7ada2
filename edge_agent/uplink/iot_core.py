"""IotCoreUplink: MQTT 5 over mutual TLS, with the SDK kept to what a journal needs of it.

The journal is the queue. So the client starts every session clean, fails whatever is unanswered
when a session ends, and never sends anything again by itself: the caller does, from the journal.
The SDK reconnects, with full jitter, for as long as that can help. A session in which a receipt does not
come is renewed: ended, and begun again once the SDK says that it has ended, so that there are never two.

Its callbacks come on the SDK's one event loop thread and do nothing there but hand over to ours.
A status topic says, retained, whether we are online; the broker says offline for us when we
vanish. Should another client take our session over, two agents have one identity: we stop,
because whoever fights over a session delivers nothing.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from awscrt import mqtt5

from edge_agent.errors import AgentError, LocalProtocolError, NotConnected, UplinkError
from edge_agent.proxy import Proxy
from edge_agent.uplink.base import Message, OnReceived, Receipt, TokenKey, UplinkState
from edge_agent.uplink.iot_core_inbound import MOST_UNACKNOWLEDGED, Inbound
from edge_agent.uplink.iot_core_packets import packet_of, receipt_of, words_of
from edge_agent.uplink.iot_core_renewal import Renewing
from edge_agent.uplink.limits import check_message, check_topic
from edge_agent.uplink.mutual_tls import make_client
from edge_agent.uplink.reason_codes import (
    PACKET_TOO_LARGE,
    SESSION_TAKEN_OVER,
    UNSPECIFIED_ERROR,
    describe,
)

ONLINE = b'{"state":"online"}'
OFFLINE = b'{"state":"offline"}'

# A ping is answered within a round trip; a satellite takes one second, a stalled broker for ever.
# The SDK insists that it is shorter than the keep-alive, which is 30 s at least.
PING_TIMEOUT_MS = 10_000
# A session that lasts this long was a good one: whoever hung up has no twin of ours.
GOOD_SESSION_MS = 10_000
# Brokers that do not say "session taken over" hang up without a word. A cable does that too, but not three
# times within seconds of connecting.
SUSPICIOUS_HANG_UPS = 3
# A TLS handshake across the world takes one second. The SDK reports an untrusted server only
# after 10 to 30 s, so that is when we ask for ourselves.
PATIENCE_SECONDS = 3.0
# A diagnosis is a connection of its own, which the broker sees; the mend takes a person minutes.
DIAGNOSE_EVERY_SECONDS = 30.0
# Saying goodbye must leave room within the five seconds Greengrass grants.
GOODBYE_SECONDS = 1.0
STOP_SECONDS = 1.0

# How the SDK says that a packet is over the maximum the server announced.
_TOO_LARGE = {"AWS_ERROR_MQTT5_PACKET_VALIDATION", "AWS_ERROR_MQTT5_ENCODE_SIZE_UNSUPPORTED_PACKET_SIZE"}


@dataclass(frozen=True, slots=True)
class IotCoreOptions:
    """Where to connect, as whom, and how patiently."""

    endpoint: str
    ca: Path
    certificate: Path
    key: Path | TokenKey
    client_id: str
    status_topic: str
    port: int = 8883  # or 443, by ALPN
    proxy: Proxy | None = None
    keep_alive_seconds: int = 45
    ack_timeout_seconds: int = 20
    ack_watchdog_seconds: float = 8.0
    min_reconnect_ms: int = 1_000  # IoT Core takes one CONNECT a second of a client
    max_reconnect_ms: int = 120_000

    @property
    def where(self) -> str:
        """The broker, as people write it."""
        return f"{self.endpoint}:{self.port}"


class IotCoreUplink:
    """A session with IoT Core, or with a broker that demands as much.

    Args:
        options: where to connect, and as whom.
        check: raises CredentialError if the identity cannot be used; called before connecting.
        diagnose: says why connecting fails, in a sentence; may block; empty if it cannot tell.
        birth: what the status topic says after each connect.
        jitter: gives numbers from 0 up to 1.
    """

    def __init__(
        self,
        options: IotCoreOptions,
        *,
        check: Callable[[], object],
        diagnose: Callable[[], str],
        birth: Callable[[], bytes] = lambda: ONLINE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        check_topic(options.status_topic)
        self.state = UplinkState()
        self._options = options
        self._check = check
        self._diagnose = diagnose
        self._what_birth_says = birth
        self._log = structlog.get_logger().bind(broker=options.where, client_id=options.client_id)
        self._client: Any = None
        self._settled = asyncio.Event()  # connected, or given up
        self._hang_ups = 0  # in a row, of sessions that had hardly begun
        self._stopping = False
        self._stopped = asyncio.Event()
        self._given_up: UplinkError | None = None
        self._awaiting: set[asyncio.Future[Receipt]] = set()
        self._renewing = Renewing(
            options.ack_watchdog_seconds,
            options.min_reconnect_ms / 1000,
            options.max_reconnect_ms / 1000,
            jitter=jitter,
            too_late=self._too_late,
        )
        self._renewal: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._diagnosis: asyncio.Task[None] | None = None
        self._diagnosed_at = float("-inf")
        self._birth: asyncio.Task[None] | None = None
        self._inbound = Inbound(self.state, self._hand_over, self._log)
        self._subscribing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin connecting. Raises CredentialError on an identity that cannot be used."""
        self._check()
        self._loop = asyncio.get_running_loop()
        self._client = self._make_client()
        self._client.start()

    async def wait_connected(self) -> None:
        """Return once there is a session. Raises UplinkError once our identity is used elsewhere."""
        await self._settled.wait()
        if self._given_up:
            raise self._given_up

    async def publish(self, message: Message) -> Receipt:
        """Publish and wait for the PUBACK, whatever it says.

        Raises NotConnected when there is no session, or none came in time before it ended, and
        LocalProtocolError for what IoT Core would hang up on.
        """
        check_message(message)
        if not self.state.connected:
            raise NotConnected(
                f"{self._options.where}: not connected ({self.state.last_reason or 'not yet'})"
            )
        receipt: asyncio.Future[Receipt] = self._loop.create_future()
        self._awaiting.add(receipt)
        receipt.add_done_callback(self._settle)
        try:
            answer = self._client.publish(packet_of(message))
        except RuntimeError as error:
            receipt.cancel()
            raise LocalProtocolError(f"the SDK refuses a publish to {message.topic}: {error}") from error
        answer.add_done_callback(lambda answered: self._hand_over(self._on_answer, receipt, answered))
        self._renewing.sent(receipt)
        return await receipt

    async def subscribe(self, topic_filter: str, on_received: OnReceived) -> None:
        """Have what matches handed to `on_received`, over every reconnect. See Uplink."""
        self._inbound.subscriptions.add(topic_filter, on_received)
        if self.state.connected:
            await self._inbound.subscribe(self._client, (topic_filter,))

    def renew(self, reason: str) -> None:
        """End the session and begin another; whatever awaits a receipt fails, to be sent again.

        Nothing without a session, or while one is being renewed. There are never two at once: the SDK has to
        say that it has ended first. The broker tells the last will, and the new session its birth.
        """
        if not self.state.connected or self._stopping:
            return
        self._log.warning("session renewed", reason=reason)
        self.state.renewals += 1
        self._ended(reason)
        self._stopped.clear()
        self._client.stop()
        self._renewal = self._loop.create_task(self._begin_again(), name="uplink-renewal")

    async def stop(self) -> None:
        """Say goodbye if there is a session, and end it."""
        if self._client is None:
            return
        self._stopping = True
        if self.state.connected:
            await self._say(OFFLINE)
        self._cancel_patience()
        self._renewing.stop()
        for task in (self._birth, self._subscribing, self._diagnosis, self._renewal):
            if task is not None:
                task.cancel()
        self._client.stop()
        try:
            await asyncio.wait_for(self._stopped.wait(), STOP_SECONDS)
        except TimeoutError:
            # It is waiting out a failed handshake on purpose; it ends by itself and we need not watch.
            self._log.debug("the MQTT client is still stopping")
        self._ended("stopped")
        self._client = None

    def _make_client(self) -> Any:  # noqa: ANN401  awscrt has no types
        options = self._options
        return make_client(
            options,
            client_id=options.client_id,
            session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.FULL,
            min_reconnect_delay_ms=options.min_reconnect_ms,
            max_reconnect_delay_ms=options.max_reconnect_ms,
            # awscrt 0.36 draws the first delay after a loss from this, and not from the shortest delay.
            min_connected_time_to_reset_reconnect_delay_ms=options.min_reconnect_ms,
            keep_alive_interval_sec=options.keep_alive_seconds,
            ping_timeout_ms=PING_TIMEOUT_MS,
            ack_timeout_sec=options.ack_timeout_seconds,
            # What may leave in a second is the forwarder's to keep: in here it would queue, unseen.
            extended_validation_and_flow_control_options=(mqtt5.ExtendedValidationAndFlowControlOptions.NONE),
            will=packet_of(self._status(OFFLINE)),
            on_publish_received=self._inbound.on_publish,
            receive_maximum=MOST_UNACKNOWLEDGED,
            on_lifecycle_attempting_connect=lambda _data: self._hand_over(self._on_attempt),
            on_lifecycle_connection_success=lambda data: self._hand_over(self._on_connected, data),
            on_lifecycle_connection_failure=lambda data: self._hand_over(self._on_failure, data),
            on_lifecycle_disconnection=lambda data: self._hand_over(self._on_disconnection, data),
            on_lifecycle_stopped=lambda _data: self._hand_over(self._stopped.set),
        )

    def _hand_over(self, act: Callable[..., None], *arguments: object) -> None:
        """From the SDK's thread to our loop, if that still runs."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act, *arguments)

    async def _begin_again(self) -> None:
        await self._stopped.wait()
        await asyncio.sleep(self._renewing.pause())
        self._stopped.clear()
        self._client.start()

    def _too_late(self) -> None:
        self.renew(f"{self._options.where}: no receipt for over {self._options.ack_watchdog_seconds:g} s")

    def _settle(self, receipt: asyncio.Future[Receipt]) -> None:
        self._awaiting.discard(receipt)
        self._renewing.settled(receipt)

    def _on_attempt(self) -> None:
        self._renewing.attempted()
        self._cancel_patience()
        self._patience = self._loop.call_later(PATIENCE_SECONDS, self._explain)

    def _on_connected(self, data: mqtt5.LifecycleConnectSuccessData) -> None:
        self._cancel_patience()
        self.state.receive_maximum = int(data.negotiated_settings.receive_maximum_from_server or 0)
        self.state.connects += 1
        self._change(connected=True, reason="")
        self._diagnosed_at = float("-inf")
        self._settled.set()
        self._log.info("connected", receive_maximum=self.state.receive_maximum)
        self._birth = self._loop.create_task(self._say(self._what_birth_says()), name="uplink-birth")
        if filters := self._inbound.subscriptions.filters:
            subscribing = self._inbound.subscribe(self._client, filters)
            self._subscribing = self._loop.create_task(subscribing, name="uplink-subscribe")

    def _on_failure(self, data: mqtt5.LifecycleConnectFailureData) -> None:
        self._cancel_patience()
        if data.connack_packet is not None:
            code = int(data.connack_packet.reason_code)
            reason = describe(code, data.connack_packet.reason_string or "")
            self._complain(f"{self._options.where} refuses the session: {reason}")
            return
        if not self.state.last_reason:
            self._change(connected=False, reason=f"{self._options.where}: {words_of(data.exception)}")
        self._explain()

    def _on_disconnection(self, data: mqtt5.LifecycleDisconnectData) -> None:
        if self._renewal is not None and not self._renewal.done():
            return  # we ended it
        packet = data.disconnect_packet
        if packet is None:
            self._ended(
                f"{self._options.where}: the connection was lost:"
                f" {words_of(data.exception)}{self._suspicion()}"
            )
        else:
            code = int(packet.reason_code)
            self._ended(
                f"{self._options.where} ended the session: {describe(code, packet.reason_string or '')}"
            )
            if code == SESSION_TAKEN_OVER:
                self._give_up()
        if not self._stopping:
            self._log.warning("disconnected", reason=self.state.last_reason)

    def _suspicion(self) -> str:
        """What to ask a person when sessions end as soon as they begin."""
        short = time.monotonic() - self.state.changed_at < GOOD_SESSION_MS / 1000
        self._hang_ups = self._hang_ups + 1 if short else 0
        if self._hang_ups < SUSPICIOUS_HANG_UPS:
            return ""
        return f" — is another client connected as {self._options.client_id}?"

    def _on_answer(self, receipt: asyncio.Future[Receipt], answer: Future[Any]) -> None:
        if receipt.done():  # the session ended first, or nobody waits any more
            return
        error = answer.exception()
        if error is None:
            self._renewing.heard()
            receipt.set_result(receipt_of(answer.result().puback))
        elif getattr(error, "name", "") in _TOO_LARGE:
            receipt.set_result(Receipt(PACKET_TOO_LARGE, "over the packet size this broker takes"))
        else:
            receipt.set_exception(NotConnected(f"{self._options.where}: no receipt: {words_of(error)}"))

    def _give_up(self) -> None:
        """Another client is us. Fighting over the session would end both."""
        self._given_up = UplinkError(
            f"another client connected to {self._options.where} as {self._options.client_id}",
            "stop one of the two, or give each its own identity; a copied key must be replaced",
        )
        self._client.stop()
        self._settled.set()
        self._log.error("session taken over", alarm=True, reason=str(self._given_up))

    def _ended(self, reason: str) -> None:
        """There is no session: whatever awaits a receipt goes back to the journal."""
        self._settled.clear()
        self._change(connected=False, reason=reason)
        for receipt in [*self._awaiting]:
            if not receipt.done():
                receipt.set_exception(NotConnected(reason))

    def _explain(self) -> None:
        """Find out why we are not connected, unless we did so lately."""
        if self._stopping or self._loop.time() - self._diagnosed_at < DIAGNOSE_EVERY_SECONDS:
            return
        self._diagnosed_at = self._loop.time()
        self._diagnosis = self._loop.create_task(self._ask(), name="uplink-diagnosis")

    async def _ask(self) -> None:
        sentence = await asyncio.to_thread(self._diagnose)
        if not self.state.connected:
            self._complain(
                sentence or self.state.last_reason or f"{self._options.where}: no answer to our CONNECT"
            )

    def _complain(self, reason: str) -> None:
        self._log.warning("not connected", reason=reason)
        self._change(connected=False, reason=reason)

    async def _say(self, status: bytes) -> None:
        """Publish our status; the events do not depend on it."""
        try:
            receipt = await asyncio.wait_for(self.publish(self._status(status)), GOODBYE_SECONDS)
        except (AgentError, TimeoutError) as error:
            self._log.info("status not published", reason=str(error) or "no receipt in time")
        else:
            if receipt.reason_code >= UNSPECIFIED_ERROR:
                self._log.warning("status refused", reason=describe(receipt.reason_code, receipt.reason))

    def _status(self, status: bytes) -> Message:
        return Message(self._options.status_topic, status, "application/json", retain=True)

    def _cancel_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def _change(self, *, connected: bool, reason: str) -> None:
        self.state.connected = connected
        self.state.last_reason = reason
        self.state.changed_at = time.monotonic()
