"""Answering: a long poll to its family, and what follows when the host has heard the answer.

A poll the machine does not know, or whose layout nobody knows, is silence. What a machine forgets once it was
told is forgotten only here, when the answer was acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from edge_agent.sas.messages import LongPollRequest
from edge_agent.sas.polls.multi_denomination import MULTI_DENOMINATION
from edge_agent.simulator.aft_transfer import ASK
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.polls.authentication import AUTHENTICATION_ANSWERS
from edge_agent.simulator.polls.features import missing_polls
from edge_agent.simulator.polls.information import INFORMATION_ANSWERS
from edge_agent.simulator.polls.meters import METER_ANSWERS
from edge_agent.simulator.polls.preamble import answer_preamble
from edge_agent.simulator.polls.row import Answer, Answers
from edge_agent.simulator.polls.settings import SETTING_ANSWERS
from edge_agent.simulator.polls.tickets import TICKET_ANSWERS
from edge_agent.simulator.polls.transfers import TRANSFER_ANSWERS
from edge_agent.simulator.polls.wins import WIN_ANSWERS
from edge_agent.simulator.validation import RECORD

_ANSWERS: Answers = MappingProxyType({
    **METER_ANSWERS, **INFORMATION_ANSWERS, **SETTING_ANSWERS, **TICKET_ANSWERS,
    **TRANSFER_ANSWERS, **WIN_ANSWERS, **AUTHENTICATION_ANSWERS,
})  # fmt: skip

# The real-time switch, 0E, is the connection's own.
ANSWERED = frozenset((*_ANSWERS, MULTI_DENOMINATION))

# command -> (the field and its value that make it the form that is meant, what follows)
_READ: Mapping[int, tuple[str, int, Callable[[Cabinet], None]]] = MappingProxyType({
    0x1B: ("", 0, lambda cabinet: cabinet.handpays.was_read()),
    0x4D: ("function", RECORD, lambda cabinet: cabinet.validation.was_read()),
    0x71: ("transfer_code", ASK, lambda cabinet: cabinet.redemption.was_read()),
    0x72: ("transfer_code", ASK, lambda cabinet: cabinet.aft.was_read()),
    0x85: ("", 0, lambda cabinet: cabinet.progressives.were_read()),
    0x87: ("", 0, lambda cabinet: cabinet.progressives.were_read()),
    0x90: ("", 0, lambda cabinet: cabinet.bonuses.was_read()),
})  # fmt: skip


def answer_poll(cabinet: Cabinet, poll: LongPollRequest) -> Answer:
    """What the machine says to a long poll; None for nothing."""
    if poll.command in missing_polls(cabinet.spec):
        return None
    if poll.command == MULTI_DENOMINATION:
        return answer_preamble(cabinet, poll.values, poll.address)
    answer = _ANSWERS.get(poll.command)
    return answer(cabinet, poll.values) if answer else None


def acknowledge_poll(cabinet: Cabinet, poll: LongPollRequest) -> None:
    """The host has heard the answer to a long poll."""
    name, value, follows = _READ.get(poll.command, ("", 0, None))
    if follows is not None and (not name or poll.values[name] == value):
        follows(cabinet)
