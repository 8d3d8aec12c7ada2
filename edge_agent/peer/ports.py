"""Which port a link names: `pty:PATH`, `tcp:HOST:PORT` or `uart:DEVICE`, seen from the machine."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from edge_agent.errors import ConfigurationError
from edge_agent.peer.port import Port

# scheme -> module that has `make(rest of the link, by_table) -> Port`; imported when used.
SCHEMES = {
    "pty": "edge_agent.peer.pty_port",
    "tcp": "edge_agent.peer.tcp_port",
    "uart": "edge_agent.peer.serial_port",
}


def make_port(link: str, *, by_table: bool) -> Port:
    """Make, not yet open, the port that a link names.

    Args:
        link: e.g. `pty:/tmp/sas`.
        by_table: find where polls begin by the table of lengths alone, whatever is known of wakeup bits.

    Raises:
        ConfigurationError: for a link of no known kind, or one that names nothing.
    """
    scheme, _, rest = link.partition(":")
    if scheme not in SCHEMES or not rest:
        known = ", ".join(f"{name}:…" for name in SCHEMES)
        raise ConfigurationError(f"link {link!r} names no known kind of port", f"use one of {known}")
    make: Callable[[str, bool], Port] = import_module(SCHEMES[scheme]).make
    return make(rest, by_table)
