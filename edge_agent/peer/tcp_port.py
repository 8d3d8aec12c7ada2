"""A TCP port as a port: one host at a time connects to the machine.

A host that knows the marked stream sends it as it is, and is answered so; the first byte tells it, for it
is an FF with a zero behind it. Any other host sends plain bytes, and polls are told by the length table.
(A plain host that begins with a general poll to address 127 and a broadcast right behind it would be taken
for the first kind; `?marks=none` says what it is.)

Nobody is let in while a host is connected. A host that vanished without a goodbye is found out by probes.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import suppress
from urllib.parse import parse_qsl

from edge_agent.errors import ConfigurationError, InUseError, LinkError
from edge_agent.peer.port import Port, Watch
from edge_agent.sas.wakeup import WakeupDecoder
from edge_agent.sas.wakeup_restorer import WakeupRestorer
from edge_agent.simulator.unmarked import UnmarkedHost

LOOPBACK = "127.0.0.1"
READ_BYTES = 4096
PROBE_AFTER_SECONDS, PROBE_EVERY_SECONDS, PROBES = 5, 2, 3
_CHARACTER, _LAST_PORT = 0xFF, 0xFFFF
_MARK = b"\xff\x00"
MARKS = {"in-band": True, "none": False}


def make(rest: str, by_table: bool) -> Port:  # noqa: FBT001  called by `ports` alone
    """Make the port for `tcp:HOST:PORT` or `tcp:PORT`, with `?marks=in-band` or `?marks=none` behind it."""
    spec = f"tcp:{rest}"
    address, _, query = rest.partition("?")
    host, _, number = address.rpartition(":")
    if not number.isdecimal() or int(number) > _LAST_PORT:
        raise ConfigurationError(f"link {spec!r} has no TCP port", "write tcp:HOST:PORT")
    options = dict(parse_qsl(query, keep_blank_values=True))
    marks = options.pop("marks", None)
    if options or (marks is not None and marks not in MARKS):
        raise ConfigurationError(
            f"link {spec!r} has an option nobody knows", f"write ?marks={' or ?marks='.join(MARKS)}"
        )
    has_marks = False if by_table else MARKS.get(marks or "")
    return TcpPort(host.strip("[]") or LOOPBACK, int(number), has_marks=has_marks)


class TcpPort:
    """Listens, for one host at a time.

    Args:
        host: the address to listen on.
        number: the TCP port; 0 for one that is free.
        has_marks: whether the host sends the marked stream; None to find out.
    """

    def __init__(self, host: str, number: int, *, has_marks: bool | None = None) -> None:
        self.name = f"tcp:{host}:{number}"
        self._host, self._number = host, number
        self._given = has_marks
        self._listener: socket.socket | None = None
        self._connection: _Connection | None = None
        self._watch: Watch | None = None

    @property
    def has_host(self) -> bool:
        """Whether a host is connected."""
        return self._connection is not None

    def open(self, watch: Watch) -> None:
        """Listen."""
        try:
            family = _family(self._host)
            self._listener = socket.create_server((self._host, self._number), family=family, backlog=1)
        except OSError as error:
            raise _cannot_listen(self.name, error) from error
        self._listener.settimeout(0.0)
        address, number = self._listener.getsockname()[:2]
        self.name = f"tcp:[{address}]:{number}" if ":" in address else f"tcp:{address}:{number}"
        self._watch = watch
        watch(self._listener.fileno())

    def read(self, now: float) -> bytes | None:
        """What the host wrote."""
        news = self._let_in()
        if self._connection is None:
            return b"" if news else None
        try:
            data = self._connection.receive(now)
        except OSError:
            self._hang_up()
            return b""
        return b"" if news and data is None else data

    def write(self, stream: bytes) -> None:
        """Say it. A host that does not read is disconnected: half an answer would be a wrong one."""
        if self._connection is None:
            return
        try:
            self._connection.send(stream)
        except OSError:
            self._hang_up()

    def next_timer(self) -> None:
        """Nothing is ever due."""

    def handle_timer(self, now: float) -> None:
        """Nothing is ever due."""

    def close(self) -> None:
        """Listen no more."""
        self._hang_up()
        if self._listener is not None:
            self._listener.close()

    def _let_in(self) -> bool:
        """Take the connections that wait: the first if there is no host; whether there was any."""
        news = False
        while self._listener is not None and self._watch is not None:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # none waits, or it has gone again
                return news
            news = True
            if self._connection is not None:
                connection.close()
                continue
            _set_up(connection)
            self._connection = _Connection(connection, self._given)
            self._watch(connection.fileno())
        return news

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection:
    """One host's connection, and what it was found out to send."""

    def __init__(self, connection: socket.socket, has_marks: bool | None) -> None:  # noqa: FBT001  as above
        self._socket = connection
        self._has_marks = has_marks
        self._begins = b""
        self._plain_host = UnmarkedHost(WakeupRestorer())
        self._own = WakeupDecoder()

    def receive(self, now: float) -> bytes | None:
        """What came, as a marked stream; None for nothing. Raises OSError when the host has gone."""
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionResetError
        if self._has_marks is None:
            data = self._find_out(data)
        if self._has_marks:
            return data
        return self._plain_host.hear(data, now) if data else b""

    def send(self, stream: bytes) -> None:
        """Send it. Raises OSError when it cannot be taken whole."""
        plain = bytes(character & _CHARACTER for character in self._own.feed(stream))
        self._socket.sendall(stream if self._has_marks else plain)
        self._plain_host.was_told(stream)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _find_out(self, data: bytes) -> bytes:
        """Whether the host sends the marked stream, by how it begins; what may be heard now."""
        self._begins += data
        if len(self._begins) < len(_MARK) and self._begins == _MARK[:1]:
            return b""
        self._has_marks = self._begins.startswith(_MARK)
        return self._begins


def _family(host: str) -> socket.AddressFamily:
    with suppress(ValueError):
        if ipaddress.ip_address(host).version == 6:
            return socket.AF_INET6
    return socket.AF_INET


def _set_up(connection: socket.socket) -> None:
    connection.settimeout(0.0)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_AFTER_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_EVERY_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)


def _cannot_listen(name: str, error: OSError) -> LinkError | InUseError:
    if error.errno == errno.EADDRINUSE:
        return InUseError(f"port {name} is held by another program", "stop it, or choose another port")
    if error.errno == errno.EACCES:
        return LinkError(f"port {name} may not be opened by this user", "choose one above 1023")
    return LinkError(f"port {name} cannot be opened: {error.strerror}", "name an address of this computer")
