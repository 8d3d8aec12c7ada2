"""Wishes: what a running role is asked from outside, to stop or to read its settings again.

SIGTERM and SIGINT ask it to stop, SIGHUP to read again; a deployment does the same from the
nucleus' threads. The queue between them is one that a signal handler may use whatever it
interrupts; an Event is not.
"""

from __future__ import annotations

import queue
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import FrameType


class Wish(Enum):
    """What a role may be asked."""

    STOP = "stop"
    READ_AGAIN = "read again"
    BEGIN_AGAIN = "begin again"  # with the same settings: something that they name has changed


class Wishes:
    """What has been asked and not yet heeded. Any thread and any signal handler may ask; one heeds."""

    def __init__(self) -> None:
        self.stopping = False
        self._asked: queue.SimpleQueue[Wish] = queue.SimpleQueue()
        self._tell: Callable[[], object] | None = None

    def stop(self) -> None:
        """Ask to stop. It cannot be taken back."""
        self.stopping = True
        self._ask(Wish.STOP)

    def read_again(self) -> None:
        """Ask to read the settings again."""
        self._ask(Wish.READ_AGAIN)

    def begin_again(self) -> None:
        """Ask the forwarder to begin again with the settings it has."""
        self._ask(Wish.BEGIN_AGAIN)

    def next(self, timeout: float | None = None) -> Wish | None:
        """The next wish; None if there is none within `timeout` seconds. Once stopping, that is the wish."""
        if self.stopping:
            return Wish.STOP
        try:
            return self._asked.get(timeout=timeout)
        except queue.Empty:
            return None

    def stopped_within(self, seconds: float) -> bool:
        """Whether one is asked to stop within this time. A wish to read again stays."""
        deadline = time.monotonic() + seconds
        kept = False
        while not self.stopping and (left := deadline - time.monotonic()) > 0:
            kept |= self.next(left) is Wish.READ_AGAIN
        if kept:
            self.read_again()
        return self.stopping

    def listen(self, tell: Callable[[], object] | None) -> None:
        """Call `tell`, from whichever thread asks, at every wish from now on; None for nobody."""
        self._tell = tell

    def _ask(self, wish: Wish) -> None:
        self._asked.put(wish)
        if (tell := self._tell) is not None:
            tell()


@contextmanager
def asked_by_signals() -> Iterator[Wishes]:
    """Wishes that signals make; the handlers of before come back afterwards."""
    wishes = Wishes()

    def stop(_number: int, _frame: FrameType | None) -> None:
        wishes.stop()

    def read_again(_number: int, _frame: FrameType | None) -> None:
        wishes.read_again()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: read_again}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield wishes
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
