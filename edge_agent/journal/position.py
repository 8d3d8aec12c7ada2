"""Position: how far a consumer has acknowledged, as one line in a file of its own.

A file of its own, because then each file has one writer: acknowledging never waits for a
commit of the collector, nor the collector for it, and the collector can be the only one who
ever writes records.

The line is rewritten in place, in a block it already has, so a full disk cannot stop an
acknowledgement: that is what makes room again. It is not fsynced. A write survives `kill -9`;
a power cut may take the last of them, and losing an acknowledgement only means sending again.
The other order cannot happen: a record is read only after its commit was fsynced, so an
acknowledgement never outlives what it acknowledges.

A line that is damaged, missing or of another journal acknowledges nothing.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from edge_agent.journal.storage import FILE_MODE, translated

_LINE_BYTES = 64  # 32 of journal id, 20 of sequence, 8 of CRC, two spaces, a full stop and a newline


class Position:
    """A consumer's position. One writer; any number of readers."""

    def __init__(self, path: Path, journal_id: str) -> None:
        self._path = path
        self._journal_id = journal_id
        self._fd: int | None = None
        self._last = 0

    def read(self) -> int:
        """The last sequence acknowledged.

        It never goes back, so a line caught half-written gives the one before.
        """
        with translated(self._path):
            try:
                line = self._path.read_bytes()
            except FileNotFoundError:
                return self._last
        self._last = max(self._last, _decode(line, self._journal_id))
        return self._last

    def write(self, through: int) -> None:
        """Move to `through`."""
        with translated(self._path):
            if self._fd is None:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            os.pwrite(self._fd, _encode(self._journal_id, through), 0)
        self._last = through

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _encode(journal_id: str, through: int) -> bytes:
    text = f"{journal_id} {through:020d}".encode("ascii")
    return text + f" {zlib.crc32(text):08x}.\n".encode("ascii")


def _decode(line: bytes, journal_id: str) -> int:
    text = line.split(b" ")
    if len(line) != _LINE_BYTES or len(text) != 3 or not text[1].isdigit():
        return 0
    through = int(text[1])
    return through if line == _encode(journal_id, through) else 0
