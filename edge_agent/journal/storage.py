"""The journal's file: what makes it one, how it comes to be, and how its connections are opened.

Invariants
- A journal appears whole: it is made under another name and then linked into place.
- A file is looked at before it is opened. What is foreign, damaged or newer is left as it is.
- SQLite's errors become ours here, and name the file.

    journal     one row: its id, when it was made, and how far records were forgotten
    consumers   who must have acknowledged a record before it is forgotten
    records     sequence, time of append, payload

The head is the highest sequence there is or ever was: `records` may be empty, so what was
forgotten counts too. No row but the record itself changes in an append, which keeps a commit
to one or two pages.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from edge_agent.errors import JournalDamaged, JournalError, JournalFull

APPLICATION_ID = 0x454A_4E4C  # "EJNL" in the SQLite header, so that file(1) can tell it from others
SCHEMA_VERSION = 1
DEFAULT_CONSUMER = "forwarder"

FOLDER_MODE, FILE_MODE = 0o700, 0o600

# One process writes each file, so a lock is only ever met while another process recovers or closes it.
BUSY_SECONDS = 5.0

# The agent touches the newest few pages: 1 MiB a connection instead of SQLite's 2.
CACHE_KIB = 1024

# With less than this free, an I/O error is a full disk: quotas and the shared memory file say so obliquely.
FULL_DISK_BYTES = 1 << 20

SCHEMA = (
    "CREATE TABLE journal (id TEXT NOT NULL, created_at REAL NOT NULL, forgotten_through INTEGER NOT NULL)",
    "CREATE TABLE consumers (name TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE records (sequence INTEGER PRIMARY KEY, appended_at REAL NOT NULL, payload BLOB NOT NULL)",
)

HEAD = "SELECT max(forgotten_through, coalesce((SELECT max(sequence) FROM records), 0)) FROM journal"


def create(path: Path, created_at: float) -> None:
    """Make an empty journal at `path`, which does not exist."""
    new = path.with_name(path.name + ".new")
    with translated(path):
        for suffix in ("", "-journal", "-wal", "-shm"):  # of a creation that was killed
            new.with_name(new.name + suffix).unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
        with closing(connect(new, synchronous="FULL")) as db:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # must come before the first table
            db.execute("BEGIN IMMEDIATE")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            for statement in SCHEMA:
                db.execute(statement)
            db.execute("INSERT INTO journal VALUES (?, ?, 0)", (uuid.uuid4().hex, created_at))
            db.execute("INSERT INTO consumers VALUES (?)", (DEFAULT_CONSUMER,))
            db.execute("COMMIT")
            db.execute("PRAGMA journal_mode = WAL")
        new.rename(path)
        sync_folder(path.parent)


def check(path: Path) -> None:
    """Raise JournalDamaged unless `path` is a journal we can read. Changes nothing in it."""
    with translated(path):
        if not path.is_file():
            raise JournalDamaged(f"{path} is not a file", "set `journal.path` to one")
        try:
            application, version = _marks(path, "mode=ro&immutable=1")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_CORRUPT:
                raise
            # A checkpoint under way, or killed half-way, leaves a file that makes sense with its log only.
            application, version = _marks(path, "mode=ro")
    if application != APPLICATION_ID:
        raise JournalDamaged(
            f"{path} is not a journal", "set `journal.path` to another file; this one was left as it is"
        )
    if version > SCHEMA_VERSION:
        raise JournalDamaged(
            f"journal {path} was written by a newer agent (schema {version}, not {SCHEMA_VERSION})",
            "install that version again; the journal was left as it is",
        )


def connect(path: Path, *, synchronous: str, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection that commits when told and never checkpoints by itself."""
    db = sqlite3.connect(
        path.absolute().as_uri() + "?mode=rw",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except BaseException:
        db.close()
        raise
    return db


def _marks(path: Path, how: str) -> tuple[int, int]:
    """Whose file it is, and in which version.

    `immutable` keeps SQLite from rolling back, recovering or locking a file that is not ours.
    Reading the header ourselves would not do: closing a file gives up every POSIX lock this
    process has on it, those of its other connections included.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as db:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
    return application, version


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors; asking again is then an error of its own.
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's and the kernel's errors become ours, and name the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise _from_sqlite(path, error) from error
    except OSError as error:
        raise _from_kernel(path, error) from error


def free_bytes(folder: Path) -> int:
    """What an unprivileged program may still write to the disk of `folder`."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def full(path: Path, free: int) -> JournalFull:
    """The error for a disk that takes no more."""
    return JournalFull(
        f"the disk of journal {path} is full ({free >> 20} MiB free)",
        "free some space or let the forwarder drain; what was journalled is safe",
    )


def _from_sqlite(path: Path, error: sqlite3.Error) -> JournalError:
    if isinstance(error, sqlite3.ProgrammingError):
        return JournalError(f"journal {path} is closed", "open it again")
    match error.sqlite_errorcode & 0xFF:  # the low byte is the primary result code
        case sqlite3.SQLITE_FULL:
            return full(path, free_bytes(path.parent))
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return JournalDamaged(
                f"journal {path} is damaged: {error}",
                "move it and the files beside it away and keep them for recovery, then start again",
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalError(
                f"journal {path} is locked by another program",
                "close the SQLite shell or backup that holds it",
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_READONLY:
            return _full_or(
                path, f"journal {path} cannot be opened: {error}", "give the agent write access to it"
            )
        case _:
            return _full_or(path, f"journal {path} failed: {error}", "check the disk; `dmesg` says more")


def _from_kernel(path: Path, error: OSError) -> JournalError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return full(path, 0)
    return JournalError(
        f"journal {path} cannot be used: {error.strerror}",
        "check `journal.path`, and that the agent may write there",
    )


def _full_or(path: Path, what: str, mend: str) -> JournalError:
    with suppress(OSError):
        free = free_bytes(path.parent)
        if free < FULL_DISK_BYTES:
            return full(path, free)
    return JournalError(what, mend)
