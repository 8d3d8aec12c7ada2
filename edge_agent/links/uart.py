"""A serial port: the kernel marks what it reads, and we drain and flip parity as we write.

SAS has a ninth bit that no PC port sends. Mark parity sends it as 1, space parity as 0, so an
address goes out in mark parity and the rest in space; the flip waits until the address has
left (TCSETSW drains), because a parity change also changes what is still in the FIFO. The
port rests in space parity. There a chirp is a parity error, which INPCK with PARMRK delivers
as FF 00 xx: exactly the form all links share.

A driver that silently ignores CMSPAR would send every byte with the wrong ninth bit, so the
flags are read back and a port that did not take them is refused. A pseudo-terminal has no
parity: there CMSPAR and PARODD stick, PARENB cannot, and nothing is marked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import struct
import termios
import time
from pathlib import Path

import serial

from edge_agent.errors import InUseError, LinkError
from edge_agent.links.base import Link
from edge_agent.links.stream import double_ff, runs
from edge_agent.station import SerialFormat

# Linux asm-generic/termbits.h; the termios module does not name it.
CMSPAR = 0o10000000000

# On a USB adapter a drain means "handed to the adapter": one character takes 0.57 ms at 19200.
USB_GUARD_SECONDS = 0.001

# The longest SAS answer is 260 characters, at most doubled; more than that in one read is a storm.
READ_BYTES = 1024

# A write of a poll that does not finish in this time means flow control or a dead adapter.
WRITE_SECONDS = 1.0

_PTY_MAJORS = range(136, 144)  # Documentation/admin-guide/devices.txt: Unix98 pty slaves
_IFLAG, _OFLAG, _CFLAG, _LFLAG = range(4)
_CFLAG_OFFSET = 8  # in struct termios: c_iflag, c_oflag, c_cflag, c_lflag are four words


def make(port: str, serial_format: SerialFormat) -> Link:
    """Make the link for `uart:PORT`."""
    return UartLink(port, serial_format)


class UartLink:
    """A serial port, or a pseudo-terminal that stands for one."""

    def __init__(self, port: str, serial_format: SerialFormat) -> None:
        self.name = port
        self._format = serial_format
        self._serial: serial.Serial | None = None
        self._fd = -1
        self._guard = 0.0
        self._space = self._mark = b""
        self._writing_marks = False

    def __repr__(self) -> str:
        return f"<UartLink {self.name} {'open' if self._serial else 'closed'}>"

    def open(self) -> None:
        """Open the port for us alone and set it up, reading back what it took."""
        is_pty = self._look()
        try:
            self._serial = serial.Serial(
                self.name, baudrate=self._format.baud, timeout=0, write_timeout=WRITE_SECONDS, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise _cannot_open(self.name, error) from error
        self._fd = self._serial.fileno()
        try:
            self._set_up(is_pty=is_pty)
        except (OSError, termios.error) as error:
            self.close()
            raise LinkError(
                f"port {self.name} cannot be set up: {error}", "check that it is a serial port"
            ) from error
        except LinkError:
            self.close()
            raise

    def read(self, timeout: float) -> bytes:
        """What has arrived, in the marked form."""
        try:
            readable, _, _ = select.select((self._fd,), (), (), max(0.0, timeout))
            data = os.read(self._fd, READ_BYTES) if readable else None
        except (OSError, ValueError) as error:
            raise self._lost(error) from error
        if data is None:
            return b""
        if not data:
            raise self._lost("it hung up")
        return data if self._format.wakeup_bit else double_ff(data)

    def write(self, data: bytes) -> None:
        """Send a marked stream: wakeup characters in mark parity, all others in space parity."""
        try:
            for wakeup, characters in runs(data):
                if self._format.wakeup_bit:
                    self._flip(mark=wakeup)
                self._write_all(characters)
            if self._writing_marks:
                self._flip(mark=False)
        except (OSError, ValueError) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close the port and let others have it."""
        if self._serial is not None:
            self._serial.close()
        self._serial, self._fd = None, -1

    def _look(self) -> bool:
        """Whether the port is a pseudo-terminal; raises when it is nothing we can open."""
        try:
            status = Path(self.name).stat()
        except FileNotFoundError as error:
            raise LinkError(
                f"port {self.name} does not exist",
                "check the cable and the name; ls /dev/serial/by-id lists adapters",
            ) from error
        except OSError as error:
            raise _cannot_open(self.name, error) from error
        if not stat.S_ISCHR(status.st_mode):
            raise LinkError(f"port {self.name} is not a serial port", "name a device such as /dev/ttyUSB0")
        return os.major(status.st_rdev) in _PTY_MAJORS

    def _set_up(self, *, is_pty: bool) -> None:
        attributes = termios.tcgetattr(self._fd)
        attributes[_IFLAG] = termios.INPCK | termios.PARMRK if self._format.wakeup_bit else 0
        attributes[_CFLAG] &= ~(termios.PARENB | termios.PARODD | CMSPAR)
        if self._format.wakeup_bit:
            attributes[_CFLAG] |= CMSPAR if is_pty else CMSPAR | termios.PARENB
        wanted = attributes[_CFLAG]
        termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        taken = termios.tcgetattr(self._fd)[_CFLAG]
        if self._format.wakeup_bit and taken & (termios.PARENB | CMSPAR) != wanted & (
            termios.PARENB | CMSPAR
        ):
            raise LinkError(
                f"port {self.name} does not take mark and space parity, so it cannot send the wakeup bit",
                "use an adapter whose Linux driver does, such as FTDI (ftdi_sio) or Prolific (pl2303)",
            )
        self._guard = 0.0 if is_pty or not _is_usb(self.name) else USB_GUARD_SECONDS
        self._space = fcntl.ioctl(self._fd, termios.TCGETS, bytes(64))
        (cflag,) = struct.unpack_from("=I", self._space, _CFLAG_OFFSET)
        mark = bytearray(self._space)
        struct.pack_into("=I", mark, _CFLAG_OFFSET, cflag | termios.PARODD)
        self._mark = bytes(mark)
        self._writing_marks = False

    def _flip(self, *, mark: bool) -> None:
        """Change parity once everything written has left."""
        if mark == self._writing_marks:
            return
        if self._guard and self._writing_marks:
            termios.tcdrain(self._fd)
            time.sleep(self._guard)
        fcntl.ioctl(self._fd, termios.TCSETSW, self._mark if mark else self._space)
        self._writing_marks = mark

    def _write_all(self, characters: bytes) -> None:
        written = os.write(self._fd, characters)
        while written < len(characters):
            _, writable, _ = select.select((), (self._fd,), (), WRITE_SECONDS)
            if not writable:
                raise OSError(errno.ETIMEDOUT, "it takes no more bytes")
            written += os.write(self._fd, characters[written:])

    def _lost(self, reason: object) -> LinkError:
        return LinkError(
            f"port {self.name} was lost: {reason}", "check the cable; the line tries again by itself"
        )


def _cannot_open(port: str, error: Exception) -> LinkError | InUseError:
    number = _errno(error)
    if number in {errno.EBUSY, errno.EAGAIN}:
        return InUseError(
            f"port {port} is held by another program", "stop it; `fuser -v` on the port names it"
        )
    if number in {errno.EACCES, errno.EPERM}:
        return LinkError(f"port {port} may not be opened by this user", "add the user to the group dialout")
    if number in {errno.ENXIO, errno.ENODEV, errno.EIO}:
        return LinkError(f"port {port} has no device behind it", "plug the adapter in again")
    if number in {errno.ENOTTY, errno.EINVAL}:
        return LinkError(f"port {port} is not a serial port", "name a device such as /dev/ttyUSB0")
    return LinkError(f"port {port} cannot be opened: {error}", "check the port")


def _errno(error: BaseException | None) -> int | None:
    """The system's reason; pyserial wraps what termios says, and termios.error has only arguments."""
    while error is not None:
        number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
        if number is not None:
            return int(number)
        error = error.__context__
    return None


def _is_usb(port: str) -> bool:
    return Path(port).resolve().name.startswith(("ttyUSB", "ttyACM"))
