"""Stopping: SIGTERM and SIGINT as an event, for as long as a role runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def until_asked_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; the handlers of before come back afterwards."""
    asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
