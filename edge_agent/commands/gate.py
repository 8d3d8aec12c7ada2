"""The gate: whether a command is carried out, decided before anything else happens.

It is read from the top, and the first row that holds refuses:

    not on the allow-list            nothing is, until somebody lists it in `commands.allow`
    malformed                        only what the model of the verb knows
    answer elsewhere                 an answer goes below our own topic or nowhere
    the clock is not synchronised    nobody could say what has expired
    expired, or good for too long    a command is for now
    used before                      by anybody, since the file of used ids began
    too many at once

Nothing is ever published to a topic that somebody else chose: a denied publish can end the session.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from edge_agent.commands.request import Command, id_in, read_command
from edge_agent.commands.used_ids import UsedIds
from edge_agent.errors import AgentError
from edge_agent.events import ClockQuality, ClockReading
from edge_agent.uplink.base import Received
from edge_agent.uplink.limits import check_topic

# Two captures, somebody who reads meters, and a bundle.
MOST_AT_ONCE = 4

# What is shown of a name that somebody else chose.
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What can be said of a command, whatever becomes of it."""

    verb: str
    id: str
    requested_by: str
    response_topic: str  # empty: no answer
    correlation_data: bytes
    correlation_text: str = ""  # what the body said, to be repeated there


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command to be carried out."""

    asked: Asked
    command: Command


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that is not, and why."""

    asked: Asked
    reason: str


class Gate:
    """Decides about commands.

    Args:
        topic: below it, commands come; the last level is the verb.
        answers_topic: below it, answers go.
        allow: the verbs that are allowed.
        longest_life: seconds from now to the expiry of a command, at most.
        used: the ids that are used up.
        clock: both clocks now.
        unsynchronised: whether a clock the kernel does not vouch for will do.
    """

    def __init__(
        self,
        *,
        topic: str,
        answers_topic: str,
        allow: Collection[str],
        longest_life: float,
        used: UsedIds,
        clock: Callable[[], ClockReading],
        unsynchronised: bool = False,
    ) -> None:
        self._topic = topic
        self._answers_topic = answers_topic
        self._allow = allow
        self._longest_life = longest_life
        self._used = used
        self._clock = clock
        self._unsynchronised = unsynchronised

    def judge(self, received: Received, running: int) -> Accepted | Refused:
        """Whether to carry a command out while so many run. An accepted id is used up on return."""
        verb = received.topic.removeprefix(f"{self._topic}/")[:LONGEST_NAME]
        asked = _asked(verb, received)
        if verb not in self._allow:
            return Refused(self._answerable(asked), "it is not on the allow-list of this gateway")
        try:
            command = read_command(verb, received.payload)
        except AgentError as error:
            return Refused(self._answerable(asked), f"malformed: {error.what}"[:300])
        asked = _asked(verb, received, command)
        reason = self._reason_against(asked, command, running)
        return Refused(self._answerable(asked), reason) if reason else Accepted(asked, command)

    def _reason_against(self, asked: Asked, command: Command, running: int) -> str:
        """The reason not to carry it out; empty if there is none, and then its id is used up."""
        clock = self._clock()
        if self._answerable(asked) != asked:
            return f"its answer would not go below {self._answers_topic}/"
        if clock.quality is ClockQuality.UNSYNCHRONISED and not self._unsynchronised:
            return "the clock of this gateway is not synchronised: nobody can say whether it has expired"
        return self._time_against(command, clock.utc) or self._use(command, clock.utc, running)

    def _time_against(self, command: Command, now: float) -> str:
        left = command.expires.timestamp() - now
        if left <= 0:
            return f"it expired {-left:.0f} s ago"
        if left > self._longest_life:
            return f"it would be good for {left:.0f} s, and {self._longest_life:g} s are the most"
        if now < self._used.closed_until:
            return "the record of used commands was damaged: nobody can say whether it was used before"
        return ""

    def _use(self, command: Command, now: float, running: int) -> str:
        if command.id in self._used:
            return "its id was used before"
        if running >= MOST_AT_ONCE:
            return f"{running} commands are being carried out: ask again when one is done"
        if self._used.full(now):
            return "too many commands were asked within a day"
        try:
            self._used.use(command.id, command.expires.timestamp(), now)
        except AgentError as error:
            return f"its use cannot be recorded: {error.what}"[:300]
        return ""

    def _answerable(self, asked: Asked) -> Asked:
        """The same, with no answer where none may go."""
        topic = asked.response_topic
        if not topic or (topic.startswith(f"{self._answers_topic}/") and _is_plain(topic)):
            return asked
        return Asked(asked.verb, asked.id, asked.requested_by, "", b"")


def _asked(verb: str, received: Received, command: Command | None = None) -> Asked:
    """What the properties say goes before what the body says."""
    properties = dict(received.user_properties)
    requested_by = properties.get("requested-by") or (command.requested_by if command else "")
    return Asked(
        verb=verb,
        id=command.id if command else id_in(received.payload),
        requested_by=requested_by[:LONGEST_NAME],
        response_topic=received.response_topic or (command.response_topic if command else ""),
        correlation_data=received.correlation_data,
        correlation_text=command.correlation_data if command else "",
    )


def _is_plain(topic: str) -> bool:
    try:
        check_topic(topic)
    except AgentError:
        return False
    return not topic.endswith("/")
