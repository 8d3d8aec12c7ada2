"""A lock that dies with its holder: flock on a file that says who holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from edge_agent.errors import InUseError
from edge_agent.journal.disk import FILE_MODE, translated

_PID_DIGITS = 10  # Linux pids have at most 7; the width is fixed, so a full disk cannot stop the rewriting


class Lock:
    """Held from construction to `release`, or until the process ends, however it ends.

    Args:
        path: the lock file; it stays when the lock is released, since removing it would race.
        what: what the lock guards, for the error, e.g. "journal /var/lib/edge-agent/journal.db".
        mend: what to do when another process holds it.
        folder: is held too, where it is given: somebody may delete the file, to be rid of the lock.
    """

    def __init__(self, path: Path, what: str, mend: str, *, folder: Path | None = None) -> None:
        self._folder_fd = -1
        with translated(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            try:
                self._take()
                if folder is not None:
                    self._folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                    fcntl.flock(self._folder_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(self._fd, _PID_DIGITS, 0).decode("ascii", "replace").strip() or "unknown"
                self.release()
                raise InUseError(f"{what} is in use by process {holder}", mend) from error
            except BaseException:
                self.release()
                raise

    def release(self) -> None:
        """Let others have it."""
        os.close(self._fd)
        if self._folder_fd >= 0:
            os.close(self._folder_fd)

    def _take(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pwrite(self._fd, f"{os.getpid():<{_PID_DIGITS}}\n".encode("ascii"), 0)
