"""The journal's disk: how it is written, made durable and measured, and its errors in our words."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import AbstractContextManager, suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType

from edge_agent.errors import JournalDamaged, JournalError, JournalFull

FOLDER_MODE, FILE_MODE = 0o700, 0o600

# With less than this free, an I/O error is a full disk: quotas and shared memory files say so obliquely.
FULL_DISK_BYTES = 1 << 20

# What the name of a file ends with that is not yet one.
NEW = ".new"

PAGE_BYTES = 4096


def write_all(fd: int, data: bytes | bytearray, offset: int) -> None:
    """Write all of `data` at an offset: a disk that fills up takes a part before it says so."""
    written = os.pwrite(fd, data, offset)
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], offset + written)


def read_at(fd: int, size: int, offset: int) -> bytes:
    """What lies there, as far as the file goes. What the disk cannot read reads as zeros: it is damage."""
    try:
        return os.pread(fd, size, offset)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    end = offset + size
    borders = [offset, *range(offset - offset % PAGE_BYTES + PAGE_BYTES, end, PAGE_BYTES), end]
    return b"".join(_page(fd, at, until) for at, until in pairwise(borders))


def _page(fd: int, begin: int, end: int) -> bytes:
    try:
        return os.pread(fd, end - begin, begin)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    return bytes(max(0, min(end, os.fstat(fd).st_size) - begin))


def read_file(path: Path) -> bytes:
    """All of a file, as `read_at` does; nothing if there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return read_at(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


def write_file(path: Path, *parts: bytes | bytearray) -> None:
    """Put a file in its place, whole or not at all. Durable on return."""
    new = path.with_name(f"{path.name}{NEW}")
    try:
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            offset = 0
            for part in parts:
                write_all(fd, part, offset)
                offset += len(part)
            os.fsync(fd)
        finally:
            os.close(fd)
        new.rename(path)
    except OSError:
        with suppress(OSError):  # what is left of it would take up room
            new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_data(fd: int) -> None:
    """Make what was written durable. The one place where the promise meets the disk."""
    os.fdatasync(fd)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """Make what any process wrote to a file durable; nothing if there is no such file."""
    with suppress(FileNotFoundError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def free_bytes(folder: Path) -> int:
    """What an unprivileged program may still write to the disk of `folder`."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def taken_bytes(file: Path) -> int:
    """What a file takes up; nothing if it was deleted meanwhile."""
    with suppress(OSError):
        status = file.lstat()
        return status.st_blocks * 512 if stat.S_ISREG(status.st_mode) else 0
    return 0


def full(path: Path, free: int) -> JournalFull:
    """The error for a disk that takes no more."""
    return JournalFull(
        f"the disk of journal {path} is full ({free >> 20} MiB free)",
        "free some space or let the forwarder drain; what was journalled is safe",
    )


def translated(path: Path) -> AbstractContextManager[None]:
    """SQLite's and the kernel's errors become ours, and name the file."""
    return _Translated(path)


class _Translated:
    """A class: a generator takes four times as long."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, (sqlite3.Error, OSError)):
            raise ours(error, self._path) from error


def ours(error: sqlite3.Error | OSError, path: Path) -> JournalError:
    """The error in our words."""
    return _from_kernel(path, error) if isinstance(error, OSError) else _from_sqlite(path, error)


def _from_kernel(path: Path, error: OSError) -> JournalError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return full(path, 0)
    if error.errno == errno.EBADF:
        return JournalError(f"journal {path} is closed", "open it again")
    if error.errno == errno.EROFS:
        return JournalError(
            f"the disk of journal {path} is read-only",
            "mount it for writing; `dmesg` says why it is not: an ageing card turns itself read-only",
        )
    if error.errno == errno.EIO:
        return _full_or(path, f"journal {path} failed: {error.strerror}", "check the disk; `dmesg` says more")
    return JournalError(
        f"journal {path} cannot be used: {error.strerror}",
        "check `journal.path`, and that the agent may write there",
    )


def _from_sqlite(path: Path, error: sqlite3.Error) -> JournalError:
    if isinstance(error, sqlite3.ProgrammingError):
        return JournalError(f"{path} is closed", "open it again")
    match error.sqlite_errorcode & 0xFF:  # the low byte is the primary result code
        case sqlite3.SQLITE_FULL:
            return full(path, free_bytes(path.parent))
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return JournalDamaged(
                f"{path} is damaged: {error}", "move it away and keep it for recovery, then start again"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalError(
                f"{path} is locked by another program", "close the SQLite shell or backup that holds it"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_READONLY:
            return _full_or(path, f"{path} cannot be opened: {error}", "give the agent write access to it")
        case _:
            return _full_or(path, f"{path} failed: {error}", "check the disk; `dmesg` says more")


def _full_or(path: Path, what: str, mend: str) -> JournalError:
    with suppress(OSError):
        free = free_bytes(path.parent)
        if free < FULL_DISK_BYTES:
            return full(path, free)
    return JournalError(what, mend)
