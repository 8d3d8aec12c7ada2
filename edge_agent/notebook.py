"""Notebook: the few bytes of a line that outlive its process.

A restarted host must repeat the poll it had sent last: any other poll would tell the machine
that its answer was heard. So each line keeps its station's note in a small file, written
before every poll. The write reaches the page cache and no further: that survives `kill -9`,
and costs microseconds. A power cut may take it; by the time a gateway has booted again every
machine has dropped the link (5 s), and a machine whose link dropped acknowledges nothing.
"""

from __future__ import annotations

import errno
import os
import zlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_agent.errors import JournalError, JournalFull
from edge_agent.station import NOTE_LIMIT_BYTES

_LENGTH_BYTES = 2
_CHECK_BYTES = 4


class Notebook:
    """One line's note. One writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as opening:
            try:
                self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                opening.callback(os.close, self._fd)
                # The block is taken now, so that a disk that fills up later cannot stop the polling.
                os.posix_fallocate(self._fd, 0, _LENGTH_BYTES + NOTE_LIMIT_BYTES + _CHECK_BYTES)
                self._kept = self._read()
            except OSError as error:
                raise _cannot_open(path, error) from error
            opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def note(self) -> bytes:
        """The last note kept; b"" if there is none or it is damaged."""
        return self._kept

    def keep(self, note: bytes) -> None:
        """Keep `note`, at most NOTE_LIMIT_BYTES. Raises JournalError when it cannot be kept."""
        if note == self._kept:
            return
        framed = len(note).to_bytes(_LENGTH_BYTES, "little") + note
        try:
            os.pwrite(self._fd, framed + zlib.crc32(framed).to_bytes(_CHECK_BYTES, "little"), 0)
        except OSError as error:
            raise JournalError(
                f"note {self.path} cannot be written: {error.strerror}", "free some disk space"
            ) from error
        self._kept = note

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _read(self) -> bytes:
        raw = os.pread(self._fd, _LENGTH_BYTES + NOTE_LIMIT_BYTES + _CHECK_BYTES, 0)
        end = _LENGTH_BYTES + int.from_bytes(raw[:_LENGTH_BYTES], "little")
        framed, check = raw[:end], raw[end : end + _CHECK_BYTES]
        intact = len(check) == _CHECK_BYTES and zlib.crc32(framed) == int.from_bytes(check, "little")
        return framed[_LENGTH_BYTES:] if intact else b""


def _cannot_open(path: Path, error: OSError) -> JournalError:
    what = f"note {path} cannot be opened: {error.strerror}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return JournalFull(what, "free some disk space")
    return JournalError(what, "give the agent write access to its state folder")
