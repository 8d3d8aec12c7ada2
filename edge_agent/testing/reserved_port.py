"""A port of loopback that stays ours while nobody listens on it.

A server that is killed and started again on the port it had finds another's connection there if the port was
merely free once: the kernel gives such ports to whoever connects. A socket that is bound and does not listen
keeps it from doing so. A server that sets SO_REUSEADDR may listen beside it; whoever connects meanwhile is
refused.
"""

from __future__ import annotations

import socket
from typing import Self


class ReservedPort:
    """A port that no other process is given until it is closed."""

    def __init__(self) -> None:
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.number: int = self._held.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the port go."""
        self._held.close()
