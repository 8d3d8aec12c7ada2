"""Who may open a journal, and what becomes of what is found there."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from edge_agent.chain import genesis
from edge_agent.errors import AgentError, InUseError, JournalDamaged, JournalError, JournalFull
from edge_agent.journal import Role, check_format, disk, open_journal
from edge_agent.journal.frames import HEAD_BYTES, Kind, encode, scan
from edge_agent.journal.housekeeper import Housekeeper
from edge_agent.journal.lock import Lock
from edge_agent.journal.opening import identity_text
from edge_agent.journal.position import Position
from edge_agent.journal.segment import SEGMENT_BYTES, Header, format_of, header_of, segment_path
from tests.journal.folders import (
    FORWARDER,
    Told,
    collector,
    contents,
    copied,
    look_at_all,
    segments_of,
)

MOST_RECORDS = SEGMENT_BYTES // HEAD_BYTES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def make_journal(path: Path, *, segments: int = 1) -> None:
    """Of so many segments, with two records in each."""
    with collector(path) as journal:
        for number in range(segments):
            journal.append([b"A%d" % number, b"C" * 1500])


@pytest.mark.parametrize("role", ["forward", "read"])
def test_a_journal_that_is_not_there_is_named(path: Path, role: Role) -> None:
    with pytest.raises(JournalError, match=r"journal does not exist, or .* — start the collector"):
        open_journal(path, role=role)

    assert not path.exists()


def test_a_forwarder_can_wait_for_its_collector(path: Path) -> None:
    making = threading.Timer(0.1, make_journal, [path])
    making.start()

    with open_journal(path, role="forward", wait_seconds=10) as journal:
        assert journal.depth(FORWARDER) in {0, 1, 2}

    making.join()


def test_a_second_collector_is_told_who_the_first_is(path: Path) -> None:
    with (
        collector(path),
        pytest.raises(
            InUseError, match=f"journal .* is in use by process {os.getpid()} — stop that collector"
        ),
    ):
        collector(path)


def test_a_collector_whose_lock_was_deleted_still_holds_the_journal(path: Path) -> None:
    with collector(path):
        (path / "lock").unlink()

        with pytest.raises(InUseError, match="is in use by process"):
            collector(path)


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

    with collector(path), open_journal(path, role="forward") as forwarder:
        assert forwarder.depth(FORWARDER) == 2


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
            collector(path)
        process.kill()

    with collector(path) as journal:
        assert journal.append([b"a"]) == range(1, 2)


def test_a_lock_file_left_behind_holds_nothing(path: Path) -> None:
    path.mkdir()
    (path / "lock").write_text("1         \n", encoding="ascii")

    with collector(path) as journal:
        assert journal.append([b"a"]) == range(1, 2)


def test_a_holder_that_left_no_pid_is_unknown(path: Path) -> None:
    path.mkdir()
    with (path / "lock").open("w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(InUseError, match="in use by process unknown"):
            collector(path)


@pytest.mark.parametrize("role", ["collect", "forward", "read"])
def test_a_file_in_the_place_of_the_folder_is_named_and_left_as_it_is(path: Path, role: Role) -> None:
    path.write_text("Dear journal,\n", encoding="ascii")

    with pytest.raises(JournalDamaged, match=r"is not a folder — set `journal\.path` to one"):
        open_journal(path, role=role)

    assert path.read_text(encoding="ascii") == "Dear journal,\n"


@pytest.mark.parametrize("where", ["file/journal", "file/folder/journal"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match=r"Not a directory — check `journal\.path`"):
        collector(tmp_path / where)


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

    def full_disk(*_arguments: object) -> None:
        raise disk.full(path, 0)

    with monkeypatch.context() as patch:
        patch.setattr(Position, "write", full_disk)
        with pytest.raises(JournalFull):
            open_journal(path, role="forward")

    with open_journal(path, role="forward") as journal:
        assert journal.depth(FORWARDER) == 2


def test_a_collector_that_cannot_start_its_housekeeper_gives_everything_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_more: object) -> None:
        raise JournalError("no more threads")

    with monkeypatch.context() as patch:
        patch.setattr(Housekeeper, "__init__", fail)
        with pytest.raises(JournalError, match="no more threads"):
            collector(path)

    with collector(path) as journal:
        assert journal.append([b"a"]) == range(1, 2)


def test_every_name_that_is_made_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[str] = set()
    fsync = os.fsync

    def seen(fd: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{fd}").readlink()))
        fsync(fd)

    monkeypatch.setattr("os.fsync", seen)
    path = tmp_path / "state" / "journal"

    with collector(path):
        assert {str(tmp_path), str(tmp_path / "state"), str(path)} <= synced


# What is found.


def test_what_a_commit_had_not_finished_is_no_loss(path: Path, tmp_path: Path) -> None:
    told = Told([])
    with collector(path) as journal:
        journal.append([b"a"])
        whole = segments_of(path)[0].read_bytes().rstrip(b"\0")
        journal.append([b"b", b"c"])
        data = segments_of(path)[0].read_bytes()
        killed = copied(path, tmp_path / "killed")
    segments_of(killed)[0].write_bytes(data[: len(whole) + 60])
    (killed / "head").write_bytes(b"")

    with collector(killed, told) as again:
        following = again.append([b"d"])[0]
        assert contents(again)[1] == b"a"
    assert following > 1

    shutil.rmtree(killed)
    with collector(path) as journal:
        assert journal.head == 3


def test_a_newest_segment_cut_off_is_known_by_the_note(path: Path) -> None:
    told = Told([])
    make_journal(path)
    newest = segments_of(path)[-1]
    newest.write_bytes(newest.read_bytes()[:500])

    with collector(path, told) as journal:
        assert [(gap.first, gap.last, gap.count) for gap in told.gaps] == [(2, 2, 1)]
        assert contents(journal) == {1: b"A0", 3: b"Agap 2-2"}
    assert (path / "damaged" / newest.name).stat().st_size == 500


def test_where_nothing_says_how_many_there_were_no_number_is_given_out_again(path: Path) -> None:
    told = Told([])
    make_journal(path)
    newest = segments_of(path)[-1]
    newest.write_bytes(newest.read_bytes()[:500])
    (path / "head").write_bytes(b"nonsense")

    with collector(path, told) as journal:
        assert contents(journal)[1] == b"A0"
        assert journal.append([b"next"])[0] == MOST_RECORDS + 2
        assert told.gaps[0].first == 2


def test_lost_segments_are_told_by_the_note(path: Path) -> None:
    told = Told([])
    make_journal(path, segments=2)
    for file in segments_of(path):
        file.unlink()

    with collector(path, told) as journal:
        assert [(gap.first, gap.last) for gap in told.gaps] == [(1, 4)]
        assert contents(journal) == {5: b"Agap 1-4"}
        assert journal.head_chain()[0] == 5
    told.gaps.clear()
    with collector(path, told):
        assert told.gaps == []


def test_lost_segments_and_a_lost_note_are_told_by_the_positions(path: Path) -> None:
    told = Told([])
    make_journal(path, segments=2)
    with open_journal(path, role="forward") as forwarder:
        forwarder.acknowledge(FORWARDER, 1, 3)
    for file in [*segments_of(path), path / "head"]:
        file.unlink()

    with collector(path, told) as journal:
        assert [(gap.first, gap.last) for gap in told.gaps] == [(4, 3 + MOST_RECORDS)]
        assert journal.head == 4 + MOST_RECORDS


def test_a_note_behind_the_positions_counts_for_less(path: Path, tmp_path: Path) -> None:
    """A card that lies about what it wrote loses records that the cloud has."""
    with collector(path) as journal:
        journal.append([b"a"])
        earlier = copied(path, tmp_path / "earlier")
        journal.append([b"b", b"c"])
        journal.acknowledge(FORWARDER, 1, 3)
        shutil.copy(path / "forwarder.position", earlier)

    with collector(earlier) as again:
        assert again.append([b"d"])[0] >= 4
    for file in segments_of(earlier):
        file.unlink()
    with collector(earlier) as again:
        assert again.head >= 4


def test_the_oldest_segments_lost_are_told_once_even_if_saying_so_failed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told([])
    make_journal(path, segments=3)
    segments_of(path)[0].unlink()

    def full(*_arguments: object) -> None:
        raise JournalFull("full")

    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.journal.appender.Appender.declare", full)
        collector(path, Told([])).close()
    with collector(path, told):
        assert [(gap.first, gap.last) for gap in told.gaps] == [(1, 2)]
    with collector(path, told):
        assert len(told.gaps) == 1


def test_a_segment_lost_in_the_middle_is_told_when_its_neighbour_is_looked_at(path: Path) -> None:
    told = Told([])
    make_journal(path, segments=3)
    segments_of(path)[1].unlink()

    with collector(path, told) as journal:
        assert look_at_all(journal) == 1
        assert [(gap.first, gap.last) for gap in told.gaps] == [(3, 4)]
        assert [*contents(journal)] == [1, 2, 5, 6, 7]


def test_a_newer_agents_segment_is_set_aside_and_told(path: Path) -> None:
    told = Told([])
    make_journal(path, segments=2)
    newest = segments_of(path)[-1]
    with open_journal(path, role="read") as journal:
        header = Header(journal.id, 3, 0.0, b"", (), format=2)
    newest.write_bytes(header.encoded() + b"what we do not understand")

    with structlog.testing.capture_logs() as logs, collector(path, told) as journal:
        assert [(gap.first, gap.last) for gap in told.gaps] == [(3, 4)]
        assert contents(journal) == {1: b"A0", 2: b"C" * 1500, 5: b"Agap 3-4"}
    assert (path / "damaged" / newest.name).read_bytes().endswith(b"what we do not understand")
    assert logs[0]["event"] == "journal damaged; what is intact was kept"
    assert logs[0]["alarm"] is True


def test_one_who_asks_beforehand_is_told_of_a_newer_agent(path: Path) -> None:
    check_format(path)
    make_journal(path, segments=2)
    check_format(path)
    header = Header("0" * 32, 3, 0.0, b"", (), format=2)
    segments_of(path)[-1].write_bytes(header.encoded())

    with pytest.raises(JournalDamaged, match=r"by a newer agent \(format 2, not 1\) — install that version"):
        check_format(path)


@pytest.mark.parametrize("payload", [b"{}", b"[]", b"nonsense"])
def test_a_header_that_says_nothing_is_none(payload: bytes) -> None:
    frame = next(scan(encode(Kind.HEADER, payload, sequence=1, appended_at=0.0, chain=b"")))

    assert header_of(frame) is None
    assert format_of(frame) == 0


def test_a_segment_of_another_journal_gives_none_of_its_records(path: Path, tmp_path: Path) -> None:
    told = Told([])
    make_journal(path, segments=2)
    make_journal(tmp_path / "other", segments=2)
    shutil.copy(segments_of(tmp_path / "other")[0], segments_of(path)[0])

    with collector(path, told) as journal:
        look_at_all(journal)
        assert [(gap.first, gap.last) for gap in told.gaps] == [(1, 2)]
        assert [*contents(journal)] == [3, 4, 5]


def test_a_file_far_away_is_none_of_the_journals(path: Path) -> None:
    told = Told([])
    make_journal(path)
    stray = segment_path(path, 1 << 40)
    stray.write_bytes(b"nonsense")
    (path / f"{10**19:020d}.seg").write_bytes(b"no number of ours")
    (path / "00000000000000000009.seg").mkdir()

    with collector(path, told) as journal:
        assert journal.append([b"next"]) == range(3, 4)
    assert told.gaps == []
    assert (path / "damaged" / stray.name).read_bytes() == b"nonsense"


def test_segments_get_their_names_back(path: Path) -> None:
    told = Told([])
    make_journal(path, segments=3)
    one, two, three = segments_of(path)
    one.rename(path / "aside")
    two.rename(one)
    (path / "aside").rename(two)
    shutil.copy(three, path / f"{7:020d}.seg")

    with collector(path, told) as journal:
        look_at_all(journal)
        assert [*contents(journal)] == [1, 2, 3, 4, 5, 6]
    assert told.gaps == []


def test_a_segment_gets_its_name_back_from_what_is_none(path: Path) -> None:
    told = Told([])
    make_journal(path, segments=2)
    one, two = segments_of(path)
    two.rename(one)
    two.write_bytes(b"")

    with collector(path, told) as journal:
        look_at_all(journal)
        assert [*contents(journal)] == [3, 4, 5]
    assert [(gap.first, gap.last) for gap in told.gaps] == [(1, 2)]


def test_a_damaged_segment_without_records_is_kept_when_the_next_takes_its_name(path: Path) -> None:
    collector(path).close()
    segments_of(path)[0].write_bytes(b"nonsense")

    with collector(path) as journal:
        assert journal.append([b"a"]) == range(1, 2)
    assert (path / "damaged" / f"{1:020d}.seg").read_bytes() == b"nonsense"


@pytest.mark.parametrize("damage", ["deleted", "nonsense", "a digit", "another"])
def test_the_id_is_what_most_witnesses_say(path: Path, damage: str) -> None:
    make_journal(path, segments=2)
    said = (path / "identity").read_bytes()
    match damage:
        case "deleted":
            (path / "identity").unlink()
        case "nonsense":
            (path / "identity").write_bytes(b"\xff\xfe\0")
        case "a digit":
            (path / "identity").write_bytes((b"0" if said[:1] != b"0" else b"1") + said[1:])
        case _:
            (path / "identity").write_bytes(identity_text("f" * 32))

    with collector(path) as journal:
        assert identity_text(journal.id) == said == (path / "identity").read_bytes()
        assert [*contents(journal)] == [1, 2, 3, 4]


def test_files_beside_a_deleted_journal_say_nothing_of_a_new_one(path: Path) -> None:
    with collector(path) as journal:
        journal.append([b"a", b"b"])
        journal.acknowledge(FORWARDER, 1, 2)
    for name in ("identity", "head"):
        (path / name).unlink()
    segments_of(path)[0].unlink()

    with collector(path) as new:
        assert new.append([b"c"]) == range(1, 2)
        assert new.depth(FORWARDER) == 1
        assert new.head_chain()[1] != genesis(new.id)


def test_a_note_of_another_journal_says_nothing(path: Path, tmp_path: Path) -> None:
    make_journal(path, segments=2)
    make_journal(tmp_path / "other", segments=3)
    shutil.copy(tmp_path / "other" / "head", path / "head")

    with collector(path) as journal:
        assert journal.append([b"next"]) == range(5, 6)


def test_a_segment_without_its_header_goes_on_from_the_one_before(path: Path) -> None:
    make_journal(path, segments=2)
    newest = segments_of(path)[-1]
    data = bytearray(newest.read_bytes())
    data[0] ^= 1
    newest.write_bytes(data)
    (path / "head").unlink()
    told = Told([])

    with collector(path, told) as journal:
        assert [*contents(journal)][:4] == [1, 2, 3, 4]
        assert next(record.before for record in journal.records(3)) is None
        assert journal.depth(FORWARDER) == 4 + 1, "of the gap, one"


def test_what_was_being_written_is_cleared_away(path: Path) -> None:
    make_journal(path)
    (path / "00000000000000000009.seg.new").write_bytes(b"half")

    collector(path).close()

    assert not [*path.glob("*.new")]


def test_a_frame_that_is_no_header_in_its_place_is_kept(path: Path) -> None:
    make_journal(path)
    newest = segments_of(path)[0]
    frame = encode(Kind.COMMITTED, b"x", sequence=1, appended_at=0.0, chain=bytes(16))
    newest.write_bytes(frame)
    told = Told([])

    with collector(path, told) as journal:
        assert contents(journal)[1] == b"x"
        assert [(gap.first, gap.last) for gap in told.gaps] == [(2, 2)]


# Errors.


@pytest.mark.parametrize(
    ("errno", "error", "what"),
    [
        (28, JournalFull, "is full"),
        (122, JournalFull, "is full"),
        (13, JournalError, "cannot be used: Permission denied"),
        (5, JournalError, "failed: Input/output error — check the disk"),
        (9, JournalError, "is closed"),
        (30, JournalError, "is read-only — mount it for writing"),
    ],
)
def test_errors_of_the_kernel_become_ours(
    tmp_path: Path, errno: int, error: type[JournalError], what: str
) -> None:
    with pytest.raises(JournalError, match=what) as raised, disk.translated(tmp_path):
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
def test_errors_of_sqlite_become_ours(tmp_path: Path, code: int, error: type[AgentError], what: str) -> None:
    sqlite_error = sqlite3.OperationalError("no luck")
    sqlite_error.sqlite_errorcode = code

    with pytest.raises(AgentError, match=what) as raised, disk.translated(tmp_path / "letters"):
        raise sqlite_error

    assert type(raised.value) is error
    assert raised.value.__cause__ is sqlite_error


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    db = sqlite3.connect(":memory:")
    db.close()

    with pytest.raises(JournalError, match="is closed"), disk.translated(tmp_path):
        db.execute("SELECT 1")


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_CANTOPEN])
def test_on_a_full_disk_oblique_errors_mean_that_it_is_full(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_error = sqlite3.OperationalError("disk I/O error")
    sqlite_error.sqlite_errorcode = code
    monkeypatch.setattr(disk, "free_bytes", lambda _folder: 4096)

    with pytest.raises(JournalFull), disk.translated(tmp_path / "letters"):
        raise sqlite_error


def test_an_error_is_named_also_when_the_folder_is_gone(tmp_path: Path) -> None:
    with (
        pytest.raises(JournalError, match="Input/output error"),
        disk.translated(tmp_path / "gone" / "journal"),
    ):
        raise OSError(5, "Input/output error")
