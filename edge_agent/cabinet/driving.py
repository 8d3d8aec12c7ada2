"""Driving: a link and one end of a line, in real time, for as long as somebody at the cabinet looks on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edge_agent.links import Link

# Whoever looks on is answered within this: a key that was pressed, a time that is over.
LONGEST_READ_SECONDS = 0.1


class End(Protocol):
    """One end of a line, as pure state. See `edge_agent.station`."""

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what arrived."""

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next, or None."""

    def data_to_send(self, now: float) -> bytes:
        """What to write now."""


def drive(
    end: End,
    link: Link,
    monotonic: Callable[[], float],
    *,
    until: Callable[[], bool],
    before_write: Callable[[], None] | None = None,
    after_write: Callable[[], None] | None = None,
) -> None:
    """Let an end talk over a link that is open, until it is enough. Raises LinkError when the link is lost.

    `before_write` is called before anything is sent: what is to be durable by then is made so there.
    `after_write` is called when the last character of it is on its way.
    """
    while True:
        now = monotonic()
        end.handle_timer(now)
        if before_write is not None:
            before_write()
        data = end.data_to_send(now)
        if data:
            link.write(data)
            if after_write is not None:
                after_write()
        if until():
            return
        due = end.next_timer()
        wait = LONGEST_READ_SECONDS if due is None else min(max(0.0, due - monotonic()), LONGEST_READ_SECONDS)
        arrived = link.read(wait)
        if arrived:
            end.receive_data(arrived, monotonic())
