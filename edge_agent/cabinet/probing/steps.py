"""Steps: a visit to a line, written as a course of steps and walked in bytes and time.

A course is a generator. It yields what to send, if anything, and how long to listen; it is given what was
heard, and yields the next step. So what is done reads from the top, and nothing in it waits, reads or writes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from edge_agent.cabinet.probing.exchange import SYNCHRONISE, Arrival
from edge_agent.sas import WakeupDecoder
from edge_agent.sas.host_bounds import GAP_SECONDS, LONGEST_REPLY_SECONDS


@dataclass(frozen=True, slots=True)
class Step:
    """Send something, or nothing, and listen for a while. Times are seconds from when it was sent."""

    at_most: float
    at_least: float = 0.0
    send: bytes = b""
    nudge: bool = False  # send a wakeup bit that does not come from parity
    enough: Callable[[list[Arrival]], bool] = lambda _arrivals: False  # ends it before `at_most`

    def is_over(self, sent_at: float, heard_at: float, arrivals: list[Arrival], now: float) -> bool:
        """Whether to go on; not in the middle of what somebody says, unless that never ends."""
        quiet = now >= heard_at + GAP_SECONDS
        if now < sent_at + self.at_least:
            return False
        if now >= sent_at + self.at_most:
            return quiet or not self.send or now >= sent_at + self.at_most + LONGEST_REPLY_SECONDS
        return quiet and bool(arrivals) and self.enough(arrivals)

    def dues(self, sent_at: float, heard_at: float) -> Iterator[float]:
        """When it may be over."""
        yield sent_at + self.at_least
        yield sent_at + self.at_most
        yield heard_at + GAP_SECONDS
        yield sent_at + self.at_most + LONGEST_REPLY_SECONDS


@dataclass(frozen=True, slots=True)
class Took:
    """What came of a step."""

    sent_at: float
    arrivals: list[Arrival]


Course = Generator[Step, Took, None]


class Walk:
    """Walks a course; drive it until `settled`, as a station is driven.

    Args:
        course: the steps.
        ending: what is still to be done when somebody has seen enough.
        hear: is told all characters, too.
    """

    def __init__(self, course: Course, ending: Course, hear: Callable[[list[int], float], None]) -> None:
        self.settled = False
        self.now = self.heard_at = 0.0
        self._course, self._ending = course, ending
        self._hear = hear
        self._decoder = WakeupDecoder()
        self._step = Step(0.0)
        self._sent_at = 0.0
        self._waits_to_send = self._stops = False
        self._arrivals: list[Arrival] = []

    def begin(self, now: float) -> None:
        """Take the first step."""
        self.now = self.heard_at = now
        self._go_on(None)

    def stop(self) -> None:
        """It is enough: end with this step, and with what must follow it."""
        self._stops = True

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what arrived."""
        characters = self._decoder.feed(data)
        if not characters or self.settled:
            return
        self.heard_at = now
        self._arrivals.append((now, characters))
        self._hear(characters, now)

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        self.now = now
        if self.settled or self._waits_to_send:
            return
        if self._step.is_over(self._sent_at, self.heard_at, self._arrivals, now):
            self._go_on(Took(self._sent_at, self._arrivals))

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next, or None."""
        if self.settled or self._waits_to_send:
            return None
        dues = self._step.dues(self._sent_at, self.heard_at)
        return min((due for due in dues if due > self.now), default=self.now)

    def data_to_send(self, now: float) -> bytes:
        """What to write now."""
        if not self._waits_to_send or self._step.nudge:
            return b""
        self.left(now)
        return self._step.send

    def left(self, now: float) -> None:
        """What was written is on its way: an answer is timed from here."""
        self._waits_to_send, self._sent_at = False, now

    def take_nudge(self, now: float) -> int | None:
        """A character to send, now, with a wakeup bit that does not come from parity; None for none."""
        if not (self._waits_to_send and self._step.nudge):
            return None
        self.left(now)
        return SYNCHRONISE[0]

    def _go_on(self, took: Took | None) -> None:
        """Take the next step; the first one follows nothing."""
        try:
            step = next(self._course) if took is None else self._course.send(took)
            if self._stops and self._course is not self._ending:
                self._course.close()
                self._course = self._ending
                step = next(self._course)
        except StopIteration:
            self.settled = True
            return
        self._step, self._arrivals, self._sent_at = step, [], self.now
        self._waits_to_send = bool(step.send) or step.nudge
