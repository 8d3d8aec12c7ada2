"""Refusals: when 81 is not the exception of that number but a machine's way to say "not now".

81 is "hopper level low". From a machine that has no hopper it is nothing that happened: machines of one class
say it for about a second, poll after poll, when they do not want to be asked. Such a machine has kept what
it has to tell, and tells it when it is asked again.
"""

from __future__ import annotations

from typing import Literal

from edge_agent.sas.host_events import ExceptionReported

REFUSAL = 0x81
# Bursts last about a second; a hopper is not low twice within two.
BURST_SECONDS = 2.0


class Refusals:
    """Tells refusals from exceptions, for one machine."""

    def __init__(self) -> None:
        self._heard_at = float("-inf")

    def is_one(
        self,
        event: ExceptionReported,
        now: float,
        *,
        way: Literal["never", "in_bursts", "always"],
        has_hopper: bool,
    ) -> bool:
        """Whether an exception is a refusal; `way` is what is known of machines of its vendor."""
        if event.code != REFUSAL or event.real_time or has_hopper or way == "never":
            return False
        in_burst = now - self._heard_at < BURST_SECONDS
        self._heard_at = now
        return way == "always" or in_burst
