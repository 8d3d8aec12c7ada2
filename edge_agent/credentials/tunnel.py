"""A tunnel through the proxy, for looking at the server behind it; or why there is none, in a sentence."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
from collections.abc import Callable
from http import HTTPStatus

from edge_agent.proxy import Proxy

# A proxy's answer is a status line and a few headers.
LONGEST_ANSWER_BYTES = 16 * 1024
HTTP = b"HTTP/1."

Sentence = tuple[str, str]  # what is wrong, and what to do about it

# RFC 9110, 9.3.6 and 15: what a proxy answers to CONNECT when it is not 200.
REFUSED: dict[int, Sentence] = {
    HTTPStatus.BAD_REQUEST: ("the proxy does not understand CONNECT", "check uplink.proxy"),
    HTTPStatus.UNAUTHORIZED: ("the proxy does not know us", "check uplink.proxy_credentials"),
    HTTPStatus.FORBIDDEN: (
        "the proxy does not let us through",
        "have it allow CONNECT to this name and port",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: ("the proxy does not do CONNECT", "have it allow CONNECT"),
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: (
        "the proxy demands a user and a password it knows",
        "check uplink.proxy_credentials",
    ),
    HTTPStatus.BAD_GATEWAY: ("the proxy cannot reach it", "check uplink.endpoint, and the proxy's way out"),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "the proxy cannot reach it",
        "check uplink.endpoint, and the proxy's way out",
    ),
    HTTPStatus.GATEWAY_TIMEOUT: ("the proxy gets no answer from it", "check the proxy's way out"),
}
NO_PROXY: Sentence = ("what is there is no HTTP proxy", "check uplink.proxy")
UNREACHABLE: dict[type[OSError], Sentence] = {
    socket.gaierror: ("the proxy's name cannot be resolved", "check uplink.proxy, and DNS on this network"),
    TimeoutError: ("the proxy does not answer", "check the firewall and the network"),
    ConnectionRefusedError: ("the proxy refuses the connection", "check uplink.proxy, and that it is up"),
    ConnectionError: ("the proxy hangs up", "check uplink.proxy, and that it lets this gateway in"),
}


class TunnelRefused(Exception):  # noqa: N818  what happened, not an error of ours
    """There is no way through the proxy; `sentence` says why."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence[0])
        self.sentence = sentence


def open_tunnel(endpoint: str, port: int, proxy: Proxy, left: Callable[[], float]) -> socket.socket:
    """A connection to `endpoint` through the proxy; `left` says how many seconds are left.

    Raises TunnelRefused, and CredentialError if the proxy's credentials cannot be read.
    """
    identity = proxy.user_and_password()
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(
                socket.create_connection((proxy.host, proxy.port), timeout=left())
            )
            connection.settimeout(left())
            connection.sendall(_connect(endpoint, port, identity))
            answer = _answer(connection)
        except OSError as error:
            raise TunnelRefused(_why(error)) from error
        _check(answer)
        stack.pop_all()
    return connection


def _connect(endpoint: str, port: int, identity: tuple[str, str] | None) -> bytes:
    lines = [f"CONNECT {endpoint}:{port} HTTP/1.1", f"Host: {endpoint}:{port}"]
    if identity is not None:
        token = base64.b64encode(":".join(identity).encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {token}")
    return "\r\n".join([*lines, "", ""]).encode()


def _answer(connection: socket.socket) -> bytes:
    """Up to the end of the headers; a TLS server says nothing before it is spoken to."""
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < LONGEST_ANSWER_BYTES:
        received = connection.recv(1024)
        if not received and not answer:
            raise ConnectionResetError
        answer += received
        if not received or not answer.startswith(HTTP[: len(answer)]):
            break
    return answer


def _check(answer: bytes) -> None:
    status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    if status is None:
        raise TunnelRefused(NO_PROXY)
    code = int(status[1])
    if code != HTTPStatus.OK:
        raise TunnelRefused(
            REFUSED.get(code, (f"the proxy answers {code} to CONNECT", "ask whoever runs it"))
        )


def _why(error: OSError) -> Sentence:
    for kind, sentence in UNREACHABLE.items():
        if isinstance(error, kind):
            return sentence
    return f"the proxy cannot be reached: {error.strerror}", "check the network"
