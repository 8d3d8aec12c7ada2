"""Progressives: levels the host feeds, levels of the machine's own controller, and what was won on them.

A host tells the value of each level at least every five seconds; without it the machine says 53, once an
outage. A hit pays what was told last. It stays to be read, one at a time with 85 or all with 87, until the
answer was acknowledged; the host then tells the value the level starts again from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.simulator.mainboard import Mainboard, Part

NO_INFORMATION, PAID, HIT, OWN_HIT = 0x53, 0x54, 0x56, 0x59
FED_WITHIN = 5.0

# Long poll 5D tells eight wins at most, of a controller inside the machine.
OWN_WINS = 8
OWN_CONTROLLER_TYPE, OWN_CONTROLLER = 0x00, 1


@dataclass(frozen=True, slots=True)
class LevelWin:
    """One hit."""

    level: int
    amount_cents: int
    base_cents: int = 0


@dataclass(slots=True)
class ProgressiveMemory:
    """Values of the levels and what was won."""

    values: dict[int, int] = field(default_factory=dict)  # level -> cents, as the host told them last
    unread: list[LevelWin] = field(default_factory=list)
    last: LevelWin | None = None
    own_values: dict[int, int] = field(default_factory=dict)
    own_wins: list[LevelWin] = field(default_factory=list)  # newest last
    is_fed: bool = True  # 53 was not said since the last value


class Progressives(Part[ProgressiveMemory]):
    """The progressive levels of one machine."""

    def __init__(self, board: Mainboard) -> None:
        super().__init__(board, ProgressiveMemory())
        bases = enumerate(board.spec.progressive_levels, start=1)
        self.memory.values = dict(bases)
        self.memory.own_values = dict(enumerate(board.spec.own_progressive_levels, start=1))
        self._told: tuple[LevelWin, ...] = ()
        self._hungry_at: float | None = None

    @property
    def level_bits(self) -> int:
        """The levels as the bit map of long poll B5."""
        return sum(1 << (level - 1) for level in self.memory.values)

    def starts(self) -> None:
        """The machine lives from now on, and waits for the first value."""
        self._wait()

    def feed(self, group: int, level: int, cents: int) -> None:
        """The host told the value of a level."""
        if group == self.board.spec.progressive_group and level in self.memory.values:
            self.memory.values[level], self.memory.is_fed = cents, True
            self._wait()

    def _wait(self) -> None:
        if self.memory.values and self.memory.is_fed:
            self._hungry_at = self.board.now + FED_WITHIN

    # -- hits --------------------------------------------------------------------------------

    def hit(self, level: int) -> int:
        """A level was hit: what it pays, in accounting credits."""
        credits_ = self.memory.values[level] // self.board.spec.denomination_cents
        win = LevelWin(level, self.board.cents(credits_))
        self.memory.unread.append(win)
        self.memory.last = win
        self.board.say(HIT)
        return credits_

    def hit_own(self, level: int) -> int:
        """A level of the machine's own controller was hit: what it pays, in accounting credits."""
        base = self.board.spec.own_progressive_levels[level - 1]
        credits_ = self.memory.own_values[level] // self.board.spec.denomination_cents
        win = LevelWin(level, self.board.cents(credits_), base)
        self.memory.own_wins = [*self.memory.own_wins, win][-OWN_WINS:]
        self.memory.own_values[level] = base
        self.board.say(OWN_HIT)
        return credits_

    def grow(self, bet_cents: int) -> None:
        """A hundredth of each bet feeds the machine's own levels."""
        for level in self.memory.own_values:
            self.memory.own_values[level] += bet_cents // 100

    def tell(self, most: int | None) -> tuple[LevelWin, ...]:
        """The wins no host has read, `most` of them; they are gone when the answer was acknowledged."""
        self._told = tuple(self.memory.unread[:most])
        return self._told

    def were_read(self) -> None:
        """The host has what it was told."""
        told, self._told = self._told, ()
        del self.memory.unread[: len(told)]
        if told and self.memory.unread:
            self.board.say(HIT)

    # -- time --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """See Part."""
        return self._hungry_at

    def handle_timer(self) -> None:
        """See Part."""
        if self._hungry_at is not None and self.board.now >= self._hungry_at:
            self._hungry_at, self.memory.is_fed = None, False
            self.board.say(NO_INFORMATION)

    def power_returned(self) -> None:
        """See Part."""
        self._wait()
