"""A stable name for a pseudo-terminal: a symbolic link that only its owner replaces.

The kernel numbers pseudo-terminals anew each time, so a host is given a link. A killed machine leaves its
link behind; the lock beside it says where that link led. So the next machine knows its own link again, and
touches nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.errors import ConfigurationError, InUseError
from edge_agent.peer.lock import Lock

PTS = Path("/dev/pts")


class Name:
    """A name that is claimed, linked and released."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: Lock | None = None

    def claim(self) -> None:
        """Take the name. Raises InUseError while another has it, ConfigurationError if it is not ours."""
        try:
            self._lock = Lock(self._path)
        except BlockingIOError as error:
            raise InUseError(
                f"port {self._path} is held by another machine", "stop it, or choose another name"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"port {self._path} cannot be made: {error.strerror}",
                "choose a folder that can be written to",
            ) from error
        if os.path.lexists(self._path) and not self._is_left_over(self._lock.words):
            self._lock.release()
            raise ConfigurationError(
                f"port {self._path} exists and was not made by a machine", "remove it, or choose another name"
            )
        self._path.unlink(missing_ok=True)

    def link(self, device: str) -> None:
        """Let the name lead to `device`."""
        if self._lock is not None:
            self._lock.leave(device)
            self._path.symlink_to(device)

    def release(self) -> None:
        """Give the name up."""
        if self._lock is None:
            return
        if self._leads_to(self._lock.words):
            self._path.unlink()
        self._lock.release()
        self._lock = None

    def _is_left_over(self, device: str) -> bool:
        if not self._path.is_symlink():
            return False
        target = self._path.readlink()
        return self._leads_to(device) or (target.parent == PTS and not target.exists())

    def _leads_to(self, device: str) -> bool:
        return bool(device) and self._path.is_symlink() and self._path.readlink() == Path(device)
