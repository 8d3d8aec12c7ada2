"""Patience: a wait ends when it is over, with what was found, and says what was missing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_agent.testing.patience import Stopwatch, seconds_until_end, until, wait_until


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


def test_a_stopwatch_goes_on_while_one_sleeps(tmp_path: Path) -> None:
    """Where the kernel tells nothing, it is a clock."""
    watch = Stopwatch(proc=tmp_path)

    time.sleep(0.1)

    assert watch.look() >= 0.1


def test_a_stopwatch_stands_still_while_others_have_the_processor(tmp_path: Path) -> None:
    def tell(*, ran: float, waited: float, stolen: float) -> None:
        (thread / "schedstat").write_text(f"{ran * 1e9:.0f} {waited * 1e9:.0f} 1\n")
        (tmp_path / "stat").write_text(
            f"cpu 1 2 3 4 5 6 7 {stolen * os.sysconf('SC_CLK_TCK'):.0f} 0 0\ncpu0\n"
        )

    thread = tmp_path / "42" / "task" / "43"
    thread.mkdir(parents=True)
    tell(ran=1, waited=5, stolen=100)
    watch = Stopwatch(42, proc=tmp_path)
    time.sleep(0.1)

    tell(ran=20, waited=5.04, stolen=100.05)
    seconds = watch.look()
    tell(ran=30, waited=500, stolen=100.05)

    assert seconds >= 0.1 - 0.04 - 0.05
    assert watch.look() == 0.0


def test_a_stopwatch_keeps_what_a_thread_said_that_has_ended(tmp_path: Path) -> None:
    watch = Stopwatch(42, proc=tmp_path)
    thread = tmp_path / "42" / "task" / "43"
    thread.mkdir(parents=True)
    (thread / "schedstat").write_text(f"1 {10**12} 1\n")
    watch.look()

    (thread / "schedstat").unlink()

    assert watch.look() == 0.0


@pytest.mark.integration
def test_an_end_is_timed_while_it_is_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"]) as process:
        process.send_signal(signal.SIGKILL)
        assert seconds_until_end(process) < 5
        assert process.returncode == -signal.SIGKILL
