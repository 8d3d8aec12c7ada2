"""What one poll is answered with: a function of the machine's state and of what was asked.

None is silence, which is how a machine says that it does not know a poll, a game or a meter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edge_agent.sas.machine import Elementary
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.specification import GameSpec

Values = Mapping[str, Any]
Answer = Values | Elementary | None
Answers = Mapping[int, Callable[[Cabinet, Values], Answer]]

ACK, NACK, BUSY = Elementary


def game_of(cabinet: Cabinet, request: Values) -> GameSpec | None:
    """The game a poll names, the first for the whole machine, None if there is none of that number."""
    games, number = cabinet.spec.games, request["game"]
    return games[max(0, number - 1)] if number <= len(games) else None
