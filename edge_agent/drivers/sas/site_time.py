"""Site time: what o'clock it is where the machine stands, as the line has told it.

A station has no clock. Whoever drives it says now and then what the clock on the wall shows; in between
monotonic time carries it on. Where nobody says so, there is no time of day, and nothing depends on it.

The gaming day is the day the books are kept by: it begins in the small hours, when the floor is quiet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any


class SiteTime:
    """The time of day, and when a gaming day begins.

    Args:
        day_starts: local time at which a gaming day begins; None where no machine is read for it.
    """

    def __init__(self, day_starts: time | None = None) -> None:
        self._day_starts = day_starts
        self._told: tuple[datetime, float] | None = None
        self._day: date | None = None

    def tell(self, local: datetime, now: float) -> None:
        """At the monotonic moment `now`, the clock on the wall shows `local`; it needs no zone."""
        self._told = local.replace(tzinfo=None), now

    def at(self, now: float) -> datetime | None:
        """What the clock on the wall shows; None if nobody has said."""
        if self._told is None:
            return None
        local, moment = self._told
        return local + timedelta(seconds=now - moment)

    def ahead(self, values: Mapping[str, Any], now: float) -> int | None:
        """By how many seconds a machine's clock is ahead of the site's; None if either is not known."""
        shown, here = moment_of(values), self.at(now)
        return None if shown is None or here is None else round((shown - here).total_seconds())

    def day_began(self, now: float) -> bool:
        """Whether a gaming day has begun since last asked. The first one asked about did so unseen."""
        here = self.at(now)
        if here is None or self._day_starts is None:
            return False
        today = here.date() - timedelta(days=here.time() < self._day_starts)
        before, self._day = self._day, today
        if before is None:
            return False
        # Set back over the hour, the day has begun all the same; by days, the clock had been wrong.
        if before - today == timedelta(days=1):
            self._day = before
        return today > before


def moment_of(values: Mapping[str, Any]) -> datetime | None:
    """The date (MMDDYYYY) and the time (HHMMSS) of an answer; None if they are none."""
    try:
        return datetime.strptime(values["date"] + values["time"], "%m%d%Y%H%M%S")  # noqa: DTZ007  no machine has a zone
    except ValueError:
        return None
