"""MemoryNucleus: a MemoryUplink that accepts and does not deliver: what it accepted may be lost on its way.

What reaches the cloud behind it is confirmed, unless the confirmation is lost too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edge_agent.testing.confirming_cloud import ConfirmingCloud
from edge_agent.testing.memory_uplink import MemoryUplink, plain
from edge_agent.uplink.base import Message, Promise


class MemoryNucleus(MemoryUplink):
    """A nucleus with a cloud behind it.

    Args:
        confirms_on: the topic of the cloud's confirmations.
        loses: asked for each publish on its way and each confirmation: whether it is lost.
        delay: seconds from publish to receipt.
        way: seconds to the cloud, and as many back.
    """

    def __init__(
        self,
        confirms_on: str,
        *,
        loses: Callable[[], bool] = lambda: False,
        delay: float = 0.0,
        way: float = 0.05,
    ) -> None:
        super().__init__(delay=delay)
        self.state.promise = Promise.ACCEPTED
        self.cloud = ConfirmingCloud()
        self.accepted: list[Message] = []
        self.loses = loses
        self.way = way
        self._confirms_on = confirms_on

    def _carry(self, message: Message) -> None:
        self.accepted.append(message)
        if not self.loses():
            asyncio.get_running_loop().call_later(self.way, self._reach_the_cloud, message)

    def _reach_the_cloud(self, message: Message) -> None:
        self.delivered.append(message)
        confirmation = self.cloud.take(plain(message))
        if not self.loses():
            asyncio.get_running_loop().call_later(self.way, self.arrive, self._confirms_on, confirmation)
