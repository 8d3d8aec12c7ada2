"""The control: asks a running stand-in for faults and facts, by one JSON object a line.

`commands` has the table of commands; each has a method of its name here.
"""

from __future__ import annotations

import base64
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_agent.errors import ConfigurationError, UplinkError
from edge_agent.standin.config import CONTROL_SOCKET

# The stand-in answers at once, and on a busy machine within seconds; beyond this it is gone.
ANSWER_WITHIN = 30.0


class StandinControl:
    """Asks a running stand-in for faults: `with StandinControl(state) as control`.

    Raises UplinkError when there is none, ConfigurationError when it does not like the command.
    """

    def __init__(self, state: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_WITHIN)
        try:
            with reachable(state) as short:
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

    def hang(self, seconds: float | None = None) -> None:
        """Take publishes and do nothing about them, answer the rest, for so long or until `clear`."""
        self.ask("hang", seconds=seconds)

    def swallow(self, seconds: float) -> None:
        """Cut the cable: no bytes and no FIN, for ever to who is connected, for so long to who comes."""
        self.ask("swallow", seconds=seconds)

    def refuse(self, code: int, *, following: int | None = None, topic: str | None = None) -> None:
        """Refuse the next publishes with a reason code; all until `clear`, if not told how many.

        `topic` is a filter: only what it means is refused.
        """
        self.ask("refuse", code=code, next=following, topic=topic)

    def rates(self, beyond: str) -> None:
        """What a publish beyond the rate gets: `refuse` (0x97), `discard` (nothing) or `take`."""
        self.ask("rates", beyond=beyond)

    def rule(self, name: str, *, enabled: bool) -> None:
        """Enable or disable a rule of Basic Ingest."""
        self.ask("rule", name=name, enabled=enabled)

    def refuse_connections(self, code: int, seconds: float | None = None) -> None:
        """Answer every CONNECT with a reason code, for so long or until `clear`."""
        self.ask("refuse_connections", code=code, seconds=seconds)

    def down(self, seconds: float) -> None:
        """Be away: no listener, no connections."""
        self.ask("down", seconds=seconds)

    def clear(self) -> None:
        """End delay, loss, stall, hang and refusals."""
        self.ask("clear")

    def status(self) -> dict[str, Any]:
        """Who is connected, what is retained, and what has been done so far."""
        return self.ask("status")

    def counts(self) -> dict[str, Any]:
        """What was accepted so far, of a stand-in that counts. See `tally`."""
        return self.ask("counts")

    def certificates(self) -> list[dict[str, Any]]:
        """What the registry knows: `id`, `common_name`, `status`, `thing` and `policies` of each."""
        return list(self.ask("certificates")["certificates"])

    def deactivate(self, certificate_id: str) -> None:
        """Make a certificate INACTIVE; whoever is connected with it is let go."""
        self.ask("deactivate", id=certificate_id)

    def activate(self, certificate_id: str) -> None:
        """Make a certificate ACTIVE."""
        self.ask("activate", id=certificate_id)

    def forget(self, certificate_id: str) -> None:
        """Delete a certificate; whoever is connected with it is let go."""
        self.ask("forget", id=certificate_id)

    def expire_tokens(self) -> int:
        """Let every ownership token die, and with it the certificate it was for; how many."""
        return int(self.ask("expire_tokens")["expired"])

    def reject_requests(
        self, of: str, status: int, code: str, message: str = "", *, following: int | None = None
    ) -> None:
        """Reject the next request to a service: of "create-from-csr", "provision" or "shadow"."""
        self.ask("reject_requests", of=of, status=status, code=code, message=message, next=following)

    def drop_answers(self, of: str, *, following: int | None = None) -> None:
        """Carry the next request out, and say nothing."""
        self.ask("drop_answers", of=of, next=following)

    def repeat_answers(self, of: str, *, following: int | None = None) -> None:
        """Answer the next request twice."""
        self.ask("repeat_answers", of=of, next=following)

    def delay_answers(self, of: str, milliseconds: float) -> None:
        """Hold the answers of a service back, until `clear` or told otherwise."""
        self.ask("delay_answers", of=of, ms=milliseconds)

    def shadows(self) -> list[dict[str, Any]]:
        """Every named shadow: `thing`, `name`, `version`, `state`, `metadata` and `delta`."""
        return list(self.ask("shadows")["shadows"])

    def publish(
        self,
        topic: str,
        payload: bytes = b"",
        *,
        qos: int = 1,
        retain: bool = False,
        expiry: int | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        user_properties: Mapping[str, str] | None = None,
    ) -> bool:
        """Send a message as the cloud would, past every publisher's policy; whether anybody gets it.

        `expiry` is in seconds.
        """
        reply = self.ask(
            "publish",
            topic=topic,
            payload_b64=_base64(payload),
            qos=qos,
            retain=retain,
            expiry=expiry,
            content_type=content_type,
            response_topic=response_topic,
            correlation_data_b64=None if correlation_data is None else _base64(correlation_data),
            user_properties=user_properties,
        )
        return bool(reply["delivered"])

    def ask(self, command: str, **arguments: float | str | Mapping[str, str] | None) -> dict[str, Any]:
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


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@contextmanager
def reachable(folder: Path) -> Iterator[str]:
    """A path of the socket that is short enough: such addresses end at 107 bytes, folders do not."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{CONTROL_SOCKET}"
    finally:
        os.close(descriptor)
