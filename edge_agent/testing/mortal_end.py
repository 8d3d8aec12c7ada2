"""MortalEnd: a host's end of a line whose process can be killed at any step, and begins again from its note.

It keeps the order of a line: append what was heard, keep the note, write. `fate` is asked at each step
whether the process is killed there; then all that was in memory is gone, the journal and the note stay,
and a new run begins a moment later.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum
from typing import Protocol


class Step(Enum):
    """Where a process can be killed."""

    BEFORE_APPEND = "before append"
    AFTER_APPEND = "after append"
    BEFORE_WRITE = "before write"
    AFTER_WRITE = "after write"


Fate = Callable[[Step], bool]

# How long a process is gone that was killed.
RESTART_SECONDS = 0.5
# Something is written fifty times as often as something is appended.
WRITES_AN_APPEND = 50


def deadly(deaths: float, seed: int) -> Fate:
    """A fate that kills at this share of the appends, and as often in all at the writes between them."""
    chance = random.Random(f"deaths/{seed}")  # noqa: S311  a story, not a secret

    def fate(step: Step) -> bool:
        appending = step in (Step.BEFORE_APPEND, Step.AFTER_APPEND)
        return chance.random() < (deaths if appending else deaths / WRITES_AN_APPEND)

    return fate


class Mind(Protocol):
    """What lives in the memory of the process: a connection, or a station."""

    def link_opened(self, now: float) -> None:
        """The line is there."""

    def receive_data(self, data: bytes, now: float, /) -> None:
        """Take what arrived."""

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""


class Killed(Exception):  # noqa: N818  what happens to a process
    """The process is gone."""


class MortalEnd(ABC):
    """The end of a line, as a conversation drives it.

    Args:
        fate: asked at each step; True kills the process.
    """

    def __init__(self, fate: Fate) -> None:
        self.runs = 0
        self._fate = fate
        self._dying_words = b""
        self._starts_at: float | None = 0.0
        self._begin_run()

    @property
    @abstractmethod
    def mind(self) -> Mind:
        """What lives in this run."""

    @abstractmethod
    def begin(self) -> None:
        """Make a new mind from the note."""

    @abstractmethod
    def collect(self, now: float) -> bytes:
        """Journal what was heard, then say what may acknowledge it, living through each step."""

    @abstractmethod
    def next_deed(self) -> float | None:
        """When a process that lives wants to be called next."""

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take what arrived; a process that is gone hears nothing."""
        if self._starts_at is None:
            self.mind.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        if self._starts_at is not None and now >= self._starts_at:
            self._starts_at = None
            self.mind.link_opened(now)
        if self._starts_at is None:
            self.mind.handle_timer(now)

    def next_timer(self) -> float | None:
        """When to be called next."""
        return self.next_deed() if self._starts_at is None else self._starts_at

    def data_to_send(self, now: float) -> bytes:
        """What is said now; of a process that is killed on the way, what had left already."""
        if self._starts_at is not None:
            return b""
        self._dying_words = b""
        try:
            return self.collect(now)
        except Killed:
            self._begin_run()
            self._starts_at = now + RESTART_SECONDS
            return self._dying_words

    def live(self, step: Step) -> None:
        """Live through one step. Raises Killed if this is the end."""
        if self._fate(step):
            raise Killed

    def write(self, stream: bytes) -> bytes:
        """Write, and live through it: what left has left."""
        if stream:
            self.live(Step.BEFORE_WRITE)
            self._dying_words = stream
            self.live(Step.AFTER_WRITE)
        return stream

    def _begin_run(self) -> None:
        self.runs += 1
        self.begin()
