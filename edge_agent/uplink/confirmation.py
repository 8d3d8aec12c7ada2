"""Confirmation: the cloud itself says what it has, where whoever took our publishes may lose them.

A message on `cmd/<site>/<thing>/received`, as JSON: the id of a journal, and the highest sequence up to
which the cloud has every record of it.

    {"journal": "fe11...", "through": 4711}

It may come late, twice, or be about a journal that was here before. What it says counts only as far
as records were sent by this process; beyond the end of the journal it makes no sense at all. A process before
this one may have sent more than we have so far: then it is true, and counts as far as we have come.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from edge_agent.errors import RemoteProtocolError
from edge_agent.uplink.base import Received, Uplink

# The cloud answers within a second, or the publish was lost on its way: nucleus lite loses what is under
# way whenever its connection ends, which it notices after 30 s.
CONFIRM_SECONDS = 30.0

MOST_BYTES = 1024
MOST_SEQUENCE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the cloud says it has: every record of a journal up to a sequence."""

    journal: str
    through: int


def read_confirmation(payload: bytes) -> Confirmation:
    """A confirmation from its JSON. Raises RemoteProtocolError."""
    if len(payload) > MOST_BYTES:
        raise RemoteProtocolError(f"a confirmation has {len(payload)} bytes, over {MOST_BYTES}")
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError("a confirmation is no JSON") from error
    match content:
        case {"journal": str(journal), "through": int(through)} if type(through) is int and (
            0 <= through <= MOST_SEQUENCE
        ):
            return Confirmation(journal, through)
        case _:
            raise RemoteProtocolError("a confirmation needs journal, a text, and through, a whole number")


@dataclass(slots=True)
class Confirmations:
    """What is confirmed of one journal, and what else was heard.

    Args:
        topic: where the cloud confirms.
        seconds: after which an unconfirmed publish is sent again.
    """

    topic: str
    seconds: float = CONFIRM_SECONDS
    through: int = 0
    foreign: int = 0  # confirmations of another journal
    refused: int = 0  # confirmations that make no sense

    async def listen(
        self, uplink: Uplink, journal_id: str, sent: Callable[[], tuple[int, int]], news: Callable[[], None]
    ) -> None:
        """Hear what the cloud confirms, and call `news` when that is more than before.

        `sent` gives the highest sequence sent, and the highest of the journal.
        """

        def hear(received: Received) -> None:
            received.acknowledge()
            if self._hear(received.payload, journal_id, *sent()):
                news()

        await uplink.subscribe(self.topic, hear)

    def _hear(self, payload: bytes, journal_id: str, sent: int, head: int) -> bool:
        try:
            confirmation = read_confirmation(payload)
        except RemoteProtocolError as error:
            return self._refuse(error.what)
        if confirmation.journal != journal_id:
            self.foreign += 1
            return False
        if confirmation.through > head:
            return self._refuse(f"record {confirmation.through} is confirmed, and the last is {head}")
        before, self.through = self.through, max(self.through, min(confirmation.through, sent))
        return self.through > before

    def _refuse(self, reason: str) -> bool:
        self.refused += 1
        structlog.get_logger().warning("confirmation refused", topic=self.topic, reason=reason)
        return False
