"""Link: a way for bytes to travel, as five calls, and the table of schemes that make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, runtime_checkable

from edge_agent.errors import ConfigurationError
from edge_agent.station import SerialFormat


class Link(Protocol):
    """A way for bytes to travel. Blocking; used by one thread."""

    name: str

    def open(self) -> None:
        """Open it. Raises LinkError, or InUseError when another program holds it."""

    def read(self, timeout: float) -> bytes:
        """What has arrived, waiting up to `timeout` seconds for the first byte; b"" for nothing.

        Raises LinkError when the link is lost.
        """

    def write(self, data: bytes) -> None:
        """Send `data`; returns when its last byte is on its way. Raises LinkError when lost."""

    def close(self) -> None:
        """Close it; a closed link may be opened again."""


@runtime_checkable
class Advising(Protocol):
    """A link that knows, once open, what would make it better."""

    advice: tuple[str, ...]  # each one line, `what — mend`


@dataclass(frozen=True, slots=True)
class PortKind:
    """What a port is, and what it does with the wakeup bit as far as its link can know."""

    name: str = "link"
    sends_wakeup: bool = True
    hears_wakeup: bool = True
    chip: str = ""  # what is behind it, where that has a name


@runtime_checkable
class OfAKind(Protocol):
    """A link that knows, once open, what its port is."""

    @property
    def kind(self) -> PortKind:
        """What its port is."""


@runtime_checkable
class Nudging(Protocol):
    """A link that can send the wakeup bit without the help of parity, for whoever doubts that."""

    def nudge(self, character: int) -> None:
        """Send one character with its wakeup bit. Raises LinkError when the link is lost."""


# scheme -> module that has `make(rest_of_the_spec, serial_format) -> Link`; imported when used.
SCHEMES = {
    "uart": "edge_agent.links.uart",
    "tcp": "edge_agent.links.tcp",
    "rfc2217": "edge_agent.links.rfc2217",
    "replay": "edge_agent.links.replay",
}


def open_link(spec: str, serial_format: SerialFormat) -> Link:
    """Make, not yet open, the link a spec names: `uart:/dev/ttyUSB0`, `tcp:HOST:PORT`, or a device path.

    Raises ConfigurationError naming what of the spec makes no sense.
    """
    scheme, _, rest = spec.partition(":") if not spec.startswith("/") else ("uart", "", spec)
    if scheme not in SCHEMES or not rest:
        raise ConfigurationError(f"port {spec!r} names no known kind of link", _meant(spec))
    make: Callable[[str, SerialFormat], Link] = import_module(SCHEMES[scheme]).make
    return make(rest, serial_format)


def _meant(spec: str) -> str:
    """What someone who wrote that may have wanted."""
    if spec.startswith(("tty", "serial/", "dev/")):
        return f"write /dev/{spec.removeprefix('dev/')}"
    known = ", ".join(f"{name}:…" for name in SCHEMES)
    return f"use a device path or one of {known}"
