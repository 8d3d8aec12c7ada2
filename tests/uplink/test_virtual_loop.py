"""A loop whose time is a number."""

from __future__ import annotations

import asyncio
import threading

import pytest

from edge_agent.testing.patience import Stopwatch
from edge_agent.testing.virtual_loop import run_virtually


def test_an_hour_passes_in_a_moment() -> None:
    async def story() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    watch = Stopwatch()

    assert run_virtually(story()) == 3600
    assert watch.look() < 5


def test_what_is_handed_to_a_thread_is_done_at_once_and_here() -> None:
    async def story() -> str:
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    assert run_virtually(story()) == threading.current_thread().name


def test_what_a_thread_would_raise_is_raised() -> None:
    async def story() -> None:
        await asyncio.to_thread(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        run_virtually(story())


def test_waiting_for_what_cannot_come_is_said_instead_of_hanging() -> None:
    async def story() -> None:
        await asyncio.Event().wait()

    # The loop stops there and then: what it was running is left where it was.
    with pytest.raises(RuntimeError, match="cannot come"):
        run_virtually(story())
