"""Faults of a task beside the work: they are said when they happen, and the work goes on without the task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog


def tell_of_a_fault(consequence: str) -> Callable[[asyncio.Task[None]], None]:
    """What a task is to call when it is done: logs the fault that ended it, if one did."""

    def tell(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            structlog.get_logger().error(
                f"fault of the agent; {consequence}", mend="report this entry", exc_info=fault
            )

    return tell
