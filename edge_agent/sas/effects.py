"""Effects: what a long poll, as it is said, does to the machine that hears it."""

from __future__ import annotations

from edge_agent.errors import LocalProtocolError
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.messages import LongPollRequest
from edge_agent.sas.polls.multi_denomination import MULTI_DENOMINATION
from edge_agent.sas.polls.row import Effect

__all__ = ["Effect", "effect_of"]


def effect_of(poll: LongPollRequest) -> Effect:
    """What `poll` does; a preamble does what its base poll does. What nobody knows changes the machine."""
    row = LONG_POLLS.get(poll.command)
    if row is None:
        raise LocalProtocolError(f"long poll {poll.command:02X} has no row in the table")
    if poll.command != MULTI_DENOMINATION:
        return row.effect_with(poll.values)
    base = LONG_POLLS.get(poll.values["base_command"])
    return base.effect_with(poll.values["base"]) if base else Effect.CHANGES
