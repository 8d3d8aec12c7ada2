"""The journalist: seals what the agent observes and appends it."""

from __future__ import annotations

from edge_agent.clock import Clock
from edge_agent.events import EventBody, Observation, seal
from edge_agent.journal import Journal
from edge_agent.settings import Settings


class Journalist:
    """Seals observations and appends them."""

    def __init__(self, settings: Settings, clock: Clock, journal: Journal) -> None:
        self._gateway = settings.gateway
        self._source = settings.source
        self.clock = clock
        self.append = journal.append

    def seal(self, observation: Observation) -> bytes:
        """What the journal keeps of an observation."""
        return seal(observation, self.clock.reading(), self._source)

    def say(self, body: EventBody) -> None:
        """Journal something of the gateway itself. Raises JournalError."""
        self.say_of(self._gateway, body)

    def say_at(self, moment: float, body: EventBody) -> None:
        """Journal something of the gateway itself, noticed at a monotonic moment. Raises JournalError."""
        self.append([self.seal(Observation(self._gateway, moment, body))])

    def say_of(self, subject: str, body: EventBody) -> int:
        """Journal something of one of its devices; its sequence. Raises JournalError."""
        (sequence,) = self.append([self.seal(Observation(subject, self.clock.monotonic(), body))])
        return sequence
