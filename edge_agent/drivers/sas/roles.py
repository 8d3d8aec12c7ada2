"""Roles: what may be asked of a machine, in one place that every poll passes before it leaves.

    observer   another system runs the machine. What the machine forgets once it has told it (handpays,
               tickets, validation records, transfers, bonuses) is that system's to read
    primary    nobody else polls this port. Such reads are ours to make, or the machine would go on asking

Neither role locks, pays, sets or moves anything: no settings, schedule, answer or note makes the driver
send a poll that changes the machine. What a poll does is told by the table of long polls (`effect_of`).
"""

from __future__ import annotations

from typing import Literal

from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.messages import GeneralPoll, Poll
from edge_agent.sas.polls.multi_denomination import MULTI_DENOMINATION

Role = Literal["observer", "primary"]

OBSERVER: Role = "observer"
PRIMARY: Role = "primary"


# Whatever these say, they only read.
_HARMLESS = frozenset(
    row.command
    for row in LONG_POLLS.values()
    if row.effect is Effect.READS and not row.exceptions and row.command != MULTI_DENOMINATION
)


def may_send(role: Role, poll: Poll) -> bool:
    """Whether a poll may leave under `role`."""
    if isinstance(poll, GeneralPoll) or poll.command in _HARMLESS:
        return True
    match effect_of(poll):
        case Effect.READS:
            return True
        case Effect.CONSUMES:
            return role == PRIMARY
        case Effect.CHANGES:
            return False
