"""The wakeup bit on a port that has none: mark parity sends it as 1, space parity as 0.

An address goes out in mark parity and the rest in space. A change of parity also changes what has not
left yet, so before each flip everything written is given its time to leave, and drained (TCSETSW). The
port rests in space parity, where a chirp is a parity error, which INPCK with PARMRK delivers as FF 00 xx:
exactly the form all links share.

A driver that silently ignores CMSPAR would send every byte with the wrong ninth bit, so the flags are
read back. A pseudo-terminal has no parity: there CMSPAR and PARODD stick, PARENB cannot, and the far end
can read both.
"""

from __future__ import annotations

import fcntl
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent.links.adapters import Adapter

# Linux asm-generic/termbits.h; the termios module does not name it.
CMSPAR = 0o10000000000

# One start bit, eight data bits, the wakeup bit and one stop bit.
BITS_A_CHARACTER = 11

_IFLAG, _OFLAG, _CFLAG, _LFLAG = range(4)
_CFLAG_OFFSET = 8  # in the kernel's struct termios: c_iflag, c_oflag, c_cflag, c_lflag are four words
_STICKS = termios.PARENB | CMSPAR
# No adapter takes longer to begin; whoever sends this way is in no hurry.
_HANDED_OVER_SECONDS = 0.005


def plain(fd: int) -> None:
    """Eight data bits, no parity: nothing is marked."""
    attributes = termios.tcgetattr(fd)
    attributes[_IFLAG] = 0
    attributes[_CFLAG] &= ~(termios.PARENB | termios.PARODD | CMSPAR)
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


@contextmanager
def by_stop_bits(fd: int, baud: int) -> Iterator[None]:
    """Eight data bits, no parity and two stop bits: the first of these stands where the wakeup bit does.

    What is written meanwhile leaves that way; the port is as it was on return.
    """
    before = termios.tcgetattr(fd)
    attributes = termios.tcgetattr(fd)
    attributes[_CFLAG] &= ~(_STICKS | termios.PARODD)
    attributes[_CFLAG] |= termios.CSTOPB
    termios.tcsetattr(fd, termios.TCSADRAIN, attributes)
    yield
    time.sleep(BITS_A_CHARACTER / baud + _HANDED_OVER_SECONDS)
    termios.tcsetattr(fd, termios.TCSADRAIN, before)


class Leaving:
    """When what was handed over has left a port.

    Args:
        baud: the port's speed.
        handover: seconds until a character begins on the wire, at most.
    """

    def __init__(self, baud: int, handover: float) -> None:
        self._handover = handover
        self._character = BITS_A_CHARACTER / baud
        self._gone_at = 0.0

    def wrote(self, characters: int) -> None:
        """So many characters were handed over just now."""
        begins = max(time.monotonic() + self._handover, self._gone_at)
        self._gone_at = begins + characters * self._character

    @property
    def seconds(self) -> float:
        """How long until all of it has left; 0.0 if it has."""
        return max(0.0, self._gone_at - time.monotonic())


class WakeupParity:
    """Sends characters of one parity after the other on an open port, and has the kernel mark what it hears.

    Args:
        fd: the port.
        adapter: what is behind it.
        baud: its speed.
    """

    def __init__(self, fd: int, adapter: Adapter, baud: int) -> None:
        self._fd = fd
        self._marking = False
        # A pseudo-terminal has no wire: what was written has left.
        self._leaving = Leaving(baud, adapter.handover) if adapter.handover else None
        attributes = termios.tcgetattr(fd)
        attributes[_IFLAG] = termios.INPCK | termios.PARMRK
        attributes[_CFLAG] &= ~(_STICKS | termios.PARODD)
        attributes[_CFLAG] |= _STICKS if adapter.parity else CMSPAR
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
        self.took = termios.tcgetattr(fd)[_CFLAG] & _STICKS == attributes[_CFLAG] & _STICKS
        self._space = fcntl.ioctl(fd, termios.TCGETS, bytes(64))
        (cflag,) = struct.unpack_from("=I", self._space, _CFLAG_OFFSET)
        mark = bytearray(self._space)
        struct.pack_into("=I", mark, _CFLAG_OFFSET, cflag | termios.PARODD)
        self._mark = bytes(mark)

    def flip(self, *, mark: bool) -> None:
        """Change parity, once everything written has left."""
        if mark == self._marking:
            return
        if self._leaving is not None and (early := self._leaving.seconds):
            time.sleep(early)
        fcntl.ioctl(self._fd, termios.TCSETSW, self._mark if mark else self._space)
        self._marking = mark

    def wrote(self, characters: int) -> None:
        """So many characters were handed to the kernel just now."""
        if self._leaving is not None:
            self._leaving.wrote(characters)
