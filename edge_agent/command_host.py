"""CommandHost: an integrator's program has a machine told to do something, with a safety case of its own.

The agent observes. It never stops a game, moves money or touches a shuffle, and nothing here changes
that: a command is sent because your program asks for it, to a machine whose options list it, and to no
other. Who asked and why is journalled before it leaves.

    host = CommandHost(Path("/var/lib/edge-agent"), asked_by="floor-console")
    answer = host.send("slot-1001", "shutdown", reason="emptied for moving, order 4711")
    if answer.outcome is CommandOutcome.UNANSWERED:
        ...  # nobody knows whether it was carried out: look at the machine, and do not send it again blindly

See docs/command-host.md for what is yours to make safe.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.agent.command_desk import SOCKET_NAME
from edge_agent.desk import ask
from edge_agent.errors import JournalError
from edge_agent.poll_json import from_json, to_json
from edge_agent.station import CommandOutcome

__all__ = ["CommandAnswer", "CommandHost", "CommandOutcome"]

LOOK_SECONDS = 0.05
# A command waits for its moment up to `within`; a silent machine may need this long after that.
LONGEST_SETTLING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What became of a command, and what the machine answered with, by the names of docs/sas.md."""

    id: str  # both records in the journal have it
    outcome: CommandOutcome
    values: Mapping[str, Any]


class CommandHost:
    """Has machines of one gateway commanded.

    Args:
        state: the agent's state folder; the socket in it is for the agent's own user and root.
        asked_by: who asks, up to 64 characters; in both records of each command.
    """

    def __init__(self, state: Path, asked_by: str) -> None:
        self._path = state / SOCKET_NAME
        self._asked_by = asked_by

    def send(
        self,
        device: str,
        poll: str,
        values: Mapping[str, Any] | None = None,
        *,
        reason: str,
        within: float = 10.0,
    ) -> CommandAnswer:
        """Send one command and wait for what becomes of it.

        Args:
            device: what the site calls the machine.
            poll: the name of the long poll, as in docs/sas.md: `shutdown`, `legacy_bonus_pay`.
            values: its fields, by the names of docs/sas.md; money in the units given there.
            reason: why, up to 300 characters.
            within: seconds in which it may leave; after that it is not sent.

        Raises LocalProtocolError if it may not be sent, with the reason; JournalError if the collector does
        not answer: then the command may have left, and its records are in the journal.
        """
        request = {
            "device": device,
            "poll": poll,
            "values": to_json(dict(values or {})),
            "asked_by": self._asked_by,
            "reason": reason,
            "within": within,
        }
        id_ = str(ask(self._path, {"send": request})["id"])
        until = time.monotonic() + within + LONGEST_SETTLING_SECONDS
        while time.monotonic() < until:
            told = ask(self._path, {"outcome": id_})
            if told["over"]:
                return CommandAnswer(id_, CommandOutcome(told["outcome"]), from_json(told["values"]))
            time.sleep(LOOK_SECONDS)
        raise JournalError(
            f"command {id_} has no outcome yet",
            "look for its second record, which has this id, in the journal",
        )
