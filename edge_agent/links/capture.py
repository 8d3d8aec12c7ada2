"""Captures: what travelled on a line, as text a person can read, one write or read a line.

    # edge-agent capture 1
    0.000000 > ff0081
    0.012345 < 12

Seconds since the capture began, the direction (`>` host to device, `<` device to host) and the
marked stream in hex. Blank lines and lines that begin with `#` are comments. `CapturingLink`
records any link in this form; `edge_agent.links.replay` plays it back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from edge_agent.errors import ConfigurationError
from edge_agent.links.base import Link

HEADER = "# edge-agent capture 1"
TO_DEVICE, FROM_DEVICE = ">", "<"


@dataclass(frozen=True, slots=True)
class Travelled:
    """One write or one read."""

    at: float  # seconds since the capture began
    direction: str
    data: bytes  # marked stream

    def __str__(self) -> str:
        return f"{self.at:.6f} {self.direction} {self.data.hex()}"


def read_capture(lines: Iterable[str], name: str = "capture") -> Iterator[Travelled]:
    """The entries of a capture. Raises ConfigurationError naming the line that is not one."""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            at, direction, data = text.split()
            entry = Travelled(float(at), direction, bytes.fromhex(data))
        except ValueError as error:
            raise ConfigurationError(
                f"{name}, line {number}: {text!r} is no capture entry",
                "write `seconds > hex` or `seconds < hex`",
            ) from error
        if entry.direction not in {TO_DEVICE, FROM_DEVICE}:
            raise ConfigurationError(
                f"{name}, line {number}: direction {entry.direction!r} is unknown", "use > or <"
            )
        yield entry


class CapturingLink:
    """Any link, recorded."""

    def __init__(self, link: Link, into: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = link.name
        self._link = link
        self._into = into
        self._clock = clock
        self._began = clock()
        print(HEADER, file=into)

    def open(self) -> None:
        """Open the link."""
        self._link.open()

    def read(self, timeout: float) -> bytes:
        """Read from the link, and record it."""
        data = self._link.read(timeout)
        if data:
            self._record(FROM_DEVICE, data)
        return data

    def write(self, data: bytes) -> None:
        """Record it, then write to the link."""
        self._record(TO_DEVICE, data)
        self._link.write(data)

    def close(self) -> None:
        """Close the link; the text stays its owner's."""
        self._link.close()

    def _record(self, direction: str, data: bytes) -> None:
        print(Travelled(self._clock() - self._began, direction, data), file=self._into, flush=True)
