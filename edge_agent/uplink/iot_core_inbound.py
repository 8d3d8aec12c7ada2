"""What comes in over a session with IoT Core: subscribed to after every connect, acknowledged by hand.

The SDK would send the PUBACK as soon as its callback returns. Here it is held back until whoever
heard the publish says that it has it: a command is acknowledged once it is journalled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from awscrt import mqtt5

from edge_agent.uplink.base import UplinkState
from edge_agent.uplink.iot_core_packets import received_from, words_of
from edge_agent.uplink.reason_codes import UNSPECIFIED_ERROR, describe
from edge_agent.uplink.subscriptions import Subscriptions

# Publishes the broker may have sent us that we have not acknowledged: commands are few.
MOST_UNACKNOWLEDGED = 20


class Inbound:
    """The inbound half of a session.

    Args:
        state: where refused filters are told, and whether there is a session.
        hand_over: from the SDK's thread to the loop's.
        log: of the session.
    """

    def __init__(self, state: UplinkState, hand_over: Callable[..., None], log: Any) -> None:  # noqa: ANN401  structlog's loggers have no common type
        self.subscriptions = Subscriptions()
        self._state = state
        self._hand_over = hand_over
        self._log = log
        self._client: Any = None

    async def subscribe(self, client: Any, filters: tuple[str, ...]) -> None:  # noqa: ANN401  awscrt has no types
        """Subscribe, and read every code of the SUBACK. Never raises."""
        self._client = client
        wanted = [mqtt5.Subscription(one, mqtt5.QoS.AT_LEAST_ONCE) for one in filters]
        try:
            answer = await asyncio.wrap_future(client.subscribe(mqtt5.SubscribePacket(subscriptions=wanted)))
        except Exception as error:  # noqa: BLE001  the SDK's own kinds; the next connect asks again
            self._log.warning("not subscribed", filters=filters, reason=words_of(error))
            return
        for one, code in zip(filters, answer.reason_codes, strict=False):
            granted = code is not None and int(code) < UNSPECIFIED_ERROR
            self.subscriptions.answered(one, granted=granted)
            if not granted:
                reason = describe(
                    UNSPECIFIED_ERROR if code is None else int(code), answer.reason_string or ""
                )
                self._log.error(
                    "subscription refused", filter=one, reason=reason, mend="check the IoT policy"
                )
        self._state.refused_filters = self.subscriptions.refused

    def on_publish(self, data: Any) -> None:  # noqa: ANN401  as subscribe
        """On the SDK's thread: keep it from answering for us, and hand over."""
        acquire = data.acquire_publish_acknowledgement_control
        handle = None if acquire is None else acquire()
        self._hand_over(self._on_received, data.publish_packet, handle)

    def _on_received(self, packet: Any, handle: Any) -> None:  # noqa: ANN401  as subscribe
        received = received_from(packet, lambda: self._acknowledge(handle))
        if not self.subscriptions.hand_on(received):
            received.acknowledge()  # or the broker would keep a place for it

    def _acknowledge(self, handle: Any) -> None:  # noqa: ANN401  as subscribe
        if handle is not None and self._state.connected:
            with suppress(RuntimeError):  # the session it came by has ended: there is nobody to tell
                self._client.invoke_publish_acknowledgement(handle)
