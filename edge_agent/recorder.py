"""The recorder: what goes over one line for a while, without what no log may show.

A line hands it every write and every read; somebody else takes the frames away. It is bounded,
and when it has all the bytes it may have it takes no more and says so. What may hold a ticket's
number or a card is kept as its size alone, and so is what comes within a second after it: an
answer may be late, and then it comes after another poll.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

Direction = Literal["sent", "heard"]

# A machine drops its answer after this; see the link's own timeouts.
LATE_SECONDS = 1.0

# What a frame costs beside its bytes: its moment and its direction.
FRAME_BYTES = 16

# A minute of a busy line is 60 KiB.
MOST_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """What went over a line at one moment."""

    at: float  # seconds since the recording began
    direction: Direction
    size: int  # bytes
    data: bytes | None  # None: withheld


class Secrecy:
    """For how long what is heard may be what no log may show."""

    def __init__(self) -> None:
        self._until = float("-inf")

    def covers(self, now: float, *, confidential: bool) -> bool:
        """Whether it may be now; `confidential` says that it is for certain."""
        if confidential:
            self._until = now + LATE_SECONDS
        return now <= self._until


class Recorder:
    """The wire of one line. One thread records, another takes.

    Args:
        began: monotonic seconds.
        most_bytes: what is kept in all; or at any time, if it refills.
        refills: what is taken makes room again, and only what finds none is lost.
    """

    def __init__(self, began: float, most_bytes: int = MOST_BYTES, *, refills: bool = False) -> None:
        self.cut = False
        self._began = began
        self._most_bytes = most_bytes
        self._refills = refills
        # Each is written by one thread: what the line recorded, and what was taken away.
        self._recorded_bytes = self._taken_bytes = 0
        self._secrecy = Secrecy()
        self._frames: deque[Frame] = deque()

    def sent(self, data: bytes, now: float, *, confidential: bool, discloses: bool = False) -> None:
        """Record a write. `confidential`: what answers it may be what no log may show; `discloses`: it is."""
        self._secrecy.covers(now, confidential=confidential)
        self._keep("sent", data, now, withheld=discloses)

    def heard(self, data: bytes, now: float, *, confidential: bool) -> None:
        """Record a read."""
        self._keep("heard", data, now, withheld=self._secrecy.covers(now, confidential=confidential))

    def take(self, most: int | None = None) -> list[Frame]:
        """What was recorded since last asked, the oldest `most` frames of it."""
        waiting = len(self._frames)
        taken = [self._frames.popleft() for _ in range(waiting if most is None else min(most, waiting))]
        if self._refills:
            self._taken_bytes += sum(FRAME_BYTES + frame.size for frame in taken)
        return taken

    def _keep(self, direction: Direction, data: bytes, now: float, *, withheld: bool) -> None:
        cost = FRAME_BYTES + len(data)
        left = self._most_bytes - (self._recorded_bytes - self._taken_bytes)
        if (self.cut and not self._refills) or cost > left:
            self.cut = True
            return
        self._recorded_bytes += cost
        shown = None if withheld else data
        self._frames.append(Frame(max(0.0, now - self._began), direction, len(data), shown))
