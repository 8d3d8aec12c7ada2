"""Enough: when a visit is over: after its time, or when somebody interrupts it, and never in the middle."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any, Self

from edge_agent.errors import ConfigurationError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Enough:
    """Whether it is enough: call it. While it is entered, SIGINT and SIGTERM end the visit in good order."""

    def __init__(self, seconds: float | None = None) -> None:
        if seconds is not None and not seconds > 0:
            raise ConfigurationError(f"--for {seconds:g} is no time", "give seconds, more than 0")
        self._until = float("inf") if seconds is None else time.monotonic() + seconds
        self._interrupted = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Whether it is."""
        return self._interrupted or time.monotonic() >= self._until

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(self, *_raised: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupted = True
