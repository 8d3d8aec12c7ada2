"""Onlooker: a line of the agent that runs on this gateway, as its collector tells of it at its desk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_agent.cabinet.trace import Withheld
from edge_agent.desk import ask
from edge_agent.errors import JournalError, LinkError, LocalProtocolError
from edge_agent.links.capture import FROM_DEVICE, TO_DEVICE, Travelled

# Often enough to look live, and far less than what a line has to do.
LOOK_SECONDS = 0.2
ASK_SECONDS = 3.0

_DIRECTIONS = {"sent": TO_DEVICE, "heard": FROM_DEVICE}


def watched(desk: Path, device: str, enough: Callable[[], bool]) -> Iterator[Travelled | Withheld]:
    """What goes over the line of a device, until it is enough.

    Raises LinkError if no collector answers at the desk, or this one has no such line; InUseError while the
    line is captured.
    """
    while not enough():
        try:
            answer = ask(desk, {"watch": {"device": device}}, ASK_SECONDS)
        except JournalError as error:
            raise LinkError(error.what, "start the agent, or name its settings with --config") from error
        except LocalProtocolError as error:
            raise LinkError(
                error.what, error.mend or "name a device of this gateway; `status` lists them"
            ) from error
        for at, direction, size, data in answer["frames"]:
            if data is None:
                yield Withheld(at, _DIRECTIONS[direction], size)
            else:
                yield Travelled(at, _DIRECTIONS[direction], bytes.fromhex(data))
        if not answer["frames"]:
            time.sleep(LOOK_SECONDS)
