"""One test for every way storage has surprised us, or someone we read."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from edge_agent.errors import InUseError, JournalDamaged, JournalError, JournalFull
from edge_agent.journal import Journal, open_journal, storage
from edge_agent.journal import housekeeper as housekeeper_module
from edge_agent.journal.appender import Appender
from edge_agent.journal.housekeeper import Housekeeper

FORWARDER = "forwarder"
PLENTY = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with open_journal(path, role="collect", housekeeping=False) as journal:
        yield journal


def collector(path: Path) -> Journal:
    return open_journal(path, role="collect", housekeeping=False)


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def position_of(path: Path) -> Path:
    return path.with_name(path.name + ".forwarder.position")


def appender_of(journal: Journal) -> Appender:
    assert journal._collecting is not None
    return journal._collecting.appender


def housekeeper_of(journal: Journal) -> Housekeeper:
    assert journal._collecting is not None
    return journal._collecting.housekeeper


def as_kill_would_leave_it(path: Path, into: Path) -> Path:
    """The files as they are now, without the shared memory that only a living process has."""
    into.mkdir()
    for file in path.parent.glob(path.name + "*"):
        if file.is_file() and not file.name.endswith(("-shm", ".lock")):
            shutil.copy(file, into)
    return into / path.name


def contents(journal: Journal) -> list[tuple[int, bytes]]:
    return [(record.sequence, record.payload) for record in journal.read(FORWARDER, 1000, PLENTY)]


# Numbers.


def test_numbers_do_not_begin_again_when_everything_was_forgotten(path: Path) -> None:
    """SQLite gives max(rowid) + 1, which is 1 in an empty table."""
    with collector(path) as journal:
        journal.append([b"a", b"b"])
        journal.acknowledge(FORWARDER, 2)
        assert journal.forget() == 2

    with collector(path) as again:
        assert again.head == 2
        assert again.append([b"c"]) == range(3, 4)


def test_a_failed_append_leaves_no_hole(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append([b"a"])
    with monkeypatch.context() as patch:
        patch.setattr(appender_of(journal), "_minimum_free_bytes", 1 << 60)
        with pytest.raises(JournalFull):
            journal.append([b"never"])

    assert journal.append([b"b"]) == range(2, 3)
    assert contents(journal) == [(1, b"a"), (2, b"b")]


def test_a_commit_that_fails_leaves_no_hole(journal: Journal) -> None:
    """The head is asked of the file again, whatever we believed."""
    journal.append([b"a"])
    db = appender_of(journal)._db
    db.execute(
        "CREATE TEMP TRIGGER trouble BEFORE INSERT ON records BEGIN SELECT RAISE(FAIL, 'no luck'); END"
    )
    with pytest.raises(JournalError, match="no luck"):
        journal.append([b"never", b"never either"])
    assert journal.head == 1, "also before the next append"
    db.execute("DROP TRIGGER trouble")

    assert journal.append([b"b"]) == range(2, 3)
    assert contents(journal) == [(1, b"a"), (2, b"b")]


def test_a_disk_that_fills_in_the_middle_of_an_append_keeps_none_of_it(journal: Journal) -> None:
    journal.append([b"a"])
    db = appender_of(journal)._db
    db.execute("PRAGMA max_page_count = 1")  # SQLite makes it what there is
    with pytest.raises(JournalFull, match="is full"):
        journal.append([b"never"] + [b"x" * 10_000] * 10)
    db.execute("PRAGMA max_page_count = 1000000")

    assert journal.append([b"b"]) == range(2, 3)
    assert contents(journal) == [(1, b"a"), (2, b"b")]


def test_numbers_the_disk_lost_are_not_given_out_again(path: Path, tmp_path: Path) -> None:
    """A card that lies about fsync loses records that the cloud has.

    To the cloud, a new record with an old number would be a repeat, and be dropped.
    """
    with collector(path) as journal:
        journal.append([b"a"])
        earlier = as_kill_would_leave_it(path, tmp_path / "earlier")
        journal.append([b"b", b"c"])
        journal.acknowledge(FORWARDER, 3)
    shutil.copy(position_of(path), earlier.parent)

    with collector(earlier) as again:
        assert again.head == 3
        assert again.append([b"d"]) == range(4, 5)
        assert contents(again) == [(4, b"d")]


def test_a_forwarder_ahead_of_what_the_disk_kept_waits_for_nothing(path: Path, tmp_path: Path) -> None:
    with collector(path) as journal:
        journal.append([b"a"])
        earlier = as_kill_would_leave_it(path, tmp_path / "earlier")
        journal.append([b"b"])
        journal.acknowledge(FORWARDER, 2)
    shutil.copy(position_of(path), earlier.parent)

    with open_journal(earlier, role="forward") as forwarder:
        assert forwarder.depth(FORWARDER) == 0
        forwarder.acknowledge(FORWARDER, 1)
        assert forwarder.position(FORWARDER) == 2


# Files.


def test_a_creation_killed_half_way_is_begun_again(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(f"{path.name}.new{suffix}").write_bytes(b"half")

    with collector(path) as journal:
        assert journal.append([b"a"]) == range(1, 2)

    assert not list(path.parent.glob("*.new*"))


def test_a_checkpoint_killed_half_way_is_no_damage(path: Path, tmp_path: Path) -> None:
    """Its first page already counts pages that are still in the log only."""
    with collector(path) as journal:
        journal.append([b"x" * 50_000])
        killed = as_kill_would_leave_it(path, tmp_path / "killed")
        journal.checkpoint()
        first_page = path.read_bytes()[:4096]
    with killed.open("r+b") as file:
        file.write(first_page)

    with collector(killed) as again:
        assert contents(again) == [(1, b"x" * 50_000)]
        assert again.append([b"b"]) == range(2, 3)


@pytest.mark.parametrize("lost_bytes", [1, 1000, 4096, 4120])
def test_a_log_with_a_torn_end_keeps_what_came_before(path: Path, tmp_path: Path, lost_bytes: int) -> None:
    with collector(path) as journal:
        journal.append([b"a"])
        journal.append([b"b"])
        killed = as_kill_would_leave_it(path, tmp_path / "killed")
    with log_of(killed).open("r+b") as log:
        log.truncate(log_of(killed).stat().st_size - lost_bytes)

    with collector(killed) as again:
        assert contents(again) == [(1, b"a")]
        assert again.append([b"c"]) == range(2, 3)


def test_a_journal_moved_away_is_noticed_by_the_next_append(path: Path, journal: Journal) -> None:
    """SQLite goes on writing to a file that has no name any more; all of it would be gone at exit."""
    journal.append([b"a"])
    path.rename(path.with_name("elsewhere.db"))

    with pytest.raises(JournalError, match="No such file"):
        journal.append([b"b"])


def test_a_journal_replaced_is_noticed_by_the_next_append(path: Path, journal: Journal) -> None:
    journal.append([b"a"])
    copy = shutil.copy(path, path.with_name("copy.db"))
    Path(copy).rename(path)

    with pytest.raises(JournalError, match="moved or replaced while it was open — restart the collector"):
        journal.append([b"b"])


@pytest.mark.integration
def test_looking_at_a_journal_leaves_the_locks_of_its_users_alone(path: Path, journal: Journal) -> None:
    """POSIX: closing a file gives up every lock the process has on it, whoever took them."""
    journal.append([b"a"])

    storage.check(path)

    steal = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], timeout=0);"
        "print(db.execute('PRAGMA journal_mode = DELETE').fetchone())"
    )
    thief = subprocess.run(
        [sys.executable, "-c", steal, str(path)], capture_output=True, text=True, check=False
    )
    assert "database is locked" in thief.stderr


def test_a_shell_that_holds_the_file_is_named(path: Path, journal: Journal) -> None:
    appender_of(journal)._db.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="is locked by another program — close the SQLite shell"):
            journal.append([b"never"])
        shell.execute("ROLLBACK")

    assert journal.append([b"a"]) == range(1, 2)


# Positions.


@pytest.mark.parametrize(
    "damage",
    [b"", b"\0" * 64, b"0" * 32 + b" 99999999999999999999 00000000.\n", b"a b c", "½".encode() * 32],
)
def test_a_damaged_position_only_means_sending_again(path: Path, journal: Journal, damage: bytes) -> None:
    journal.append([b"a", b"b", b"c"])
    with open_journal(path, role="forward") as forwarder:
        forwarder.acknowledge(FORWARDER, 1)
        journal.forget()
        forwarder.acknowledge(FORWARDER, 2)
    position_of(path).write_bytes(damage)

    with open_journal(path, role="forward") as again:
        assert contents(again) == [(2, b"b"), (3, b"c")]
        again.acknowledge(FORWARDER, 3)
        assert journal.forget() == 2


def test_a_position_caught_half_written_is_the_one_before(path: Path, journal: Journal) -> None:
    journal.append([b"a", b"b"])
    with open_journal(path, role="forward") as forwarder:
        forwarder.acknowledge(FORWARDER, 1)
        assert journal.position(FORWARDER) == 1

        position_of(path).write_bytes(position_of(path).read_bytes()[:40])

        assert journal.position(FORWARDER) == 1


def test_the_position_of_another_journal_acknowledges_nothing(path: Path) -> None:
    """Someone deletes a journal and leaves the files beside it."""
    with collector(path) as journal:
        journal.append([b"a", b"b"])
        journal.acknowledge(FORWARDER, 2)
    path.unlink()

    with collector(path) as new:
        assert new.append([b"c"]) == range(1, 2)
        assert contents(new) == [(1, b"c")]
        assert new.forget() == 0


def test_a_lost_position_forgets_nothing(path: Path, journal: Journal) -> None:
    journal.append([b"a"])
    journal.acknowledge(FORWARDER, 1)
    journal.close()
    position_of(path).unlink()

    with collector(path) as again:
        assert again.forget() == 0
        assert contents(again) == [(1, b"a")]


# The file's size.


def test_more_than_one_page_is_given_back_at_a_time(path: Path, journal: Journal) -> None:
    """`PRAGMA incremental_vacuum` does a page a step, and execute(), even fetchall(), takes one."""
    journal.append([b"x" * 1000] * 5000)
    journal.checkpoint()
    full_size = path.stat().st_size
    journal.acknowledge(FORWARDER, 5000)

    while journal.forget():
        pass
    for _ in range(10):
        journal.forget()
    journal.checkpoint()

    kept = housekeeper_module.KEEP_FREE_PAGES * 4096
    assert full_size > 5_000_000
    assert path.stat().st_size < kept + 100_000


def test_a_read_cut_short_does_not_hold_the_log(path: Path, journal: Journal) -> None:
    """A cursor left half-way keeps its snapshot, and the log behind it."""
    journal.append([b"a" * 100, b"b" * 100])
    journal.read(FORWARDER, limit=10, max_bytes=1)
    journal.append([b"c"])
    journal.checkpoint()
    size = log_of(path).stat().st_size

    for _ in range(10):
        journal.append([b"d"])
        journal.checkpoint()

    assert log_of(path).stat().st_size == size, "each commit began the log again"


def test_a_log_that_nobody_lets_us_move_costs_a_turn_only_when_long(path: Path, journal: Journal) -> None:
    housekeeper = housekeeper_of(journal)
    journal.append([b"a"])
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN")
        shell.execute("SELECT count(*) FROM records").fetchone()
        journal.append([b"x" * 10_000])

        with a_commit_under_way(journal) as commit:
            housekeeper.checkpoint(longest_log_pages=1000)  # returns, although a commit is under way
            assert commit.is_alive()
        shell.execute("COMMIT")

    housekeeper.checkpoint(longest_log_pages=1)
    assert housekeeper._move_log()[0] == housekeeper._move_log()[1]


class a_commit_under_way:  # noqa: N801  reads as what it is
    """Somebody holds the turn until this ends."""

    def __init__(self, journal: Journal) -> None:
        self._turns = appender_of(journal).turns
        self._may_end, self._begun = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: self._turns.alone(self._work))

    def _work(self) -> None:
        self._begun.set()
        self._may_end.wait(10)

    def __enter__(self) -> threading.Thread:
        self._thread.start()
        self._begun.wait(10)
        return self._thread

    def __exit__(self, *_error: object) -> None:
        self._may_end.set()
        self._thread.join()


def test_a_long_log_under_constant_commits_is_moved_in_a_turn(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone always commits while the log is moved, so it is never all moved, and grows for ever."""
    housekeeper = housekeeper_of(journal)
    journal.append([b"x" * 10_000])
    moves: list[tuple[int, int, bool]] = []
    move = housekeeper._move_log

    def move_while_someone_commits() -> tuple[int, int]:
        pages, moved = move()
        in_a_turn = appender_of(journal).turns._led
        if not in_a_turn:
            pages += 1
        moves.append((pages, moved, in_a_turn))
        return pages, moved

    monkeypatch.setattr(housekeeper, "_move_log", move_while_someone_commits)

    housekeeper.checkpoint(longest_log_pages=1000)
    housekeeper.checkpoint(longest_log_pages=1)

    assert [in_a_turn for _pages, _moved, in_a_turn in moves] == [False, False, True]


# The housekeeper's thread.


def test_the_housekeeper_forgets_and_moves_the_log_by_itself(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeper_module, "ROUND_SECONDS", 0.001)
    monkeypatch.setattr(housekeeper_module, "STEP_RECORDS", 7)
    monkeypatch.setattr(housekeeper_module, "STEPS_A_ROUND", 2)
    with (
        open_journal(path, role="collect") as journal,
        open_journal(path, role="forward") as forwarder,
    ):
        journal.append([b"x" * 1000] * 100)
        forwarder.acknowledge(FORWARDER, 100)

        for _ in range(5000):
            if forwarder._reader.forgotten_through() == 100 and path.stat().st_size > 50_000:
                break
            threading.Event().wait(0.002)  # the thread has to get there

        assert forwarder._reader.forgotten_through() == 100
        assert path.stat().st_size > 50_000


def test_trouble_of_the_housekeeper_is_told_once_and_stops_no_other_chore(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    housekeeper = housekeeper_of(journal)
    done: list[str] = []

    def full() -> int:
        raise JournalFull("the disk is full", "free some space")

    forget = housekeeper.forget
    monkeypatch.setattr(housekeeper, "forget", full)
    monkeypatch.setattr(housekeeper, "give_back", lambda: done.append("give back"))
    monkeypatch.setattr(housekeeper, "checkpoint", lambda **_how: done.append("checkpoint"))

    with structlog.testing.capture_logs() as logs:
        for _ in range(housekeeper_module.ROUNDS_A_CHECKPOINT):
            housekeeper.keep_house()

    assert done == ["give back"] * 10 + ["checkpoint"]
    told = ("journal housekeeping failed; it tries again", "the disk is full", "free some space")
    assert [(entry["event"], entry["reason"], entry["mend"]) for entry in logs] == [told]

    monkeypatch.setattr(housekeeper, "forget", forget)
    housekeeper.keep_house()
    monkeypatch.setattr(housekeeper, "forget", full)
    with structlog.testing.capture_logs() as logs:
        housekeeper.keep_house()
    assert len(logs) == 1, "it was over, and begins again"


# What may hold a role.


def test_a_lock_file_left_behind_holds_nothing(path: Path) -> None:
    lock = path.with_name(path.name + ".lock")
    lock.write_text("1         \n", encoding="ascii")

    with collector(path) as journal:
        assert journal.append([b"a"]) == range(1, 2)


def test_a_holder_that_left_no_pid_is_unknown(path: Path) -> None:
    lock = path.with_name(path.name + ".lock")
    with lock.open("w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(InUseError, match="in use by process unknown"):
            collector(path)


def test_damage_inside_is_named_when_it_is_met(path: Path) -> None:
    with collector(path) as journal:
        journal.append([b"x" * 3000] * 20)
    raw = bytearray(path.read_bytes())
    raw[12 * 4096 : 14 * 4096] = bytes(8192)
    path.write_bytes(raw)

    with (
        open_journal(path, role="read") as reader,
        pytest.raises(JournalDamaged, match="is damaged"),
    ):
        contents(reader)
