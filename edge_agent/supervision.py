"""Supervision: what a service manager is told of this process: ready, reloading, stopping, alive.

systemd listens at the datagram socket that $NOTIFY_SOCKET names, and takes lines of `NAME=value`.
Without one nobody is told and nothing else changes; a manager that does not listen stops nothing.

With a watchdog ($WATCHDOG_USEC) the manager ends a process that has not said for so long that it
is alive, and starts another. So `alive` is said only by whoever has just seen that the work goes
on, not by a timer of its own: a timer would go on above the work that does not.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

import structlog

# Four times within the watchdog's limit, so that a busy gateway may be late three times; and every
# five seconds at most, which is as fresh as `systemctl status` needs to be.
SHARE_OF_WATCHDOG = 4
LONGEST_PERIOD_SECONDS = 5.0

# A manager that does not take a datagram within this is busier than we are.
SEND_SECONDS = 1.0

# How much longer a start may take each time we say why it does: longer than we pause between two tries.
EXTENSION_SECONDS = 30


class Supervisor:
    """The service manager that started this process, if one did. Used by one thread.

    Args:
        environment: where NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are; default: the process's.
        monotonic: seconds; CLOCK_MONOTONIC, which the manager compares with its own.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        variables = os.environ if environment is None else environment
        self.watchdog_seconds = _watchdog_seconds(variables)
        self._address = variables.get("NOTIFY_SOCKET", "")
        self._monotonic = monotonic
        self._period = min(
            LONGEST_PERIOD_SECONDS,
            (self.watchdog_seconds or LONGEST_PERIOD_SECONDS) / SHARE_OF_WATCHDOG,
        )
        self._next_word = 0.0
        self._heard = True

    def __repr__(self) -> str:
        return f"<Supervisor {self._address or 'absent'} watchdog {self.watchdog_seconds}>"

    def ready(self, status: str = "") -> None:
        """What was to be started, or read again, is at work."""
        self._tell("READY=1", _status(status))

    def reloading(self) -> None:
        """The settings are being read again; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={self._monotonic() * 1e6:.0f}")

    def waiting(self, why: str) -> None:
        """Starting takes longer, for a reason that is outside of us."""
        self._tell(f"EXTEND_TIMEOUT_USEC={EXTENSION_SECONDS * 1_000_000}", "WATCHDOG=1", _status(why))

    def stopping(self) -> None:
        """The process has begun to end."""
        self._tell("STOPPING=1", _status("stopping"))

    def alive(self, status: str = "") -> None:
        """The work goes on. May be called as often as one likes."""
        now = self._monotonic()
        if now >= self._next_word:
            self._next_word = now + self._period
            self._tell("WATCHDOG=1", _status(status))

    def _tell(self, *lines: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        # A leading @ stands for the zero byte of Linux' abstract names.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
                speaker.settimeout(SEND_SECONDS)
                speaker.sendto("\n".join(filter(None, lines)).encode(), address)
            self._heard = True
        except OSError as error:
            if self._heard:
                structlog.get_logger().warning(
                    "the service manager is not told", address=self._address, reason=str(error)
                )
            self._heard = False


def _status(text: str) -> str:
    """One line, whatever a reason quotes: a second would be a word of its own to the manager."""
    return f"STATUS={' '.join(text.split())}" if text else ""


def _watchdog_seconds(variables: Mapping[str, str]) -> float | None:
    """How long the manager waits for a sign of life of this very process; None when it does not."""
    limit, pid = variables.get("WATCHDOG_USEC", ""), variables.get("WATCHDOG_PID", "")
    if not (limit.isascii() and limit.isdigit() and int(limit)) or pid not in {"", str(os.getpid())}:
        return None
    return int(limit) / 1e6
