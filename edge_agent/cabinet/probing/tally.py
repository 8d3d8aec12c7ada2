"""A tally of exchanges: what was answered, how soon, what was lost, and which polls it happens to.

What is said of the machine that is measured counts from `begin` on, and only polls that it answers at all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

from edge_agent.cabinet.probing.exchange import Came, Exchange
from edge_agent.cabinet.probing.findings import Findings
from edge_agent.sas import LongPollRequest

# The text's 20 ms for an answer to begin, and as much for an adapter to pass it on.
LATE_SECONDS = 0.040
# Two silent tries: the machine does not know the poll.
TRIES_OF_A_POLL = 2
# Noise does not damage every one of so many.
CERTAINLY_DAMAGED = 3
# And noise that does so does not spare another one so often.
CERTAINLY_WHOLE = 6
# Noise makes one character in thousands look like another host's; a host polls all the time.
FOREIGN_BELIEVED = 5
FOREIGN_PART = 0.05

_ANSWERS = (Came.ANSWER, Came.BUSY, Came.EVENT, Came.UNREAD)
_LOST = (Came.SILENCE, Came.REFUSED)


class Tally:
    """Keeps count. See the module."""

    def __init__(self) -> None:
        self._polls = self._echoes = self._junk = self._chirps = self._contradictions = self._foreign = 0
        self._measures = False
        self._of: defaultdict[int, Counter[Came]] = defaultdict(Counter)
        self._seconds: list[float] = []

    def begin(self) -> None:
        """What follows is asked of the machine that is measured."""
        self._measures = True

    def count(self, exchange: Exchange) -> None:
        """One more."""
        self._polls += 1
        self._echoes += exchange.echoed
        self._junk += exchange.junk
        self._chirps += exchange.chirps
        self._foreign += exchange.foreign
        poll = exchange.sent.poll
        if not (self._measures and isinstance(poll, LongPollRequest)):
            return
        self._contradictions += exchange.contradicted
        self._of[poll.command][exchange.came] += 1
        if exchange.seconds is not None:
            self._seconds.append(exchange.seconds)

    @property
    def another_host(self) -> bool:
        """Whether somebody else certainly polls, too."""
        return self._foreign >= max(FOREIGN_BELIEVED, FOREIGN_PART * self._polls)

    def knows(self, command: int) -> bool:
        """Whether the machine has answered this poll."""
        return any(self._of[command][came] for came in _ANSWERS)

    def is_unknown(self, command: int) -> bool:
        """Whether the machine seems not to know this poll."""
        came = self._of[command]
        return set(came) <= set(_LOST) and came.total() >= TRIES_OF_A_POLL

    def into(self, findings: Findings) -> Findings:
        """Findings, with these numbers."""
        said = dict(self._heard_of())
        return replace(
            findings,
            polls=self._polls,
            echoes=self._echoes,
            junk=self._junk,
            chirps_while_polled=self._chirps,
            another_host=self.another_host,
            asked=sum(came.total() for came in said.values()),
            answered=sum(came[kind] for came in said.values() for kind in _ANSWERS),
            missing=sum(came[kind] for came in said.values() for kind in _LOST),
            damaged=sum(came[Came.DAMAGED] for came in said.values()),
            unread=sum(came[Came.UNREAD] for came in said.values()),
            always_damaged=tuple(
                command
                for command, came in said.items()
                if came[Came.DAMAGED] >= CERTAINLY_DAMAGED and not self.knows(command)
            ),
            never_damaged=tuple(
                command
                for command, came in said.items()
                if came.total() >= CERTAINLY_WHOLE and not came[Came.DAMAGED]
            ),
            contradictions=self._contradictions,
            seconds=tuple(self._seconds),
            late=sum(seconds > LATE_SECONDS for seconds in self._seconds),
        )

    def _heard_of(self) -> Iterator[tuple[int, Counter[Came]]]:
        """The polls that the machine knows: something was heard of them."""
        for command, came in sorted(self._of.items()):
            if not set(came) <= set(_LOST):
                yield command, came
