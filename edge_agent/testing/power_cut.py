"""PowerCutDisk: loses its power before the step it was told, and what was not durable with it.

What a folder was not synced for may be there afterwards or not, as real file systems have it: with
`lose` every such name is undone, without it all are kept. A file being made when the power goes
is left half written.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from edge_agent.credentials.disk import Disk

Undo = Callable[[], object]


class PowerCut(BaseException):
    """The end of the process: no handler of ordinary errors sees it."""


class QuickDisk(Disk):
    """A disk that is not waited for. What would be durable is for the test to say."""

    def sync(self, descriptor: int) -> None:
        """Not at all."""


class PowerCutDisk(QuickDisk):
    """Counts steps, and ends the world before one of them.

    Args:
        at: the step before which the power goes, from 0; never, if it is beyond the last.
        lose: whether names that were not synced are lost.
        kill: end the process by SIGKILL in place of raising PowerCut; loses nothing but the process.
    """

    def __init__(self, at: int, *, lose: bool = True, kill: bool = False) -> None:
        self.steps = 0
        self._at = at
        self._lose = lose
        self._kill = kill
        self._undo: list[tuple[Path, Undo]] = []  # the folder that has to be synced, and how to undo

    def make_folder(self, path: Path) -> None:
        """As Disk."""
        self._step()
        super().make_folder(path)
        self._undo.append((path.parent, path.rmdir))

    def create(self, path: Path, data: bytes) -> None:
        """As Disk."""
        self._step(lambda: path.write_bytes(data[: len(data) // 2]))
        super().create(path, data)
        self._undo.append((path.parent, path.unlink))

    def link(self, path: Path, target: str) -> None:
        """As Disk."""
        self._step()
        super().link(path, target)
        self._undo.append((path.parent, path.unlink))

    def rename(self, source: Path, target: Path) -> None:
        """As Disk."""
        self._step()
        before = _remember(target)
        super().rename(source, target)
        self._undo.append((target.parent, lambda: (target.rename(source), before())))

    def overwrite(self, path: Path) -> None:
        """As Disk."""
        self._step()
        super().overwrite(path)

    def remove(self, path: Path) -> None:
        """As Disk."""
        self._step()
        before = _remember(path)
        super().remove(path)
        self._undo.append((path.parent, before))

    def remove_folder(self, path: Path) -> None:
        """As Disk."""
        self._step()
        super().remove_folder(path)
        self._undo.append((path.parent, path.mkdir))

    def sync_folder(self, path: Path) -> None:
        """As Disk."""
        self._step()
        super().sync_folder(path)
        self._undo = [(folder, undo) for folder, undo in self._undo if folder != path]

    def _step(self, torn: Undo = lambda: None) -> None:
        if self.steps == self._at:
            torn()
            if self._kill:
                os.kill(os.getpid(), signal.SIGKILL)
            for _folder, undo in reversed(self._undo if self._lose else []):
                undo()
            raise PowerCut
        self.steps += 1


def _remember(path: Path) -> Undo:
    """How to bring back what has this name now."""
    if path.is_symlink():
        target = path.readlink()
        return lambda: path.symlink_to(target)
    if path.is_file():
        data = path.read_bytes()
        return lambda: path.write_bytes(data)
    return lambda: None
