"""Raw TCP: the characters of a serial port behind a device server, and the wakeup bit in band if at all.

    tcp:10.0.0.5:4001                  SAS: the marked stream as it is, both ways. For a far end that knows
                                       it, such as `edge-agent machine`
    tcp:10.0.0.5:4001?marks=none       SAS without the wakeup bit: plain characters. For a far end that tells
                                       polls by their length; a real machine seldom does
    tcp:10.0.0.5:4001                  a table device has no wakeup bit: plain characters

A device server that only copies bytes cannot send the wakeup bit: it would put the marks on the wire, and the
machine would say nothing. So whoever did not ask for marks is told of them, once. A server that speaks
RFC 2217 can send it; see `edge_agent.links.rfc2217`.
"""

from __future__ import annotations

from edge_agent.errors import ConfigurationError
from edge_agent.links.base import Link, PortKind
from edge_agent.links.device_server import Connection, Endpoint, read_endpoint
from edge_agent.links.stream import runs
from edge_agent.sas.wakeup import stuff
from edge_agent.station import SerialFormat

SCHEME = "tcp"
IN_BAND, NONE = "in-band", "none"


def make(rest: str, serial_format: SerialFormat) -> Link:
    """Make the link for `tcp:HOST:PORT`."""
    endpoint = read_endpoint(SCHEME, rest, {"marks": (IN_BAND, NONE)})
    marks = endpoint.options.get("marks")
    if marks == IN_BAND and not serial_format.wakeup_bit:
        raise ConfigurationError(
            f"port '{SCHEME}:{rest}' has marks in band for a device without a wakeup bit",
            "leave the option out",
        )
    link = TcpLink(f"{SCHEME}:{rest}", endpoint, marks=serial_format.wakeup_bit and marks != NONE)
    if serial_format.wakeup_bit and marks is None:
        what = f"port {link.name} carries the wakeup bit as marks in band, which few far ends know"
        link.advice = (f"{what} — say ?marks={IN_BAND} if this one does, or use rfc2217:HOST:PORT",)
    return link


class TcpLink:
    """A device server's port over raw TCP.

    Args:
        name: what messages call it.
        endpoint: where it is.
        marks: whether the marked stream travels as it is; else plain characters.
    """

    def __init__(self, name: str, endpoint: Endpoint, *, marks: bool) -> None:
        self.name = name
        self.advice: tuple[str, ...] = ()
        self._connection = Connection(name, endpoint)
        self._marks = marks

    def __repr__(self) -> str:
        return f"<TcpLink {self.name} {'open' if self._connection.is_open else 'closed'}>"

    @property
    def kind(self) -> PortKind:
        """What the port is."""
        return PortKind("device server", self._marks, self._marks)

    def open(self) -> None:
        """Connect."""
        self._connection.open()

    def read(self, timeout: float) -> bytes:
        """What has arrived, in the marked form."""
        data = self._connection.receive(timeout)
        return data if self._marks else stuff(data)

    def write(self, data: bytes) -> None:
        """Send a marked stream, with its marks or without."""
        self._connection.send(data if self._marks else b"".join(plain for _, plain in runs(data)))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
