"""Interrogation: what a machine is asked when it is met, and what it does not answer.

A machine is silent to a poll it does not know, so each question is asked until it is answered or
has stayed unanswered; then it is remembered as unsupported and never asked again, because
with real-time events on every silence has to mean trouble. The meters the snapshots use are
asked here for the same reason, and so are the reads that exceptions will call for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from edge_agent.drivers.sas import reads
from edge_agent.drivers.sas.parts import GAME_METERS, MULTI_DENOMINATION
from edge_agent.drivers.sas.profile import (
    EXTENDED_METERS,
    GAMES,
    METERS_TOGETHER,
    SELECTED_METERS,
    SEVERAL_DENOMINATIONS,
    MachineProfile,
)
from edge_agent.drivers.sas.reading_plan import (
    CLASSIC_SINGLES,
    COIN_IN,
    CURRENT_CREDITS,
    EXTENDED,
    EXTENDED_TOO,
    FURTHER_CODES,
    GAMES_PLAYED,
    OTHER_SINGLES,
    SELECTED,
    SETTLING_CODES,
)
from edge_agent.drivers.sas.reads import WHOLE_MACHINE, Read
from edge_agent.drivers.sas.roles import OBSERVER, Role
from edge_agent.sas.messages import LongPollRequest

# A machine is busy while reels spin or a bill is in transit, and lines lose things; so often is a question
# put behind the others, before those still open are left for later.
MOST_POSTPONED = 20


def _meters(codes: tuple[int, ...]) -> Mapping[str, Any]:
    return MappingProxyType({"game": 0, "meter_codes": codes})


FIRST_GAME: Mapping[str, Any] = MappingProxyType({"game": 1})
# Denomination 00: the answer as without the preamble.
COIN_IN_OF_ALL: Mapping[str, Any] = MappingProxyType(
    {"denomination": 0, "base_command": COIN_IN, "base": MappingProxyType({})}
)

# Who it is, what it can do, its games, its money, its state; what it may have told while nobody listened;
# its meters.
QUESTIONS: tuple[Read, ...] = (
    Read(0x54),
    Read(0x1F),
    Read(0xA0, WHOLE_MACHINE),
    Read(0x51),
    Read(0x56),
    Read(0x53, needs=GAMES, each_game=True),
    Read(0xB5, WHOLE_MACHINE),
    Read(0xB5, needs=GAMES, each_game=True),
    Read(0xB1),
    Read(0xB2),
    Read(0xB3),
    reads.CLOCK,
    reads.VALIDATION_STATUS,
    reads.REGISTRATION,
    reads.LOCK,
    reads.LAST_BILL,
    Read(0x4F),
    reads.SELECTED_GAME,
    reads.HANDPAY,
    reads.CASH_OUT_TICKET,
    reads.VALIDATION_RECORD,
    reads.PENDING_CASH_OUT,
    reads.TICKET_IN_ESCROW,
    reads.REDEMPTION,
    reads.TRANSFER,
    reads.PROGRESSIVE_PAID,
    reads.SAS_PROGRESSIVE,
    reads.SAS_PROGRESSIVES,
    reads.OTHER_PROGRESSIVE,
    reads.BONUS,
    reads.COMPONENTS,
    Read(0x0F),
    Read(0x19),
    Read(CURRENT_CREDITS),
    Read(COIN_IN),
    Read(GAMES_PLAYED),
    Read(0x1E),
    Read(0x46),
    Read(0x20),
    Read(SELECTED, _meters(SETTLING_CODES)),
    Read(EXTENDED, _meters(SETTLING_CODES), needs=EXTENDED_METERS),
    Read(EXTENDED_TOO, _meters(FURTHER_CODES), needs=EXTENDED_METERS),
    Read(GAME_METERS, FIRST_GAME, needs=GAMES),
    Read(MULTI_DENOMINATION, COIN_IN_OF_ALL, needs=SEVERAL_DENOMINATIONS),
    *(
        Read(command, unless=unless)
        for commands, unless in ((CLASSIC_SINGLES, METERS_TOGETHER), (OTHER_SINGLES, SELECTED_METERS))
        for command in commands
    ),
)

EVERY_COMMAND = frozenset(question.command for question in QUESTIONS)
# Whether they make sense is only known when all others were answered or given up.
_LAST = (METERS_TOGETHER, SELECTED_METERS)
LAST_COMMANDS = frozenset(question.command for question in QUESTIONS if question.unless in _LAST)


class Interrogation:
    """The questions still open. Over when there are none.

    Args:
        skip: the commands not to ask.
        role: which reads may be asked, and in which form.
    """

    def __init__(self, skip: frozenset[int] = frozenset(), role: Role = OBSERVER) -> None:
        self._role = role
        self._open = deque(
            question for question in QUESTIONS if question.is_for(role) and question.command not in skip
        )
        self._postponed = 0

    @property
    def over(self) -> bool:
        """Whether every question was answered or given up."""
        return not self._open

    def next_request(self, address: int, profile: MachineProfile) -> LongPollRequest | None:
        """The first open question that makes sense."""
        while self._open:
            question = self._open[0]
            if question.each_game or not question.makes_sense(profile):
                self._open.popleft()
                self._open.extendleft(reversed([*_game_by_game(question, profile)]))
            else:
                return question.request(address, self._role)
        return None

    def close(self, poll: LongPollRequest) -> None:
        """A question was answered, or will not be."""
        if self._asks(poll):
            self._open.popleft()

    def close_all(self, command: int) -> None:
        """Nothing more is asked with a command."""
        self._open = deque(question for question in self._open if question.command != command)

    def postpone(self, poll: LongPollRequest) -> bool:
        """Other questions first; whether there is patience left for this one."""
        if not self._asks(poll):
            return True
        self._postponed += 1
        question = self._open.popleft()
        if self._postponed < MOST_POSTPONED:
            last = sum(one.unless in _LAST for one in self._open)
            self._open.insert(len(self._open) - (0 if question.unless in _LAST else last), question)
        return self._postponed < MOST_POSTPONED

    def _asks(self, poll: LongPollRequest) -> bool:
        return bool(self._open) and self._open[0].request(poll.address, self._role) == poll


def _game_by_game(question: Read, profile: MachineProfile) -> Iterator[Read]:
    """A question about every game, one by one; none if it makes no sense."""
    if question.makes_sense(profile):
        for number in profile.numbered_games:
            yield replace(question, values=MappingProxyType({"game": number}), each_game=False)
