"""A stable name for a pseudo-terminal: a symbolic link that only its owner replaces.

The kernel numbers pseudo-terminals anew each time, so a host is given a link. A killed machine leaves its
link behind; a hidden file beside it, locked while the machine runs, says where that link led. So the next
machine knows its own link again, and touches nothing else.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from edge_agent.errors import ConfigurationError, InUseError

PTS = Path("/dev/pts")
LONGEST_DEVICE_BYTES = 64


class Name:
    """A name that is claimed, linked and released."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._note = path.with_name(f".{path.name}.lock")
        self._lock = -1
        self._device = ""

    def claim(self) -> None:
        """Take the name. Raises InUseError while another has it, ConfigurationError if it is not ours."""
        try:
            self._lock = self._locked()
        except OSError as error:
            raise ConfigurationError(
                f"port {self._path} cannot be made: {error.strerror}",
                "choose a folder that can be written to",
            ) from error
        if os.path.lexists(self._path) and not self._is_left_over():
            self._let_go()
            raise ConfigurationError(
                f"port {self._path} exists and was not made by a machine", "remove it, or choose another name"
            )
        self._path.unlink(missing_ok=True)

    def link(self, device: str) -> None:
        """Let the name lead to `device`."""
        self._device = device
        os.pwrite(self._lock, device.encode(), 0)
        os.ftruncate(self._lock, len(device))
        self._path.symlink_to(device)

    def release(self) -> None:
        """Give the name up."""
        if self._device and self._path.is_symlink() and self._path.readlink() == Path(self._device):
            self._path.unlink()
        self._device = ""
        self._let_go()

    def _let_go(self) -> None:
        self._note.unlink(missing_ok=True)
        os.close(self._lock)

    def _locked(self) -> int:
        while True:
            lock = os.open(self._note, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._note.exists() and os.path.samestat(os.fstat(lock), self._note.stat()):
                    return lock
            except BlockingIOError as error:
                os.close(lock)
                raise InUseError(
                    f"port {self._path} is held by another machine", "stop it, or choose another name"
                ) from error
            os.close(lock)  # it was released, and its file removed, while we opened it

    def _is_left_over(self) -> bool:
        if not self._path.is_symlink():
            return False
        target = self._path.readlink()
        known = os.pread(self._lock, LONGEST_DEVICE_BYTES, 0).decode(errors="replace")
        return target == Path(known) or (target.parent == PTS and not target.exists())
