"""Confirmation: which reported events the machine may still have, and so may send again.

A machine lets an event go when it hears a different poll. An answer to a different poll proves that it
did; until then the same event may come again, and three things are possible:

    NEW        it cannot be the same event
    REPEATED   its data prove that it is: a game start by its coin-in meter, a bill by its count
    DOUBTFUL   neither can be proved; two equal events in a row are legal

The queue of a machine is first in, first out, so another queued event proves that the one before it has
gone. A priority exception proves nothing: it overtakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from edge_agent.sas.exception_codes import EXCEPTIONS, Priority
from edge_agent.sas.host_bounds import CONFIRMATIONS_TRIED
from edge_agent.sas.messages import GENERAL_POLL

# Which number in an event's data moves with every such event, where it moves at all. The coin-in meter
# stays where it is when nothing is wagered, and the count of bills where a machine keeps none.
_TOLD_APART_BY: Mapping[int, str] = {0x7E: "wager", 0x4F: "count"}

# An event as it is remembered: its frame, or the one byte of an exception. Address, FF, code.
_CODE_AT = 2


class Verdict(Enum):
    """What an event is, compared with those reported before."""

    NEW = "new"
    REPEATED = "repeated"
    DOUBTFUL = "doubtful"


class Confirmation:
    """What the machine has been told we heard, and what it has proved to have let go.

    Args:
        last_event: what an earlier run reported last, as a frame; b"" for nothing.
    """

    def __init__(self, last_event: bytes = b"") -> None:
        self.carrier: int | None = None  # the command that brought an event not confirmed yet
        self._certain = False
        self._tries = 0
        self._unproved: dict[int, bytes] = {}  # by code: at most one each
        self._proved: dict[int, bytes] = {}  # of those that can be told apart, the last of each
        if last_event:
            self._unproved[_code_of(last_event)] = last_event

    def proves(self, key: int) -> bool:
        """Whether an answer to a poll like this proves that the last event was let go."""
        return self.carrier is None or key not in (self.carrier, GENERAL_POLL)

    def report(self, code: int, frame: bytes, carrier: int | None, *, certain: bool) -> None:
        """An event was reported; `certain` if a different poll now surely acknowledges it."""
        self._unproved[code] = frame
        self.carrier, self._certain, self._tries = carrier, certain, 0

    def heard(self, key: int) -> None:
        """A poll was answered."""
        if self.carrier is not None and key != self.carrier:
            self.carrier = None
            if self._certain:
                self.nothing_pending()

    def link_dropped(self) -> None:
        """The machine forgot what it said last without letting it go."""
        self._certain = False

    def unheard(self) -> None:
        """A poll was given up. A machine that answers no long poll proves nothing, ever."""
        self._tries += 1
        if self._tries >= CONFIRMATIONS_TRIED:
            self.carrier = None

    def nothing_pending(self) -> None:
        """The machine has nothing to report: all of it has gone."""
        self._proved |= {code: frame for code, frame in self._unproved.items() if code in _TOLD_APART_BY}
        self._unproved.clear()

    def judge(self, code: int, frame: bytes, values: Mapping[str, Any]) -> Verdict:
        """What an event is that was heard just now."""
        told_apart = bool(values.get(_TOLD_APART_BY.get(code, ""), 0))
        before = self._unproved.get(code)
        if told_apart and frame == before:
            return Verdict.REPEATED
        if before is not None and not told_apart:
            return Verdict.DOUBTFUL
        if _is_queued(code):
            self._unproved = {other: kept for other, kept in self._unproved.items() if not _is_queued(other)}
        # Proved gone and yet the same: an answer later than any we wait for. Not ours to drop.
        again = told_apart and frame == self._proved.get(code)
        return Verdict.DOUBTFUL if again else Verdict.NEW


def _is_queued(code: int) -> bool:
    row = EXCEPTIONS.get(code)
    return row is not None and row.priority is Priority.QUEUED


def _code_of(frame: bytes) -> int:
    return frame[_CODE_AT] if len(frame) > _CODE_AT else frame[0]
