"""Canaries: when one is due, which one is out, and whether the cloud has said that it arrived.

A PUBACK for what goes to a rule says that the rules engine has it, not that there is such a rule: events may
vanish behind it while every receipt says success. So an event with nothing to tell is sent now and then, in
the same way as all others, and whoever consumes them in the cloud answers with its id.

    {"id": "fe11.../canary/5f0c..."}        on cmd/<site>/<gateway>/canary

One is out at a time. No answer in time is an alarm, which an answer ends, a late one too. Where it could not
be sent, or the session ended meanwhile, the answer may have been lost: it is no alarm, and another is sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from edge_agent.errors import RemoteProtocolError

# A rule and what consumes its events take seconds; a stream that is read in batches half a minute.
ANSWER_SECONDS = 60.0
# What could not be sent is sent again after this, once there is a session.
AGAIN_SECONDS = 60.0
# While the alarm is on another is sent this often at least: what was mended shows soon.
ALARMED_SECONDS = 300.0

MOST_BYTES = 1024


@dataclass(slots=True)
class Canaries:
    """The canaries of one process. Times are seconds of whatever clock the caller has.

    Args:
        every: seconds from one to the next.
        patience: seconds an answer may take.
    """

    every: float
    patience: float = ANSWER_SECONDS
    sent: int = 0
    answered: int = 0
    missed: int = 0  # alarms, while they lasted
    foreign: int = 0  # answers to none that is out
    alarm: bool = False
    answer_seconds: float | None = None  # that the last answer took
    _next_at: float = float("-inf")
    _out: str = ""
    _out_since: float = 0.0
    _waiting: bool = False

    def due(self, now: float) -> bool:
        """Whether to send one."""
        return not self._waiting and now >= self._next_at

    def release(self, canary: str, now: float) -> None:
        """One is sent, with this id."""
        self.sent += 1
        self._out, self._out_since, self._waiting = canary, now, True

    def failed(self, now: float) -> None:
        """It was not taken, or its answer may have been lost on the way: send another before long."""
        self._waiting = False
        self._next_at = now + AGAIN_SECONDS

    def overdue(self, now: float) -> bool:
        """Whether an answer has been waited for long enough."""
        return self._waiting and now - self._out_since > self.patience

    def miss(self, now: float) -> bool:
        """No answer came: whether that is news. Only of one that is overdue."""
        news, self.alarm = not self.alarm, True
        self.missed += 1
        self._waiting = False
        self._next_at = now + min(self.every, ALARMED_SECONDS)
        return news

    def hear(self, canary: str, now: float) -> bool:
        """The cloud says that it has this one: whether that ends an alarm."""
        if not self._out or canary != self._out:
            self.foreign += 1
            return False
        ended, self.alarm = self.alarm, False
        self.answered += 1
        self.answer_seconds = now - self._out_since
        self._next_at = self._out_since + self.every
        self._out, self._waiting = "", False
        return ended


def read_answer(payload: bytes) -> str:
    """The id in an answer. Raises RemoteProtocolError."""
    if len(payload) > MOST_BYTES:
        raise RemoteProtocolError(f"an answer to a canary has {len(payload)} bytes, over {MOST_BYTES}")
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError("an answer to a canary is no JSON") from error
    match content:
        case {"id": str(canary)} if canary:
            return canary
        case _:
            raise RemoteProtocolError("an answer to a canary needs id, a text")
