"""Choosing: which frames of a trace are shown, and idle polls folded into a count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.cabinet.trace import Seen
from edge_agent.sas.messages import GeneralPoll

EVENTS, POLLS, ANSWERS, ERRORS, CHIRPS = "events", "polls", "answers", "errors", "chirps"

# What each group of `--only` is.
GROUPS = {
    EVENTS: frozenset(("event", "exception")),
    POLLS: frozenset(("general_poll", "long_poll")),
    ANSWERS: frozenset(("answer", "ack", "nack", "busy")),
    CHIRPS: frozenset(("chirp",)),
    ERRORS: frozenset(("unknown",)),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to see; of what is left out, everything."""

    only: frozenset[str] = frozenset()
    polls: frozenset[int] = frozenset()
    exceptions: frozenset[int] = frozenset()
    addresses: frozenset[int] = frozenset()

    def wants(self, seen: Seen) -> bool:
        """Whether a frame is shown."""
        return (
            (not self.only or any(self._is(seen, group) for group in self.only))
            and (not self.polls or seen.command in self.polls)
            and (not self.exceptions or seen.exception in self.exceptions)
            and (not self.addresses or seen.explanation.address in self.addresses)
        )

    def _is(self, seen: Seen, group: str) -> bool:
        if group == ERRORS:
            return not seen.explanation.fits or seen.explanation.kind in GROUPS[ERRORS]
        return seen.explanation.kind in GROUPS[group] and not (group == EVENTS and seen.is_idle)


@dataclass(frozen=True, slots=True)
class Folded:
    """Idle polls that are not shown one by one."""

    at: float  # of the last
    count: int


class Folding:
    """Takes out general polls that brought nothing, and synchronisation."""

    def __init__(self) -> None:
        self._waiting: list[Seen] = []  # polls whose answer is not known yet
        self._count = 0
        self._last_at = 0.0

    def take(self, seen: Seen) -> Iterator[Seen | Folded]:
        """What is to be shown now."""
        if isinstance(seen.poll, GeneralPoll) and seen.to_machine:
            if any(_asks(waiting) for waiting in self._waiting):
                yield from self._let_go()  # it was not answered
            self._waiting.append(seen)
        elif seen.is_idle:
            self._count += 1
            self._last_at = seen.at
            self._waiting.clear()
        else:
            yield from self._let_go()
            yield seen

    def end(self) -> Iterator[Seen | Folded]:
        """What is left."""
        yield from self._let_go()
        yield from self._fold()

    def _let_go(self) -> Iterator[Seen | Folded]:
        """What waits was not idle, but for synchronisation alone."""
        waiting, self._waiting = self._waiting, []
        yield from self._fold()
        if any(_asks(seen) for seen in waiting):
            yield from waiting

    def _fold(self) -> Iterator[Folded]:
        if self._count:
            yield Folded(self._last_at, self._count)
            self._count = 0


def _asks(seen: Seen) -> bool:
    """Whether a general poll is more than synchronisation."""
    return seen.explanation.address != 0
