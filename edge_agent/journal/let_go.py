"""Let go: how many records of each class are no longer in a journal, segment by segment.

A segment that is written anew without some of its records says in its header how many those are. Whoever
counts what waits takes them off, and must not read whole segments for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from edge_agent.journal.disk import translated
from edge_agent.journal.segment import header_of, heading_of, segment_path, segments

# What changes within one tick of the kernel's clock may have the same time.
_TICK_NS = 100_000_000


class LetGo:
    """What the headers of one journal say, looked at again when the folder has changed. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed_at = 0  # nanoseconds since 1970, of the folder
        self._known: dict[int, tuple[tuple[int, int], tuple[int, ...]]] = {}

    def look(self) -> Mapping[int, tuple[int, ...]]:
        """By the first sequence of a segment; of those alone in which anything is missing."""
        with translated(self._folder):
            changed_at = self._folder.stat().st_mtime_ns
            if changed_at != self._changed_at:
                is_over = abs(time.time_ns() - changed_at) > _TICK_NS
                self._known = {
                    first: known
                    for first in segments(self._folder)
                    if (known := self._of_segment(first)) is not None
                }
                self._changed_at = changed_at if is_over else 0
        return {first: gone for first, (_file, gone) in self._known.items() if any(gone)}

    def _of_segment(self, first: int) -> tuple[tuple[int, int], tuple[int, ...]] | None:
        """Its file, and what is missing in it; None if it was deleted meanwhile."""
        path = segment_path(self._folder, first)
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        file = status.st_ino, status.st_mtime_ns
        known = self._known.get(first)
        if known is not None and known[0] == file:
            return known
        header = header_of(heading_of(path))
        return file, () if header is None else header.gone
