"""SilentLink: a TCP port that leads to another, and can fall silent without a word to either end.

    with SilentLink(35207) as link:      # connect to link.port
        link.cut()                       # bytes are swallowed both ways; no FIN, no RST
        link.mend()                      # connections made from now on are carried

A connection that lived through a cut has a hole in it, so it stays dead: neither end ever hears of
it again, or learns that the other has gone. `hold` is the milder fault, bytes that come late: as when
TCP sends again what was lost.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


class _Connection:
    """Both halves of one connection that is carried."""

    def __init__(self, near: socket.socket, far: socket.socket | None) -> None:
        self.dead = far is None
        self.near = near
        self.far = far

    @property
    def ends(self) -> list[socket.socket]:
        return [end for end in (self.near, self.far) if end is not None]


class SilentLink:
    """Carries connections to `port` of this host. Use as a context. Thread-safe."""

    def __init__(self, port: int) -> None:
        self.port = 0  # once it listens
        self.swallowed_bytes = 0
        self._onward = port
        self._cut = False
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._connections: list[_Connection] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listening.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flowing.set()
        self.cut()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        ends = [end for connection in self._connections for end in connection.ends]
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        for end in ends:
            end.close()

    def cut(self) -> None:
        """Swallow what comes, on every connection there is and on every new one, until mended."""
        with self._lock:
            self._cut = True
            for connection in self._connections:
                connection.dead = True

    def mend(self) -> None:
        """Carry new connections, and let go on what was held."""
        with self._lock:
            self._cut = False
        self._flowing.set()

    def hold(self) -> None:
        """Let nothing through until mended; then everything, in order."""
        self._flowing.clear()

    def _start(self, work: object, *arguments: object) -> None:
        assert callable(work)  # noqa: S101  ours
        thread = threading.Thread(target=work, args=arguments, name=f"silent-link[{self._onward}]")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # how closing reaches us
            while True:
                near, _ = self._listening.accept()
                self._flowing.wait()
                self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        far = None
        if not self._cut:
            try:
                far = socket.create_connection((LOOPBACK, self._onward))
            except OSError:  # nobody there: the near end hears it as it would from the host itself
                near.close()
                return
        with self._lock:
            connection = _Connection(near, far)
            connection.dead = connection.dead or self._cut
            self._connections.append(connection)
        self._start(self._carry, connection, near, far)
        if far is not None:
            self._start(self._carry, connection, far, near)

    def _carry(self, connection: _Connection, source: socket.socket, sink: socket.socket | None) -> None:
        with suppress(OSError):  # an end has gone, or we close
            while data := source.recv(65536):
                self._flowing.wait()
                if connection.dead:
                    with self._lock:
                        self.swallowed_bytes += len(data)
                elif sink is not None:
                    sink.sendall(data)
            self._flowing.wait()
        if sink is not None and not connection.dead:
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
