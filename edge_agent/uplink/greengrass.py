"""GreengrassUplink: records leave through the Greengrass nucleus, which accepts and does not deliver.

Invariants
- A successful receipt is an acceptance: the Java nucleus has it in its spooler, nucleus lite has written
  it to its own connection. Either may lose it. What proves a delivery is a confirmation of the cloud.
- One publish is with the nucleus at a time, so they leave in order. A nucleus that has no room says so with
  an error and is asked again within milliseconds; one that has no connection gives the same error, and
  goes on giving it.
- No payload is larger than the nucleus takes: nucleus lite closes the whole connection on one that is.
- The connection is never made anew: its token would be refused. When it is lost, the process has to end.

Nucleus lite drops everything of a message but its topic and payload, in both directions. So nothing here
depends on a content type, a user property, a response topic or a retained message.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import structlog

from edge_agent.errors import NotConnected, UplinkError
from edge_agent.nucleus.errors import LOST, SERVICE, UNAUTHORIZED, NucleusError
from edge_agent.uplink.backoff import Backoff
from edge_agent.uplink.base import (
    CloudBehindNucleus,
    Message,
    OnReceived,
    Promise,
    Receipt,
    Received,
    UplinkState,
)
from edge_agent.uplink.limits import MAX_PAYLOAD_BYTES, check_topic
from edge_agent.uplink.reason_codes import (
    NOT_AUTHORISED,
    PACKET_TOO_LARGE,
    SUCCESS,
    UNSPECIFIED_ERROR,
)
from edge_agent.uplink.subscriptions import Subscriptions

# Nucleus lite takes IPC packets of 10,000 bytes; the payload travels in base64, beside a topic of up to 256
# bytes and some 300 bytes of names. 7,300 bytes went through with a short topic, 7,400 did not.
LITE_PAYLOAD_BYTES = 7_000
# Nucleus lite: ten publishes, or 15,000 bytes, whose PUBACK it awaits; then it has no room.
MOST_IN_FLIGHT = 10
# Room is made by a PUBACK: some milliseconds, or the round trip of a slow line. Full jitter is in the factor.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.005, 0.1
# A nucleus that has found no room for so long has no connection.
PATIENCE_SECONDS = 2.0
# It answers in milliseconds, or not at all.
ANSWER_SECONDS = 10.0


class GreengrassUplink:
    """An uplink over a nucleus that is connected already, and stays so when this stops.

    Args:
        nucleus: connected.
        patience: seconds for which a nucleus without room is asked again before it counts as cut off.
        jitter: gives numbers from 0 up to 1.
    """

    def __init__(
        self,
        nucleus: CloudBehindNucleus,
        *,
        patience: float = PATIENCE_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.state = UplinkState(
            receive_maximum=MOST_IN_FLIGHT,
            promise=Promise.ACCEPTED,
            carries_properties=False,
            # Only the Java nucleus asks first, and it takes what IoT Core takes. Of others we know nothing.
            payload_maximum=MAX_PAYLOAD_BYTES if nucleus.asks_first else LITE_PAYLOAD_BYTES,
        )
        self._nucleus = nucleus
        self._patience = patience
        self._jitter = jitter
        self._log = structlog.get_logger()
        self._one_at_a_time = asyncio.Lock()
        self._given_up: UplinkError | None = None
        self._subscriptions = Subscriptions()
        self._subscribing: set[asyncio.Task[None]] = set()
        self._endings: list[Callable[[], object]] = []

    async def start(self) -> None:
        """The nucleus is there. What it has behind it shows with the first publish."""
        self._loop = asyncio.get_running_loop()
        self.state.connected = True
        self.state.connects += 1
        self.state.changed_at = self._loop.time()

    async def wait_connected(self) -> None:
        """Return at once. Raises UplinkError if the nucleus is lost: the process has to end."""
        if self._given_up:
            raise self._given_up

    async def publish(self, message: Message) -> Receipt:
        """Hand it to the nucleus; the receipt says that it was accepted, or why never.

        Raises NotConnected while the nucleus has no way on or no room, and once it is lost.
        """
        check_topic(message.topic)
        if len(message.payload) > self.state.payload_maximum:
            reason = f"{len(message.payload)} bytes; the nucleus takes {self.state.payload_maximum}"
            return Receipt(PACKET_TOO_LARGE, reason, Promise.ACCEPTED)
        async with self._one_at_a_time:
            return await self._until_there_is_room(message)

    async def subscribe(self, topic_filter: str, on_received: OnReceived) -> None:
        """Have what matches handed on. What the nucleus refuses is asked for again, more and more seldom."""
        self._subscriptions.add(topic_filter, on_received)
        task = asyncio.create_task(self._until_granted(topic_filter), name=f"subscribe[{topic_filter}]")
        self._subscribing.add(task)
        task.add_done_callback(self._subscribing.discard)

    async def stop(self) -> None:
        """Hear nothing more. The nucleus stays connected: it is not ours."""
        for task in self._subscribing:
            task.cancel()
        await asyncio.gather(*self._subscribing, return_exceptions=True)
        for end in self._endings:
            with suppress(Exception):  # a connection that is lost has no streams to end
                end()
        self._endings.clear()
        self.state.connected = False

    # What goes out.

    async def _until_there_is_room(self, message: Message) -> Receipt:
        """Ask again while there is no room; only once if that was so before."""
        give_up_at = self._loop.time() + (0.0 if self.state.cut_off else self._patience)
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._hand_over(message)
            except _NoRoom as error:
                if self._loop.time() >= give_up_at:
                    raise self._cut_off(error) from error
            await asyncio.sleep(pause * (0.5 + self._jitter()))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _hand_over(self, message: Message) -> Receipt:
        if not self.state.connected:
            raise NotConnected(self.state.last_reason or "the uplink is not started")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                # The SDK would set the result of a future that we had cancelled.
                await asyncio.shield(asyncio.wrap_future(self._published(message)))
        except TimeoutError as error:
            raise self._cut_off(f"the nucleus does not answer within {ANSWER_SECONDS:g} s") from error
        except NucleusError as error:
            return self._refusal(error)
        self._accepted()
        return Receipt(SUCCESS, promise=Promise.ACCEPTED)

    def _published(self, message: Message) -> Future[Any]:
        if not self._nucleus.asks_first:  # the others drop the rest, and have little room for it
            return self._nucleus.publish(message.topic, message.payload)
        return self._nucleus.publish(
            message.topic,
            message.payload,
            retain=message.retain,
            content_type=message.content_type,
            user_properties=message.user_properties,
        )

    def _refusal(self, error: NucleusError) -> Receipt:
        """A receipt for what a person has to mend. Raises NotConnected for the rest."""
        if error.code == SERVICE:
            raise _NoRoom(error.what)
        if error.code == LOST:
            raise self._lost(error)
        code = NOT_AUTHORISED if error.code == UNAUTHORIZED else UNSPECIFIED_ERROR
        return Receipt(code, str(error), Promise.ACCEPTED)

    def _accepted(self) -> None:
        if self.state.cut_off:
            self._log.info("the nucleus accepts again")
        self.state.cut_off = False
        self.state.last_reason = ""

    def _cut_off(self, reason: object) -> NotConnected:
        self.state.last_reason = f"{reason}: it has no connection, or no room"
        if not self.state.cut_off:
            self._log.warning("the nucleus accepts nothing", reason=self.state.last_reason)
        self.state.cut_off = True
        return NotConnected(self.state.last_reason)

    def _lost(self, error: NucleusError) -> NotConnected:
        """Its socket is gone, and a new connection would be refused."""
        self._given_up = UplinkError(error.what, error.mend)
        self.state.connected = False
        self.state.last_reason = error.what
        return NotConnected(error.what)

    # What comes in.

    async def _until_granted(self, topic_filter: str) -> None:
        backoff = Backoff(self._jitter)
        while not await asyncio.to_thread(self._granted, topic_filter):
            backoff.fail(self._loop.time())
            await asyncio.sleep(backoff.left(self._loop.time()) or 0.0)

    def _granted(self, topic_filter: str) -> bool:
        """In a thread: it waits for the answer."""
        try:
            end = self._nucleus.subscribe(topic_filter, self._on_message)
        except NucleusError as error:
            self._tell(self._answered, topic_filter, error)
            return error.code == LOST  # nobody grants it any more
        self._endings.append(end)
        if not self.state.connected:  # stopped while the nucleus was answering
            end()
        self._tell(self._answered, topic_filter, None)
        return True

    def _answered(self, topic_filter: str, error: NucleusError | None) -> None:
        if error is not None and topic_filter not in self._subscriptions.refused:
            self._log.warning("not subscribed", filter=topic_filter, reason=error.what, mend=error.mend)
        self._subscriptions.answered(topic_filter, granted=error is None)
        self.state.refused_filters = self._subscriptions.refused

    def _on_message(self, topic: str, payload: bytes) -> None:
        """In a thread of the SDK."""
        self._tell(self._subscriptions.hand_on, Received(topic, payload))

    def _tell(self, act: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever wanted to hear
            self._loop.call_soon_threadsafe(act, *arguments)


class _NoRoom(NotConnected):
    """The nucleus gives the error that may mean that it has no room just now."""
