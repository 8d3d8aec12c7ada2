"""A service manager's ear: the datagram socket of $NOTIFY_SOCKET, and what was said into it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

# The kernel queues ten datagrams or so; whoever speaks meanwhile waits.
LONGEST_DATAGRAM_BYTES = 4096


class ServiceManager:
    """Listens as systemd does. Every datagram is kept as the names and values it held.

    Args:
        path: where the socket is made; or, with a leading @, an abstract name.
    """

    def __init__(self, path: Path | str) -> None:
        self.address = str(path)
        self.heard: list[dict[str, str]] = []
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind("\0" + self.address[1:] if self.address.startswith("@") else self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def environment(self, *, watchdog_seconds: float | None = None, pid: int | None = None) -> dict[str, str]:
        """What the manager puts into the environment of what it starts."""
        environment = {"NOTIFY_SOCKET": self.address}
        if watchdog_seconds is not None:
            environment["WATCHDOG_USEC"] = str(round(watchdog_seconds * 1e6))
        if pid is not None:
            environment["WATCHDOG_PID"] = str(pid)
        return environment

    def listen(self, seconds: float = 0.0) -> dict[str, str] | None:
        """The next datagram, waiting up to `seconds`; None if there is none."""
        self._ear.settimeout(max(seconds, 1e-6))
        try:
            datagram = self._ear.recv(LONGEST_DATAGRAM_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        words = dict(line.partition("=")[::2] for line in datagram.decode().splitlines())
        self.heard.append(words)
        return words

    def wait_for(
        self, wanted: Callable[[Mapping[str, str]], object] | str, seconds: float
    ) -> Mapping[str, str]:
        """The next datagram that is wanted: one that holds this name, or of which this is true.

        Raises TimeoutError, with what was heard instead, when it does not come within `seconds`.
        """
        is_wanted = (lambda words: wanted in words) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            words = self.listen(left)
            if words is not None and is_wanted(words):
                return words
        raise TimeoutError(f"not heard within {seconds} s; heard {self.heard[-20:]}")

    def drain(self) -> list[dict[str, str]]:
        """What has been said and not yet listened to."""
        drained = []
        while (words := self.listen()) is not None:
            drained.append(words)
        return drained

    def close(self) -> None:
        """Close the socket and remove its name."""
        self._ear.close()
        if not self.address.startswith("@") and os.path.lexists(self.address):
            os.unlink(self.address)  # noqa: PTH108  the address is text, as in the environment
