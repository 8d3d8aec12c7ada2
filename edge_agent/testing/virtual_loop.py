"""VirtualLoop: an asyncio event loop whose time moves when nobody has anything to do.

An hour of waiting passes in a moment, and every run is the same run: no threads, no sockets, no
clock. What a test hands to a thread is done at once, in the loop.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _NothingComes(selectors.SelectSelector):
    """A selector that never sees a file become ready; waiting in it only takes virtual time."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let `timeout` pass. With nothing to wait for a test would hang: say so instead."""
        if timeout is None:
            raise RuntimeError("everything in this loop waits for something that cannot come")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self._virtual = _NothingComes()
        super().__init__(self._virtual)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual.now

    def run_in_executor(
        self, _executor: object, function: Callable[..., T], *arguments: object
    ) -> asyncio.Future[T]:
        """Do it now: a thread would take real time."""
        result: asyncio.Future[T] = self.create_future()
        try:
            result.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001  whatever a thread would have raised
            result.set_exception(error)
        return result


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
