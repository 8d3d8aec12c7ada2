"""Listener: accepts connections, and lets go of every one of them when it closes.

asyncio's own server loses a connection that arrives, or is still shaking hands, at the moment it
is closed. A stand-in that goes down on request does that all the time, so accepting is done here:
whoever has been accepted and not yet been handed to its protocol is known, and hung up on.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

# Connections the kernel keeps for us; a gateway makes one or two.
BACKLOG = 64
# A client that does not finish its handshake, or does not answer our close, is not waited for longer.
HANDSHAKE_WITHIN = 10.0
SHUTDOWN_WITHIN = 1.0


class Listener:
    """Takes connections from a bound socket until `close`."""

    def __init__(
        self,
        bound: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = bound
        self._protocol = protocol
        self._tls = tls
        self._swallowing_until = 0.0
        self._swallowed: list[socket.socket] = []
        self._arriving: dict[asyncio.Task[None], socket.socket] = {}
        bound.setblocking(False)  # noqa: FBT003  the standard library's signature
        bound.listen(BACKLOG)
        self._loop.add_reader(bound, self._accept)

    def swallow(self, seconds: float) -> None:
        """Let whoever comes within so many seconds connect, and never hear a word."""
        self._swallowing_until = self._loop.time() + seconds

    def close(self) -> None:
        """Stop listening; hang up on whoever is still arriving."""
        while self._swallowed:
            self._swallowed.pop().close()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for task in self._arriving:
            task.cancel()

    async def closed(self) -> None:
        """Return once nobody is arriving any more."""
        while self._arriving:
            await asyncio.wait(self._arriving)

    def _accept(self) -> None:
        try:
            accepted, _ = self._socket.accept()
        except OSError:
            return  # it has gone again, or we are out of descriptors: the kernel keeps the rest
        accepted.setblocking(False)  # noqa: FBT003  as above
        if self._loop.time() < self._swallowing_until:
            self._swallowed.append(accepted)  # what it says stays with the kernel
            return
        task = self._loop.create_task(self._hand_over(accepted), name="standin-arrival")
        self._arriving[task] = accepted
        task.add_done_callback(self._arrived)

    async def _hand_over(self, accepted: socket.socket) -> None:
        times = (HANDSHAKE_WITHIN, SHUTDOWN_WITHIN) if self._tls else (None, None)
        await self._loop.connect_accepted_socket(
            self._protocol,
            accepted,
            ssl=self._tls,
            ssl_handshake_timeout=times[0],
            ssl_shutdown_timeout=times[1],
        )

    def _arrived(self, task: asyncio.Task[None]) -> None:
        accepted = self._arriving.pop(task)
        # A handshake that failed is the client's affair; TLS has told it why.
        if task.cancelled() or task.exception() is not None:
            accepted.close()
