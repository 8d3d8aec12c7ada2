"""Position: where a consumer has come to, kept beside the segments and written by that consumer alone.

Two slots are written in turns, each with its number and CRC, in blocks the file already has: a full disk
cannot stop an acknowledgement, which is what makes room again, and one that is torn leaves the one before.
It is not fsynced when written. A write survives `kill -9`; a power cut may take the last of them, and
losing an acknowledgement only means sending again. Before anything is deleted for it, it is fsynced.

A slot that is damaged, or of another journal, acknowledges nothing.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edge_agent.delivery import DeliveryClass
from edge_agent.journal.acknowledged import Acknowledged
from edge_agent.journal.disk import FILE_MODE, read_file, sync_file, translated, write_all

_SLOT_BYTES = 4096
_TEXT_BYTES = _SLOT_BYTES - 10  # beside the CRC, a space and a newline
_MOST_RANGES = 32  # of a class; fewer, should they not fit


class Position:
    """A consumer's position. One writer; any number of readers."""

    def __init__(self, path: Path, journal_id: str) -> None:
        self.path = path
        self._journal_id = journal_id
        self._fd: int | None = None
        self._turn = 0

    def read(self) -> Acknowledged | None:
        """What the newest intact slot says; None if there is none."""
        with translated(self.path):
            data = read_file(self.path)
        slots = [_decoded(data[at : at + _SLOT_BYTES], self._journal_id) for at in (0, _SLOT_BYTES)]
        newest = max((slot for slot in slots if slot), key=lambda slot: slot[0], default=None)
        if newest is None:
            return None
        self._turn, ranges = newest
        return Acknowledged(ranges)

    def write(self, acknowledged: Acknowledged) -> None:
        """Say where the consumer is now."""
        self._turn += 1
        slot = self._slot(acknowledged)
        with translated(self.path):
            if self._fd is not None and not os.fstat(self._fd).st_nlink:
                self.close()  # somebody deleted it, and nobody would read what is written there
            if self._fd is None:
                self._fd = _opened(self.path)
            write_all(self._fd, slot, (self._turn % 2) * _SLOT_BYTES)

    def sync(self) -> None:
        """Make what was written durable, whoever wrote it."""
        with translated(self.path):
            sync_file(self.path)

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _slot(self, acknowledged: Acknowledged) -> bytes:
        most = _MOST_RANGES
        while len(text := self._text(acknowledged.written(most))) > _TEXT_BYTES:
            most -= 1
        return b"%08x %s\n" % (zlib.crc32(text), text)

    def _text(self, ranges: Mapping[str, object]) -> bytes:
        said = {"journal": self._journal_id, "turn": self._turn, **ranges}
        return json.dumps(said, separators=(",", ":")).encode().ljust(_TEXT_BYTES)


def _opened(path: Path) -> int:
    """The file, with the blocks of both slots."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        size = os.fstat(fd).st_size
        if size < 2 * _SLOT_BYTES:
            write_all(fd, b" " * (2 * _SLOT_BYTES - size), size)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _decoded(slot: bytes, journal_id: str) -> tuple[int, dict[str, Sequence[Sequence[int]]]] | None:
    crc, _space, text = slot.removesuffix(b"\n").partition(b" ")
    if crc != b"%08x" % zlib.crc32(text):
        return None
    with suppress(ValueError, KeyError, TypeError):
        said = json.loads(text)
        if said["journal"] == journal_id:
            return said["turn"], {cls.value: said[cls.value] for cls in DeliveryClass}
    return None
