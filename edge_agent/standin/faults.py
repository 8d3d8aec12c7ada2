"""Faults: what goes wrong between a gateway and its cloud, on request.

Pure state: whoever answers asks first, with the time. One fault of each kind is in force at a
time; `clear` ends them all. Being down and dropping connections are done by the server.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from edge_agent.standin.topics import matches

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Answer:
    """How one PUBLISH is to be treated."""

    refuse: int | None = None  # a reason code to give instead of accepting
    lose: bool = False  # accept, but send no PUBACK
    delay: float = 0.0  # seconds the PUBACK is held back
    ignore: bool = False  # as if it had never come


@dataclass(slots=True)
class Faults:
    """The faults in force."""

    seed: int = 0
    puback_delay: float = 0.0
    lose_next: int = 0
    lose_percent: float = 0.0
    refuse_code: int | None = None
    refuse_next: float = 0
    refuse_filter: str | None = None
    refuse_connections_code: int | None = None
    _refuse_connections_until: float = 0.0
    _stalled_until: float = 0.0
    _hung_until: float = 0.0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  the same seed loses the same PUBACKs

    def delay(self, seconds: float) -> None:
        """Hold every PUBACK back for this long."""
        self.puback_delay = seconds

    def lose(self, *, following: int = 0, percent: float = 0.0) -> None:
        """Accept, but send no PUBACK: for the next so many, or for some in a hundred."""
        self.lose_next, self.lose_percent = following, percent

    def refuse(self, code: int, *, following: float = FOREVER, topic: str | None = None) -> None:
        """Refuse the next publishes with a reason code: all, or those that a topic filter means."""
        self.refuse_code, self.refuse_next, self.refuse_filter = code, following, topic

    def refuse_connections(self, code: int, until: float = FOREVER) -> None:
        """Answer every CONNECT with a reason code."""
        self.refuse_connections_code, self._refuse_connections_until = code, until

    def stall(self, until: float = FOREVER) -> None:
        """Take bytes, answer nothing."""
        self._stalled_until = until

    def hang(self, until: float = FOREVER) -> None:
        """Take publishes and do nothing about them; answer everything else."""
        self._hung_until = until

    def clear(self) -> None:
        """Be well again."""
        self.delay(0.0)
        self.lose()
        self.refuse_code, self.refuse_connections_code = None, None
        self._stalled_until, self._hung_until = 0.0, 0.0

    def on_publish(self, topic: str, now: float) -> Answer:
        """How the next acceptable PUBLISH is to be treated; counts it."""
        if now < self._hung_until:
            return Answer(ignore=True)
        if self.refuse_code is not None and self.refuse_next > 0 and self._refuses(topic):
            self.refuse_next -= 1
            return Answer(refuse=self.refuse_code)
        lose = self.lose_next > 0 or self._random.uniform(0, 100) < self.lose_percent
        self.lose_next = max(0, self.lose_next - 1)
        return Answer(lose=lose, delay=self.puback_delay)

    def on_connect(self, now: float) -> int | None:
        """The reason code every CONNECT gets now, if one is."""
        return self.refuse_connections_code if now < self._refuse_connections_until else None

    def stalled(self, now: float) -> bool:
        """Whether nothing is answered now."""
        return now < self._stalled_until

    def _refuses(self, topic: str) -> bool:
        return self.refuse_filter is None or matches(self.refuse_filter, topic)

    def next_timer(self, now: float) -> float | None:
        """When a stall ends, if that is known."""
        return self._stalled_until if now < self._stalled_until < FOREVER else None
