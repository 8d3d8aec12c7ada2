"""A real port as a port: the machine's end of a serial line, with the wakeup bit in its parity.

It is the same port that a host has (`links.uart`), and rests in space parity too: what the host sends with
the wakeup bit is a parity error there, and a chirp goes out in mark parity. Some USB adapters flag a whole
transfer for an error in one character, or none at all. On those polls are told by the length table, and
only a wakeup bit that came alone is believed. So it is on a pseudo-terminal that another program made.

A port that was lost is opened again once a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from edge_agent.errors import InUseError, LinkError
from edge_agent.links.uart import UartLink
from edge_agent.peer.port import Port, Watch
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder
from edge_agent.sas.wakeup_restorer import WakeupRestorer
from edge_agent.simulator.unmarked import UnmarkedHost
from edge_agent.station import SerialFormat

SAS_FORMAT = SerialFormat(19_200, wakeup_bit=True)
OPEN_AGAIN_SECONDS = 1.0
_CHARACTER = 0xFF


def make(device: str, by_table: bool) -> Port:  # noqa: FBT001  called by `ports` alone
    """Make the port for `uart:DEVICE`."""
    return SerialPort(UartLink(device, SAS_FORMAT), by_table=by_table)


class SerialPort:
    """A serial port that a host's adapter is wired to.

    Args:
        link: the port, closed.
        by_table: believe no wakeup bit.
    """

    def __init__(self, link: UartLink, *, by_table: bool = False) -> None:
        self.name = link.name
        self._link = link
        self._by_table = by_table
        self._host: UnmarkedHost | None = None
        self._characters = WakeupDecoder()
        self._watch: Watch | None = None
        self._open_at: float | None = None  # it is lost, and tried again then

    @property
    def has_host(self) -> bool:
        """Whether the port is there; who is at the other end of the wire, nobody knows."""
        return self._open_at is None

    def open(self, watch: Watch) -> None:
        """Open it."""
        self._link.open()
        self._characters = WakeupDecoder()
        table = self._by_table or not self._link.tells_wakeup_bits
        self._host = UnmarkedHost(WakeupRestorer()) if table else None
        self._watch = watch
        watch(self._link.fileno())

    def read(self, now: float) -> bytes | None:
        """What the host sent."""
        if self._open_at is not None:
            return None
        try:
            stream = self._link.read(0.0)
        except LinkError:
            self._lost(now)
            return None
        if not stream:
            return None
        return stream if self._host is None else b"".join(self._heard(self._host, stream, now))

    def write(self, stream: bytes) -> None:
        """Say it. What a lost port cannot take is lost."""
        if self._open_at is not None:
            return
        try:
            self._link.write(stream)
        except LinkError:
            self._lost(0.0)
            return
        if self._host is not None:
            self._host.was_told(stream)

    def next_timer(self) -> float | None:
        """When a lost port is opened again."""
        return self._open_at

    def handle_timer(self, now: float) -> None:
        """Open a lost port again."""
        if self._open_at is None or now < self._open_at or self._watch is None:
            return
        self._open_at = None
        try:
            self.open(self._watch)
        except (LinkError, InUseError):
            self._lost(now)

    def close(self) -> None:
        """Close it."""
        self._link.close()

    def _heard(self, host: UnmarkedHost, stream: bytes, now: float) -> Iterator[bytes]:
        """What the host sent, where polls begin as the table has it."""
        for mark, run in groupby(self._characters.feed(stream), lambda character: character & WAKEUP):
            plain = bytes(character & _CHARACTER for character in run)
            yield host.hear(plain, now, wakeup=True if mark and not self._by_table else None)

    def _lost(self, now: float) -> None:
        self._link.close()
        self._open_at = now + OPEN_AGAIN_SECONDS
