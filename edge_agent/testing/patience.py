"""Patience: waiting in a test for what another thread, process or machine has yet to do.

A wait ends as soon as what it waits for is so. How long it may take only says when to give up, so it is
generous: a loaded machine makes a test slower and never wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 20.0
# What is waited for may read a file or ask a process: often enough not to be noticed, and no busy loop.
LOOK_SECONDS = 0.01


def wait_until(
    true: Callable[[], T], seconds: float = PATIENCE_SECONDS, missing: Callable[[], object] = lambda: "it"
) -> T:
    """Wait for something; what `true` returned in the end.

    Raises AssertionError, that says what is `missing`, if it does not come within `seconds`.
    """
    give_up_at = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < give_up_at, f"missing after {seconds:g} s: {missing()}"  # noqa: S101  for tests
        time.sleep(LOOK_SECONDS)
    return found


async def until(true: Callable[[], object]) -> None:
    """Wait for something in a loop, which goes on meanwhile. When to give up is the caller's to say."""
    while not true():  # noqa: ASYNC110  what is waited for sets no event
        await asyncio.sleep(LOOK_SECONDS)
