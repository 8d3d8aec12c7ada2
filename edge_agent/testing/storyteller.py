"""Storyteller: a machine's day in exceptions, and whether a journal accounts for them.

The storyteller raises exceptions on a machine's port, each with the data such an event has, and never
more than the port can keep. `account` compares what was raised with what a host has journalled.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.sas.code_tables import BILL_DENOMINATIONS, BILL_EXCEPTIONS
from edge_agent.sas.host import ExceptionReported
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.machine import MachineConnection
from edge_agent.sas.messages import LongPollRequest

# Doors, lamps and tilts, over and over: what nothing in an event tells apart.
PLAIN_CODES = (0x11, 0x12, 0x11, 0x12, 0x71, 0x72, 0x20)
BILL, GAME_STARTED, GAME_ENDED = 0x4F, 0x7E, 0x7F
# A port keeps 20 at least, besides what is raised while one is being told.
MOST_PENDING = 18


class FewMeters:
    """Answers the two questions of a heartbeat, always the same."""

    def answer(self, poll: LongPollRequest, now: float) -> Mapping[str, Any] | None:  # noqa: ARG002  a Protocol's
        """See MachineAnswers."""
        if poll.command not in (0x1A, 0x15):
            return None
        return {field.name: 5 for field in LONG_POLLS[poll.command].reply}


@dataclass(frozen=True, slots=True)
class Told:
    """One exception as it was raised."""

    code: int
    values: Mapping[str, Any]


class Storyteller:
    """Raises exceptions on a port, as they come on a busy machine.

    Args:
        machine: the port.
        seed: of the story.
    """

    def __init__(self, machine: MachineConnection, seed: int) -> None:
        self.told: list[Told] = []
        self._machine = machine
        self._chance = random.Random(f"story/{seed}")  # noqa: S311  a story, not a secret
        self._count = 0

    def go_on(self, now: float) -> None:
        """Raise as many as may be pending."""
        for _ in range(MOST_PENDING - len(self._machine.queue)):
            told = self._next()
            self.told.append(told)
            self._machine.raise_exception(told.code, now, told.values)

    def _next(self) -> Told:
        self._count += 1
        code = self._chance.choice((*PLAIN_CODES, BILL, GAME_STARTED, GAME_ENDED))
        values: Mapping[str, Any] = {}
        match code:
            case 0x4F:
                values = {"country": 37, "denomination_code": self._chance.randrange(5), "count": self._count}
            case 0x7E:
                values = {"wager": 1, "coin_in": self._count, "wager_type": 0, "progressive_group": 0}
            case 0x7F:
                values = {"win": self._chance.randrange(3)}
        return Told(code, values)


@dataclass(frozen=True, slots=True)
class Account:
    """How a journal and a story compare."""

    complete: bool  # every exception raised is journalled, in order
    exact: bool  # and, leaving out some that are flagged as possibly repeated, nothing else is
    superfluous: int  # journalled beyond what was raised
    flagged: int


def account(told: Sequence[Told], journal: Sequence[ExceptionReported]) -> Account:
    """Compare what was raised with what was journalled."""
    in_order = 0
    explained = {0}  # how many of those raised may be behind us
    for event in journal:
        if in_order < len(told) and _is(told[in_order], event):
            in_order += 1
        genuine = {at + 1 for at in explained if at < len(told) and _is(told[at], event)}
        repeats = {at for at in explained if at and event.possibly_repeated and _is(told[at - 1], event)}
        explained = genuine | repeats
    return Account(
        complete=in_order == len(told),
        exact=len(told) in explained,
        superfluous=len(journal) - len(told),
        flagged=sum(event.possibly_repeated for event in journal),
    )


def _is(told: Told, event: ExceptionReported) -> bool:
    """Whether an event tells of an exception: in one-byte mode by its code alone, a bill by its own."""
    if event.real_time:
        return event.code == told.code and dict(event.values) == dict(told.values)
    if told.code == BILL and event.code in BILL_EXCEPTIONS:
        return BILL_EXCEPTIONS[event.code] == BILL_DENOMINATIONS[told.values["denomination_code"]]
    return event.code == told.code
