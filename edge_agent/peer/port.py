"""Port: a line's far end, where the machine is plugged in.

A host opens a link; a port is what it finds there. Towards the machine a port gives and takes the marked
stream that all links carry, whatever really travels. It never blocks: a machine goes on living though
nobody reads what it says, and what nobody reads is lost, as it is on a wire.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

Watch: TypeAlias = Callable[[int], None]


class Port(Protocol):
    """Where a machine is plugged in."""

    name: str

    @property
    def has_host(self) -> bool:
        """Whether somebody is at the other end, as far as the port can know."""

    def open(self, watch: Watch) -> None:
        """Be there. `watch` is called with each descriptor whose news is to be waited for, as it opens.

        Raises LinkError when it cannot be, InUseError when another holds the name.
        """

    def read(self, now: float) -> bytes | None:
        """What has come in, as a marked stream; b"" for news without characters, None for no more news."""

    def write(self, stream: bytes) -> None:
        """Say `stream`, marked. What cannot be taken is lost."""

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called, or None."""

    def handle_timer(self, now: float) -> None:
        """Do what is due."""

    def close(self) -> None:
        """Be gone, and take the name along."""
