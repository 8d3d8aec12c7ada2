"""The disk, one small step at a time: what a power cut may come between.

Every change of an identity is a row of these steps, so that a test can end the world after any
of them. A file's content is durable once `create` returns; a name, new or gone, once the folder
that holds it was synced. Files are 0600, folders 0700, whatever the umask.
"""

from __future__ import annotations

import os
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
# What is being written has this ending until it is whole.
PART = ".part"


class Disk:
    """The steps. Raises OSError, as the system does."""

    def make_folder(self, path: Path) -> None:
        """Make a folder for us alone."""
        path.mkdir(mode=FOLDER_MODE)
        path.chmod(FOLDER_MODE)

    def create(self, path: Path, data: bytes) -> None:
        """Make a new file for us alone; its content is durable, its name is not yet."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, FILE_MODE)
            file.write(data)
            file.flush()
            self.sync(descriptor)

    def link(self, path: Path, target: str) -> None:
        """Make a symbolic link."""
        path.symlink_to(target)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its name, in place of whatever had it."""
        source.replace(target)

    def overwrite(self, path: Path) -> None:
        """Write noughts over a file. Flash may keep the old cells: best effort."""
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            self.sync(file.fileno())

    def remove(self, path: Path) -> None:
        """Take a file's name away."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """Take an empty folder away."""
        path.rmdir()

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def sync(self, descriptor: int) -> None:
        """Wait until the disk has it: a part of the steps above, not one of its own."""
        os.fsync(descriptor)


def put(disk: Disk, path: Path, data: bytes) -> None:
    """Write a file durably; whoever looks sees the old one or the new one, never half."""
    part = path.with_name(path.name + PART)
    if part.exists():
        disk.remove(part)
    disk.create(part, data)
    disk.rename(part, path)
    disk.sync_folder(path.parent)


def point(disk: Disk, path: Path, target: str) -> None:
    """Make a symbolic link durably, in place of the one that was there."""
    part = path.with_name(path.name + PART)
    if part.is_symlink():
        disk.remove(part)
    disk.link(part, target)
    disk.rename(part, path)
    disk.sync_folder(path.parent)


def wipe(disk: Disk, path: Path) -> None:
    """Overwrite a secret and take it away, if it is there. On flash the overwriting is best effort."""
    if path.is_file():
        disk.overwrite(path)
        disk.remove(path)
        disk.sync_folder(path.parent)
