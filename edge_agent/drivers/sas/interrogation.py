"""Interrogation: what a machine is asked when it is met, and what it does not answer.

A machine is silent to a poll it does not know, so each question is asked until it is answered or
has stayed unanswered; then it is remembered as unsupported and never asked again, because
with real-time events on every silence has to mean trouble. The meters the snapshots use are
asked here for the same reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from edge_agent.drivers.sas.duties import LAST_BILL, TICKET_INFORMATION
from edge_agent.drivers.sas.meters import (
    COIN_IN,
    CURRENT_CREDITS,
    EXTENDED,
    EXTENDED_TOO,
    FURTHER_CODES,
    GAMES_PLAYED,
    SELECTED,
    SETTLING_CODES,
)
from edge_agent.drivers.sas.profile import EXTENDED_METERS, STANDARD_VALIDATION, MachineProfile
from edge_agent.sas.messages import LongPollRequest

# A machine is busy while reels spin or a bill is in transit, and lines lose things; so often is a question
# put behind the others, before those still open are left for later.
MOST_POSTPONED = 20

GAMES = "games"  # the machine has numbered games


@dataclass(frozen=True, slots=True)
class Question:
    """One long poll, and what the machine must have said before it makes sense."""

    command: int
    values: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""  # a feature, GAMES or STANDARD_VALIDATION


WHOLE_MACHINE: Mapping[str, Any] = MappingProxyType({"game": 0})
FIRST_GAME: Mapping[str, Any] = MappingProxyType({"game": 1})


def _meters(codes: tuple[int, ...]) -> Mapping[str, Any]:
    return MappingProxyType({"game": 0, "meter_codes": codes})


QUESTIONS: tuple[Question, ...] = (
    Question(0x54),
    Question(0x1F),
    Question(0xA0, WHOLE_MACHINE),
    Question(0x51),
    Question(0x56),
    Question(0x53, FIRST_GAME, needs=GAMES),
    Question(0xB5, WHOLE_MACHINE),
    Question(0xB1),
    Question(0xB2),
    Question(0xB3),
    Question(0x7E),
    Question(LAST_BILL),
    Question(0x4F),
    Question(TICKET_INFORMATION, needs=STANDARD_VALIDATION),
    Question(0x0F),
    Question(0x19),
    Question(CURRENT_CREDITS),
    Question(COIN_IN),
    Question(GAMES_PLAYED),
    Question(0x1E),
    Question(0x46),
    Question(0x20),
    Question(SELECTED, _meters(SETTLING_CODES)),
    Question(EXTENDED, _meters(SETTLING_CODES), needs=EXTENDED_METERS),
    Question(EXTENDED_TOO, _meters(FURTHER_CODES), needs=EXTENDED_METERS),
)


class Interrogation:
    """The questions still open. Over when there are none."""

    def __init__(self, skip: frozenset[int] = frozenset()) -> None:
        self._open = deque(question for question in QUESTIONS if question.command not in skip)
        self._postponed = 0

    @property
    def over(self) -> bool:
        """Whether every question was answered or given up."""
        return not self._open

    def next_request(self, address: int, profile: MachineProfile) -> LongPollRequest | None:
        """The first open question that makes sense."""
        while self._open:
            question = self._open[0]
            if _makes_sense(question, profile):
                return LongPollRequest(address, question.command, question.values)
            self._open.popleft()
        return None

    def close(self, command: int) -> None:
        """A question was answered, or will not be."""
        if self._open and self._open[0].command == command:
            self._open.popleft()

    def postpone(self, command: int) -> bool:
        """Other questions first; whether there is patience left for this one."""
        if not self._open or self._open[0].command != command:
            return True
        self._postponed += 1
        question = self._open.popleft()
        if self._postponed < MOST_POSTPONED:
            self._open.append(question)
        return self._postponed < MOST_POSTPONED


def _makes_sense(question: Question, profile: MachineProfile) -> bool:
    if not profile.answers(question.command):
        return False
    if question.needs == GAMES:
        return bool(profile.games_implemented)
    if question.needs == STANDARD_VALIDATION:
        return profile.validation == STANDARD_VALIDATION
    return not question.needs or profile.has(question.needs)
