"""The command desk: where an integrator's program has a machine told to do something.

It is a socket of its own, there only while a line lists commands in its options, and for our own user and
root alone. Nothing else leads to a command: no schedule, no duty, and nothing the cloud asks. Each is
journalled with who asked and why before it is given to the line, and again when it is known what became of
it. One that is given to a line when the process dies is never sent again: its second record is missing.

    {"send": {"device": …, "poll": …, "values": {…}, "asked_by": …, "reason": …, "within": seconds}}
                                                                              ->  {"ok": {"id": …}}
    {"outcome": id}   ->  {"ok": {"over": …, "outcome": …, "values": {…}}}
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import structlog

from edge_agent.agent.lines import Lines
from edge_agent.desk import Desk
from edge_agent.errors import LocalProtocolError
from edge_agent.events import EventBody
from edge_agent.line import Line
from edge_agent.poll_json import from_json, to_json
from edge_agent.station import Commandable, CommandResult, MachineCommand

SOCKET_NAME = "command-host.sock"

LONGEST_WITHIN_SECONDS = 60.0
# Whoever asked may come for the outcome while others have asked since.
REMEMBERED = 64


class CommandDesk:
    """Takes commands while a line lists any.

    Args:
        path: the socket.
        journal: journals something of a device; raises JournalError.
        monotonic: seconds.
    """

    def __init__(
        self,
        path: Path,
        journal: Callable[[str, EventBody], object],
        monotonic: Callable[[], float],
    ) -> None:
        self._path = path
        self._lines: Lines | None = None
        self._journal = journal
        self._monotonic = monotonic
        self._open = ExitStack()
        self._is_open = False
        self._known: dict[str, Mapping[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._open.close()

    def follow(self, lines: Lines) -> None:
        """Be there if one of these lines takes commands, and gone if none does."""
        self._lines = lines
        wanted = any(_takes_commands(line) for line in lines)
        if wanted and not self._is_open:
            self._open.enter_context(Desk(self._path, {"send": self.send, "outcome": self.outcome}))
            structlog.get_logger().warning("machines can be commanded", socket=str(self._path))
        elif not wanted and self._is_open:
            self._open.close()
        self._is_open = wanted

    def send(self, request: Any) -> Mapping[str, Any]:  # noqa: ANN401  whatever JSON holds
        """Have a command sent. Raises LocalProtocolError for what is not allowed or makes no sense."""
        match request:
            case {
                "device": str(device),
                "poll": str(poll),
                "values": dict(values),
                "asked_by": str(asked_by),
                "reason": str(reason),
                "within": int() | float() as within,
            } if asked_by and 0 < within <= LONGEST_WITHIN_SECONDS:
                until = self._monotonic() + within
                command = MachineCommand(
                    secrets.token_hex(8), poll, from_json(values), asked_by[:64], reason[:300], until
                )
                return self._send(device, command)
        raise LocalProtocolError(
            "a command has a device, a poll, values, asked_by, reason and within",
            f"say who asks, and give it up to {LONGEST_WITHIN_SECONDS:g} seconds",
        )

    def outcome(self, id_: object) -> Mapping[str, Any]:
        """What became of a command."""
        if id_ not in self._known:
            raise LocalProtocolError("no such command is known", "look for its records in the journal")
        return self._known[str(id_)]

    def _send(self, device: str, command: MachineCommand) -> Mapping[str, Any]:
        line = None if self._lines is None else self._lines.by_device().get(device)
        if line is None or not isinstance(line.station, Commandable) or not line.station.takes_commands:
            raise LocalProtocolError(
                f"no line here takes commands for {device[:64]!r}", "see docs/command-host.md"
            )
        self._journal(device, line.station.accept_command(device, command))
        structlog.get_logger().warning(
            "a machine is commanded",
            device=device,
            poll=command.poll,
            asked_by=command.asked_by,
            reason=command.reason,
        )
        self._remember(command.id, {"over": False})
        line.command(device, command, self._settled)
        return {"id": command.id}

    def _settled(self, result: CommandResult) -> None:
        command, outcome, values = result
        self._remember(command.id, {"over": True, "outcome": outcome.value, "values": to_json(values)})

    def _remember(self, id_: str, what: Mapping[str, Any]) -> None:
        self._known[id_] = what
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]


def _takes_commands(line: Line) -> bool:
    return isinstance(line.station, Commandable) and line.station.takes_commands
