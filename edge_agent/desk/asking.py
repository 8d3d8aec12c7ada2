"""Asking at the desk: the side of whoever is not the collector's process.

That nobody answers is normal: a collector restarts, and is stopped for an upgrade. Whoever has
something to say keeps it and asks again.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_agent.desk.address import LONGEST_LINE_BYTES, address_of
from edge_agent.errors import (
    AgentError,
    ConfigurationError,
    InUseError,
    JournalError,
    JournalFull,
    LocalProtocolError,
)
from edge_agent.events import EventBody

# An append waits for the disk, behind all lines' appends.
ASK_SECONDS = 10.0

# What comes back over the desk as itself; everything else is a fault of whoever asked.
_KINDS: Mapping[str, type[AgentError]] = {
    kind.__name__: kind for kind in (JournalFull, JournalError, ConfigurationError, InUseError)
}

Say = Callable[[EventBody], None]


def ask(path: Path, request: Mapping[str, Any], timeout: float = ASK_SECONDS) -> Mapping[str, Any]:
    """Ask the collector, and wait for its answer at most `timeout` seconds.

    Raises JournalError if it does not answer, which is normal while it restarts: keep what you
    have and ask again. JournalFull and others as the collector raised them. LocalProtocolError for a
    request that can never be answered.
    """
    line = json.dumps(request).encode() + b"\n"
    if len(line) > LONGEST_LINE_BYTES:
        raise LocalProtocolError(f"a request of {len(line)} bytes is over {LONGEST_LINE_BYTES} bytes")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, address_of(path) as address:
            client.settimeout(timeout)
            client.connect(address)
            client.sendall(line)
            answer = _read_line(client, time.monotonic() + timeout)
    except OSError as error:
        raise JournalError(
            f"the collector does not answer at {path}: {error.strerror or 'no answer in time'}",
            "start the collector",
        ) from error
    return _taken(answer, path)


def say_through(path: Path, timeout: float = ASK_SECONDS) -> Say:
    """A `say` for processes that are not the collector's. It raises what `ask` raises."""

    def say(body: EventBody) -> None:
        data = json.loads(body.model_dump_json())
        ask(path, {"say": {"schema": body.schema_name, "data": data}}, timeout)

    return say


def _read_line(client: socket.socket, until: float) -> bytes:
    answer = b""
    while not answer.endswith(b"\n"):
        client.settimeout(max(0.001, until - time.monotonic()))
        data = client.recv(LONGEST_LINE_BYTES)
        if not data or len(answer) > 2 * LONGEST_LINE_BYTES:
            raise ConnectionError(None, "it hung up")
        answer += data
    return answer


def _taken(answer: bytes, path: Path) -> Mapping[str, Any]:
    try:
        read = json.loads(answer)
    except ValueError:
        read = None
    match read:
        case {"ok": dict(taken)}:
            return taken
        case {"error": {"kind": str(kind), "what": str(what), **more}}:
            raise _KINDS.get(kind, LocalProtocolError)(what, str(more.get("mend", "")))
    raise JournalError(f"the desk {path} answers with something else", "stop what serves there")
