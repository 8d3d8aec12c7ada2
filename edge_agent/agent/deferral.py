"""Deferral: deployments wait while money is on its way, within a bound.

The nucleus asks before it restarts a component and may be told to ask again later. Nothing would be
lost if it did not wait; but an outage's worth of handpays is better delivered than carried over.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

# How soon the nucleus asks again.
ASK_AGAIN_SECONDS = 5.0

# Deployments do not come in crowds; what is older than these is done, one way or another.
REMEMBERED = 16


class Deferral:
    """Answers the nucleus' question whether an update may go ahead.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._first_asked: dict[str, float] = {}

    def answer(self, deployment: str, reason: str, longest_seconds: float) -> int | None:
        """Milliseconds until the nucleus should ask again; None when it may go ahead.

        Args:
            deployment: its id; each has its own bound.
            reason: why it should wait, in a few words; empty when it need not.
            longest_seconds: how long it is deferred at most, from its first question.
        """
        now = self._monotonic()
        while len(self._first_asked) >= REMEMBERED and deployment not in self._first_asked:
            del self._first_asked[next(iter(self._first_asked))]
        left = self._first_asked.setdefault(deployment, now) + longest_seconds - now
        if not reason:
            return None
        log = structlog.get_logger().bind(deployment=deployment, reason=reason)
        if left <= 0:
            log.warning("deployment goes ahead: it was deferred for as long as it may be")
            return None
        log.info("deployment deferred", seconds_left=round(left))
        return round(1000 * min(ASK_AGAIN_SECONDS, left))
