"""Captures: what travelled on a line, as text a person can read, one write or read a line.

    # edge-agent capture 1
    # began: 2026-03-01T09:30:00.250Z
    0.000000 > ff0081
    0.012345 < 12

The first line names the version. Seconds since the capture began, the direction (`>` host to device, `<`
device to host) and the marked stream in hex. Blank lines and lines that begin with `#` are comments; those
of the form `# name: value` in front of the first entry say what there is to know about the capture as a
whole. `CapturingLink` records any link in this form; `edge_agent.links.replay` plays it back.

The form is kept for ever: what this version wrote, every later one reads. One that cannot be read so would
have another number in its first line, and is refused by those who do not know it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from edge_agent.errors import ConfigurationError
from edge_agent.links.base import Link

HEADER = "# edge-agent capture 1"
TO_DEVICE, FROM_DEVICE = ">", "<"

_VERSION = re.compile(r"# edge-agent capture (\d+)")
_ABOUT = re.compile(r"# ([a-z]+): (.*)")


@dataclass(frozen=True, slots=True)
class Travelled:
    """One write or one read."""

    at: float  # seconds since the capture began
    direction: str
    data: bytes  # marked stream

    def __str__(self) -> str:
        return f"{self.at:.6f} {self.direction} {self.data.hex()}"


@dataclass(frozen=True, slots=True)
class Capture:
    """A whole capture."""

    entries: tuple[Travelled, ...]
    about: Mapping[str, str] = field(default_factory=dict)  # what its head says


def read_capture(lines: Iterable[str], name: str = "capture") -> Iterator[Travelled]:
    """The entries of a capture. Raises ConfigurationError naming the line that is not one."""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if version := _VERSION.fullmatch(text):
            _check_version(int(version[1]), name)
        if not text or text.startswith("#"):
            continue
        yield _entry(text, f"{name}, line {number}")


def read_capture_file(path: Path) -> Capture:
    """A capture, whole. Raises ConfigurationError saying what is wrong with the file."""
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{path} is no file", "name a capture; `watch PORT --tap` listens to a port")
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise ConfigurationError(
            f"capture {path} cannot be read: {error.strerror}", "check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is no capture: it is no text", "name a file that `capture` made"
        ) from error
    if not text.strip():
        raise ConfigurationError(f"capture {path} is empty", "capture again")
    lines = text.splitlines()
    if not (_VERSION.fullmatch(lines[0].strip()) or _looks_like_an_entry(lines)):
        raise ConfigurationError(
            f"{path} is no capture: it does not begin with {HEADER!r}", "name a file that `capture` made"
        )
    if not text.endswith("\n"):
        raise ConfigurationError(
            f"capture {path} was cut in line {len(lines)}", "delete that line; what stands before it is whole"
        )
    entries = tuple(read_capture(lines, str(path)))
    if not entries:
        raise ConfigurationError(f"capture {path} has no entries", "capture again")
    return Capture(entries, dict(read_about(lines)))


def read_about(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What the head of a capture says, in front of its first entry."""
    for line in lines:
        text = line.strip()
        if text and not text.startswith("#"):
            return
        if about := _ABOUT.fullmatch(text):
            yield about[1], about[2]


def write_head(into: TextIO, about: Mapping[str, str]) -> None:
    """Begin a capture."""
    print(HEADER, *(f"# {name}: {value}" for name, value in about.items()), sep="\n", file=into)


def _entry(text: str, where: str) -> Travelled:
    try:
        at, direction, data = text.split()
        entry = Travelled(float(at), direction, bytes.fromhex(data))
    except ValueError as error:
        raise ConfigurationError(
            f"{where}: {text[:60]!r} is no capture entry", "write `seconds > hex` or `seconds < hex`"
        ) from error
    if entry.direction not in {TO_DEVICE, FROM_DEVICE}:
        raise ConfigurationError(f"{where}: direction {entry.direction!r} is unknown", "use > or <")
    return entry


def _check_version(version: int, name: str) -> None:
    if version != 1:
        raise ConfigurationError(
            f"{name} is a capture of version {version}", "use the edge-agent that made it"
        )


def _looks_like_an_entry(lines: Iterable[str]) -> bool:
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return re.match(r"\d+(\.\d+)? [<>] ", first) is not None


def _as_it_is(entry: Travelled) -> Iterable[str]:
    return (str(entry),)


class CapturingLink:
    """Any link, recorded.

    Args:
        link: what is recorded.
        into: where the lines go; its owner's to close.
        clock: seconds.
        about: what the head says.
        lines_of: makes the lines of an entry, and may hold some back until the next.
        sync: makes durable what was written to `into`; called before anything is sent.
    """

    def __init__(
        self,
        link: Link,
        into: TextIO,
        clock: Callable[[], float] = time.monotonic,
        *,
        about: Mapping[str, str] | None = None,
        lines_of: Callable[[Travelled], Iterable[str]] = _as_it_is,
        sync: Callable[[], None] | None = None,
    ) -> None:
        self.name = link.name
        self._link = link
        self._into = into
        self._clock = clock
        self._lines_of = lines_of
        self._sync = sync
        self._began = clock()
        write_head(into, about or {})

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
        if self._sync is not None:
            self._sync()
        self._link.write(data)

    def close(self) -> None:
        """Close the link; the text stays its owner's."""
        self._link.close()

    def _record(self, direction: str, data: bytes) -> None:
        for line in self._lines_of(Travelled(self._clock() - self._began, direction, data)):
            print(line, file=self._into)
        self._into.flush()
