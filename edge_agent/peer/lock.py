"""A lock that dies with its holder, in a hidden file beside what it guards; a clean end takes the file away.

The file may hold a few words for whoever takes the lock next, after a holder that was killed.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

MOST_WORDS_BYTES = 64


class Lock:
    """The lock of one path, taken when made.

    Raises:
        BlockingIOError: somebody holds it.
        OSError: there can be no such file.
    """

    def __init__(self, guarded: Path) -> None:
        self._path = guarded.with_name(f".{guarded.name}.lock")
        self._fd = self._take()

    @property
    def words(self) -> str:
        """What the last holder left."""
        return os.pread(self._fd, MOST_WORDS_BYTES, 0).decode(errors="replace")

    def leave(self, words: str) -> None:
        """Leave words for the next holder."""
        os.pwrite(self._fd, words.encode(), 0)
        os.ftruncate(self._fd, len(words.encode()))

    def release(self) -> None:
        """Let others have it."""
        self._path.unlink(missing_ok=True)
        os.close(self._fd)

    def _take(self) -> int:
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._path.exists() and os.path.samestat(os.fstat(descriptor), self._path.stat()):
                    return descriptor
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)  # its holder took the file away while we opened it
