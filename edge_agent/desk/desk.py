"""The desk: where other processes of the gateway hand things to the collector's.

The collector alone writes the journal. Whoever else has something to journal, or to ask of a
line, comes to a Unix socket in the state folder: one JSON object a line, one answer each.

    {"say": {"schema": "line-down", "data": {…}}}   ->  {"ok": {}}, once it is durable
    {"…": …}                                        ->  {"error": {"kind": …, "what": …, "mend": …}}

Only our own user and root are heard. Lines, clients and their patience are bounded, and one
thread serves all: what an answer is made by must not wait for a device.
"""

from __future__ import annotations

import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import structlog

from edge_agent.desk.address import LONGEST_LINE_BYTES, MOST_CLIENTS, listen, may_ask, peer_user
from edge_agent.errors import AgentError, LocalProtocolError

# Who comes to the desk has its request ready.
PATIENCE_SECONDS = 10.0

Answer = Callable[[Any], Mapping[str, Any]]


class Desk:
    """The collector's side: serves until closed.

    Args:
        path: the socket; one that a killed run left behind is replaced.
        answers: what can be asked, by name. Called in the desk's thread; AgentError is the answer no.

    Raises InUseError if another collector serves there, ConfigurationError if nobody can.
    """

    def __init__(self, path: Path, answers: Mapping[str, Answer]) -> None:
        self._path = path
        self._answers = answers
        self._log = structlog.get_logger().bind(desk=str(path))
        self._listener = listen(path)
        self._selector = selectors.DefaultSelector()
        self._inode = path.stat().st_ino
        self._waker, self._woken = socket.socketpair()
        self._selector.register(self._listener, selectors.EVENT_READ, self._greet)
        self._selector.register(self._woken, selectors.EVENT_READ, lambda: None)
        self._clients: dict[socket.socket, _Client] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="desk")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Answer nobody any more, and take the socket away."""
        self._closing = True
        self._waker.send(b"\0")
        self._thread.join()
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        self._selector.close()
        for one in (*self._clients, self._listener, self._waker, self._woken):
            one.close()

    def _serve(self) -> None:
        while not self._closing:
            for key, _events in self._selector.select(PATIENCE_SECONDS if self._clients else None):
                key.data()
            now = time.monotonic()
            for client in [*self._clients.values()]:
                if now - client.heard_at > PATIENCE_SECONDS:
                    self._part_with(client)

    def _greet(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except OSError as error:  # gone already, or no descriptor left for it
            self._log.warning("nobody can be heard at the desk", reason=error.strerror)
            time.sleep(0.1)  # a listener that stays ready would spin
            return
        connection.settimeout(0)
        if not may_ask(peer_user(connection)) or len(self._clients) >= MOST_CLIENTS:
            connection.close()
            return
        client = self._clients[connection] = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._hear(client))

    def _hear(self, client: _Client) -> None:
        try:
            lines = client.read_lines()
            for line in lines:
                client.write(self._reply(line))
        except (OSError, EOFError):  # gone, too long a line, or does not read what it is told
            self._part_with(client)

    def _part_with(self, client: _Client) -> None:
        self._selector.unregister(client.connection)
        del self._clients[client.connection]
        client.connection.close()

    def _reply(self, line: bytes) -> bytes:
        try:
            reply: Mapping[str, Any] = {"ok": self._answer(line)}
        except AgentError as error:
            reply = {"error": {"kind": type(error).__name__, "what": error.what, "mend": error.mend}}
        except Exception as fault:  # noqa: BLE001  ours, whatever it is: the desk stays open
            self._log.error("fault of the agent, at the desk", mend="report this entry", exc_info=fault)
            reply = {"error": {"kind": "fault", "what": f"fault of the agent: {type(fault).__name__}"}}
        return json.dumps(reply).encode() + b"\n"

    def _answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise LocalProtocolError("a request is no JSON") from error
        if not isinstance(request, dict) or len(request) != 1:
            raise LocalProtocolError("a request is one JSON object of one name")
        ((name, what),) = request.items()
        if name not in self._answers:
            raise LocalProtocolError(f"nobody here knows {str(name)[:40]!r}")
        return self._answers[name](what)


class _Client:
    """One connection to the desk."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.heard_at = time.monotonic()
        self._unread = bytearray()

    def read_lines(self) -> list[bytes]:
        """The lines that are complete. Raises EOFError once gone, or when a line has no end."""
        data = self.connection.recv(LONGEST_LINE_BYTES)
        if not data:
            raise EOFError
        self._unread += data
        *lines, rest = bytes(self._unread).split(b"\n")
        if max(map(len, (*lines, rest))) > LONGEST_LINE_BYTES:
            raise EOFError
        if lines:
            self.heard_at = time.monotonic()
        self._unread = bytearray(rest)
        return lines

    def write(self, line: bytes) -> None:
        """Answer. Raises EOFError if it does not read: the system's buffer holds several answers."""
        if self.connection.send(line) != len(line):
            raise EOFError
