"""Housekeeper: deletes what was acknowledged, and finds damage, beside the appends.

- A segment is deleted once every consumer has acknowledged all of it and has said so durably, oldest first;
  its room is free at once. It is looked at a last time before: what is damaged in it is said.
- Over its budget, what may go is let go.
- The other sealed segments are looked at one after the other, again and again, slowly.

A thread does this every second. When it fails it says so once and tries again: nothing depends on it but
the size of the folder.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import structlog

from edge_agent.errors import JournalError
from edge_agent.journal.appender import Appender
from edge_agent.journal.consumer import Consumers
from edge_agent.journal.disk import free_bytes, translated
from edge_agent.journal.gauge import Fill, Gauge
from edge_agent.journal.mending import Mender
from edge_agent.journal.segment import segments
from edge_agent.journal.shedding import Shedder

ROUND_SECONDS = 1.0
# Whoever is refused for want of room wakes it; and while there is none, all lines are, again and again.
LEAST_PAUSE_SECONDS = 0.2
# 4 MiB are read and checked in some 20 ms: of a core, less than a hundredth.
ROUNDS_A_LOOK = 10


class Housekeeper:
    """Keeps one journal small and whole. Used by the process that appends."""

    def __init__(
        self,
        folder: Path,
        *,
        appender: Appender,
        consumers: Consumers,
        mender: Mender,
        shedder: Shedder,
        gauge: Gauge,
        on_fill: Callable[[Fill], object],
        minimum_free_bytes: int,
        damaged: list[int],
        vanished: tuple[int, int] | None,
    ) -> None:
        self._folder = folder
        self._appender = appender
        self._consumers = consumers
        self._mender = mender
        self._shedder = shedder
        self._gauge = gauge
        self._on_fill = on_fill
        self._minimum_free_bytes = minimum_free_bytes
        self._damaged = damaged  # first sequences of segments to be mended
        self._vanished = vanished  # the range of records whose segments are not there
        self._looked_at = 0
        self._mutex = threading.Lock()
        self._told: set[type[JournalError]] = set()
        self._rounds = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Keep house every second, in a thread."""
        self._thread = threading.Thread(target=self._run, name=f"journal-housekeeper[{self._folder.name}]")
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stopping.set()
        self._gauge.refused.set()
        if self._thread is not None:
            self._thread.join()

    def mend(self) -> None:
        """Mend what was found damaged when opening."""
        with self._mutex:
            if self._vanished is not None:
                self._mender.declare_vanished(*self._vanished)
                self._appender.forgotten(self._vanished[1])
                self._vanished = None
            while self._damaged:
                last = self._last_of(self._damaged[0])
                if last is not None:
                    self._mender.mend(self._damaged[0], last)
                self._damaged.pop(0)

    def mend_all(self) -> int:
        """Look at every sealed segment, and mend what is damaged; how many were mended since opening."""
        self.mend()
        with self._mutex:
            for first, following in pairwise(segments(self._folder)):
                self._mender.mend(first, following - 1)
        return self._mender.mended

    def forget(self) -> int:
        """Delete what everyone has acknowledged; how many segments."""
        deleted = 0
        with self._mutex:
            firsts = segments(self._folder)
            for first, following in pairwise(firsts):
                if not self._consumers.all_cover(first, following - 1):
                    break
                self._consumers.sync()
                self._appender.forgotten(following - 1)
                self._mender.retire(first, following - 1)
                deleted += 1
        return deleted

    def make_room(self) -> None:
        """On a full disk the newest segment goes too, once all of it is acknowledged."""
        with translated(self._folder):
            if free_bytes(self._folder) > self._minimum_free_bytes:
                return
        head = self._appender.head
        if head.sequence >= head.segment and self._consumers.all_cover(head.segment, head.sequence):
            self._appender.begin_segment()
            self.forget()

    def shed(self) -> int:
        """Let go of what must go for the budget; how many records were lost by it."""
        with self._mutex:
            return self._shedder.shed()

    def tell_fill(self) -> None:
        """Say how full the journal is."""
        self._on_fill(self._gauge.measure())

    def look(self) -> bool:
        """Look at the next sealed segment, and mend it if need be; whether it was damaged."""
        with self._mutex:
            sealed = segments(self._folder)[:-1]
            if not sealed:
                return False
            first = next((each for each in sealed if each > self._looked_at), sealed[0])
            self._looked_at = first
            last = self._last_of(first)
            return last is not None and self._mender.mend(first, last)

    def keep_house(self) -> None:
        """One round. On a full disk one chore may succeed, and make room, where another cannot."""
        self._rounds += 1
        chores: list[Callable[[], object]] = [
            self._appender.say_again,
            self.mend,
            self.forget,
            self.make_room,
            self.shed,
            self.tell_fill,
        ]
        if self._rounds % ROUNDS_A_LOOK == 0:
            chores.append(self.look)
        troubles: set[type[JournalError]] = set()
        for chore in chores:
            try:
                chore()
            except JournalError as error:
                troubles.add(type(error))
                self._tell(error)
        self._told = troubles

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._gauge.refused.clear()
            self.keep_house()
            self._gauge.refused.wait(ROUND_SECONDS)
            self._stopping.wait(LEAST_PAUSE_SECONDS)

    def _tell(self, error: JournalError) -> None:
        """Say so once, not every second: a disk stays full for hours."""
        if type(error) not in self._told:
            self._told.add(type(error))
            structlog.get_logger().warning(
                "journal housekeeping failed; it tries again", reason=error.what, mend=error.mend
            )

    def _last_of(self, first: int) -> int | None:
        """The last sequence of a sealed segment; None when it is not there or not sealed."""
        following = next((each for each in segments(self._folder) if each > first), None)
        return None if following is None else following - 1
