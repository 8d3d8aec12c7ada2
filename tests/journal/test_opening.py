"""Who may open a journal, and what is one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.errors import AgentError, InUseError, JournalDamaged, JournalError, JournalFull
from edge_agent.journal import Role, open_journal, storage
from edge_agent.journal.housekeeper import Housekeeper
from edge_agent.journal.lock import Lock
from edge_agent.journal.position import Position
from edge_agent.journal.reader import Reader

FORWARDER = "forwarder"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def make_journal(path: Path) -> None:
    with open_journal(path, role="collect", housekeeping=False) as journal:
        journal.append([b"a"])


def test_the_collector_makes_the_folder_and_the_file_for_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal" / "journal.db"

    with open_journal(path, role="collect") as journal:
        journal.append([b"a"])

        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.parent.parent.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_the_file_is_a_database_anyone_can_look_into(path: Path) -> None:
    make_journal(path)

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (storage.APPLICATION_ID,)
        assert db.execute("PRAGMA user_version").fetchone() == (storage.SCHEMA_VERSION,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("SELECT sequence, payload FROM records").fetchall() == [(1, b"a")]


def test_a_commit_is_fsynced_and_never_pays_for_a_checkpoint(path: Path) -> None:
    with open_journal(path, role="collect") as journal:
        assert journal._collecting is not None
        db = journal._collecting.appender._db

        assert db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
        assert db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


@pytest.mark.parametrize("role", ["forward", "read"])
def test_a_journal_that_is_not_there_is_named(path: Path, role: Role) -> None:
    with pytest.raises(JournalError, match=r"journal\.db does not exist — start the collector"):
        open_journal(path, role=role)

    assert not path.exists()


def test_a_forwarder_can_wait_for_its_collector(path: Path) -> None:
    collector = threading.Timer(0.1, make_journal, [path])
    collector.start()

    with open_journal(path, role="forward", wait_seconds=10) as journal:
        assert journal.depth(FORWARDER) in {0, 1}

    collector.join()


def test_a_second_collector_is_told_who_the_first_is(path: Path) -> None:
    with (
        open_journal(path, role="collect"),
        pytest.raises(
            InUseError, match=f"journal .* is in use by process {os.getpid()} — stop that collector"
        ),
    ):
        open_journal(path, role="collect")


def test_a_second_forwarder_is_told_who_the_first_is(path: Path) -> None:
    make_journal(path)

    with (
        open_journal(path, role="forward"),
        pytest.raises(
            InUseError,
            match=f"consumer forwarder .* is in use by process {os.getpid()} — stop that forwarder",
        ),
    ):
        open_journal(path, role="forward")


def test_a_role_is_free_again_when_its_holder_closes(path: Path) -> None:
    make_journal(path)
    open_journal(path, role="forward").close()

    with open_journal(path, role="collect"), open_journal(path, role="forward") as forwarder:
        assert forwarder.depth(FORWARDER) == 1


def test_a_role_is_free_again_when_opening_failed(path: Path) -> None:
    path.write_bytes(b"not a journal")
    with pytest.raises(JournalDamaged):
        open_journal(path, role="collect")
    path.unlink()

    with open_journal(path, role="collect") as journal:
        assert journal.head == 0


@pytest.mark.integration
def test_a_role_is_free_again_when_its_holder_is_killed(path: Path) -> None:
    holder = (
        "import sys; from pathlib import Path; from edge_agent.journal import open_journal;"
        "held = open_journal(Path(sys.argv[1]), role='collect'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(InUseError, match=f"in use by process {process.pid}"):
            open_journal(path, role="collect")
        process.kill()

    with open_journal(path, role="collect") as journal:
        assert journal.append([b"a"]) == range(1, 2)


def a_text_file(path: Path) -> None:
    path.write_text("Dear journal,\n" * 400, encoding="ascii")


def an_empty_file(path: Path) -> None:
    path.touch()


def a_foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE records (sequence INTEGER PRIMARY KEY)")


def a_newer_journal(path: Path) -> None:
    make_journal(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {storage.SCHEMA_VERSION + 1}")


def half_a_journal(path: Path) -> None:
    with open_journal(path, role="collect", housekeeping=False) as journal:
        journal.append([b"x" * 100_000])
    path.write_bytes(path.read_bytes()[:50_000])


def a_journal_overwritten_inside(path: Path) -> None:
    make_journal(path)
    raw = bytearray(path.read_bytes())
    raw[4096:] = bytes(byte ^ 0x55 for byte in raw[4096:])
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (a_text_file, "is damaged: file is not a database — move it"),
        (an_empty_file, "is not a journal — set `journal.path`"),
        (a_foreign_database, "is not a journal — set `journal.path`"),
        (a_newer_journal, "was written by a newer agent .* — install that version"),
        (half_a_journal, "is damaged: database disk image is malformed"),
        (a_journal_overwritten_inside, "is damaged: database disk image is malformed"),
    ],
)
@pytest.mark.parametrize("role", ["collect", "forward", "read"])
def test_what_is_no_journal_is_named_and_left_as_it_is(
    path: Path, make: Callable[[Path], None], what: str, role: Role
) -> None:
    make(path)
    before = path.read_bytes()

    with pytest.raises(JournalDamaged, match=what):
        open_journal(path, role=role)

    assert path.read_bytes() == before


def test_a_folder_in_the_place_of_the_file_is_named(path: Path) -> None:
    path.mkdir()

    with pytest.raises(JournalError, match="is not a file"):
        open_journal(path, role="collect")


@pytest.mark.parametrize("where", ["file/journal.db", "file/folder/journal.db"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match=r"Not a directory — check `journal\.path`"):
        open_journal(tmp_path / where, role="collect")


@pytest.mark.parametrize("role", ["collect", "forward", "read"])
def test_a_path_the_kernel_does_not_take_is_named(tmp_path: Path, role: Role) -> None:
    with pytest.raises(JournalError, match="File name too long"):
        open_journal(tmp_path / ("x" * 300), role=role)


def test_a_lock_that_cannot_be_taken_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_fd: int, _how: int) -> None:
        raise OSError(37, "No locks available")

    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208  names, not paths
    monkeypatch.setattr("fcntl.flock", no_locks)

    with pytest.raises(JournalError, match="No locks available"):
        Lock(tmp_path / "lock", "journal", "stop it")

    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  as above


def test_a_consumer_is_free_again_when_claiming_it_failed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_journal(path)

    def full_disk(_self: Position, _through: int) -> None:
        raise storage.full(path, 0)

    with monkeypatch.context() as patch:
        patch.setattr(Position, "write", full_disk)
        with pytest.raises(JournalFull):
            open_journal(path, role="forward")

    with open_journal(path, role="forward") as journal:
        assert journal.depth(FORWARDER) == 1


@pytest.mark.parametrize(
    ("errno", "error"), [(28, JournalFull), (122, JournalFull), (13, JournalError), (5, JournalError)]
)
def test_errors_of_the_kernel_become_ours(path: Path, errno: int, error: type[JournalError]) -> None:
    with pytest.raises(JournalError) as raised, storage.translated(path):
        raise OSError(errno, os.strerror(errno))

    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("code", "error", "what"),
    [
        (sqlite3.SQLITE_FULL, JournalFull, "is full"),
        (sqlite3.SQLITE_CORRUPT_INDEX, JournalDamaged, "is damaged"),
        (sqlite3.SQLITE_NOTADB, JournalDamaged, "is damaged"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, JournalError, "is locked by another program"),
        (sqlite3.SQLITE_READONLY_DBMOVED, JournalError, "cannot be opened"),
        (sqlite3.SQLITE_CANTOPEN, JournalError, "cannot be opened"),
        (sqlite3.SQLITE_IOERR_FSYNC, JournalError, "failed: no luck — check the disk"),
    ],
)
def test_errors_of_sqlite_become_ours(path: Path, code: int, error: type[AgentError], what: str) -> None:
    sqlite_error = sqlite3.OperationalError("no luck")
    sqlite_error.sqlite_errorcode = code

    with pytest.raises(AgentError, match=what) as raised, storage.translated(path):
        raise sqlite_error

    assert type(raised.value) is error
    assert raised.value.__cause__ is sqlite_error


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_CANTOPEN])
def test_on_a_full_disk_oblique_errors_mean_that_it_is_full(
    path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_error = sqlite3.OperationalError("disk I/O error")
    sqlite_error.sqlite_errorcode = code
    monkeypatch.setattr(storage, "free_bytes", lambda _folder: 4096)

    with pytest.raises(JournalFull), storage.translated(path):
        raise sqlite_error


def test_an_error_is_named_also_when_the_folder_is_gone(tmp_path: Path) -> None:
    sqlite_error = sqlite3.OperationalError("unable to open database file")
    sqlite_error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN

    with (
        pytest.raises(JournalError, match="cannot be opened"),
        storage.translated(tmp_path / "gone" / "journal.db"),
    ):
        raise sqlite_error


def test_a_collector_that_cannot_start_its_housekeeper_gives_everything_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_more: object) -> None:
        raise JournalError("no more connections")

    with monkeypatch.context() as patch:
        patch.setattr(Housekeeper, "__init__", fail)
        with pytest.raises(JournalError, match="no more connections"):
            open_journal(path, role="collect")

    with open_journal(path, role="collect") as journal:
        assert journal.append([b"a"]) == range(1, 2)


def test_a_connection_that_cannot_be_set_up_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_journal(path)
    monkeypatch.setattr(storage, "CACHE_KIB", "nonsense nonsense")

    with pytest.raises(JournalError):
        Reader(path)
