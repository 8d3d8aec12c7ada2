"""The mainboard: what every part of one machine shares, and what a part is.

A part is one idea with a memory: the ticket printer's buffer, the transfer under way, the progressive levels.
Its memory is a dataclass of plain values that outlives the power. What is not in it, such as how long
something has been waited for, does not. Parts act on the shared accounts first and say so after, through the
board's port; the time is whatever the board was last told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from edge_agent.simulator.accounts import Accounts
from edge_agent.simulator.specification import MachineSpec

# What a machine's own clock shows until somebody sets it.
FACTORY_CLOCK = datetime(2026, 1, 1)  # noqa: DTZ001  a machine knows no time zones


class Port(Protocol):
    """What a machine needs of its SAS port."""

    def raise_exception(self, code: int, values: Mapping[str, Any]) -> None:
        """Put an exception before the host."""

    def settle(self, code: int) -> None:
        """What a priority exception was about is over."""

    def volunteer(self, command: int, values: Mapping[str, Any]) -> None:
        """Answer a long poll of earlier, at the next poll."""

    def is_linked(self) -> bool:
        """Whether a host polls."""

    def power_off(self) -> None:
        """The port goes dead."""

    def power_on(self) -> None:
        """The port comes back."""


@dataclass(slots=True)
class OpenGame:
    """A game that was staked and is not over: the outcome is drawn already, and outlives the power."""

    number: int
    denomination: int
    win: int = 0
    progressive: int = 0  # of the win
    level: int = 0  # of the progressive


@dataclass(slots=True)
class Situation:
    """What the machine is in the middle of."""

    selected_game: int = 1
    player_denomination: int = 0  # 0 for the accounting one
    game: OpenGame | None = None
    open_doors: tuple[int, ...] = ()  # by the exception that told of it
    tilt: int = 0  # the exception, 0 for none
    in_menu: bool = False
    out_of_service: bool = False
    cashing_out: bool = False  # a guest wants to leave, and the credits have not gone yet
    lock_up: int = 0  # of an attendant: the level of the handpay, 0 for none

    @property
    def is_disturbed(self) -> bool:
        """Whether people have to see to the machine first."""
        return bool(self.open_doors or self.tilt or self.in_menu or self.out_of_service)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is half done."""
        return not (self.game or self.cashing_out or self.lock_up)


@dataclass(slots=True)
class BoardMemory:
    """What outlives the power of what all parts share."""

    accounts: Accounts
    situation: Situation = field(default_factory=Situation)
    clock: datetime = FACTORY_CLOCK
    asset_number: int = 0
    location: str = ""


class Mainboard:
    """What the parts of one machine share."""

    def __init__(self, spec: MachineSpec, port: Port) -> None:
        self.spec = spec
        self.now = 0.0
        self.memory = BoardMemory(
            Accounts.after(
                spec.past_twenties,
                20 * 100 // spec.denomination_cents,
                len(spec.games),
                spec.player_denominations[0] if spec.player_denominations else spec.denomination_code,
            ),
            asset_number=spec.asset_number,
        )
        if spec.player_denominations:
            self.memory.situation.player_denomination = spec.player_denominations[0]
        self._port = port
        self._clock_set_at: float | None = None

    # -- what it knows -----------------------------------------------------------------------

    @property
    def accounts(self) -> Accounts:
        """The machine's accounts."""
        return self.memory.accounts

    @property
    def situation(self) -> Situation:
        """What the machine is in the middle of."""
        return self.memory.situation

    @property
    def clock(self) -> datetime:
        """What the machine's own clock shows."""
        return self.memory.clock + timedelta(seconds=self.now - (self._clock_set_at or self.now))

    def set_clock(self, shows: datetime) -> None:
        """The clock was set."""
        self.memory.clock, self._clock_set_at = shows, self.now

    def starts(self, now: float) -> None:
        """The machine lives from now on."""
        self.now = self._clock_set_at = now

    def cents(self, credits_: int) -> int:
        """Accounting credits in cents."""
        return credits_ * self.spec.denomination_cents

    def credits_of(self, cents: int) -> int | None:
        """Cents in accounting credits; None where they are no whole number."""
        credits_, rest = divmod(cents, self.spec.denomination_cents)
        return None if rest else credits_

    # -- what it says ------------------------------------------------------------------------

    def say(self, code: int, values: Mapping[str, Any] | None = None) -> None:
        """Put an exception before the host."""
        self._port.raise_exception(code, values or {})

    def settle(self, code: int) -> None:
        """What a priority exception was about is over."""
        self._port.settle(code)

    def volunteer(self, command: int, values: Mapping[str, Any]) -> None:
        """Answer a long poll of earlier, at the next poll."""
        self._port.volunteer(command, values)

    def is_linked(self) -> bool:
        """Whether a host polls."""
        return self._port.is_linked()

    def power(self, *, on: bool) -> None:
        """The port goes dead or comes back."""
        if on:
            self._port.power_on()
        else:
            self._port.power_off()


M = TypeVar("M")


class Part(Generic[M]):
    """One part of a machine. Those that wait for nothing keep these answers."""

    def __init__(self, board: Mainboard, memory: M) -> None:
        self.board = board
        self.memory = memory

    def next_timer(self) -> float | None:
        """When to be called next."""
        return None

    def handle_timer(self) -> None:
        """Do what is due."""

    def power_returned(self) -> None:
        """The machine starts again with what it remembers."""
