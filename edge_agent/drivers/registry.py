"""Drivers are found by entry point, so that a vendor's package can bring its own.

A package names its driver in the group `edge_agent.drivers`; the entry point is an object that
is an `edge_agent.station.Driver`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from edge_agent.errors import ConfigurationError
from edge_agent.station import Driver

GROUP = "edge_agent.drivers"


def find_driver(name: str) -> Driver:
    """The driver an entry point names. Raises ConfigurationError naming those there are."""
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise ConfigurationError(
            f"driver {name!r} is not installed",
            f"use one of {', '.join(sorted(known))}, or install its package",
        )
    return _load(known[name])


def _load(entry: EntryPoint) -> Driver:
    try:
        driver = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"driver {entry.name!r} cannot be loaded from {entry.value}: {error}", "install its package again"
        ) from error
    if not isinstance(driver, Driver):
        raise ConfigurationError(
            f"driver {entry.name!r} ({entry.value}) is no driver", "see docs/driver-guide.md"
        )
    return driver
