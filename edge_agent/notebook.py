"""Notebook: the few bytes of a line that outlive its process.

A restarted host must repeat the poll it had sent last: any other poll would tell the machine
that its answer was heard. So each line keeps its station's note in a small file, written
before every poll. The write reaches the page cache and no further: that survives `kill -9`,
and costs microseconds. A power cut may take it; by the time a gateway has booted again every
machine has dropped the link (5 s), and a machine whose link dropped acknowledges nothing.

A line that machines share has a note with a page for each. A page is written for itself: the kernel
writes a page of a file whole or not at all, whenever the writer is killed, and more than that it may not.
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
from edge_agent.station import NOTE_LIMIT_BYTES, PAGE_LIMIT_BYTES, pack_pages, unpack_pages

_LENGTH_BYTES = 2
_CHECK_BYTES = 4
# A page of a note never lies across two pages of the file, which have 4,096 bytes.
_PAGE_STRIDE = 512
_MOST_PAGES = 128


class Notebook:
    """One line's note. One writer.

    Args:
        path: the file.
        paged: the note has a page for each machine of a shared line, see `edge_agent.station.pack_pages`.
    """

    def __init__(self, path: Path, *, paged: bool = False) -> None:
        self.path = path
        self._limit = PAGE_LIMIT_BYTES if paged else NOTE_LIMIT_BYTES
        self._pages = _MOST_PAGES if paged else 1
        with ExitStack() as opening:
            try:
                self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                opening.callback(os.close, self._fd)
                # The blocks are taken now, so that a disk that fills up later cannot stop the polling.
                os.posix_fallocate(self._fd, 0, (self._pages - 1) * _PAGE_STRIDE + self._frame_bytes)
                self._kept = [self._read(page) for page in range(self._pages)]
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
        """The last note kept, all its pages; b"" if there is none or it is damaged."""
        return self._kept[0] if self._pages == 1 else pack_pages(page for page in self._kept if page)

    def keep(self, note: bytes) -> None:
        """Keep `note`; of a note with pages those that are given. Raises JournalError when it cannot be."""
        if self._pages == 1:
            self._keep(0, note)
        else:
            for page in unpack_pages(note):
                self._keep(page[0], page)

    def _keep(self, number: int, page: bytes) -> None:
        if page == self._kept[number]:
            return
        framed = len(page).to_bytes(_LENGTH_BYTES, "little") + page
        check = zlib.crc32(framed).to_bytes(_CHECK_BYTES, "little")
        try:
            os.pwrite(self._fd, framed + check, number * _PAGE_STRIDE)
        except OSError as error:
            raise JournalError(
                f"note {self.path} cannot be written: {error.strerror}", "free some disk space"
            ) from error
        self._kept[number] = page

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    @property
    def _frame_bytes(self) -> int:
        return _LENGTH_BYTES + self._limit + _CHECK_BYTES

    def _read(self, page: int) -> bytes:
        raw = os.pread(self._fd, self._frame_bytes, page * _PAGE_STRIDE)
        end = _LENGTH_BYTES + int.from_bytes(raw[:_LENGTH_BYTES], "little")
        framed, check = raw[:end], raw[end : end + _CHECK_BYTES]
        intact = len(check) == _CHECK_BYTES and zlib.crc32(framed) == int.from_bytes(check, "little")
        return framed[_LENGTH_BYTES:] if intact else b""


def _cannot_open(path: Path, error: OSError) -> JournalError:
    what = f"note {path} cannot be opened: {error.strerror}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return JournalFull(what, "free some disk space")
    return JournalError(what, "give the agent write access to its state folder")
