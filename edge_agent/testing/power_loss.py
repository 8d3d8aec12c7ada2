"""PowerLoss: what a folder could look like had the power gone just now.

While its context lasts it notes what was made durable: the bytes of a file at its last fsync or fdatasync,
the names in a folder at its last fsync. From these and from what is there now `image` makes a folder as
the power could have left it, at its harshest:

- Of what was written since, any sectors or pages may be there and the others not, in any order.
- A file that has grown or shrunk ends anywhere in between.
- A name that is new, gone or changed is as before or as now, each by itself.

Only what is done by this process through `os` is noted. `on_step` is called before each step that changes
anything, in the middle of whatever takes it: there the power can go.
"""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# A disk keeps its word about sectors, file systems write pages.
SECTOR_BYTES, PAGE_BYTES = 512, 4096
_BY_DESCRIPTOR = ("fsync", "fdatasync", "pwrite", "ftruncate")
_BY_NAME = ("rename", "replace", "unlink")

Names = dict[str, int]  # of a folder: which inode each name is


class PowerLoss:
    """Watches one folder and all below it. Use as a context.

    Args:
        folder: the folder, which is there.
        on_step: called before each step that changes anything in it.
    """

    def __init__(self, folder: Path, on_step: Callable[[], None] = lambda: None) -> None:
        self._folder = folder
        self._on_step = on_step
        self._content: dict[int, bytes] = {}  # of files by inode, as it was made durable last
        self._names: dict[Path, Names] = {}  # of folders, as they were made durable last
        self._originals: dict[str, Callable[..., Any]] = {}

    def __enter__(self) -> Self:
        for folder in (self._folder, *_folders(self._folder)):
            self._names[folder] = _names(folder)
        for file in _files(self._folder):
            self._content[file.stat().st_ino] = file.read_bytes()
        for name in (*_BY_DESCRIPTOR, *_BY_NAME):
            self._originals[name] = getattr(os, name)
            setattr(os, name, self._watching(name))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, original in self._originals.items():
            setattr(os, name, original)

    def image(self, target: Path, chance: random.Random) -> None:
        """Make `target` the folder as the power could have left it now."""
        target.mkdir()
        self._make(self._folder, target, chance)

    def write_back(self, chance: random.Random) -> None:
        """Have the kernel write some of a file that was not synced, unasked, as it does whenever it likes."""
        file = chance.choice(sorted(_files(self._folder)))
        inode = file.stat().st_ino
        self._content[inode] = torn(self._content.get(inode, b""), file.read_bytes(), chance)

    def _watching(self, name: str) -> Callable[..., Any]:
        original = self._originals[name]

        def watched(what: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401  as of `os`
            if self._is_ours(what):
                self._on_step()
            outcome = original(what, *arguments, **named)
            if name in {"fsync", "fdatasync"}:
                self._note(what)
            return outcome

        return watched

    def _is_ours(self, what: int | Path | str) -> bool:
        path = _path_of(what) if isinstance(what, int) else Path(what)
        return self._folder in (path, *path.parents)

    def _note(self, descriptor: int) -> None:
        """It is durable as it is."""
        status = os.fstat(descriptor)
        if not self._is_ours(descriptor):
            return
        if stat.S_ISDIR(status.st_mode):
            folder = _path_of(descriptor)
            self._names[folder] = _names(folder)
        else:
            self._content[status.st_ino] = _read(Path(f"/proc/self/fd/{descriptor}"))

    def _make(self, folder: Path, target: Path, chance: random.Random) -> None:
        before, now = self._names.get(folder, {}), _names(folder)
        for name in sorted(before.keys() | now.keys()):
            inode = chance.choice([before.get(name), now.get(name)])
            if inode is None:
                continue
            there = folder / name
            if there.is_dir():
                (target / name).mkdir()
                self._make(there, target / name, chance)
                continue
            durable = self._content.get(inode, b"")
            current = there.read_bytes() if now.get(name) == inode else durable
            (target / name).write_bytes(torn(durable, current, chance))
            (target / name).chmod(0o600)


def torn(durable: bytes, current: bytes, chance: random.Random) -> bytes:
    """What may be in a file of which `durable` is on the disk and `current` is meant to be."""
    if durable == current:
        return current
    unit = chance.choice((SECTOR_BYTES, PAGE_BYTES))
    shortest, longest = sorted((len(durable), len(current)))
    size = chance.choice((shortest, longest, chance.randint(shortest, longest)))
    share = chance.choice((0.0, 1.0, chance.random()))  # none of it, all of it, and anything in between
    pieces = []
    for at in range(0, size, unit):
        source = current if chance.random() < share else durable
        pieces.append(source[at : at + unit].ljust(min(unit, size - at), b"\0")[: size - at])
    return b"".join(pieces)


def _path_of(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_dir())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _names(folder: Path) -> Names:
    with os.scandir(folder) as entries:
        return {entry.name: entry.inode() for entry in entries}


def _read(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""
