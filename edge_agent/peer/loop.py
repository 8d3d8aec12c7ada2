"""The loop: it gives devices bytes and time, each on its port, all in one thread.

Wait for bytes or for the next timer, hand both over, write what is answered. Ports are read a piece at a
time, in turn: a host that never stops writing does not keep the others from being served.
"""

from __future__ import annotations

import heapq
import select
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from edge_agent.peer.port import Port

NEVER = float("inf")


class Device(Protocol):
    """One or more simulated devices at the end of a line: bytes and time in, bytes out."""

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take a marked stream from the host."""

    def handle_timer(self, now: float) -> None:
        """Live on."""

    def next_timer(self) -> float | None:
        """When to be called next."""

    def data_to_send(self, now: float) -> bytes:
        """Answer, as a marked stream."""


@dataclass(slots=True)
class Served:
    """A device on its port."""

    port: Port
    device: Device
    due: float = NEVER


class Loop:
    """Serves devices on their ports."""

    def __init__(self, served: Sequence[Served], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._served = served
        self._monotonic = monotonic
        self._epoll = select.epoll()
        self._indices: dict[int, int] = {}
        self._with_news: set[int] = set()
        self._timers: list[tuple[float, int]] = []

    def open(self) -> None:
        """Open the ports; those that could be are closed again when one cannot."""
        opened = []
        try:
            for index, line in enumerate(self._served):
                line.port.open(partial(self._watch, index))
                opened.append(line.port)
        except BaseException:
            for port in opened:
                port.close()
            self._epoll.close()
            raise
        self.serve_all()

    def close(self) -> None:
        """Close the ports."""
        for line in self._served:
            line.port.close()
        self._epoll.close()

    def serve_all(self) -> None:
        """Let every device live up to now and say what it has to say."""
        now = self._monotonic()
        for index in range(len(self._served)):
            self._serve(index, now)

    def turn(self, latest: float) -> None:
        """Wait until something happens, or until `latest`; serve whom it concerns."""
        wait = 0.0 if self._with_news else max(0.0, min(self._next_timer(), latest) - self._monotonic())
        for descriptor, _ in self._epoll.poll(wait):
            self._with_news.add(self._indices[descriptor])
        for index in sorted(self._with_news):
            self._take_news(index)
        now = self._monotonic()
        for index in self._take_due(now):
            self._serve(index, now)

    def _watch(self, index: int, descriptor: int) -> None:
        self._indices[descriptor] = index
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLET)
        self._with_news.add(index)

    def _take_news(self, index: int) -> None:
        line, now = self._served[index], self._monotonic()
        stream = line.port.read(now)
        if stream is None:
            self._with_news.discard(index)
            return
        if stream:
            line.device.receive_data(stream, now)
        self._serve(index, now)

    def _serve(self, index: int, now: float) -> None:
        line = self._served[index]
        line.port.handle_timer(now)
        line.device.handle_timer(now)
        stream = line.device.data_to_send(now)
        if stream:
            line.port.write(stream)
        dues = (line.device.next_timer(), line.port.next_timer())
        due = min((due for due in dues if due is not None), default=NEVER)
        if due not in (NEVER, line.due):
            heapq.heappush(self._timers, (due, index))
        line.due = due

    def _next_timer(self) -> float:
        """When the next device wants to live on; timers that were moved since are dropped."""
        while self._timers and self._timers[0][0] != self._served[self._timers[0][1]].due:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else NEVER

    def _take_due(self, now: float) -> Iterator[int]:
        while self._next_timer() <= now:
            _, index = heapq.heappop(self._timers)
            self._served[index].due = NEVER
            yield index
