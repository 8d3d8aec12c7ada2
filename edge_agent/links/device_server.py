"""A device server: a serial port at the far end of a TCP connection, and what can go wrong on the way.

The connection goes out, to the one host the settings name; nothing here listens. A server that loses its
power says no goodbye, so a connection is given up when nothing was acknowledged for ten seconds, and probed
when nothing travels.
"""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.errors import ConfigurationError, LinkError

# A server on the same site answers in milliseconds; a line that is asked to stop is waited for 3 s.
CONNECT_SECONDS = 2.5

# What was sent and not acknowledged for so long will not be; a machine calls its host dead after 5 s.
GIVE_UP_SECONDS = 10
PROBE_AFTER_SECONDS, PROBE_EVERY_SECONDS, PROBES = 5, 2, 3

READ_BYTES = 4096
LAST_PORT = 65535

_FORBIDDEN = frozenset({errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a device server is, and how its port is to be treated."""

    host: str
    port: int
    options: Mapping[str, str]


def read_endpoint(scheme: str, rest: str, options: Mapping[str, tuple[str, ...]]) -> Endpoint:
    """`HOST:PORT` with `?option=value&…` behind it; IPv6 addresses stand in brackets.

    Args:
        scheme: for messages.
        rest: what stands behind the scheme.
        options: those known, with their values.

    Raises:
        ConfigurationError: naming what makes no sense.
    """
    spec = f"{scheme}:{rest}"
    address, _, query = rest.partition("?")
    host, colon, number = address.rpartition(":")
    if not colon or not host:
        raise ConfigurationError(
            f"port {spec!r} does not say which host and TCP port", f"write {scheme}:HOST:PORT"
        )
    if not number.isdecimal() or not 1 <= int(number) <= LAST_PORT:
        raise ConfigurationError(
            f"port {spec!r} has the TCP port {number!r}", f"write a number from 1 to {LAST_PORT}"
        )
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ConfigurationError(f"port {spec!r} has the host {host!r}", "put an IPv6 address in brackets")
    return Endpoint(host.strip("[]"), int(number), dict(_options(spec, query, options)))


def _options(spec: str, query: str, known: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    given = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
    for name, value in given.items():
        if name not in known:
            raise ConfigurationError(
                f"port {spec!r} has the option {name!r}",
                f"known are {', '.join(known)}" if known else "this kind of port has none",
            )
        if value not in known[name]:
            raise ConfigurationError(
                f"port {spec!r} has {name} {value!r}", f"write {' or '.join(known[name])}"
            )
    return given


class Connection:
    """A TCP connection to a device server. Blocking; used by one thread.

    Args:
        name: what messages call it.
        endpoint: where it goes.
    """

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self._name = name
        self._endpoint = endpoint
        self._socket: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        """Whether it stands, for all we know."""
        return self._socket is not None

    def open(self) -> None:
        """Connect. Raises LinkError saying what stands in the way."""
        self.close()
        try:
            self._socket = socket.create_connection(
                (self._endpoint.host, self._endpoint.port), timeout=CONNECT_SECONDS
            )
        except OSError as error:
            raise self._cannot_connect(error) from error
        for level, option, value in (
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # an address must not wait for its rest
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_AFTER_SECONDS),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_EVERY_SECONDS),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * GIVE_UP_SECONDS),
        ):
            self._socket.setsockopt(level, option, value)

    def receive(self, timeout: float) -> bytes:
        """What has come, waiting up to `timeout` seconds; b"" for nothing. Raises LinkError when lost."""
        connected = self._connected()
        try:
            readable, _, _ = select.select((connected,), (), (), max(0.0, timeout))
            data = connected.recv(READ_BYTES) if readable else None
        except (OSError, ValueError) as error:
            raise self._lost(error) from error
        if data == b"":
            raise self._lost("the device server closed the connection")
        return data or b""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises LinkError when lost."""
        try:
            self._connected().sendall(data)
        except OSError as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close it; it may be opened again."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise self._lost("it is not open")
        return self._socket

    def _lost(self, reason: object) -> LinkError:
        return LinkError(
            f"port {self._name} was lost: {reason}",
            "check the device server and the network; the line tries again by itself",
        )

    def _cannot_connect(self, error: OSError) -> LinkError:
        name, host = self._name, self._endpoint.host
        if isinstance(error, socket.gaierror):
            return LinkError(f"port {name}: there is no host {host}", "check the name, or write its address")
        if isinstance(error, TimeoutError):
            return LinkError(
                f"port {name}: {host} does not answer", "check its power, its address and the network"
            )
        if isinstance(error, ConnectionRefusedError):
            return LinkError(
                f"port {name}: {host} answers and has nothing on TCP port {self._endpoint.port}",
                "check the port's number and mode; many device servers serve one connection at a time",
            )
        if error.errno in _FORBIDDEN:
            return LinkError(
                f"port {name}: this process may not use the network",
                "allow it in the service's unit; see docs/ports.md",
            )
        return LinkError(f"port {name}: {host} cannot be reached: {error.strerror}", "check the network")
