"""A paytable: what a game pays, how often, and exactly what share of the wagers that gives back.

The weights of a table add up to `CHANCES`, so its payback is the sum of pays times weights over
`CHANCES`, exactly. A table for a stated payback has fixed rows for the rare wins, and makes up
the rest with wins that return the bet.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from edge_agent.errors import ConfigurationError

CHANCES = 1_000_000
PERCENT_HUNDREDTHS = 10_000

# (times the bet, chances in CHANCES): a medium-volatile video slot; 77.2 % without the last row.
RARE_WINS = (
    (500, 60),
    (100, 500),
    (50, 1_600),
    (20, 6_000),
    (10, 14_000),
    (5, 36_000),
    (2, 86_000),
)
LEAST_PAYBACK = sum(pays * chances for pays, chances in RARE_WINS) // (CHANCES // PERCENT_HUNDREDTHS)


@dataclass(frozen=True, slots=True)
class Paytable:
    """What a game pays: (times the bet, chances in CHANCES), rare wins first."""

    rows: tuple[tuple[int, int], ...]
    _ends: tuple[int, ...]

    @classmethod
    def of(cls, percent_hundredths: int) -> Paytable:
        """The table with this payback, in hundredths of a percent. Raises ConfigurationError."""
        if not LEAST_PAYBACK <= percent_hundredths <= PERCENT_HUNDREDTHS:
            raise ConfigurationError(
                f"payback {percent_hundredths / 100:.2f} % is not one a paytable here can give",
                f"use {LEAST_PAYBACK / 100:.2f} to {PERCENT_HUNDREDTHS / 100:.2f} %",
            )
        owed = percent_hundredths * (CHANCES // PERCENT_HUNDREDTHS)
        money_back = owed - sum(pays * chances for pays, chances in RARE_WINS)
        rows = (*RARE_WINS, (1, money_back))
        return cls(rows, tuple(accumulate(chances for _, chances in rows)))

    @property
    def percent_hundredths(self) -> int:
        """The payback it gives in the long run."""
        paid = sum(pays * chances for pays, chances in self.rows)
        return paid * PERCENT_HUNDREDTHS // CHANCES

    def spin(self, chance: random.Random) -> int:
        """How many times the bet one game pays."""
        row = bisect_right(self._ends, chance.randrange(CHANCES))
        return self.rows[row][0] if row < len(self.rows) else 0
