"""Faults of a task beside the work are said at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.agent.faults import tell_of_a_fault


async def breaks() -> None:
    raise ZeroDivisionError("a bug of ours")


async def ends() -> None:
    return


def logged_of(work: Callable[[], Awaitable[None]]) -> list[dict[str, Any]]:
    async def beside() -> None:
        await work()

    async def run() -> None:
        task = asyncio.create_task(beside())
        task.add_done_callback(tell_of_a_fault("nobody looks"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with capture_logs() as logs:
        asyncio.run(run())
    return [dict(entry) for entry in logs]


def test_the_fault_that_ends_a_task_is_logged_with_what_that_means() -> None:
    (entry,) = logged_of(breaks)

    assert (entry["event"], entry["log_level"]) == ("fault of the agent; nobody looks", "error")
    assert isinstance(entry["exc_info"], ZeroDivisionError)


@pytest.mark.parametrize("work", [ends, lambda: asyncio.sleep(60)], ids=["ended", "cancelled"])
def test_a_task_that_ends_or_is_cancelled_is_no_fault(work: Callable[[], Awaitable[None]]) -> None:
    assert logged_of(work) == []
