"""One test for every way storage has surprised us, or someone we read."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from edge_agent.errors import JournalDamaged, JournalError, JournalFull
from edge_agent.journal import Acknowledged, Budget, Journal, disk, open_journal
from edge_agent.journal import housekeeper as housekeeper_module
from edge_agent.journal.frames import HEAD_BYTES, scan
from edge_agent.journal.head import HeadNote
from edge_agent.journal.position import Position
from edge_agent.journal.reader import Reader
from edge_agent.journal.segment import PREALLOCATED_BYTES
from edge_agent.testing.patience import wait_until
from tests.journal.folders import (
    FORWARDER,
    PLENTY,
    A,
    B,
    C,
    Told,
    appender_of,
    collector,
    contents,
    copied,
    housekeeper_of,
    look_at_all,
    segments_of,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def told() -> Told:
    return Told([])


@pytest.fixture
def journal(path: Path, told: Told) -> Iterator[Journal]:
    with collector(path, told) as journal:
        yield journal


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def position_of(path: Path) -> Path:
    return path / "forwarder.position"


def failing(error: int) -> Callable[..., None]:
    def fail(*_arguments: object, **_more: object) -> None:
        raise OSError(error, os.strerror(error))

    return fail


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 0x10
    file.write_bytes(data)


# Numbers.


def test_numbers_do_not_begin_again_when_everything_was_forgotten(path: Path) -> None:
    with collector(path) as journal:
        journal.append([b"a" * 2000])
        journal.append([b"b"])
        journal.acknowledge(FORWARDER, 1, 2)
        appender_of(journal).begin_segment()
        assert journal.forget() == 2

    with collector(path) as again:
        assert again.head == 2
        assert again.append([b"c"]) == range(3, 4)


def test_a_failed_append_leaves_no_hole(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append([b"a"])
    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.journal.appender.free_bytes", lambda _folder: -1)
        with pytest.raises(JournalFull):
            journal.append([b"never" + bytes(PREALLOCATED_BYTES)])

    assert journal.append([b"b"]) == range(2, 3)
    assert contents(journal) == {1: b"a", 2: b"b"}


def test_what_fits_into_room_already_taken_is_appended_on_a_full_disk(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([b"a"])
    monkeypatch.setattr("edge_agent.journal.appender.free_bytes", lambda _folder: -1)

    assert journal.append([b"b"]) == range(2, 3)


def test_a_disk_that_fills_in_the_middle_of_an_append_keeps_none_of_it(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([b"a"])
    pwrite = os.pwrite
    left = [300]

    def short(fd: int, data: bytes, offset: int) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = pwrite(fd, bytes(data)[: left[0]], offset)
        left[0] -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", short)
        with pytest.raises(JournalFull, match="is full"):
            journal.append([b"never", b"x" * 1000])

    assert journal.append([b"b"]) == range(2, 3)
    assert contents(journal) == {1: b"a", 2: b"b"}
    assert b"never" not in segments_of(path)[-1].read_bytes()


def test_a_commit_that_fits_is_taken_where_the_zeros_ahead_of_it_do_not(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all = disk.write_all

    def no_room(fd: int, data: bytes, offset: int) -> None:
        if not data.strip(b"\0"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write_all(fd, data, offset)

    monkeypatch.setattr("edge_agent.journal.appender.write_all", no_room)

    assert journal.append([b"a"]) == range(1, 2)
    assert journal.append([b"b"]) == range(2, 3)


def test_after_a_sync_that_failed_another_segment_is_begun(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may have dropped the pages, and calls them clean the next time it is asked."""
    journal.append([b"a"])
    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.journal.appender.sync_data", failing(errno.EIO))
        with pytest.raises(JournalError, match="Input/output error"):
            journal.append([b"never"])

    rewritten: list[tuple[int, int]] = []
    write_all = disk.write_all
    with monkeypatch.context() as patch:

        def seen(fd: int, data: bytes, offset: int) -> None:
            rewritten.append((offset, len(data)))
            write_all(fd, data, offset)

        patch.setattr("edge_agent.journal.appender.write_all", seen)
        assert journal.append([b"b"]) == range(2, 3)

    first = segments_of(path)[0]
    assert rewritten[0] == (0, first.stat().st_size), "what was there before is given to the disk again"
    assert [int(file.stem) for file in segments_of(path)] == [1, 2]
    assert contents(journal) == {1: b"a", 2: b"b"}


def test_a_segment_that_is_begun_half_way_is_begun_again(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its name already: what went into the one before would be read by nobody."""
    journal.append([b"a" * 1900])
    for name in ("sync_folder", "read"):
        with monkeypatch.context() as patch:
            if name == "sync_folder":
                patch.setattr("edge_agent.journal.disk.sync_folder", failing(errno.EIO))
            else:
                patch.setattr("edge_agent.journal.appender.os.fstat", failing(errno.EIO))
            with pytest.raises(JournalError, match="Input/output error"):
                journal.append([b"never" * 100])

    assert journal.append([b"b"]) == range(2, 3)
    assert [int(file.stem) for file in segments_of(path)] == [1, 2]
    assert contents(journal) == {1: b"a" * 1900, 2: b"b"}


def test_a_segment_begun_after_a_failed_append_leaves_nothing_of_it(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([b"a"])
    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", failing(errno.EIO))
        patch.setattr("os.ftruncate", failing(errno.EIO))
        with pytest.raises(JournalError, match="Input/output error"):
            journal.append([b"never"])

    appender_of(journal).begin_segment()

    assert journal.append([b"b"]) == range(2, 3)
    assert look_at_all(journal) == 0
    assert contents(journal) == {1: b"a", 2: b"b"}
    assert b"never" not in b"".join(file.read_bytes() for file in segments_of(path))


def test_zeros_that_cannot_be_given_back_do_not_stop_the_next_segment(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([b"a" * 1000])
    with monkeypatch.context() as patch:
        patch.setattr("os.ftruncate", failing(errno.EIO))
        journal.append([b"b" * 1500])

    assert segments_of(path)[0].stat().st_size > 2000
    assert look_at_all(journal) == 0, "zeros behind the end are no damage"
    assert [*contents(journal)] == [1, 2]


def test_a_note_that_cannot_be_written_fails_no_commit(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is durable; to say it failed would have it appended again."""
    with monkeypatch.context() as patch:
        patch.setattr(HeadNote, "write", failing_journal)
        assert journal.append([b"a"]) == range(1, 2)
    assert journal.head == 0

    appender_of(journal).say_again()

    assert contents(journal) == {1: b"a"}


def failing_journal(*_arguments: object) -> None:
    raise JournalFull("full")


def test_a_note_that_cannot_be_made_lets_nothing_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208  names, not paths
    with monkeypatch.context() as patch:
        patch.setattr(HeadNote, "repair", failing_journal)
        with pytest.raises(JournalFull):
            collector(path)
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  as above

    with collector(path) as journal:
        assert journal.append([b"a"]) == range(1, 2)


def test_preallocated_zeros_left_by_a_kill_are_no_damage(path: Path, tmp_path: Path, told: Told) -> None:
    with collector(path, segment_bytes=1 << 20) as journal:
        journal.append([b"a"])
        killed = copied(path, tmp_path / "killed")
    assert segments_of(killed)[0].stat().st_size > PREALLOCATED_BYTES

    with collector(killed, told) as again:
        assert again.append([b"b"]) == range(2, 3)
        assert contents(again) == {1: b"a", 2: b"b"}
    assert told.gaps == []
    assert not (killed / "damaged").exists()


# Files.


def test_a_journal_moved_away_is_noticed_by_everyone(path: Path, journal: Journal) -> None:
    """Whoever goes on with what has no name any more loses all of it at exit."""
    journal.append([b"a"])
    with open_journal(path, role="forward") as forwarder:
        path.rename(path.with_name("elsewhere"))

        with pytest.raises(JournalError, match="moved or replaced while it was open — restart the collector"):
            journal.append([b"b"])
        with pytest.raises(JournalError, match="No such file"):
            forwarder.read(0, 10, PLENTY)
        path.with_name("elsewhere").rename(path)


def test_an_empty_folder_in_its_place_gives_nothing_for_dealt_with(path: Path, journal: Journal) -> None:
    journal.append([b"a"])
    with open_journal(path, role="forward") as forwarder:
        path.rename(path.with_name("elsewhere"))
        path.mkdir()

        with pytest.raises(JournalError, match="moved or replaced while it was open"):
            forwarder.read(0, 10, PLENTY)


def test_another_journal_in_its_place_is_not_read_for_it(path: Path, journal: Journal) -> None:
    journal.append([b"a"])
    with open_journal(path, role="forward") as forwarder:
        path.rename(path.with_name("elsewhere"))
        with collector(path) as other:
            other.append([b"b"])
            forwarder._reader._look_at = 0.0

            with pytest.raises(JournalError, match="moved or replaced while it was open"):
                forwarder.read(0, 10, PLENTY)


def test_a_segment_replaced_is_noticed_by_the_next_append(path: Path, journal: Journal) -> None:
    journal.append([b"a"])
    copy = shutil.copy(segments_of(path)[0], path / "copy")
    Path(copy).rename(segments_of(path)[0])

    with pytest.raises(JournalError, match="moved or replaced while it was open — restart the collector"):
        journal.append([b"b"])


def test_a_segment_deleted_by_hand_is_passed_over_and_told(path: Path, journal: Journal, told: Told) -> None:
    for letter in b"abc":
        journal.append([bytes([letter]) * 2000])
    with open_journal(path, role="forward") as forwarder:
        assert [*contents(forwarder)] == [1, 2, 3]
        segments_of(path)[1].unlink()

        assert [*contents(forwarder)] == [1, 3]
    assert look_at_all(journal) == 1
    assert [(gap.first, gap.last) for gap in told.gaps] == [(2, 2)]


def test_counting_goes_on_over_a_segment_that_is_gone(path: Path, journal: Journal) -> None:
    for letter in b"abc":
        journal.append([bytes([letter]) * 2000])
    reader = journal._reader
    assert reader.entries(A, 1, 3) == 3
    segments_of(path)[1].unlink()

    assert reader.entries(A, 1, 3) == 2
    assert reader.count_through(A, 1) == 1
    segments_of(path)[0].unlink()
    assert reader.count_through(A, 1) is None or reader.count_through(A, 1) == 2


def test_a_segment_forgotten_while_it_is_looked_for_is_looked_for_again(journal: Journal) -> None:
    journal.append([b"a" * 2000])
    reader = journal._reader
    old = reader.end()
    journal.append([b"b"])
    journal.acknowledge(FORWARDER, 1, 1)
    journal.forget()

    reader._firsts = []
    with pytest.raises(JournalError, match="is gone"):
        reader._segment_after(0, old)
    assert contents(journal) == {2: b"b"}


# Damage.


def test_a_sealed_segment_that_is_damaged_gives_the_rest(path: Path, journal: Journal, told: Told) -> None:
    for number in range(6):
        journal.append([b"A%d" % number + bytes(500)])
    first = segments_of(path)[0]
    frames = [frame for frame in scan(first.read_bytes()) if frame.sequence == 2]
    flip(first, frames[-1].offset + HEAD_BYTES + 5)

    with open_journal(path, role="forward") as forwarder:
        assert [*contents(forwarder)] == [1, 3, 4, 5, 6], "before anyone knows"
        assert look_at_all(journal) == 1
        assert [*contents(forwarder)] == [1, 3, 4, 5, 6, 7]
        assert forwarder.read(0, 10, PLENTY).through == 3
    assert [(gap.first, gap.last, gap.reason) for gap in told.gaps] == [(2, 2, "damage")]
    assert look_at_all(journal) == 0


@pytest.mark.parametrize("byte", [0, 2, 3, 4, 5, 12, 20, 30, 47])
def test_a_damaged_head_of_a_frame_costs_one_record(
    path: Path, journal: Journal, told: Told, byte: int
) -> None:
    for number in range(6):
        journal.append([b"A%d" % number + bytes(500)])
    first = segments_of(path)[0]
    frames = [frame for frame in scan(first.read_bytes()) if frame.sequence == 2]
    flip(first, frames[-1].offset + byte)

    with open_journal(path, role="forward") as forwarder:
        assert [*contents(forwarder)] == [1, 3, 4, 5, 6]
    look_at_all(journal)
    assert [(gap.first, gap.last) for gap in told.gaps] == [(2, 2)]


def test_damage_in_the_newest_segment_is_passed_over_while_it_grows(path: Path, journal: Journal) -> None:
    for number in range(3):
        journal.append([b"A%d" % number])
    newest = segments_of(path)[-1]
    data = newest.read_bytes()
    with newest.open("r+b") as file:
        file.seek(data.index(b"A2") - 30)
        file.write(b"\xff")

    with open_journal(path, role="forward") as forwarder:
        assert [*contents(forwarder)] == [1, 2]
        journal.append([b"A3"])
        assert [*contents(forwarder)] == [1, 2, 4]
        journal.append([b"A4"])
        assert [*contents(forwarder)] == [1, 2, 4, 5]


def test_what_the_disk_cannot_read_is_damage(path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sector that gives EIO would stop the forwarder at its place for ever."""
    pread = os.pread

    def bad_sector(fd: int, size: int, offset: int) -> bytes:
        is_sealed = os.readlink(f"/proc/self/fd/{fd}").endswith(f"{1:020d}.seg")  # noqa: PTH115  a name
        if is_sealed and offset < 8192 and offset + size > 4096:
            raise OSError(errno.EIO, "Input/output error")
        return pread(fd, size, offset)

    with collector(path, told, segment_bytes=20_000) as journal:
        for number in range(10):
            journal.append([b"A%d" % number + b"x" * 2900])
        monkeypatch.setattr("os.pread", bad_sector)
        monkeypatch.setattr("edge_agent.journal.glance._walked", failing(errno.EIO))

        assert [*contents(journal)] == [1, 4, 5, 6, 7, 8, 9, 10]
        assert journal.look_after()
        assert [(gap.first, gap.last) for gap in told.gaps] == [(2, 3)]


@pytest.mark.parametrize("size", [4096, 100])
def test_an_error_that_is_no_bad_sector_is_one(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    journal.append([bytes(10_000)])
    calls = [errno.EIO, errno.ENOMEM][:: 1 if size > 100 else -1]

    def fails(_fd: int, _size: int, _offset: int) -> bytes:
        error = calls.pop(0) if len(calls) > 1 else calls[0]
        raise OSError(error, os.strerror(error))

    with segments_of(path)[0].open("rb") as file, monkeypatch.context() as patch:
        patch.setattr("os.pread", fails)
        with pytest.raises(OSError, match="Cannot allocate"):
            disk.read_at(file.fileno(), size, 0)


def test_damage_in_a_segment_about_to_be_deleted_is_told(path: Path, journal: Journal, told: Told) -> None:
    """A consumer passes over damage, and acknowledges past it: that alone delivers nothing."""
    journal.append([b"a" * 2000])
    journal.append([b"b"])
    first = segments_of(path)[0]
    flip(first, first.stat().st_size - 5)
    journal.acknowledge(FORWARDER, 1, 2)

    assert journal.forget() == 1

    assert [(gap.first, gap.last) for gap in told.gaps] == [(1, 1)]
    assert (path / "damaged" / first.name).exists()


def test_mending_that_is_tried_again_keeps_one_copy(
    path: Path, journal: Journal, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        journal.append([b"A%d" % number + bytes(500)])
    first = segments_of(path)[0]
    flip(first, first.stat().st_size - 5)
    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.journal.appender.Appender.declare", failing_journal)
        for _attempt in range(3):
            with pytest.raises(JournalFull):
                journal.look_after()
            housekeeper_of(journal)._looked_at = 0

    assert journal.look_after()
    assert [file.name for file in (path / "damaged").iterdir()] == [first.name]
    assert len(told.gaps) >= 1

    flip(first, first.stat().st_size - 5)
    housekeeper_of(journal)._looked_at = 0
    assert journal.look_after()
    assert len([*(path / "damaged").iterdir()]) == 2, "other damage, another copy"


def test_a_disk_too_full_for_a_copy_keeps_no_half_of_one(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        journal.append([b"A%d" % number + bytes(500)])
    flip(segments_of(path)[0], 600)
    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.journal.disk.write_all", failing(errno.ENOSPC))
        with pytest.raises(JournalFull):
            journal.look_after()

    assert [*(path / "damaged").iterdir()] == []


def test_a_lost_header_is_made_up_from_the_segment_before(path: Path, journal: Journal) -> None:
    for number in range(9):
        journal.append([b"ABC"[number % 3 : number % 3 + 1] + bytes(500)])
    second = segments_of(path)[1]
    links = [record.chain for record in journal.records()]
    flip(second, 1)

    look_at_all(journal)

    record = next(each for each in journal.records() if each.sequence == int(second.stem))
    assert record.before == links[int(second.stem) - 2]
    assert [journal.depth(FORWARDER, cls) for cls in (A, B, C)] == [3, 3, 3]


def test_what_damage_took_does_not_wait_for_ever(path: Path, journal: Journal, told: Told) -> None:
    for number in range(9):
        journal.append([b"C%d" % number + bytes(500)])
    first = segments_of(path)[0]
    flip(first, first.stat().st_size - 5)
    look_at_all(journal)

    assert len(told.gaps) == 1
    for begin in range(1, journal.head + 1):
        journal.acknowledge(FORWARDER, begin, begin)
    assert journal.depth(FORWARDER) == 0
    journal.append([b"C"])
    assert journal.depth(FORWARDER) == 1


# The head's note.


@pytest.mark.parametrize("damage", ["nonsense", "truncated", "deleted", "longer"])
def test_a_damaged_note_is_written_again_while_the_collector_runs(
    path: Path, journal: Journal, damage: str
) -> None:
    journal.append([b"a"])
    note = path / "head"
    with open_journal(path, role="forward") as forwarder:
        assert contents(forwarder) == {1: b"a"}
        data = note.read_bytes()
        match damage:
            case "nonsense":
                note.write_bytes(bytes(len(data)))
            case "truncated":
                note.write_bytes(data[:20])
            case "longer":
                note.write_bytes(data + b"rubbish")
            case _:
                note.unlink()
        assert contents(forwarder) == {1: b"a"}, "it goes by what it knew"

        housekeeper_of(journal).keep_house()
        journal.append([b"b"])
        forwarder._reader._look_at = 0.0
        assert contents(forwarder) == {1: b"a", 2: b"b"}
    with open_journal(path, role="forward") as again:
        assert contents(again) == {1: b"a", 2: b"b"}


def test_one_who_comes_while_the_note_is_damaged_is_told(path: Path, journal: Journal) -> None:
    journal.append([b"a"])
    (path / "head").write_bytes(b"nonsense")

    with pytest.raises(JournalError, match="does not say where it ends"):
        open_journal(path, role="read")
    with pytest.raises(JournalError, match="does not say where it ends"):
        open_reader(path)


def open_reader(path: Path) -> None:
    Reader(path).end()


# Positions.


@pytest.mark.parametrize(
    "damage",
    [b"", b"\0" * 8192, b"0" * 32 + b" 99999999999999999999 00000000.\n", b"a b c", "½".encode() * 4096],
)
def test_a_damaged_position_only_means_sending_again(path: Path, journal: Journal, damage: bytes) -> None:
    journal.append([b"a" * 2000])
    journal.append([b"b", b"c"])
    with open_journal(path, role="forward") as forwarder:
        forwarder.acknowledge(FORWARDER, 1, 1)
        journal.forget()
        forwarder.acknowledge(FORWARDER, 2, 2)
    position_of(path).write_bytes(damage)

    with open_journal(path, role="forward") as again:
        assert again.position(FORWARDER) == 1
        assert again.depth(FORWARDER) == 2
        again.acknowledge(FORWARDER, 2, 3)
        assert again.depth(FORWARDER) == 0


def test_a_torn_position_is_the_one_before(path: Path, journal: Journal) -> None:
    journal.append([b"a", b"b", b"c"])
    with open_journal(path, role="forward") as forwarder:
        forwarder.acknowledge(FORWARDER, 1, 1)
        before = position_of(path).read_bytes()
        forwarder.acknowledge(FORWARDER, 2, 2)
        after = position_of(path).read_bytes()
    changed = next(place for place in range(len(after)) if after[place] != before[place])
    data = after[:changed] + before[changed : changed + 8] + after[changed + 8 :]
    position_of(path).write_bytes(data)

    with open_journal(path, role="forward") as again:
        assert again.position(FORWARDER) == 1


def test_a_position_deleted_while_it_is_written_to_is_there_again(path: Path, journal: Journal) -> None:
    journal.append([b"a", b"b"])
    with open_journal(path, role="forward") as forwarder:
        forwarder.acknowledge(FORWARDER, 1, 1)
        position_of(path).unlink()
        forwarder.acknowledge(FORWARDER, 2, 2)

        assert journal.position(FORWARDER) == 2


def test_a_consumer_whose_position_was_lost_is_still_waited_for(path: Path, journal: Journal) -> None:
    journal.register("analytics")
    open_journal(path, role="forward", consumer="analytics").close()
    journal.append([b"a" * 2000])
    journal.append([b"b"])
    journal.acknowledge(FORWARDER, 1, 2)
    journal.close()
    (path / "analytics.position").unlink()

    with collector(path) as again:
        assert again.forget() == 0


def test_more_ranges_than_a_slot_holds_are_sent_again(path: Path, journal: Journal) -> None:
    journal.append([b"A"] * 400)
    with open_journal(path, role="forward") as forwarder:
        for sequence in range(1, 400, 2):
            forwarder.acknowledge(FORWARDER, sequence, sequence)
        assert len(forwarder.acknowledged(FORWARDER).ranges(A)) == 200

    with open_journal(path, role="forward") as again:
        ranges = again.acknowledged(FORWARDER).ranges(A)
        assert ranges == tuple((sequence, sequence) for sequence in range(1, 1 + 2 * len(ranges), 2))
        assert 10 < len(ranges) < 40
        again.acknowledge(FORWARDER, 1, 400)
        assert again.depth(FORWARDER) == 0


def test_numbers_as_large_as_any_fit_into_a_slot(path: Path, journal: Journal) -> None:
    many = Acknowledged()
    for cls in (A, B, C):
        for number in range(100):
            many.add(cls, (1 << 62) + 4 * number, (1 << 62) + 4 * number + 1, 2)
    position = Position(path / "many.position", journal.id)
    position.write(many)
    position.write(many)
    position.close()

    read = Position(path / "many.position", journal.id).read()
    assert read is not None
    assert 10 < len(read.ranges(C)) < 40


def test_the_position_of_another_journal_acknowledges_nothing(path: Path, tmp_path: Path) -> None:
    with collector(tmp_path / "other") as other:
        other.append([b"a", b"b"])
        other.acknowledge(FORWARDER, 1, 2)
    with collector(path) as journal:
        journal.append([b"a", b"b"])
    shutil.copy(position_of(tmp_path / "other"), position_of(path))

    with collector(path) as again:
        assert again.depth(FORWARDER) == 2


def test_a_position_that_means_nothing_acknowledges_nothing(path: Path, journal: Journal) -> None:
    journal.append([b"a"])
    for text in (b"[]", b"{}", b"1"):
        position_of(path).write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
        assert journal._consumers[FORWARDER]._position.read() is None


# Dead letters.


def test_damaged_dead_letters_are_named(path: Path, journal: Journal) -> None:
    journal.append([b"a"])
    (path / "forwarder.dead-letters").write_text("Dear journal,\n" * 400, encoding="ascii")

    with pytest.raises(JournalDamaged, match="is damaged"):
        journal.dead_letters()
    with pytest.raises(JournalDamaged, match="is damaged"):
        journal.set_aside(FORWARDER, 1, "refused")


def test_dead_letters_that_cannot_be_opened_are_named(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([b"a"])
    journal.set_aside(FORWARDER, 1, "refused")
    monkeypatch.setattr("edge_agent.journal.dead_letters._BUSY_SECONDS", 0.0)
    with closing(sqlite3.connect(path / "forwarder.dead-letters", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="is locked by another program"):
            journal.set_aside(FORWARDER, 1, "refused")
        shell.execute("ROLLBACK")


# The housekeeper's thread.


def test_the_housekeeper_forgets_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeper_module, "ROUND_SECONDS", 0.001)
    monkeypatch.setattr(housekeeper_module, "ROUNDS_A_LOOK", 2)
    with (
        open_journal(
            path, role="collect", budget=Budget(minimum_free_bytes=0), segment_bytes=4096
        ) as journal,
        open_journal(path, role="forward") as forwarder,
    ):
        for _segment in range(10):
            journal.append([b"x" * 3000])
        forwarder.acknowledge(FORWARDER, 1, 10)

        wait_until(lambda: len(segments_of(path)) == 1)


def test_trouble_of_the_housekeeper_is_told_once_and_stops_no_other_chore(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    housekeeper = housekeeper_of(journal)
    done: list[str] = []

    def full() -> int:
        raise JournalFull("the disk is full", "free some space")

    forget = housekeeper.forget
    monkeypatch.setattr(housekeeper, "forget", full)
    monkeypatch.setattr(housekeeper, "make_room", lambda: done.append("make room"))
    monkeypatch.setattr(housekeeper, "look", lambda: done.append("look"))

    with structlog.testing.capture_logs() as logs:
        for _ in range(housekeeper_module.ROUNDS_A_LOOK):
            housekeeper.keep_house()

    assert done == ["make room"] * housekeeper_module.ROUNDS_A_LOOK + ["look"]
    told = ("journal housekeeping failed; it tries again", "the disk is full", "free some space")
    assert [(entry["event"], entry["reason"], entry["mend"]) for entry in logs] == [told]

    monkeypatch.setattr(housekeeper, "forget", forget)
    housekeeper.keep_house()
    monkeypatch.setattr(housekeeper, "forget", full)
    with structlog.testing.capture_logs() as logs:
        housekeeper.keep_house()
    assert len(logs) == 1, "it was over, and begins again"


def test_on_a_full_disk_the_newest_segment_goes_too(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    housekeeper = housekeeper_of(journal)
    journal.append([b"a"])
    monkeypatch.setattr(housekeeper_module, "free_bytes", lambda _folder: 0)

    housekeeper.make_room()
    assert [*contents(journal)] == [1], "it is not acknowledged"
    journal.acknowledge(FORWARDER, 1, 1)
    housekeeper.make_room()
    housekeeper.make_room()

    assert [int(file.stem) for file in segments_of(path)] == [2]
    assert not journal.look_after(), "nothing is sealed"


def test_a_damaged_segment_that_is_gone_needs_no_mending(journal: Journal) -> None:
    housekeeper = housekeeper_of(journal)
    housekeeper._damaged.append(1)

    housekeeper.mend()

    assert housekeeper._damaged == []


# Every call the disk can refuse.


CALLS = ("open", "pwrite", "pread", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "mkdir", "statvfs")


ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)


def test_whichever_call_the_disk_refuses_nothing_is_lost(tmp_path: Path) -> None:
    """The n-th call fails, for every n; then all goes well again."""
    n = 0
    while _story_with_refusal(tmp_path / str(n), ERRORS[n % len(ERRORS)], n):
        shutil.rmtree(tmp_path / str(n))
        n += 1

    assert n > 30


def _story_with_refusal(path: Path, error: int, refused: int) -> bool:
    """Append, acknowledge and forget while one call fails; whether one did."""
    calls = Refusing(error, refused)
    told, given = Told([]), dict[int, bytes]()
    forgotten = 0
    with calls.refused():
        try:
            with collector(path, told) as journal:
                for number in range(6):
                    forgotten = max(forgotten, _step(journal, number, given))
        except JournalError:
            pass
    with collector(path, told) as again:
        look_at_all(again)
        there = contents(again)
        waiting = {sequence: payload for sequence, payload in given.items() if sequence > 4}
        assert waiting.items() <= there.items(), f"call {refused} failed"
        assert told.gaps == []
        assert again.append([b"next"])[0] > max(given, default=0)
    return calls.happened


def _step(journal: Journal, number: int, given: dict[int, bytes]) -> int:
    payload = b"A%d" % number + bytes(900)
    try:
        given[journal.append([payload])[0]] = payload
        if number == 4:
            journal.acknowledge(FORWARDER, 1, min(4, journal.head))
        housekeeper_of(journal).keep_house()
    except JournalError:
        pass
    return journal._reader.end().forgotten


class Refusing:
    """A disk that refuses one call, of those to this folder or to an open file."""

    def __init__(self, error: int, refused: int) -> None:
        self._error = error
        self._left = refused
        self.happened = False

    @contextmanager
    def refused(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", lambda _fd: None)  # there are many rounds
            patch.setattr(os, "fdatasync", lambda _fd: None)
            for name in CALLS:
                patch.setattr(os, name, self._one(getattr(os, name)))
            yield

    def _one(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left == -1:
                self.happened = True
                raise OSError(self._error, os.strerror(self._error))
            return call(*arguments, **more)

        return counted
