"""Patience: a wait ends when it is over, with what was found, and says what was missing."""

from __future__ import annotations

import asyncio

import pytest

from edge_agent.testing.patience import until, wait_until


def test_a_wait_ends_with_what_was_found() -> None:
    answers = iter(["", "", "it"])

    assert wait_until(lambda: next(answers)) == "it"


def test_a_wait_that_is_given_up_says_what_was_missing() -> None:
    with pytest.raises(AssertionError, match=r"missing after 0\.05 s: the train"):
        wait_until(lambda: False, seconds=0.05, missing=lambda: "the train")


def test_a_loop_goes_on_while_it_is_waited_in() -> None:
    async def story() -> list[int]:
        seen: list[int] = []
        asyncio.get_running_loop().call_soon(seen.append, 1)
        await until(lambda: seen)
        return seen

    assert asyncio.run(story()) == [1]
