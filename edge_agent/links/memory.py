"""Links in memory: a pair of ends, for tests and for stations that live in one process."""

from __future__ import annotations

import queue
from typing import Self

from edge_agent.errors import LinkError


class MemoryLink:
    """One end of a pair; what is written at one end is read at the other.

    `MemoryLink.pair()` makes both. `cut()` makes the next read or write raise LinkError, as an
    unplugged adapter does.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_open = False
        self._inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._peer: MemoryLink | None = None
        self._cut = False

    @classmethod
    def pair(cls, name: str = "memory") -> tuple[Self, Self]:
        """Two ends of one line."""
        one, other = cls(f"{name}/a"), cls(f"{name}/b")
        one._peer, other._peer = other, one
        return one, other

    def open(self) -> None:
        """Open this end; a cut one is mended by opening it again."""
        self.is_open, self._cut = True, False

    def read(self, timeout: float) -> bytes:
        """What the other end wrote."""
        self._check()
        try:
            return self._inbox.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return b""

    def write(self, data: bytes) -> None:
        """Hand `data` to the other end."""
        self._check()
        if self._peer is not None:
            self._peer._inbox.put(data)  # noqa: SLF001  as in pair

    def cut(self) -> None:
        """Lose the link, as when a plug is pulled."""
        self._cut = True

    def close(self) -> None:
        """Close this end."""
        self.is_open = False

    def _check(self) -> None:
        if self._cut or not self.is_open:
            raise LinkError(f"link {self.name} was cut", "open it again")
