"""MemoryUplink: an uplink to nowhere that does to us what networks and clouds do.

It keeps what it accepted and answers at once, until told to refuse, to delay, to lose receipts,
to hang up or to let another client take our session over. A lost receipt means what it means
in the field: the cloud has the message and we do not know.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import deque
from typing import Any

from edge_agent.errors import NotConnected, UplinkError
from edge_agent.uplink.base import Message, OnReceived, Receipt, Received, UplinkState
from edge_agent.uplink.limits import check_message
from edge_agent.uplink.reason_codes import Reaction, reaction_to
from edge_agent.uplink.subscriptions import Subscriptions

# As IoT Core announces it.
RECEIVE_MAXIMUM = 100

LOST = -1


class MemoryUplink:
    """An uplink whose other side is a list.

    Args:
        delay: seconds from publish to receipt.
        ack_timeout: seconds after which a lost receipt is given up.
    """

    def __init__(self, *, delay: float = 0.0, ack_timeout: float = 20.0) -> None:
        self.state = UplinkState()
        self.delay = delay
        self.ack_timeout = ack_timeout
        self.delivered: list[Message] = []  # what the cloud has, repeats included
        self.attempts: list[Message] = []  # what was published, refused ones included
        self.most_in_flight = 0
        self.acknowledged: list[Received] = []  # what came in and was acknowledged
        self._subscriptions = Subscriptions()
        self._answers: deque[int] = deque()
        self._refusing: int | None = None
        self._given_up: UplinkError | None = None
        self._settled = asyncio.Event()
        self._awaiting: set[asyncio.Future[None]] = set()

    async def start(self) -> None:
        """Connect."""
        self.reconnect()

    async def stop(self) -> None:
        """End the session."""
        self.disconnect("stopped")

    async def wait_connected(self) -> None:
        """Return once connected; raise UplinkError once taken over."""
        await self._settled.wait()
        if self._given_up:
            raise self._given_up

    async def publish(self, message: Message) -> Receipt:
        """Do what was asked for with this one."""
        check_message(message)
        if not self.state.connected:
            raise NotConnected("the memory uplink is not connected")
        self.attempts.append(message)
        code = self._answers.popleft() if self._answers else 0
        if not code and self._refusing is not None:
            code = self._refusing
        if code == LOST or reaction_to(code) is Reaction.DELIVERED:
            self._carry(message)
        await self._pass(self.ack_timeout if code == LOST else self.delay)
        if code == LOST:
            raise NotConnected(f"no receipt within {self.ack_timeout:g} s")
        return Receipt(code, promise=self.state.promise)

    async def subscribe(self, topic_filter: str, on_received: OnReceived) -> None:
        """Hear what `arrive` brings."""
        self._subscriptions.add(topic_filter, on_received)

    @property
    def filters(self) -> tuple[str, ...]:
        """What was subscribed to."""
        return self._subscriptions.filters

    def arrive(
        self,
        topic: str,
        payload: bytes,
        *,
        response_topic: str = "",
        correlation_data: bytes = b"",
        user_properties: tuple[tuple[str, str], ...] = (),
    ) -> bool:
        """Let a publish come in; whether anybody had subscribed to it."""
        received = Received(
            topic,
            payload,
            response_topic,
            correlation_data,
            user_properties,
            acknowledge=lambda: self.acknowledged.append(received),
        )
        return self._subscriptions.hand_on(received)

    def refuse_next(self, code: int, times: int = 1) -> None:
        """Answer the next publishes with this PUBACK code."""
        self._answers.extend([code] * times)

    def accept_next(self, times: int = 1) -> None:
        """Accept the next publishes, before the answers asked for after this."""
        self._answers.extend([0] * times)

    def lose_next(self, times: int = 1) -> None:
        """Take the next publishes and never say so."""
        self._answers.extend([LOST] * times)

    def refuse_all(self, code: int | None) -> None:
        """Answer everything with this PUBACK code, until told None."""
        self._refusing = code

    def disconnect(self, reason: str = "connection lost") -> None:
        """Hang up. What was delivered and not yet answered is never answered."""
        self.state.connected = False
        self.state.last_reason = reason
        self._settled.clear()
        for waiter in [*self._awaiting]:
            if not waiter.done():
                waiter.set_exception(NotConnected(reason))

    def reconnect(self) -> None:
        """Be there again."""
        self.state.connected = True
        self.state.connects += 1
        self.state.receive_maximum = RECEIVE_MAXIMUM
        self._settled.set()

    def take_over(self) -> None:
        """Let another client have our session: trying further would be wrong."""
        self.disconnect("session taken over")
        self._given_up = UplinkError("another client took our session over", "stop one of the two")
        self._settled.set()

    def events(self) -> list[dict[str, Any]]:
        """Every event the cloud has, in order of arrival, repeats included."""
        return [event for message in self.delivered for event in _events(json.loads(plain(message)))]

    def _carry(self, message: Message) -> None:
        """What was accepted goes to the cloud."""
        self.delivered.append(message)

    async def _pass(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = asyncio.get_running_loop().call_later(seconds, _finish, waiter)
        self._awaiting.add(waiter)
        self.most_in_flight = max(self.most_in_flight, len(self._awaiting))
        try:
            await waiter
        finally:
            self._awaiting.discard(waiter)
            timer.cancel()


def plain(message: Message) -> bytes:
    """The payload of a message, decompressed."""
    compressed = ("content-encoding", "gzip") in message.user_properties
    return gzip.decompress(message.payload) if compressed else message.payload


def _events(said: Any) -> list[dict[str, Any]]:  # noqa: ANN401  whatever JSON holds
    """Those of a batch, or the one that came alone."""
    return said if isinstance(said, list) else [said]


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
