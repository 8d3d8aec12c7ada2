"""A short session that asks the cloud something and waits for the answer.

For what a gateway asks of IoT Core's own services: it publishes a request to a topic and is answered
on `<topic>/accepted` or `<topic>/rejected`. Both are subscribed to before the question leaves. The
service answers only who asked, and a session asks each topic once, so the topic says which question
an answer is for, and an answer that comes twice answers nothing else.

Unlike the uplink it does not persist: the first failure to connect ends it, with the reason.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from awscrt import mqtt5
from awscrt.exceptions import AwsCrtError

from edge_agent.errors import LocalProtocolError, NotConnected, Refused, UplinkError
from edge_agent.proxy import Proxy
from edge_agent.uplink.base import Message, TokenKey
from edge_agent.uplink.iot_core_packets import packet_of, receipt_of, words_of
from edge_agent.uplink.limits import check_topic
from edge_agent.uplink.mutual_tls import make_client
from edge_agent.uplink.reason_codes import UNSPECIFIED_ERROR, describe

# A handshake and a CONNECT across the world take two seconds, with a slow token some more.
CONNECT_SECONDS = 30.0
# The SDK reports an untrusted server only after 10 to 30 s: after this we look for ourselves.
PATIENCE_SECONDS = 4.0
# A pre-provisioning hook may take five seconds, and may be tried again.
ANSWER_SECONDS = 20.0
STOP_SECONDS = 2.0
KEEP_ALIVE_SECONDS = 30
PING_TIMEOUT_MS = 10_000

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Where to connect, and as whom."""

    endpoint: str
    port: int
    ca: Path
    certificate: Path
    key: Path | TokenKey
    client_id: str
    proxy: Proxy | None = None
    answer_seconds: float = ANSWER_SECONDS

    @property
    def where(self) -> str:
        """The broker, as people write it."""
        return f"{self.endpoint}:{self.port}"


class _HungUp(Exception):  # noqa: N818  what happened, not an error of ours
    """TLS failed, or the server closed the connection without a CONNACK."""


class AskingSession:
    """A session with the cloud: `async with AskingSession(options, diagnose) as session`.

    Args:
        options: where, and as whom.
        diagnose: says why connecting fails, in a sentence; may block; empty if it cannot tell.
    """

    def __init__(self, options: SessionOptions, diagnose: Callable[[], str]) -> None:
        self._options = options
        self._diagnose = diagnose
        self._client: Any = None
        self._ended = asyncio.Event()
        self._answers: dict[str, asyncio.Future[tuple[str, bytes]]] = {}

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._client = self._make_client()
        self._client.start()
        try:
            await self._connect()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def ask(self, topic: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """The accepted answer. Raises Refused for a rejected one, and UplinkError without any."""
        accepted, rejected = f"{topic}/accepted", f"{topic}/rejected"
        if accepted in self._answers:
            raise LocalProtocolError(f"{topic} was asked in this session before", "open another")
        answer: asyncio.Future[tuple[str, bytes]] = self._loop.create_future()
        self._answers |= {accepted: answer, rejected: answer}
        await self._subscribe(accepted, rejected)
        await self.publish(topic, json.dumps(payload).encode())
        seconds = self._options.answer_seconds
        heard, body = await self._wait(answer, seconds, f"answer on {accepted}")
        content = _object(body, heard)
        if heard == rejected:
            code, status = content.get("errorCode", "no code"), content.get("statusCode", "")
            said = " ".join(str(content.get("errorMessage", "")).split())
            raise Refused(f"{topic} is rejected: {status} {code}: {said}", code=str(code))
        return content

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1 and wait for the receipt. Raises Refused for one that says no, and UplinkError."""
        check_topic(topic)
        packet = packet_of(Message(topic, payload, "application/json"))
        seconds = self._options.answer_seconds
        answered = await self._wait(
            asyncio.wrap_future(self._client.publish(packet)), seconds, f"receipt for {topic}"
        )
        receipt = receipt_of(answered.puback)
        self._demand(receipt.reason_code, receipt.reason, f"publish to {topic}")

    async def _subscribe(self, *topics: str) -> None:
        packet = mqtt5.SubscribePacket(
            subscriptions=[
                mqtt5.Subscription(topic_filter=topic, qos=mqtt5.QoS.AT_LEAST_ONCE) for topic in topics
            ]
        )
        seconds = self._options.answer_seconds
        suback = await self._wait(
            asyncio.wrap_future(self._client.subscribe(packet)), seconds, f"SUBACK for {topics[0]}"
        )
        for topic, code in zip(topics, suback.reason_codes, strict=True):
            self._demand(code, suback.reason_string, f"subscribe to {topic}")

    def _demand(self, code: int | None, text: str | None, what: str) -> None:
        number = UNSPECIFIED_ERROR if code is None else int(code)  # None: a code the SDK does not know
        if number >= UNSPECIFIED_ERROR:
            raise Refused(
                f"{self._options.where} does not let {self._options.client_id} {what}: "
                f"{describe(number, text or '')}",
                "check the policy of its certificate, and the names in the topic",
                code=f"0x{number:02X}",
            )

    async def _connect(self) -> None:
        """Wait until there is a session, or a reason why there is none. Raises NotConnected."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.wait({self._connected}, timeout=PATIENCE_SECONDS)
                if not self._connected.done():
                    await self._look()
                await self._connected
        except TimeoutError as error:
            raise NotConnected(f"{self._options.where}: no session within {CONNECT_SECONDS:g} s") from error
        except _HungUp as hung_up:
            await self._look()
            raise NotConnected(
                f"{self._options.where} ends the session of {self._options.client_id}: {hung_up}",
                "check that its certificate is active and that its policy allows this client id",
            ) from hung_up

    async def _look(self) -> None:
        """Look for the reason with a handshake of our own."""
        if sentence := await asyncio.to_thread(self._diagnose):
            raise NotConnected(*sentence.split(" — ", 1))

    async def _wait(self, something: Awaitable[_T], seconds: float, what: str) -> _T:
        """Wait for something, but no longer than the session lasts. Raises UplinkError."""
        task = asyncio.ensure_future(something)
        either: set[asyncio.Future[Any]] = {task, self._lost}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        try:
            if task.done():
                return task.result()
        except AwsCrtError as error:
            raise NotConnected(f"{self._options.where}: no {what}: {words_of(error)}") from error
        task.cancel()
        if self._lost.done():
            self._lost.result()
        raise UplinkError(f"{self._options.where}: no {what} within {seconds:g} s", "run this again")

    async def _close(self) -> None:
        self._client.stop()
        with suppress(TimeoutError):  # it may be waiting out a failed handshake, and ends by itself
            await asyncio.wait_for(self._ended.wait(), STOP_SECONDS)
        for future in (self._connected, self._lost):
            if future.done() and not future.cancelled():
                future.exception()  # whoever waited has it
        self._client = None

    def _make_client(self) -> Any:  # noqa: ANN401  awscrt has no types
        return make_client(
            self._options,
            client_id=self._options.client_id,
            session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            keep_alive_interval_sec=KEEP_ALIVE_SECONDS,
            ping_timeout_ms=PING_TIMEOUT_MS,
            on_publish_received=lambda data: self._hand_over(self._on_publish, data),
            on_lifecycle_connection_success=lambda _data: self._hand_over(self._on_connected),
            on_lifecycle_connection_failure=lambda data: self._hand_over(self._on_failure, data),
            on_lifecycle_disconnection=lambda data: self._hand_over(self._on_disconnection, data),
            on_lifecycle_stopped=lambda _data: self._hand_over(self._ended.set),
        )

    def _hand_over(self, act: Callable[..., None], *arguments: object) -> None:
        """From the SDK's thread to our loop, if that still runs."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act, *arguments)

    def _on_connected(self) -> None:
        if not self._connected.done():
            self._connected.set_result(None)

    def _on_failure(self, data: Any) -> None:  # noqa: ANN401  as _make_client
        if self._connected.done():
            return
        if data.connack_packet is None:
            self._connected.set_exception(_HungUp(words_of(data.exception)))
            return
        code = int(data.connack_packet.reason_code)
        reason = describe(code, data.connack_packet.reason_string or "")
        self._connected.set_exception(
            NotConnected(
                f"{self._options.where} refuses the session of {self._options.client_id}: {reason}",
                "check the policy of its certificate",
            )
        )

    def _on_disconnection(self, data: Any) -> None:  # noqa: ANN401  as _make_client
        packet = data.disconnect_packet
        reason = words_of(data.exception)
        if packet is not None:
            reason = describe(int(packet.reason_code), packet.reason_string or "")
        if not self._lost.done():
            self._lost.set_exception(NotConnected(f"{self._options.where} ended the session: {reason}"))

    def _on_publish(self, data: Any) -> None:  # noqa: ANN401  as _make_client
        packet = data.publish_packet
        answer = self._answers.get(packet.topic)
        if answer is not None and not answer.done():
            answer.set_result((packet.topic, packet.payload or b""))


def _object(body: bytes, topic: str) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise UplinkError(f"the answer on {topic} is not JSON", "look at what serves this topic") from error
    if not isinstance(content, dict):
        raise UplinkError(f"the answer on {topic} is no object", "look at what serves this topic")
    return content
