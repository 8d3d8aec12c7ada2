"""A pseudo-terminal as a port: the machine holds the master, a host opens the name.

A pseudo-terminal has no ninth bit, but the master can see how the host has set its parity: CMSPAR and
PARODD stick. In packet mode, with EXTPROC set, the kernel also tells it that something was set, and does so
before it gives any byte that was written later; but not which bytes were written earlier. So of some bytes
it is known how they were sent, and of the others it is known that this is not known (`HostParity`): those
of a host that flips parity faster than we wake up. For them the length table says where polls begin.

EXTPROC also keeps the kernel from doubling FF for a host that has set PARMRK, as it does otherwise. So it is
done here, or such a host would take an FF for the beginning of a mark.

The host may come and go. While nobody has the name open nothing is written; what the last one left unread
is thrown away, and what it had set is set back: another one finds the port as it was made. (Where nothing
but parity differs from what a pseudo-terminal already has, the C library calls a setting invalid.)
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import sys
import termios
import tty
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_agent.errors import LinkError
from edge_agent.links.parity import CMSPAR
from edge_agent.peer.name import Name
from edge_agent.peer.port import Port, Watch
from edge_agent.sas.wakeup import WakeupDecoder, stuff
from edge_agent.sas.wakeup_restorer import WakeupRestorer
from edge_agent.simulator.unmarked import Restorer, UnmarkedHost, is_chirp

# Linux asm-generic/termbits.h; the termios module does not name it.
EXTPROC = 0o200000

# A host that sends addresses in mark parity does so a few times a second.
MARKING_SECONDS = 1.0

READ_BYTES = 4096
# The longest answer has 260 characters: who leaves more than a few unread is not listening.
MOST_UNREAD_BYTES = 1024

_PARITY = CMSPAR | termios.PARODD
_SETTINGS_CHANGED = 0x40  # TIOCPKT_IOCTL
_IFLAG, _CFLAG, _LFLAG = 0, 2, 3
_CHARACTER = 0xFF


def make(path: str, by_table: bool) -> Port:  # noqa: FBT001  called by `ports` alone
    """Make the port for `pty:PATH`."""
    return PtyPort(path, Path(path), WakeupRestorer(), look_at_parity=not by_table)


class HostParity:
    """How the bytes that are read were sent, as far as that can be known.

    It is known where the settings have not changed between a moment at which nothing was under way and
    the reading of the bytes. Space parity is believed only of a host that was seen to use mark parity too,
    and lately: what a host left set says nothing of the next one, and one may come before it is noticed that
    the other has gone.
    """

    def __init__(self) -> None:
        self._settings = 0
        self._exact = False  # the kernel tells of changes
        self._settled = False  # and nothing is under way that could be older than the last one
        self._marking_at = float("-inf")

    def changed(self, attributes: list[Any], now: float) -> None:
        """Something was set; what is set now."""
        self._settings = attributes[_CFLAG] & _PARITY
        if self._settings == _PARITY:
            self._marking_at = now
        self._exact = bool(attributes[_LFLAG] & EXTPROC)
        self._settled = False

    def nothing_under_way(self) -> None:
        """All that was written has been read."""
        self._settled = True

    def wakeup(self, now: float, *, changing: bool) -> bool | None:
        """The wakeup bit of the bytes just read; `changing` when news of a change waits behind them."""
        if changing or not (self._settled and self._exact and self._settings & CMSPAR):
            return None
        if self._settings & termios.PARODD:
            self._marking_at = now
            return True
        return False if now - self._marking_at < MARKING_SECONDS else None


class PtyPort:
    """A pseudo-terminal under a stable name.

    Args:
        name: what to call it in messages.
        path: where the symbolic link to it is made.
        restorer: puts back the host's marks; None for devices that know no wakeup bit.
        look_at_parity: whether how the host has set its parity is believed.
    """

    def __init__(
        self, name: str, path: Path, restorer: Restorer | None, *, look_at_parity: bool = True
    ) -> None:
        self.name = name
        self._has_host = False
        self._name = Name(path)
        self._host = UnmarkedHost(restorer) if restorer is not None else None
        self._looks = look_at_parity
        self._parity = HostParity()
        self._own = WakeupDecoder()
        self._master = -1
        self._device = ""
        self._as_made: list[Any] = []
        self._state = select.poll()
        self._doubles_ff = False  # the host has asked for FF FF where there is an FF
        self._since_looked = 0  # bytes written since it was last looked whether anybody reads

    @property
    def has_host(self) -> bool:
        """Whether somebody has the port open."""
        return self._has_host

    def open(self, watch: Watch) -> None:
        """Make the pseudo-terminal and link its name."""
        self._name.claim()
        try:
            self._make()
        except OSError as error:
            self._name.release()
            raise LinkError(
                f"no pseudo-terminal for {self.name}: {error.strerror}",
                "run fewer machines, or raise `ulimit -n`",
            ) from error
        watch(self._master)

    def read(self, now: float) -> bytes | None:
        """What the host wrote."""
        try:
            packet = os.read(self._master, READ_BYTES)
        except BlockingIOError:
            self._parity.nothing_under_way()
            return None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._hung_up()
            return None
        kind, data = packet[0], packet[1:]
        if kind:
            return self._was_set(kind, now)
        self._has_host = True
        if self._host is None:
            return stuff(data)
        wakeup = self._parity.wakeup(now, changing=self._is(select.POLLPRI)) if self._looks else None
        return self._host.hear(data, now, wakeup=wakeup)

    def write(self, stream: bytes) -> None:
        """Put on the line what the machine says, without its marks."""
        plain = bytes(character & _CHARACTER for character in self._own.feed(stream))
        if self._is(select.POLLHUP):
            return
        self._has_host = True
        self._since_looked += len(plain)
        if is_chirp(stream):  # one that nobody has heard yet is enough
            self._forget_unread(0)
        elif self._since_looked > MOST_UNREAD_BYTES:
            self._forget_unread(MOST_UNREAD_BYTES)
        with suppress(BlockingIOError):
            os.write(self._master, stuff(plain) if self._doubles_ff else plain)
        if self._host is not None:
            self._host.was_told(stream)

    def next_timer(self) -> None:
        """Nothing is ever due."""

    def handle_timer(self, now: float) -> None:
        """Nothing is ever due."""

    def close(self) -> None:
        """Take the pseudo-terminal away."""
        os.close(self._master)
        self._name.release()

    def _make(self) -> None:
        self._master, slave = os.openpty()
        self._device = os.ttyname(slave)
        _make_raw(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        fcntl.ioctl(self._master, termios.TIOCPKT, struct.pack("i", 1))
        self._as_made = termios.tcgetattr(self._master)
        self._parity.changed(self._as_made, float("-inf"))
        self._state.register(self._master, select.POLLPRI)
        self._name.link(self._device)

    def _is(self, state: int) -> bool:
        return any(news & state for _, news in self._state.poll(0))

    def _was_set(self, kind: int, now: float) -> bytes:
        """The host has flushed, or set something."""
        if kind & _SETTINGS_CHANGED:
            self._has_host = not self._is(select.POLLHUP)
            attributes = termios.tcgetattr(self._master)
            self._parity.changed(attributes, now)
            self._doubles_ff = _doubles_ff(attributes)
        return b""

    def _hung_up(self) -> None:
        """The host has closed the port. Some do so between an address and its command."""
        if not self._has_host:
            return
        self._has_host = self._doubles_ff = False
        termios.tcsetattr(self._master, termios.TCSANOW, self._as_made)
        self._forget_unread(0)

    def _forget_unread(self, most: int) -> None:
        """Throw away what nobody has read, if it is more than `most` bytes, as a port does that is closed."""
        self._since_looked = 0
        with suppress(OSError):  # a host may hold the port for itself alone
            slave = os.open(self._device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                if int.from_bytes(fcntl.ioctl(slave, termios.FIONREAD, bytes(4)), sys.byteorder) > most:
                    termios.tcflush(slave, termios.TCIFLUSH)
            finally:
                os.close(slave)


def _doubles_ff(attributes: list[Any]) -> bool:
    """Whether the host reads FF FF for an FF, and the kernel leaves that to us."""
    return bool(attributes[_IFLAG] & termios.PARMRK and attributes[_LFLAG] & EXTPROC)


def _make_raw(slave: int) -> None:
    """No echo, no line editing, every byte as it is; and the kernel tells the master of changes."""
    tty.setraw(slave, termios.TCSANOW)
    attributes = termios.tcgetattr(slave)
    attributes[_LFLAG] |= EXTPROC
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
