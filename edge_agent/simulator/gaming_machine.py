"""The simulated gaming machine: a cabinet, its story and its SAS port, as one pure state machine.

Time is an argument. The machine is woken when the story goes on, acts, and raises exceptions on
its port; the port asks it for the answers to long polls. Play never depends on the polls, so one
seed tells one story on every wire.

    machine = GamingMachine(spec, lambda answers: MachineConnection(spec.address, answers), seed=7)
    machine.handle_timer(now)                 lives on, whenever next_timer() is due
    machine.connection.receive_data(data, now)
    machine.connection.data_to_send(now)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from edge_agent.errors import ConfigurationError
from edge_agent.sas.machine import Elementary, MachineAnswers
from edge_agent.sas.messages import LongPollRequest
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.games import EVENT_METER_MODULUS
from edge_agent.simulator.memory import from_plain
from edge_agent.simulator.play import HASTE_SECONDS, Story
from edge_agent.simulator.polls import acknowledge_poll, answer_poll
from edge_agent.simulator.specification import MachineSpec

# A process that slept longer than this lives on from now, instead of living through it in a rush.
LONGEST_CATCH_UP_SECONDS = 5.0

# The form of a memory; another form is refused.
MEMORY_FORM = 1

# Cents on tickets are metered in five BCD bytes.
TICKET_METER_MODULUS = 10**10


class Connection(Protocol):
    """What a machine does with its end of the SAS line."""

    @property
    def link_up(self) -> bool:
        """Whether a host polls."""

    def raise_exception(self, code: int, now: float, values: Mapping[str, Any]) -> object:
        """Put an exception before the host."""

    def settle(self, code: int) -> None:
        """What a priority exception was about is over."""

    def volunteer(self, command: int, values: Mapping[str, Any]) -> None:
        """Say the answer to an earlier long poll."""

    def pending(self) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """The exceptions that are pending, with their data."""

    def power_off(self, now: float) -> None:
        """The port goes dead."""

    def power_on(self, now: float) -> None:
        """The port comes back."""


C = TypeVar("C", bound=Connection)


class GamingMachine(Generic[C]):
    """One machine on the floor. See the module.

    Args:
        spec: what it is.
        connect: makes its end of the SAS line, given who answers long polls.
        seed: what happens to it.
        rate: how much faster than real people its guests are.
        memory: what `remember` gave in an earlier life; None for a new machine. Raises ConfigurationError
            where it is not this machine's.
    """

    def __init__(
        self,
        spec: MachineSpec,
        connect: Callable[[MachineAnswers], C],
        seed: int,
        rate: float = 1.0,
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        self.spec = spec
        self.connection = connect(self)
        self.cabinet = Cabinet(spec, self)
        chance = random.Random(f"machine/{seed}")  # noqa: S311  a story, not a secret
        self._story = Story(self.cabinet, chance, rate)
        self._pauses = self._story.tell()
        self._started = False
        self._due: float | None = 0.0
        self._stopping = False
        self._pending: list[tuple[int, dict[str, int]]] = []  # of an earlier life
        self._has_lived = memory is not None
        if memory is not None:
            self._recall(memory)

    # -- time --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """When the story, or a part of the machine, goes on; None when nothing does."""
        dues = (self._due, self.cabinet.next_timer())
        return min((due for due in dues if due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Live up to `now`."""
        self.cabinet.board.now = now
        if not self._started:
            self._start(now)
        if self._due is not None and now - self._due > LONGEST_CATCH_UP_SECONDS:
            self._due = now
        self.cabinet.handle_timer()
        while self._due is not None and self._due <= now:
            self._due += next(self._pauses)
            self._end_at_rest()

    def stop_play(self, now: float) -> None:
        """Finish what is half done, in haste; cash nothing, start nothing, raise no more."""
        self.cabinet.board.now = now
        self._stopping = self._story.hurried = True
        if self._due is not None and self._story.waits_for_people:
            self._due = min(self._due, now + HASTE_SECONDS)
        self._end_at_rest()

    def _start(self, now: float) -> None:
        self._started, self._due = True, now
        self.cabinet.board.starts(now)
        if self._has_lived:
            self._come_back()
        else:
            self.cabinet.starts()

    def _end_at_rest(self) -> None:
        if self._stopping and self._story.at_rest:
            self._due = None

    @property
    def is_playing(self) -> bool:
        """Whether it may still raise something."""
        return self._due is not None

    # -- power -------------------------------------------------------------------------------

    def remember(self) -> dict[str, Any]:
        """All that outlives the power, as JSON can hold it; time is what `handle_timer` was last told."""
        return {
            "form": MEMORY_FORM,
            "serial": self.spec.serial_number,
            "pending": [[code, dict(values)] for code, values in self.connection.pending()],
            "cabinet": self.cabinet.remember(),
        }

    def _recall(self, memory: Mapping[str, Any]) -> None:
        cabinet = memory.get("cabinet")
        if (
            memory.get("form") != MEMORY_FORM
            or memory.get("serial") != self.spec.serial_number
            or not isinstance(cabinet, Mapping)
        ):
            raise ConfigurationError(
                f"the memory is not of machine {self.spec.serial_number}",
                "use the memory this machine left, or start it without one",
            )
        self._pending = from_plain(list[tuple[int, dict[str, int]]], memory, "pending")
        self.cabinet.recall(cabinet)

    def _come_back(self) -> None:
        """The power was lost with the process: what was pending is pending again, and the loss is told."""
        for code, values in self._pending:
            self.raise_exception(code, values)
        self.cabinet.regain_power()

    # -- the port asks -----------------------------------------------------------------------

    def answer(self, poll: LongPollRequest, now: float) -> Mapping[str, Any] | Elementary | None:
        """What it says to a long poll; None for silence."""
        self.cabinet.board.now = now
        return answer_poll(self.cabinet, poll)

    def acknowledged(self, poll: LongPollRequest, now: float) -> None:
        """The host has heard the answer to a long poll."""
        self.cabinet.board.now = now
        acknowledge_poll(self.cabinet, poll)

    # -- the cabinet says (its Port) ---------------------------------------------------------

    def raise_exception(self, code: int, values: Mapping[str, Any]) -> None:
        """Put an exception before the host."""
        self.connection.raise_exception(code, self.cabinet.board.now, values)

    def settle(self, code: int) -> None:
        """What a priority exception was about is over."""
        self.connection.settle(code)

    def volunteer(self, command: int, values: Mapping[str, Any]) -> None:
        """Answer a long poll of earlier, at the next poll."""
        self.connection.volunteer(command, values)

    def is_linked(self) -> bool:
        """Whether a host polls."""
        return self.connection.link_up

    def power_off(self) -> None:
        """The port goes dead."""
        self.connection.power_off(self.cabinet.board.now)

    def power_on(self) -> None:
        """The port comes back."""
        self.connection.power_on(self.cabinet.board.now)

    # -- the truth ---------------------------------------------------------------------------

    def meters_in_minor_units(self) -> dict[str, int]:
        """The machine's own final truth: money in cents, games counted, as its meters read."""
        accounts, cents = self.cabinet.accounts, self.spec.denomination_cents
        money = {
            "coin_in": accounts.coin_in,
            "coin_out": accounts.coin_out,
            "jackpot": accounts.jackpot,
            "bills_in": accounts.bills,
            "handpaid_cancelled": accounts.handpaid,
            "credits": accounts.credits,
        }
        return {
            **{name: credits_ % EVENT_METER_MODULUS * cents for name, credits_ in money.items()},
            "tickets_out": accounts.tickets_out * cents % TICKET_METER_MODULUS,
            "games_played": accounts.games_played % EVENT_METER_MODULUS,
        }
