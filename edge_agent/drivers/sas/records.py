"""Records: which answers are news, and so become events.

    TOLD_ONCE   the machine forgets it once acknowledged: each answer is another one
    THE_LAST    the machine goes on telling its last one, which its own data tell from the one before
    SOME_LAST   the machine goes on telling its last one, and the next may look the same: news when an
                exception called for it
    STATE       what it is now: news when it differs

What is asked to get to know a machine may tell of something an earlier run has journalled already, or of
something nobody heard. Of what the machine forgets, or keeps at until its host has asked, the second is
provided against: it is told, and called possibly repeated.

The last answer of each kind is kept as a fingerprint, and only within the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

from edge_agent.drivers.sas.normalise import MoneyRules
from edge_agent.drivers.sas.record_events import MAKERS
from edge_agent.drivers.sas.schedule import Wanted
from edge_agent.events import EventBody
from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.messages import LongPollRequest

Values = Mapping[str, Any]


class News(Enum):
    """When an answer is news. See the module."""

    TOLD_ONCE = "told once"
    THE_LAST = "the last"
    SOME_LAST = "some last"
    STATE = "state"


KINDS: Mapping[int, News] = MappingProxyType(
    {
        0x1B: News.TOLD_ONCE,
        0x3D: News.THE_LAST,
        0x48: News.THE_LAST,
        0x4D: News.THE_LAST,
        0x55: News.STATE,
        0x57: News.TOLD_ONCE,
        0x5D: News.SOME_LAST,
        0x6E: News.STATE,
        0x70: News.TOLD_ONCE,
        0x71: News.THE_LAST,
        0x72: News.THE_LAST,
        0x73: News.STATE,
        0x74: News.STATE,
        0x84: News.SOME_LAST,
        0x85: News.TOLD_ONCE,
        0x87: News.TOLD_ONCE,
        0x90: News.TOLD_ONCE,
    }
)

# The machine keeps at these until the host that owns them has asked.
FOR_THE_OWNER = frozenset({0x4D, 0x71, 0x72})


class Records:
    """What one machine answered about what it told, and what of it is news."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def told(
        self,
        poll: LongPollRequest,
        values: Values,
        rules: MoneyRules,
        *,
        wanted: Wanted | None,
        repeated: bool,
    ) -> list[EventBody] | None:
        """What an answer tells, nothing where there was nothing to tell; None if it is no news.

        Args:
            poll: what was asked.
            values: the answer.
            rules: what its amounts are worth.
            wanted: the duty that asked; None where none did.
            repeated: an earlier run may have heard the same answer.
        """
        kind = KINDS.get(poll.command)
        if kind is None:
            return None
        before, now = self._last.get(poll.command), _fingerprint(values)
        first = before is None
        if not _is_news(kind, poll, wanted, first=first, same=before == now):
            return None
        self._last[poll.command] = now
        doubtful = repeated or _is_doubtful(kind, wanted, first=first)
        return [*MAKERS[poll.command]({"possibly_repeated": doubtful}, values, rules)]

    def forget(self) -> None:
        """Another machine stands here."""
        self._last.clear()


def _is_news(kind: News, poll: LongPollRequest, wanted: Wanted | None, *, first: bool, same: bool) -> bool:
    """Whether an answer was not told yet: it may be the first of its kind, or the same as before."""
    match kind:
        case News.TOLD_ONCE:
            return wanted is not None or not same
        case News.SOME_LAST:
            return wanted is not None
        case News.THE_LAST if first and wanted is None:
            return poll.command in FOR_THE_OWNER and effect_of(poll) is Effect.CONSUMES
        case _:
            return not same


def _is_doubtful(kind: News, wanted: Wanted | None, *, first: bool) -> bool:
    """Whether an earlier run, or the exception before, may have told it."""
    if wanted is not None and wanted.doubtful:
        return True
    return wanted is None if kind is News.TOLD_ONCE else first and kind is not News.SOME_LAST


def _fingerprint(values: Values) -> int:
    return hash(repr(sorted(values.items())))
