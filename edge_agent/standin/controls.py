"""The controls: commands that arrive on `control.sock` are carried out in the stand-in's event loop.

The socket lies in the state folder, mode 0600. Each line is a command and gets one line back:
`{"ok": true, ...}` or `{"ok": false, "error": "..."}`.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from edge_agent.errors import ConfigurationError
from edge_agent.standin.answers import Refused
from edge_agent.standin.commands import parse
from edge_agent.standin.config import CONTROL_SOCKET
from edge_agent.standin.control import reachable
from edge_agent.standin.faults import FOREVER
from edge_agent.standin.listener import Listener
from edge_agent.standin.messages import message
from edge_agent.standin.packets import Reason
from edge_agent.standin.registry import Status
from edge_agent.standin.tally import Tally

if TYPE_CHECKING:
    from edge_agent.standin.broker import Broker
    from edge_agent.standin.server import Standin

# The longest command is a message to publish: 128 KB of payload in base64, and its properties.
LINE_LIMIT_BYTES = 256 * 1024


class Controls:
    """Carries commands out, in the event loop of the stand-in."""

    def __init__(self, standin: Standin) -> None:
        self._standin = standin

    @property
    def _broker(self) -> Broker:
        return self._standin.broker

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
        match command:
            case "status" | "counts" | "shadows":
                return self._tell(command)
            case "drop" | "publish" | "down" | "swallow" | "rates" | "rule":
                return self._do(command, given)
            case "certificates" | "deactivate" | "activate" | "forget" | "expire_tokens":
                return self._about_certificates(command, given)
            case "reject_requests" | "drop_answers" | "repeat_answers" | "delay_answers":
                self._befall_answers(command, given)
            case _:
                self._befall_publishes(command, given)
        return {}

    def _tell(self, command: str) -> dict[str, Any]:
        match command:
            case "counts":
                return self._counts()
            case "shadows":
                return {"shadows": self._broker.services.shadows.documents()}
            case _:
                return self._status()

    def _do(self, command: str, given: dict[str, Any]) -> dict[str, Any]:
        broker = self._broker
        match command:
            case "drop":
                reason = given.get("reason")
                return {
                    "dropped": broker.drop(self._standin.now(), client=given.get("client"), reason=reason)
                }
            case "publish":
                reason = broker.publish(message(given), None, self._standin.now())
                return {"delivered": reason == Reason.SUCCESS}
            case "down":
                self._standin.go_down(given["seconds"])
            case "swallow":
                self._standin.swallow(given["seconds"])
            case "rates":
                broker.rates = given["beyond"] != "take"
                broker.discard_excess = given["beyond"] == "discard"
            case _:
                broker.rules.switch(given["name"], enabled=given["enabled"])
        return {}

    def _befall_publishes(self, command: str, given: dict[str, Any]) -> None:
        faults, until = self._broker.faults, self._standin.now() + given.get("seconds", FOREVER)
        match command:
            case "delay":
                faults.delay(given["ms"] / 1000)
            case "lose":
                faults.lose(following=given.get("next", 0), percent=given.get("percent", 0.0))
            case "stall":
                faults.stall(until)
            case "hang":
                faults.hang(until)
            case "refuse":
                following, topic = given.get("next", FOREVER), given.get("topic")
                faults.refuse(given["code"], following=following, topic=topic)
            case "refuse_connections":
                faults.refuse_connections(given["code"], until)
            case _:
                faults.clear()
                self._broker.services.faults.clear()

    def _befall_answers(self, command: str, given: dict[str, Any]) -> None:
        faults, of, following = self._broker.services.faults, given["of"], given.get("next", 1)
        match command:
            case "reject_requests":
                refusal = Refused(given["status"], given["code"], given.get("message", ""))
                faults.reject(of, refusal, following)
            case "drop_answers":
                faults.drop(of, following)
            case "repeat_answers":
                faults.repeat(of, following)
            case _:
                faults.delay(of, given["ms"] / 1000)

    def _about_certificates(self, command: str, given: dict[str, Any]) -> dict[str, Any]:
        registry, provisioning = self._broker.registry, self._broker.services.provisioning
        now = self._standin.now()
        if provisioning is not None:
            provisioning.forget_dead(now)
        match command:
            case "certificates":
                return {"certificates": [one.document() for one in registry.certificates]}
            case "expire_tokens":
                return {"expired": 0 if provisioning is None else provisioning.expire_tokens()}
            case "forget":
                registry.forget(registry.find(given["id"]).id)
            case _:
                wanted = Status.ACTIVE if command == "activate" else Status.INACTIVE
                registry.set_status(registry.find(given["id"]).id, wanted)
        self._broker.end_unregistered(now)
        return {}

    def _counts(self) -> dict[str, Any]:
        tally = self._broker.ledger
        if not isinstance(tally, Tally):
            raise ConfigurationError("this stand-in keeps a ledger", "start it with --ledger counts")
        return tally.document()

    def _status(self) -> dict[str, Any]:
        broker = self._broker
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


@asynccontextmanager
async def listen(folder: Path, controls: Controls) -> AsyncIterator[None]:
    """Answer commands on the socket in the folder, which is locked by us."""
    lines: set[_Line] = set()
    path = folder / CONTROL_SOCKET
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        with reachable(folder) as short:
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
