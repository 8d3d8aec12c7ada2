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
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from edge_agent.sas.machine import MachineAnswers
from edge_agent.sas.messages import LongPollRequest
from edge_agent.simulator.cabinet import EVENT_METER_MODULUS, Cabinet
from edge_agent.simulator.machine_polls import answer_poll
from edge_agent.simulator.play import HASTE_SECONDS, Story
from edge_agent.simulator.specification import MachineSpec

# A process that slept longer than this lives on from now, instead of living through it in a rush.
LONGEST_CATCH_UP_SECONDS = 5.0


HANDPAY_COMMAND = 0x1B

# Cents on tickets are metered in five BCD bytes.
TICKET_METER_MODULUS = 10**10


class Connection(Protocol):
    """What a machine does with its end of the SAS line."""

    def raise_exception(self, code: int, now: float, values: Mapping[str, Any]) -> object:
        """Put an exception before the host."""

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
    """

    def __init__(
        self, spec: MachineSpec, connect: Callable[[MachineAnswers], C], seed: int, rate: float = 1.0
    ) -> None:
        self.spec = spec
        self.connection = connect(self)
        self.cabinet = Cabinet(spec, self)
        chance = random.Random(f"machine/{seed}")  # noqa: S311  a story, not a secret
        self._story = Story(self.cabinet, chance, rate)
        self._pauses = self._story.tell()
        self._factory_clock = self.cabinet.clock
        self._now = 0.0
        self._started_at: float | None = None
        self._due: float | None = 0.0
        self._stopping = False

    # -- time --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """When the story goes on; None when it is over."""
        return self._due

    def handle_timer(self, now: float) -> None:
        """Live up to `now`."""
        self._now = now
        if self._started_at is None:
            self._started_at = self._due = now
        if self._due is not None and now - self._due > LONGEST_CATCH_UP_SECONDS:
            self._due = now
        while self._due is not None and self._due <= now:
            self._due += next(self._pauses)
            self._end_at_rest()

    def stop_play(self, now: float) -> None:
        """Finish what is half done, in haste; cash nothing, start nothing, raise no more."""
        self._now = now
        self._stopping = self._story.hurried = True
        if self._due is not None and self._story.waits_for_people:
            self._due = min(self._due, now + HASTE_SECONDS)
        self._end_at_rest()

    def _end_at_rest(self) -> None:
        if self._stopping and self._story.at_rest:
            self._due = None

    @property
    def is_playing(self) -> bool:
        """Whether it may still raise something."""
        return self._due is not None

    # -- the port asks -----------------------------------------------------------------------

    def answer(self, poll: LongPollRequest, now: float) -> Mapping[str, Any] | None:
        """What it says to a long poll; None for silence."""
        self.cabinet.clock = self._factory_clock + timedelta(seconds=now - (self._started_at or 0.0))
        return answer_poll(self.cabinet, poll.command, poll.values)

    def acknowledged(self, poll: LongPollRequest, _: float) -> None:
        """The host has heard the answer to a long poll."""
        if poll.command == HANDPAY_COMMAND:
            self.cabinet.handpay_was_read()

    # -- the cabinet says (its Port) ---------------------------------------------------------

    def raise_exception(self, code: int, values: Mapping[str, Any]) -> None:
        """Put an exception before the host."""
        self.connection.raise_exception(code, self._now, values)

    def power_off(self) -> None:
        """The port goes dead."""
        self.connection.power_off(self._now)

    def power_on(self) -> None:
        """The port comes back."""
        self.connection.power_on(self._now)

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
