"""The control: faults at run time, by one JSON object a line on a Unix socket, and from Python.

`control.sock` lies in the state folder, mode 0600. Each line is a command and gets one line back:
`{"ok": true, ...}` or `{"ok": false, "error": "..."}`. The table of commands is COMMANDS.

    {"command": "delay", "ms": 250}        hold every PUBACK back
    {"command": "lose", "next": 3}         accept, send no PUBACK; or "percent": 20
    {"command": "stall", "seconds": 5}     take bytes, answer nothing; without seconds: until clear
    {"command": "drop"}                    cut every connection; or one "client"; with a "reason" say it
    {"command": "refuse", "code": 151}     refuse publishes; "next": how many, else until clear
    {"command": "refuse_connections", "code": 136, "seconds": 5}
    {"command": "down", "seconds": 10}     no listener, no connections
    {"command": "clear"}                   end delay, loss, stall and refusals
    {"command": "status"}
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from edge_agent.errors import ConfigurationError, UplinkError
from edge_agent.standin.config import CONTROL_SOCKET
from edge_agent.standin.faults import FOREVER
from edge_agent.standin.listener import Listener

if TYPE_CHECKING:
    from edge_agent.standin.server import Standin

# A command is a few words; whoever sends more is not a control.
LINE_LIMIT_BYTES = 4096
# The stand-in answers at once; beyond this it is gone.
ANSWER_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of a command: what kind, whether it must be there, and its bounds."""

    kind: type[int | float | str]
    required: bool = False
    least: float = 0
    most: float = FOREVER


_SECONDS = Parameter(float, most=7 * 24 * 3600)
_NEXT = Parameter(int, least=1)
_CODE = Parameter(int, required=True, least=0x80, most=0xFF)

COMMANDS: dict[str, dict[str, Parameter]] = {
    "delay": {"ms": Parameter(float, required=True, most=3_600_000)},
    "lose": {"next": _NEXT, "percent": Parameter(float, most=100)},
    "stall": {"seconds": _SECONDS},
    "drop": {"client": Parameter(str), "reason": Parameter(int, least=0, most=0xFF)},
    "refuse": {"code": _CODE, "next": _NEXT},
    "refuse_connections": {"code": _CODE, "seconds": _SECONDS},
    "down": {"seconds": Parameter(float, required=True, most=7 * 24 * 3600)},
    "clear": {},
    "status": {},
}


class Controls:
    """Carries commands out, in the event loop of the stand-in."""

    def __init__(self, standin: Standin) -> None:
        self._standin = standin

    def answer(self, line: bytes) -> dict[str, Any]:
        """The reply to one line."""
        try:
            command, arguments = parse(line)
            reply = self._carry_out(command, arguments)
        except ConfigurationError as error:
            return {"ok": False, "error": str(error)}
        self._standin.settle()
        return {"ok": True, **reply}

    def _carry_out(self, command: str, given: dict[str, Any]) -> dict[str, Any]:
        broker, now = self._standin.broker, self._standin.now()
        faults = broker.faults
        until = now + given.get("seconds", FOREVER)
        match command:
            case "delay":
                faults.delay(given["ms"] / 1000)
            case "lose":
                faults.lose(following=given.get("next", 0), percent=given.get("percent", 0.0))
            case "stall":
                faults.stall(until)
            case "drop":
                dropped = broker.drop(now, client=given.get("client"), reason=given.get("reason"))
                return {"dropped": dropped}
            case "refuse":
                faults.refuse(given["code"], following=given.get("next", FOREVER))
            case "refuse_connections":
                faults.refuse_connections(given["code"], until)
            case "down":
                self._standin.go_down(given["seconds"])
            case "clear":
                faults.clear()
            case _:
                return self._status()
        return {}

    def _status(self) -> dict[str, Any]:
        broker = self._standin.broker
        return {
            "port": self._standin.port,
            "up": self._standin.up,
            "clients": sorted(broker.clients),
            "subscriptions": {name: list(one.topic_filters) for name, one in broker.clients.items()},
            "retained": sorted(broker.retained),
            **{field.name: _plain(getattr(broker.counters, field.name)) for field in fields(broker.counters)},
        }


def _plain(counter: int | Mapping[int, int]) -> int | dict[str, int]:
    """A counter as JSON has it: reason codes as 0x87."""
    if isinstance(counter, int):
        return counter
    return {f"0x{code:02x}": count for code, count in counter.items()}


def parse(line: bytes) -> tuple[str, dict[str, Any]]:
    """A command and its arguments. Raises ConfigurationError saying what is wrong with the line."""
    try:
        document = json.loads(line)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("command") not in COMMANDS:
        raise ConfigurationError("no such command", f"send one of {', '.join(COMMANDS)}")
    command = document.pop("command")
    parameters = COMMANDS[command]
    if missing := [name for name, one in parameters.items() if one.required and name not in document]:
        raise ConfigurationError(f"{command} needs {missing[0]}", "add it")
    for name, value in document.items():
        if name not in parameters:
            raise ConfigurationError(f"{command} has no {name}", f"use {', '.join(parameters) or 'nothing'}")
        _check(command, name, value, parameters[name])
    return command, document


def _check(command: str, name: str, value: Any, parameter: Parameter) -> None:  # noqa: ANN401  any JSON value
    kinds = (int, float) if parameter.kind is float else (parameter.kind,)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise ConfigurationError(f"{command}: {name} is {value!r}", f"make it {parameter.kind.__name__}")
    if not isinstance(value, str) and not parameter.least <= value <= parameter.most:
        raise ConfigurationError(
            f"{command}: {name} is {value!r}", f"use {parameter.least:g} to {parameter.most:g}"
        )


@asynccontextmanager
async def listen(folder: Path, controls: Controls) -> AsyncIterator[None]:
    """Answer commands on the socket in the folder, which is locked by us."""
    lines: set[_Line] = set()
    path = folder / CONTROL_SOCKET
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        with _reachable(folder) as short:
            bound.bind(short)
    finally:
        os.umask(before)
    listener = Listener(bound, lambda: _Line(controls, lines))
    try:
        yield
    finally:
        listener.close()
        path.unlink(missing_ok=True)
        await listener.closed()
        await asyncio.gather(*(line.close() for line in tuple(lines)))


class _Line(asyncio.Protocol):
    """One control's connection."""

    def __init__(self, controls: Controls, lines: set[_Line]) -> None:
        self._controls = controls
        self._lines = lines
        self._buffer = b""
        self._transport: asyncio.Transport
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._lines.add(self)

    def data_received(self, data: bytes) -> None:
        *commands, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > LINE_LIMIT_BYTES or any(len(one) > LINE_LIMIT_BYTES for one in commands):
            self._transport.close()
            return
        for command in commands:
            self._transport.write(json.dumps(self._controls.answer(command)).encode() + b"\n")

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._lines.discard(self)
        self._closed.set_result(None)

    def close(self) -> asyncio.Future[None]:
        """Hang up; done when that has happened."""
        self._transport.abort()
        return self._closed


class StandinControl:
    """Asks a running stand-in for faults: `with StandinControl(state) as control`.

    Raises UplinkError when there is none, ConfigurationError when it does not like the command.
    """

    def __init__(self, state: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_WITHIN)
        try:
            with _reachable(state) as short:
                self._socket.connect(short)
        except OSError as error:
            self._socket.close()
            raise UplinkError(
                f"no stand-in answers at {self.socket_in(state)}: {error.strerror}",
                "start one with that --state",
            ) from error
        self._replies = self._socket.makefile("rb")

    @staticmethod
    def socket_in(state: Path) -> Path:
        """Where a stand-in with this state folder is controlled."""
        return state / CONTROL_SOCKET

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the stand-in as it is."""
        self._replies.close()
        self._socket.close()

    def delay(self, milliseconds: float) -> None:
        """Hold every PUBACK back for this long."""
        self.ask("delay", ms=milliseconds)

    def lose(self, *, following: int | None = None, percent: float | None = None) -> None:
        """Accept, but send no PUBACK: for the next so many, or for some in a hundred."""
        self.ask("lose", next=following, percent=percent)

    def stall(self, seconds: float | None = None) -> None:
        """Take bytes, answer nothing, for so long or until `clear`."""
        self.ask("stall", seconds=seconds)

    def drop(self, client: str | None = None, reason: int | None = None) -> int:
        """Cut one connection or all, with a DISCONNECT if there is a reason; how many."""
        return int(self.ask("drop", client=client, reason=reason)["dropped"])

    def refuse(self, code: int, *, following: int | None = None) -> None:
        """Refuse the next publishes with a reason code; all until `clear`, if not told how many."""
        self.ask("refuse", code=code, next=following)

    def refuse_connections(self, code: int, seconds: float | None = None) -> None:
        """Answer every CONNECT with a reason code, for so long or until `clear`."""
        self.ask("refuse_connections", code=code, seconds=seconds)

    def down(self, seconds: float) -> None:
        """Be away: no listener, no connections."""
        self.ask("down", seconds=seconds)

    def clear(self) -> None:
        """End delay, loss, stall and refusals."""
        self.ask("clear")

    def status(self) -> dict[str, Any]:
        """Who is connected, what is retained, and what has been done so far."""
        return self.ask("status")

    def ask(self, command: str, **arguments: float | str | None) -> dict[str, Any]:
        """Send a command; its reply."""
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            self._socket.sendall(json.dumps({"command": command, **given}).encode() + b"\n")
            line = self._replies.readline()
        except OSError as error:
            raise UplinkError("the stand-in does not answer its control", "see whether it runs") from error
        if not line:
            raise UplinkError("the stand-in has gone", "start it again")
        reply: dict[str, Any] = json.loads(line)
        if not reply.pop("ok"):
            raise ConfigurationError(f"stand-in: {reply['error']}")
        return reply


@contextmanager
def _reachable(folder: Path) -> Iterator[str]:
    """A path of the socket that is short enough: such addresses end at 107 bytes, folders do not."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{CONTROL_SOCKET}"
    finally:
        os.close(descriptor)
