"""Repeats: which events we have reported that the machine may still send again.

A machine forgets an event when it hears a different poll. Until an answer proves that it did, the
event may come again, and then three things are possible:

    NEW        it cannot be the same event
    REPEATED   its data prove that it is: a game start by its coin-in meter, a bill by its count
    DOUBTFUL   neither can be proved; two equal events in a row are legal

The queue of a machine is first in, first out, so another queued event proves that the one before it has
gone. A priority exception proves nothing: it overtakes.
"""

from __future__ import annotations

from enum import Enum

from edge_agent.sas.exception_codes import EXCEPTIONS, Priority

GAME_STARTED, BILL_ACCEPTED = 0x7E, 0x4F

# Events whose data never occur twice: a coin-in meter after a bet, a count of bills.
_TOLD_APART = frozenset((GAME_STARTED, BILL_ACCEPTED))

# An event frame without data has address, FF, code and CRC; a one-byte exception has its code.
_FRAME_WITHOUT_DATA_BYTES = 5


class Verdict(Enum):
    """What an event is, compared with those reported before."""

    NEW = "new"
    REPEATED = "repeated"
    DOUBTFUL = "doubtful"


class Unconfirmed:
    """The events reported, by code, whose removal nothing has proved yet: at most one a code."""

    def __init__(self) -> None:
        self._frames: dict[int, bytes] = {}

    def add(self, code: int, frame: bytes) -> None:
        """An event was reported."""
        self._frames[code] = frame

    def confirm(self) -> None:
        """The machine has heard different polls since: all of them have gone."""
        self._frames.clear()

    def judge(self, code: int, frame: bytes) -> Verdict:
        """What an event is that was heard just now."""
        before = self._frames.get(code)
        if before is None:
            verdict = Verdict.NEW
        elif not is_told_apart(code, frame):
            verdict = Verdict.DOUBTFUL
        else:
            verdict = Verdict.REPEATED if frame == before else Verdict.NEW
        if verdict is Verdict.NEW and _is_queued(code):
            self._forget_queued()
        return verdict

    def _forget_queued(self) -> None:
        self._frames = {code: frame for code, frame in self._frames.items() if not _is_queued(code)}


def is_told_apart(code: int, frame: bytes) -> bool:
    """Whether the data of an event tell it from every other of its code."""
    return code in _TOLD_APART and len(frame) > _FRAME_WITHOUT_DATA_BYTES


def _is_queued(code: int) -> bool:
    row = EXCEPTIONS.get(code)
    return row is not None and row.priority is Priority.QUEUED
