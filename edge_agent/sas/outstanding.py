"""A poll that has not been answered: how often it was sent, and what may still come of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.host_bounds import SENDS_OF_A_POLL
from edge_agent.sas.messages import LongPollRequest, Poll, Reply, encode_poll, poll_key

NEVER = float("-inf")


@dataclass(slots=True)
class Outstanding:
    """A poll that has not been answered."""

    poll: Poll
    frame: bytes
    due: float | None = NEVER  # when it is to leave, or leave again; None while its answer is awaited
    sends: int = 0
    silent: int = 0  # sends in a row after which nothing was heard
    sent_at: float = NEVER
    late_answers: bool = False  # answers to earlier sends may still come
    restarted: bool = False  # an earlier run sent it too
    heard_once: Reply | None = None  # an answer without a CRC, to be heard again
    garbled: bool = False  # an earlier send was answered by what could not be read: perhaps an event
    nacks: int = 0  # in a row
    instead_of: Outstanding | None = None  # what was asked before the line had to be synchronised
    key: int = field(init=False)  # see `poll_key`

    def __post_init__(self) -> None:
        self.key = poll_key(self.poll)

    @property
    def certain(self) -> bool:
        """Whether the machine cannot have reset its poll state meanwhile, and then acknowledges nothing."""
        return self.sends < SENDS_OF_A_POLL and not self.restarted

    @property
    def is_command(self) -> bool:
        """Whether it changes the machine, so that it must not be carried out twice.

        A machine takes the same poll for a request to repeat what it said: twice. After that, or once its
        link has dropped, it takes it for a new one.
        """
        return isinstance(self.poll, LongPollRequest) and effect_of(self.poll) is Effect.CHANGES

    @property
    def has_left(self) -> bool:
        """Whether the machine may have heard it."""
        return self.sends > 0


def outstanding(poll: Poll, due: float | None = NEVER, instead_of: Outstanding | None = None) -> Outstanding:
    """A poll that is to leave."""
    return Outstanding(poll, encode_poll(poll), due, instead_of=instead_of)
