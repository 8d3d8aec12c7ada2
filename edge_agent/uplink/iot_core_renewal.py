"""When a session is renewed because receipts do not come, and how soon the next one may begin.

IoT Core takes one CONNECT a second of a client. A broker that takes no publish in the next session either
is asked ever more seldom, with full jitter: every gateway of every floor may be asking it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from edge_agent.uplink.ack_watchdog import AckWatchdog

# A process that was held up for a while hears first what came meanwhile.
SECOND_LOOK_SECONDS = 0.25
# 2**7 shortest pauses are beyond the longest: counting on would change nothing.
_DOUBLINGS = 7


class Renewing:
    """Watches the receipts of one uplink, in its loop.

    Args:
        limit: seconds after which a receipt is too late.
        shortest: seconds between two CONNECTs at least.
        longest: seconds to pause at most, however often it was in vain.
        jitter: gives numbers from 0 up to 1.
        too_late: called when a receipt is.
    """

    def __init__(
        self,
        limit: float,
        shortest: float,
        longest: float,
        *,
        jitter: Callable[[], float],
        too_late: Callable[[], None],
    ) -> None:
        self._watchdog = AckWatchdog(limit)
        self._shortest = shortest
        self._longest = longest
        self._jitter = jitter
        self._too_late = too_late
        self._timer: asyncio.TimerHandle | None = None
        self._in_vain = 0  # renewals since a receipt came
        self._attempted_at = float("-inf")

    def attempted(self) -> None:
        """A CONNECT leaves."""
        self._attempted_at = _now()

    def sent(self, publish: Hashable) -> None:
        """A publish is on its way."""
        self._watchdog.sent(publish, _now())
        if self._timer is None:
            self._watch()

    def settled(self, publish: Hashable) -> None:
        """A publish was answered, or nobody waits for it any more."""
        self._watchdog.settled(publish, _now())

    def heard(self) -> None:
        """A receipt came."""
        self._in_vain = 0

    def pause(self) -> float:
        """Seconds until the CONNECT of a renewed session."""
        doubled, self._in_vain = self._in_vain, min(self._in_vain + 1, _DOUBLINGS)
        longest = min(self._longest, self._shortest * 2**doubled) if doubled else 0.0
        return max(0.0, self._attempted_at + self._shortest - _now(), self._jitter() * longest)

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        """Come back when the oldest publish will have waited for too long."""
        due = self._watchdog.due()
        loop = asyncio.get_running_loop()
        self._timer = None if due is None else loop.call_at(due, self._look)

    def _look(self) -> None:
        if self._watchdog.hung(_now()):
            self._timer = asyncio.get_running_loop().call_later(SECOND_LOOK_SECONDS, self._look_again)
        else:
            self._watch()

    def _look_again(self) -> None:
        if self._watchdog.hung(_now()):
            self._too_late()
        self._watch()


def _now() -> float:
    return asyncio.get_running_loop().time()
