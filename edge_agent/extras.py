"""Extras: what only some gateways have installed, and how one says that it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent.errors import ConfigurationError


@contextmanager
def needed_by(what: str, *, extra: str) -> Iterator[None]:
    """Import what an extra brings.

    Args:
        what: what needs it, in words.
        extra: the extra's name.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "edge_agent":
            raise
        raise missing(what, package, extra) from error


def missing(what: str, package: str, extra: str) -> ConfigurationError:
    """How one says that something needs a package that is not installed."""
    return ConfigurationError(
        f"{what} needs the package {package}", f"pip install 'casino-edge-agent[{extra}]'"
    )
