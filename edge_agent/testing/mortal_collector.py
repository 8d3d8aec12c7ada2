"""MortalCollector: a line's loop in virtual time, that can be killed at any step.

It keeps the order of a line and, as a notebook does, the note by its pages: take what was observed,
append it, keep the note, write.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.events import Observation
from edge_agent.station import Station, pack_pages, unpack_pages
from edge_agent.testing.mortal_end import Fate, MortalEnd, Step


class MortalCollector(MortalEnd):
    """A collector with one line.

    Args:
        make: makes the station from the note.
        fate: asked at each step; True kills the process.
    """

    station: Station

    def __init__(self, make: Callable[[bytes], Station], fate: Fate = lambda _: False) -> None:
        self.journal: list[Observation] = []
        self._make = make
        self._pages: dict[int, bytes] = {}
        super().__init__(fate)

    def __repr__(self) -> str:
        return f"<MortalCollector run {self.runs} of {self.station!r}>"

    @property
    def mind(self) -> Station:
        """See MortalEnd."""
        return self.station

    def begin(self) -> None:
        """See MortalEnd."""
        self.station = self._make(pack_pages(self._pages.values()))

    def next_deed(self) -> float | None:
        """See MortalEnd."""
        return self.station.next_timer()

    def collect(self, now: float) -> bytes:
        """See MortalEnd."""
        observations = self.station.take_observations()
        if observations:
            self.live(Step.BEFORE_APPEND)
            self.journal += observations
            self.live(Step.AFTER_APPEND)
        stream = self.station.data_to_send(now)
        self._pages |= {page[0]: page for page in unpack_pages(self.station.note())}
        return self.write(stream)
