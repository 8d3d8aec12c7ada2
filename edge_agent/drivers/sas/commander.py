"""The commander: what an integrator's program wants one machine to do, on its way to the machine.

Nothing here is reached by a schedule, a duty or the cloud. A command comes in by itself, one at a time, is
one of those the site has listed for this machine, and leaves only when the poll before it was answered and
nothing is owed to the machine: a poll that carries data and loses its command on a bad line could pass for
another one, and so acknowledge an event that was not heard.

An event may answer it instead. Then the machine has not carried it out, and it is sent again. Silence ends
as `unanswered` (see `sas.host`, rule 10): whether it was carried out is for the integrator to find out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from edge_agent.errors import LocalProtocolError
from edge_agent.events import EventBody
from edge_agent.events.machine_command import MachineCommanded, Outcome
from edge_agent.sas.host_events import (
    Acknowledged,
    Answered,
    ExceptionReported,
    HostEvent,
    MachineBusy,
    MachineLost,
    Refused,
    Unanswered,
)
from edge_agent.sas.long_polls import CONFIDENTIAL_FIELDS, LONG_POLLS
from edge_agent.sas.messages import LongPollRequest, Poll, encode_poll
from edge_agent.sas.polls.row import Effect
from edge_agent.station import CommandOutcome, CommandResult, MachineCommand

# name -> command, of the polls by which a machine can be changed
COMMANDS: Mapping[str, int] = {
    row.name: row.command
    for row in LONG_POLLS.values()
    if Effect.CHANGES in {row.effect, *(unless.effect for unless in row.exceptions)}
}

_CALM = (Answered, Acknowledged)  # no event, and no silence

_OUTCOMES: Mapping[type[HostEvent], CommandOutcome] = {
    Acknowledged: CommandOutcome.ACKNOWLEDGED,
    Answered: CommandOutcome.ANSWERED,
    Refused: CommandOutcome.REFUSED,
    MachineBusy: CommandOutcome.BUSY,
    Unanswered: CommandOutcome.UNANSWERED,
}


class Commander:
    """The commands of one machine.

    Args:
        subject: what the site calls the machine.
        address: the machine's.
        allowed: the names of the polls that the site has listed.
    """

    def __init__(self, subject: str, address: int, allowed: Collection[str]) -> None:
        self._subject = subject
        self._address = address
        self._allowed = allowed
        self._command: MachineCommand | None = None
        self._poll: LongPollRequest | None = None
        self._awaiting = False  # it has left, and what became of it is not known
        self._calm = False  # the last poll was answered, and not by an event
        self._given_up: LongPollRequest | None = (
            None  # told to be unanswered; the connection will say so, too
        )
        self._outcomes: list[CommandResult] = []

    def accept(self, command: MachineCommand) -> EventBody:
        """What is to be journalled before it is given; LocalProtocolError unless it may be sent."""
        if command.poll not in self._allowed:
            raise LocalProtocolError(
                f"{command.poll!r} may not be sent to {self._subject}",
                "list it in the machine's option command_host, once that is safe",
            )
        if self._command is not None:
            raise LocalProtocolError(f"{self._subject} has a command under way", "wait for its outcome")
        encode_poll(self._request(command))
        return _told_of(command, "accepted")

    def take(self, command: MachineCommand) -> None:
        """Send this one."""
        self._command, self._poll, self._awaiting = command, self._request(command), False

    def take_outcomes(self) -> list[CommandResult]:
        """What became of commands since last asked."""
        taken, self._outcomes = self._outcomes, []
        return taken

    @property
    def discloses(self) -> bool:
        """Whether the command under way holds what no log may show."""
        return self._command is not None and not CONFIDENTIAL_FIELDS.isdisjoint(self._command.values)

    def is_own(self, poll: Poll) -> bool:
        """Whether a poll is the command under way."""
        return poll is self._poll

    def next_poll(self, *, confirming: bool) -> LongPollRequest | None:
        """The command, if this is the moment for it; `confirming` if an event has still to be let go."""
        if self._poll is None or confirming or not self._calm:
            return None
        self._awaiting = True
        return self._poll

    def hear(self, events: Sequence[HostEvent]) -> tuple[Sequence[HostEvent], list[EventBody]]:
        """The events, one or more, that are not about a command, and what is to be journalled of it."""
        if self._poll is None and self._given_up is None:
            self._calm = isinstance(events[-1], _CALM)
            return events, []
        others: list[HostEvent] = []
        told: list[EventBody] = []
        for event in events:
            self._calm = isinstance(event, _CALM)
            poll = getattr(event, "poll", None)
            if poll is not None and poll is self._poll:
                values = event.values if isinstance(event, Answered) else {}
                told.append(self._settle(_OUTCOMES[type(event)], values))
            elif poll is None or poll is not self._given_up:
                others.append(event)
            if self._awaiting and isinstance(event, ExceptionReported):
                self._awaiting = False
            if self._awaiting and isinstance(event, MachineLost):
                self._given_up = self._poll
                told.append(self._settle(CommandOutcome.UNANSWERED, {}))
        return others, told

    def expire(self, now: float) -> list[EventBody]:
        """A command that has waited for its moment for too long is not sent any more."""
        command = self._command
        if command is None or self._awaiting or now < command.until:
            return []
        return [self._settle(CommandOutcome.EXPIRED, {})]

    def _request(self, command: MachineCommand) -> LongPollRequest:
        return LongPollRequest(self._address, COMMANDS[command.poll], command.values)

    def _settle(self, outcome: CommandOutcome, answer: Mapping[str, Any]) -> EventBody:
        command = self._command
        assert command is not None  # noqa: S101  only the command under way is settled
        self._command = self._poll = None
        self._awaiting = False
        self._outcomes.append((command, outcome, _open(answer)))
        return _told_of(command, outcome.value)


def _told_of(command: MachineCommand, outcome: Outcome) -> MachineCommanded:
    """A command as it is journalled."""
    return MachineCommanded(
        id=command.id,
        poll=f"0x{COMMANDS[command.poll]:02x}",
        name=command.poll,
        values={name: str(value) for name, value in _open(command.values).items()},
        asked_by=command.asked_by,
        reason=command.reason,
        outcome=outcome,
    )


def _open(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values without what no record may hold: ticket numbers, keys, names."""
    return {name: value for name, value in values.items() if name not in CONFIDENTIAL_FIELDS}
