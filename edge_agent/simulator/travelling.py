"""What is on its way over a wire: sent now, arriving whenever the wire says, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Protocol


class Wire(Protocol):
    """A way for characters to arrive late, changed or not at all."""

    def carry(self, stream: bytes, now: float) -> Iterable[tuple[float, bytes]]:
        """When what of it arrives."""


class Travelling:
    """Characters under way; None is the perfect wire, on which nothing ever is."""

    def __init__(self, wire: Wire | None = None) -> None:
        self._wire = wire
        self._under_way: list[tuple[float, int, bytes]] = []
        self._parts = 0
        self._here = b""

    def send(self, data: bytes, now: float) -> None:
        """Put `data` on the wire."""
        if self._wire is None:
            self._here += data
        elif data:
            for at, part in self._wire.carry(data, now):
                self._parts += 1  # parts that arrive together arrive in order
                heappush(self._under_way, (at, self._parts, part))

    def arrived(self, now: float) -> bytes:
        """What has come out of it by now."""
        here, self._here = self._here, b""
        if not self._under_way or self._under_way[0][0] > now:
            return here
        parts = [here]
        while self._under_way and self._under_way[0][0] <= now:
            parts.append(heappop(self._under_way)[2])
        return b"".join(parts)

    def next_timer(self) -> float | None:
        """When the next part comes out."""
        return self._under_way[0][0] if self._under_way else None
