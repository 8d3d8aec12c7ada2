"""Opening: whether the journal is being made, recovered after a crash, or migrated just now.

The collector leaves word in a file while it does, since nothing else can be asked of it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_agent.health import read_status, write_status
from edge_agent.settings import Settings


@contextmanager
def told_to_be_opening(settings: Settings) -> Iterator[None]:
    """Leave word, for as long as this lasts, that the journal is being opened."""
    marker = _marker(settings)
    with suppress(OSError):  # a full disk keeps nobody from collecting, and its word least of all
        write_status(marker, {})
    try:
        yield
    finally:
        marker.unlink(missing_ok=True)


def is_being_opened(settings: Settings) -> bool:
    """Whether somebody who still lives has left word. A marker outlives a process that was killed."""
    opening = read_status(_marker(settings))
    return bool(opening) and Path(f"/proc/{opening['pid']}").exists()


def _marker(settings: Settings) -> Path:
    return settings.status_folder / "opening.json"
