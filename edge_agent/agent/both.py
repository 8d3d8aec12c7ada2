"""Collecting and forwarding as two processes of one command."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

import structlog

from edge_agent.agent.wishes import Wish, asked_by_signals
from edge_agent.parentage import ask_to_end_with_parent

LOOK_SECONDS = 0.2
VERBS = ("collect", "forward")


def run_both(arguments: Sequence[str]) -> int:
    """Collect and forward as two processes; when one ends, so does the other."""
    command = [sys.executable, "-m", "edge_agent"]
    with asked_by_signals() as wishes:
        both = [
            subprocess.Popen([*command, verb, *arguments], preexec_fn=ask_to_end_with_parent)  # noqa: PLW1509, S603  a prctl; our own command
            for verb in VERBS
        ]
        while not wishes.stopping and all(process.poll() is None for process in both):
            if wishes.next(LOOK_SECONDS) is Wish.READ_AGAIN:
                for process in both:
                    process.send_signal(signal.SIGHUP)
        if not wishes.stopping:
            _say_who_was_ended(both)
        ended = [process.returncode for process in both if process.poll() is not None]
        for process in both:
            process.terminate()
        waited = [process.wait() for process in both]
    # Whichever ended by itself says how it went; the other was asked to.
    return max(_as_shells_say(status, asked=wishes.stopping) for status in ended or waited)


def _say_who_was_ended(both: Sequence[subprocess.Popen[bytes]]) -> None:
    """A process that ends by itself says why; one that was killed cannot."""
    for verb, process in zip(VERBS, both, strict=True):
        if process.returncode is not None and process.returncode < 0:
            structlog.get_logger().error(
                "a process was killed, so the other is asked to end",
                process=verb,
                signal=signal.Signals(-process.returncode).name,
            )


def _as_shells_say(status: int, *, asked: bool) -> int:
    """A process that a signal ended has 128 and the signal's number, unless it was asked to end."""
    shell_status = 128 - status if status < 0 else status
    return 0 if asked and shell_status in {128 + signal.SIGTERM, 128 + signal.SIGINT} else shell_status
