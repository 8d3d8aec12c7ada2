"""What an earlier agent left in one SQLite file goes on, under the same names, once."""

from __future__ import annotations

import fcntl
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from edge_agent.errors import InUseError, JournalDamaged, JournalError
from edge_agent.journal import DeadLetter, former, open_journal
from edge_agent.journal.former import IMPORTED, NAME
from tests.journal.folders import FORWARDER, appender_of, collector, contents

ID = "0123456789abcdef" * 2
THEN = 1_600_000_000.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def leave(folder: Path, records: dict[int, bytes], *, forgotten: int = 0, schema: int = 1) -> Path:
    """A journal as the agent before segments left it, its log not moved, as after `kill -9`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA application_id = {0x454A_4E4C}")
        db.execute(f"PRAGMA user_version = {schema}")
        db.execute("CREATE TABLE journal (id TEXT, created_at REAL, forgotten_through INTEGER)")
        db.execute("CREATE TABLE consumers (name TEXT PRIMARY KEY)")
        db.execute("CREATE TABLE records (sequence INTEGER PRIMARY KEY, appended_at REAL, payload BLOB)")
        db.execute("INSERT INTO journal VALUES (?, ?, ?)", (ID, THEN, forgotten))
        db.execute("INSERT INTO consumers VALUES (?)", (FORWARDER,))
        rows = [(sequence, THEN + sequence // 3, payload) for sequence, payload in records.items()]
        db.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
    return path


def leave_position(folder: Path, line: bytes, consumer: str = FORWARDER) -> None:
    (folder / f"{NAME}.{consumer}.position").write_bytes(line)


def position_line(through: int, journal: str = ID) -> bytes:
    said = f"{journal} {through:020d}".encode()
    return said + b" %08x.\n" % zlib.crc32(said)


RECORDS = {sequence: b"%d" % sequence for sequence in range(5, 12)}


def test_what_was_not_acknowledged_is_taken_over_with_its_names(folder: Path) -> None:
    leave(folder, RECORDS, forgotten=4)
    leave_position(folder, position_line(6))

    with collector(folder) as journal:
        assert journal.id == ID
        assert contents(journal) == {sequence: b"%d" % sequence for sequence in range(7, 12)}
        assert [record.appended_at for record in journal.records()] == [THEN + n // 3 for n in range(7, 12)]
        assert (journal.position(FORWARDER), journal.depth(FORWARDER)) == (6, 5)
        assert journal.append([b"new"]) == range(12, 13)
    assert sorted(file.name for file in (folder / IMPORTED).iterdir()) == [
        NAME,
        f"{NAME}.forwarder.position",
        f"{NAME}.lock",
    ]


def test_it_happens_once(folder: Path) -> None:
    leave(folder, RECORDS, forgotten=4)
    collector(folder).close()

    with collector(folder) as again:
        assert [*contents(again)] == [*RECORDS]


def test_a_former_journal_that_was_empty_lends_its_name_and_number(folder: Path) -> None:
    leave(folder, {}, forgotten=40)

    with collector(folder) as journal:
        assert (journal.id, journal.head, journal.depth(FORWARDER)) == (ID, 40, 0)
        assert journal.append([b"new"]) == range(41, 42)


@pytest.mark.parametrize(
    "line",
    [b"", b"nonsense", b"a b c", position_line(9)[:-3], position_line(9, journal="f" * 32)],
)
def test_a_damaged_position_only_means_sending_again(folder: Path, line: bytes) -> None:
    leave(folder, RECORDS, forgotten=4)
    leave_position(folder, line)

    with collector(folder) as journal:
        assert [*contents(journal)] == [*RECORDS]


def test_killed_half_way_it_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(folder, RECORDS, forgotten=4)
    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.journal.former._STEP_RECORDS", 2)
        taken: list[int] = []

        def killed(rows: list[tuple[int, float, bytes]]) -> list[tuple[int, float, bytes]]:
            taken.append(len(rows))
            if len(taken) == 3:
                raise JournalError("killed")
            return rows

        rows = former._rows
        patch.setattr(former, "_rows", lambda path, after: killed(rows(path, after)))
        with pytest.raises(JournalError, match="killed"):
            collector(folder)

    with collector(folder) as again:
        assert again.id == ID
        assert contents(again) == RECORDS


def test_killed_while_the_files_are_put_away_nothing_is_taken_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(folder, RECORDS, forgotten=4)

    def killed(_path: Path) -> None:
        raise JournalError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.journal.former._put_away", killed)
        with pytest.raises(JournalError, match="killed"):
            collector(folder)

    with collector(folder) as again:
        assert contents(again) == RECORDS
    assert not (folder / NAME).exists()


def test_behind_a_journal_that_has_begun_its_records_are_new_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rollback the earlier agent began another journal; now its turn is over again."""
    with collector(folder) as journal:
        journal.append([b"first"])
        name = journal.id
    leave(folder, RECORDS, forgotten=4)

    def killed(_path: Path) -> None:
        raise JournalError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.journal.former._put_away", killed)
        with pytest.raises(JournalError, match="killed"):
            collector(folder)
    with collector(folder) as again:
        assert again.id == name
        assert [*contents(again).values()] == [b"first", *RECORDS.values()], "and each of them once"
        assert appender_of(again).marks == {f"{NAME} {ID}": 11}


def test_dead_letters_are_kept(folder: Path) -> None:
    leave(folder, RECORDS, forgotten=4)
    letters = folder / f"{NAME}.forwarder.dead-letters"
    with closing(sqlite3.connect(letters, isolation_level=None)) as db:
        db.execute(
            "CREATE TABLE dead_letters (journal TEXT NOT NULL, sequence INTEGER NOT NULL, "
            "payload BLOB NOT NULL, appended_at REAL NOT NULL, reason TEXT NOT NULL, "
            "PRIMARY KEY (journal, sequence))"
        )
        db.execute("INSERT INTO dead_letters VALUES (?, 3, ?, ?, 'refused')", (ID, b"3", THEN))

    with collector(folder) as journal:
        assert journal.dead_letters() == [DeadLetter(FORWARDER, 3, b"3", THEN, "refused")]


def test_files_of_an_earlier_import_stay(folder: Path) -> None:
    (folder / IMPORTED).mkdir(parents=True)
    (folder / IMPORTED / NAME).write_bytes(b"before")
    (folder / "forwarder.dead-letters").write_bytes(b"mine")
    leave(folder, RECORDS, forgotten=4)
    (folder / f"{NAME}.forwarder.dead-letters").write_bytes(b"theirs")

    collector(folder).close()

    assert (folder / IMPORTED / NAME).read_bytes() == b"before"
    assert (folder / IMPORTED / f"{NAME}.2").exists()
    assert (folder / "forwarder.dead-letters").read_bytes() == b"mine"


def a_text(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear journal,\n" * 400, encoding="ascii")


def a_foreign_database(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE records (sequence INTEGER PRIMARY KEY)")


def a_newer_one(path: Path) -> None:
    leave(path.parent, RECORDS, schema=2)


def a_damaged_one(path: Path) -> None:
    leave(path.parent, {sequence: bytes(3000) for sequence in range(1, 30)})
    data = bytearray(path.read_bytes())
    data[4096 * 5 :] = bytes(byte ^ 0x55 for byte in data[4096 * 5 :])
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (a_text, "file is not a database"),
        (a_foreign_database, "is no journal"),
        (a_newer_one, "was written by a newer agent"),
        (a_damaged_one, "is damaged"),
    ],
)
def test_one_that_cannot_be_read_is_told_and_left_as_it_is(
    folder: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(folder / NAME)
    before = (folder / NAME).read_bytes()

    with structlog.testing.capture_logs() as logs, collector(folder) as journal:
        assert journal.append([b"new"]) == range(1, 2)

    assert (folder / NAME).read_bytes() == before
    assert [reason in entry["reason"] for entry in logs if "earlier agent" in entry["event"]] == [True]


def test_an_earlier_agent_that_still_runs_is_named(folder: Path) -> None:
    leave(folder, RECORDS)
    with (folder / f"{NAME}.lock").open("w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(InUseError, match=r"journal\.db is in use by process"):
            collector(folder)


def test_settings_that_name_the_file_say_what_to_name(folder: Path) -> None:
    path = leave(folder, RECORDS)

    with pytest.raises(JournalDamaged, match=r"is not a folder — set `journal\.path` to one"):
        collector(path)
    with pytest.raises(JournalDamaged, match=r"is not a folder — set `journal\.path` to one"):
        open_journal(path, role="forward")
