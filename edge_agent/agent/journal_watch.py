"""The journal's watch: what becomes of the journal is an event of its own, and an alarm."""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from edge_agent.errors import JournalError
from edge_agent.events import EventBody
from edge_agent.events.of_journal import JournalFilling, JournalGap, JournalRelieved, Level
from edge_agent.journal import Fill, Gap

# A journal that hovers about a level says so once, not every second.
RELIEVED_BELOW = 3  # percent under the level

_MIB = 1 << 20
_HOUR = 3600.0


class JournalWatch:
    """Says what of the journal is lost, and how full it is.

    Args:
        seal: makes an event of the gateway the bytes the journal keeps.
    """

    def __init__(self, seal: Callable[[EventBody], bytes]) -> None:
        self._seal = seal
        self._declare: Callable[[Sequence[bytes]], object] | None = None
        self._level: Level | None = None
        self._fill: Fill | None = None
        self.gaps = 0  # described since it was made

    def declare_to(self, declare: Callable[[Sequence[bytes]], object]) -> None:
        """From now on say it by `declare`, which takes it even when the journal is full."""
        self._declare = declare

    def describe(self, gap: Gap) -> bytes:
        """What the journal keeps of a gap."""
        self.gaps += 1
        return self._seal(gap_event(gap))

    def see(self, fill: Fill) -> None:
        """Look at how full it is; say so when a level is reached, and when it is left again."""
        self._fill = fill
        if self._declare is None:
            return
        before, level = self._level, fill.level
        if level is not None and (before is None or level > before):
            self._say(_filling(fill, level), level)
        elif before is not None and fill.percent < before - RELIEVED_BELOW:
            self._say(_relieved(fill, before), level)

    def status(self) -> Mapping[str, Any]:
        """For the status file."""
        if self._fill is None:
            return {}
        left = self._fill.seconds_left
        return {
            "used_percent": round(100 * self._fill.share, 1),
            "budget_bytes": self._fill.capacity_bytes,
            "bytes_a_second": self._fill.bytes_a_second,
            "hours_left": None if left is None else round(left / _HOUR, 3),
        }

    def _say(self, body: JournalFilling | JournalRelieved, level: Level | None) -> None:
        log = structlog.get_logger()
        if isinstance(body, JournalFilling):
            log.error("the journal fills up", alarm=True, percent=body.percent, hours_left=body.hours_left)
        else:
            log.info("the journal has room again", percent=body.percent)
        self._level = level
        assert self._declare is not None  # noqa: S101  `see` looked
        try:
            self._declare([self._seal(body)])
        except JournalError as error:
            log.warning("the journal could not say how full it is", reason=error.what, mend=error.mend)


def gap_event(gap: Gap) -> JournalGap:
    """A gap as the event that says so."""
    return JournalGap(
        reason=gap.reason,
        delivery_class=gap.delivery_class,
        count=gap.count,
        first=gap.first,
        last=gap.last,
        removed=b64encode(zlib.compress(gap.removed, 9)).decode("ascii") if gap.removed else "",
        why=gap.why[:300],
        gap=gap.name,
    )


def _filling(fill: Fill, level: Level) -> JournalFilling:
    left = fill.seconds_left
    return JournalFilling(
        percent=fill.percent,
        level=level,
        used_mb=fill.used_bytes // _MIB,
        budget_mb=max(0, fill.capacity_bytes // _MIB),
        hours_left=None if left is None else round(left / _HOUR, 1),
    )


def _relieved(fill: Fill, level: Level) -> JournalRelieved:
    return JournalRelieved(
        percent=fill.percent,
        level=level,
        used_mb=fill.used_bytes // _MIB,
        budget_mb=max(0, fill.capacity_bytes // _MIB),
    )
