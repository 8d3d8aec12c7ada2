"""A serial port: the kernel marks what it reads, and we drain and flip parity as we write.

The port is ours alone: a lock other programs of good manners heed, and TIOCEXCL for the rest. How the
wakeup bit gets on the wire is told in `edge_agent.links.parity`, and what the chip behind the port makes
of it in `edge_agent.links.adapters`. Whether the port took mark and space parity is read back, and a port
that did not is refused, naming the adapter.

A name below /dev/serial/by-id follows its adapter from socket to socket, so an adapter that was pulled out
and comes back as another ttyUSB is found again when the line opens its link the next time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import termios
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import serial

from edge_agent.errors import InUseError, LinkError
from edge_agent.links.adapters import BUY, ErrorFlags, Port, port_of, stable_name
from edge_agent.links.base import Link, PortKind
from edge_agent.links.latency import hear_at_once
from edge_agent.links.parity import WakeupParity, by_stop_bits, plain
from edge_agent.links.stream import runs, unmark_transfers
from edge_agent.sas.wakeup import stuff
from edge_agent.station import SerialFormat

# The longest SAS answer is 260 characters, at most doubled; more than that in one read is a storm.
READ_BYTES = 1024

# A write of a poll that does not finish in this time means flow control or a dead adapter.
WRITE_SECONDS = 1.0


def make(port: str, serial_format: SerialFormat) -> Link:
    """Make the link for `uart:PORT`."""
    return UartLink(port, serial_format)


class UartLink:
    """A serial port, or a pseudo-terminal that stands for one.

    Args:
        port: its device, best a name below /dev/serial/by-id.
        serial_format: how characters travel on it.
        behind: tells what is behind a device.
    """

    def __init__(
        self, port: str, serial_format: SerialFormat, behind: Callable[[Path], Port] = port_of
    ) -> None:
        self.name = port
        self.advice: tuple[str, ...] = ()
        self._format = serial_format
        self._behind = behind
        self._serial: serial.Serial | None = None
        self._fd = -1
        self._parity: WakeupParity | None = None
        self._flags = ErrorFlags.NONE
        self._port: Port | None = None

    def __repr__(self) -> str:
        return f"<UartLink {self.name} {'open' if self._serial else 'closed'}>"

    def open(self) -> None:
        """Open the port for us alone and set it up, reading back what it took."""
        device = self._look()
        try:
            self._serial = serial.Serial(
                self.name, baudrate=self._format.baud, timeout=0, write_timeout=WRITE_SECONDS, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise _cannot_open(self.name, error) from error
        self._fd = self._serial.fileno()
        with ExitStack() as undoing:
            undoing.callback(self.close)
            try:
                self._set_up(device)
            except (OSError, termios.error) as error:
                raise LinkError(
                    f"port {self.name} cannot be set up: {error}", "check that it is a serial port"
                ) from error
            undoing.pop_all()

    @property
    def tells_wakeup_bits(self) -> bool:
        """Whether each character that is read has its own wakeup bit, and not that of others beside it."""
        return self._parity is not None and self._flags is ErrorFlags.CHARACTER

    @property
    def kind(self) -> PortKind:
        """What the port is, once it is open."""
        port = self._port
        if port is None:
            return PortKind("serial port")
        if not port.adapter.parity:
            return PortKind("pseudo-terminal", sends_wakeup=False, hears_wakeup=False)
        return PortKind("serial port", hears_wakeup=port.adapter.flags is not ErrorFlags.NONE, chip=str(port))

    def fileno(self) -> int:
        """What to wait on for bytes, while it is open."""
        return self._fd

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
        if self._parity is None:
            return stuff(data)
        return unmark_transfers(data) if self._flags is ErrorFlags.TRANSFER else data

    def write(self, data: bytes) -> None:
        """Send a marked stream: wakeup characters in mark parity, all others in space parity."""
        parity = self._parity
        try:
            for wakeup, characters in runs(data):
                if parity is not None:
                    parity.flip(mark=wakeup)
                self._write_all(characters)
                if parity is not None:
                    parity.wrote(len(characters))
            if parity is not None:
                parity.flip(mark=False)
        except (OSError, ValueError) as error:
            raise self._lost(error) from error

    def nudge(self, character: int) -> None:
        """Send one character with its wakeup bit by two stop bits, which every chip can do."""
        try:
            with by_stop_bits(self._fd, self._format.baud):
                self._write_all(bytes((character,)))
        except (OSError, ValueError, termios.error) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close the port and let others have it."""
        if self._serial is not None:
            self._serial.close()
        self._serial, self._fd, self._parity = None, -1, None

    def _look(self) -> Path:
        """Which device it is; raises when it is nothing we can open."""
        try:
            device = Path(self.name).resolve()
            status = device.stat()
        except FileNotFoundError as error:
            raise LinkError(
                f"port {self.name} does not exist",
                "check the cable and the name; ls /dev/serial/by-id lists adapters",
            ) from error
        except (OSError, RuntimeError) as error:
            raise _cannot_open(self.name, error) from error
        if not stat.S_ISCHR(status.st_mode):
            raise LinkError(f"port {self.name} is not a serial port", "name a device such as /dev/ttyUSB0")
        return device

    def _set_up(self, device: Path) -> None:
        port = self._port = self._behind(device)
        if self._format.wakeup_bit:
            self._parity = self._send_wakeup_by_parity(port)
            self._flags = port.adapter.flags
        else:
            plain(self._fd)
        if port.adapter.parity:
            # Not on a pseudo-terminal: its far end stays, and a killed process would leave it locked.
            fcntl.ioctl(self._fd, termios.TIOCEXCL)
        self.advice = (*_better_name(self.name, device), *hear_at_once(self._fd, self.name, device))

    def _send_wakeup_by_parity(self, port: Port) -> WakeupParity:
        if port.adapter.flaw:
            raise LinkError(f"port {self.name} cannot send the wakeup bit: {port.adapter.flaw}", BUY)
        parity = WakeupParity(self._fd, port.adapter, self._format.baud)
        if not parity.took:
            raise LinkError(
                f"port {self.name} does not take mark and space parity, so it cannot send the wakeup bit"
                f" ({port})",
                BUY,
            )
        return parity

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


def _better_name(port: str, device: Path) -> list[str]:
    """Advice to use the name that follows the adapter, where a port was named by its number."""
    stable = stable_name(device) if Path(port) == device else None
    if stable is None:
        return []
    return [f"port {port} is another adapter when they are plugged in another order — name it {stable}"]


def _cannot_open(port: str, error: Exception) -> LinkError | InUseError:
    number = _errno(error)
    if number in {errno.EBUSY, errno.EAGAIN}:
        return InUseError(
            f"port {port} is held by another program, or by another line",
            "stop it; `fuser -v` on the port names it",
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
