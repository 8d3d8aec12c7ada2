"""ConnectProxy: an HTTP proxy on loopback, which may send port 443 of a name to any port of ours.

So the client's own port 443, with what belongs to it, can be tested without being root. It does
CONNECT and nothing else, may demand a user and a password, and remembers what it was asked.
"""

from __future__ import annotations

import base64
import select
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
Address = tuple[str, int]


class ConnectProxy:
    """Use as a context: `with ConnectProxy({("broker.example", 443): 35207}) as proxy: proxy.port`.

    Args:
        routes: where the names and ports lead that may be asked for, as ports of this host; 403 for others.
        credentials: `user:password` to be demanded; empty for none.
        answer: what to answer in place of a tunnel, such as `502 Bad Gateway`; empty for a tunnel.
    """

    def __init__(self, routes: Mapping[Address, int], *, credentials: str = "", answer: str = "") -> None:
        self.requests: list[str] = []  # the request lines, such as `CONNECT broker.example:443 HTTP/1.1`
        self.port = 0  # once it listens
        self._routes = routes
        self._credentials = credentials
        self._answer = answer
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """As settings name it."""
        return f"http://{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listening.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, name="connect-proxy")
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listening.close()
        self.drop()
        for thread in self._threads:
            thread.join()

    def drop(self) -> None:
        """Cut every tunnel."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):  # how closing reaches us
            while True:
                connection, _ = self._listening.accept()
                self._remember(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), name="connect-proxy-tunnel")
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = self._head(connection)
            refusal, port = self._judge(head)
            if refusal:
                connection.sendall(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            with socket.create_connection((LOOPBACK, port)) as onward:
                self._remember(onward)
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _relay(connection, onward)

    def _remember(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)

    def _head(self, connection: socket.socket) -> list[str]:
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(4096)
            if not received:
                raise ConnectionResetError
            head += received
        return head.decode("latin-1").split("\r\n")

    def _judge(self, head: list[str]) -> tuple[str, int]:
        """What to refuse with, or the port to go on to."""
        self.requests.append(head[0])
        method, target, _ = head[0].split(" ")
        name, _, port = target.rpartition(":")
        route = self._routes.get((name, int(port)) if port.isdigit() else ("", 0))
        if self._credentials and not self._known(head):
            return '407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="floor"', 0
        if self._answer:
            return self._answer, 0
        if method != "CONNECT" or route is None:
            return "403 Forbidden", 0
        return "", route

    def _known(self, head: list[str]) -> bool:
        wanted = f"Basic {base64.b64encode(self._credentials.encode()).decode()}"
        headers = [line.partition(":") for line in head[1:]]
        return any(
            name.lower() == "proxy-authorization" and value.strip() == wanted for name, _, value in headers
        )


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until either end closes."""
    ways = {one: other, other: one}
    while True:
        readable, _, _ = select.select(list(ways), [], [])
        for connection in readable:
            data = connection.recv(65536)
            if not data:
                return
            ways[connection].sendall(data)
