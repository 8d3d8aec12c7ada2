"""What is met rarely: heads that lie, frames out of place, files that go while they are looked at."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.journal import Budget, open_journal
from edge_agent.journal.acknowledged import Acknowledged
from edge_agent.journal.examination import examine
from edge_agent.journal.frames import HEAD_BYTES, MARKED, Kind, decode, encode, lost, scan
from edge_agent.journal.gauge import Gauge
from edge_agent.journal.glance import is_as_written
from edge_agent.journal.head import Head, HeadNote, decoded
from edge_agent.journal.mending import header_after
from edge_agent.journal.segment import Header, format_of, make_segment, segment_path
from edge_agent.journal.segment_index import SegmentIndex
from tests.journal.folders import (
    FORWARDER,
    PLENTY,
    A,
    B,
    Told,
    appender_of,
    collector,
    contents,
    housekeeper_of,
    look_at_all,
    segments_of,
)

ID = "0123456789abcdef" * 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def frame(kind: Kind, sequence: int, *, place: int = 0, marked: bool = False, payload: bytes = b"x") -> bytes:
    return encode(
        kind,
        payload,
        sequence=sequence,
        appended_at=0.0,
        chain=bytes([sequence]) * 16,
        place=place | MARKED * marked,
    )


HEADER = Header(ID, 1, 0.0, bytes(16), (0, 0, 0)).encoded()
MARK = frame(Kind.MARK, 2, payload=b'["deriving", 1]')


# Frames.


@pytest.mark.parametrize("offset", [-1, 1, 1000])
def test_there_is_no_frame_where_none_begins(offset: int) -> None:
    assert decode(frame(Kind.RECORD, 1), offset) is None


def test_a_class_nobody_knows_is_no_frame() -> None:
    data = encode(Kind.RECORD, b"x", sequence=1, appended_at=0.0, chain=bytes(16), delivery_class=3)

    assert decode(data) is None


def test_a_frame_for_lost_records_that_says_no_end_stands_for_one() -> None:
    assert next(scan(frame(Kind.LOST, 5))).last == 5
    assert next(scan(lost(5, 9))).last == 9


# Examination.


def test_a_header_in_the_middle_is_no_record() -> None:
    data = HEADER + frame(Kind.COMMITTED, 1) + HEADER + frame(Kind.COMMITTED, 2)

    found = examine(data, 1, journal=ID)

    assert (found.last, found.missing, found.intact) == (2, (), False)


def test_a_commit_without_its_mark_is_not_whole() -> None:
    whole = HEADER + frame(Kind.COMMITTED, 1) + MARK + frame(Kind.COMMITTED, 2, marked=True)
    without = HEADER + frame(Kind.COMMITTED, 1) + frame(Kind.COMMITTED, 2, marked=True)

    assert (examine(whole, 1, journal=ID).last, examine(whole, 1, journal=ID).marks) == (2, {"deriving": 1})
    assert examine(without, 1, journal=ID).last == 1


def test_a_mark_that_was_torn_off_its_commit_marks_nothing() -> None:
    found = examine(HEADER + frame(Kind.COMMITTED, 1) + MARK, 1, journal=ID)

    assert (found.last, found.marks, found.intact) == (1, {}, True)


def test_what_was_rewritten_is_durable_as_it_is() -> None:
    data = HEADER + frame(Kind.COMMITTED, 1) + b"?" + lost(2, 7)

    found = examine(data, 1, journal=ID)

    assert (found.last, found.missing) == (7, ())


def test_marks_and_records_are_found_around_damage() -> None:
    data = HEADER + b"?" + frame(Kind.COMMITTED, 1) + MARK + frame(Kind.COMMITTED, 2, marked=True)

    found = examine(data, 1, journal=ID, last=3)

    assert (found.marks, found.missing, found.counts) == ({"deriving": 1}, ((3, 3),), (2, 0, 0))


def test_what_is_kept_is_everything_in_order() -> None:
    data = HEADER + frame(Kind.COMMITTED, 1) + MARK + frame(Kind.COMMITTED, 2, marked=True)

    found = examine(data, 1, journal=ID, last=2, keep=True)

    assert [(each.kind, each.sequence) for each in found.found] == [(3, 1), (5, 2), (3, 2)]


# Heads.


def test_a_head_that_names_no_journal_is_none() -> None:
    head = Head("x", 1, 1, 1, (0, 0, 0), bytes(16), 0)
    data = head.encoded()
    assert decoded(data) is not None

    bad = Head("\N{LATIN SMALL LETTER SHARP S}", 1, 1, 1, (0, 0, 0), bytes(16), 0)

    assert decoded(bad.encoded()) is None


def test_a_note_that_is_gone_is_waited_for(path: Path) -> None:
    collector(path).close()
    note = HeadNote(path)
    (path / "head").unlink()

    assert not note.find_again()
    note.close()
    note.close()


# Files that go.


def test_a_segment_that_goes_while_it_is_glanced_at_is_not_as_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_as_written(path / "none", 1, 1, journal=ID)

    def denied(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(JournalError, match="Permission denied"):
        is_as_written(path / "none", 1, 1, journal=ID)


def test_a_segment_that_is_intact_at_the_second_look_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector(path) as journal:
        journal.append([b"x" * 2000])
        journal.append([b"x" * 2000])
        monkeypatch.setattr("edge_agent.journal.mending.is_as_written", lambda *_where, **_journal: False)

        assert look_at_all(journal) == 0


def test_a_file_counts_nothing_once_it_is_gone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector(path).close()
    now = [0.0]
    gauge = Gauge(path, Budget(minimum_free_bytes=0), lambda: now[0])
    gauge.admit(600)
    now[0] = 60.0
    monkeypatch.setattr("edge_agent.journal.gauge.segments", lambda _folder: [77])

    fill = gauge.measure()

    assert (fill.used_bytes, fill.bytes_a_second) == (0, 10.0)


def test_a_file_that_goes_while_the_size_is_taken_counts_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector(path) as journal:
        journal.append([b"x"])

        def gone(_path: Path) -> os.stat_result:
            raise FileNotFoundError

        monkeypatch.setattr(Path, "lstat", gone)
        assert journal.size_bytes() == 0


# Headers that say little.


def test_a_header_without_one_before_it_says_only_where_it_begins(tmp_path: Path) -> None:
    assert header_after(tmp_path, 5, ID) == Header(ID, 5, 0.0, b"", ())

    segment_path(tmp_path, 1).write_bytes(b"nonsense")
    assert header_after(tmp_path, 5, ID) == Header(ID, 5, 0.0, b"", ())


def test_a_segment_that_counts_nothing_is_looked_into(path: Path) -> None:
    """Its header was lost, and the one before it too."""
    with collector(path) as journal:
        for _segment in range(3):
            journal.append([b"C" * 2000])
        name = journal.id
    for file in segments_of(path)[:2]:
        data = file.read_bytes()
        begin = next(scan(data)).end
        make_segment(path, Header(name, int(file.stem), 0.0, b"", ()), data[begin:])

    with collector(path) as journal:
        assert journal.read(0, 10, PLENTY, classes=(A, B)).through == 1
        assert journal.depth(FORWARDER) == 3
        assert next(journal.records()).before is None


def test_a_misnamed_segment_makes_a_header_less_one_give_way(path: Path) -> None:
    told = Told([])
    with collector(path) as journal:
        for letter in b"ABC":
            journal.append([bytes([letter]) * 2000])
    one, two, _three = segments_of(path)
    data = bytearray(one.read_bytes())
    data[0] ^= 1
    one.write_bytes(data)
    one.rename(path / "aside")
    two.rename(one)
    (path / "aside").rename(two)

    with collector(path, told) as journal:
        look_at_all(journal)
        assert [*contents(journal)] == [1, 2, 3]
    assert told.gaps == []


def test_a_note_ahead_of_nothing_left_keeps_its_counts(path: Path, tmp_path: Path) -> None:
    with collector(path) as journal:
        journal.append([b"a", b"b"])
        journal.acknowledge(FORWARDER, 1, 2)
        early = HeadNote(path)
        head = early.read()
        early.close()
    assert head is not None
    segments_of(path)[0].unlink()
    note = HeadNote(path, write=True)
    note.repair(head._replace(sequence=1))
    note.close()

    with collector(path) as journal:
        assert journal.append([b"c"])[0] > 2
    assert tmp_path.exists()


# What the housekeeper is asked.


def test_all_that_is_damaged_is_mended_at_once(path: Path) -> None:
    with collector(path) as journal:
        for _segment in range(4):
            journal.append([b"x" * 2000])
        for file in segments_of(path)[:2]:
            data = bytearray(file.read_bytes())
            data[-1] ^= 1
            file.write_bytes(data)

        assert journal.mend_all() == 2
        assert journal.mend_all() == 2
        assert [*journal.consumers()] == [FORWARDER]


def test_a_class_of_which_nothing_was_appended_is_passed_without_opening_the_segment(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector(path) as journal:
        journal.append([b"A1", b"C1"])
        assert [record.sequence for record in journal.read(0, 10, PLENTY, classes=(A,)).records] == [1]
        journal.append([b"C2"])
        with monkeypatch.context() as patch:
            patch.setattr(SegmentIndex, "extend", None)
            passed = journal.read(2, 10, PLENTY, classes=(A,))
        journal.append([b"A2"])
        found = journal.read(passed.through, 10, PLENTY, classes=(A,))
        appender_of(journal).begin_segment()
        journal.append([b"A3"])
        last = journal.read(found.through, 10, PLENTY, classes=(A,))
        last = last if last.records else journal.read(last.through, 10, PLENTY, classes=(A,))

    assert (passed.records, passed.through, passed.passed) == ((), 3, 0)
    assert [record.payload for record in (*found.records, *last.records)] == [b"A2", b"A3"]


def test_an_empty_newest_segment_is_not_sealed(path: Path) -> None:
    with collector(path) as journal:
        appender_of(journal).begin_segment()
        assert [int(file.stem) for file in segments_of(path)] == [1]
        assert housekeeper_of(journal).forget() == 0


def test_a_newest_segment_deleted_under_the_collector_is_noticed(path: Path) -> None:
    with collector(path) as journal:
        journal.append([b"a"])
        segments_of(path)[0].unlink()

        with pytest.raises(JournalError, match="moved or replaced while it was open"):
            journal.append([b"b"])


def test_everything_that_lies_there_is_walked_through(path: Path) -> None:
    with collector(path) as journal:
        for number in range(6):
            journal.append([b"A%d" % number + b"x" * 600])
        first, second = segments_of(path)[:2]
        data = bytearray(first.read_bytes())
        data[-1] ^= 1
        first.write_bytes(data)
        last = int(second.stem) - 1
        before = [(entry.kind, entry.first, entry.last) for entry in journal.walk()]
        assert before[last - 1] == ("damaged", last, last)
        look_at_all(journal)

        entries = [*journal.walk()]
    assert entries[last - 1][:3] == ("lost", last, last)
    assert [entry.kind for entry in entries].count("record") == 6
    assert entries[0].before is not None


def test_damage_in_the_middle_and_a_deleted_segment_are_walked_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector(path) as journal:
        for number in range(6):
            journal.append([b"A%d" % number + b"x" * 600])
        first = segments_of(path)[0]
        data = bytearray(first.read_bytes())
        data[data.index(b"A0") + 10] ^= 1
        first.write_bytes(data)
        assert [(entry.kind, entry.first) for entry in journal.walk()][:2] == [("damaged", 1), ("record", 2)]

        listed = [int(file.stem) for file in segments_of(path)]
        monkeypatch.setattr("edge_agent.journal.walk.segments", lambda _folder: listed)
        first.unlink()
        assert next(iter(journal.walk())).first == listed[1]


def test_a_range_that_is_lost_already_is_no_damage() -> None:
    data = HEADER + frame(Kind.COMMITTED, 1) + lost(2, 7)

    found = examine(data, 1, journal=ID, last=7)

    assert (found.intact, found.missing, found.counts) == (True, (), (1, 0, 0))


def test_what_is_no_header_has_no_format() -> None:
    assert format_of(None) == format_of(next(scan(frame(Kind.RECORD, 1)))) == 0


# Indexes.


def test_records_may_lie_across_what_is_read_in_one_go(path: Path) -> None:
    payloads = [bytes([number]) * (1 << 20) for number in range(5)]
    with collector(path, segment_bytes=8 << 20) as journal:
        journal.append(payloads)

        assert [*contents(journal).values()] == payloads


def test_a_segment_written_anew_while_it_is_read_is_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector(path) as journal, open_journal(path, role="read") as reader:
        journal.append([b"a" * 2000])
        journal.append([b"b"])
        assert [*contents(reader)] == [1, 2]
        first = segments_of(path)[0]
        first.with_suffix(".copy").write_bytes(first.read_bytes())
        first.with_suffix(".copy").rename(first)

        with monkeypatch.context() as patch:
            patch.setattr(SegmentIndex, "is_stale", lambda _index: False)
            assert reader.read(0, 10, PLENTY).through == 0
        assert [*contents(reader)] == [1, 2]


def test_damage_before_a_range_that_is_lost_already_is_passed_over(path: Path) -> None:
    with collector(path, segment_bytes=4096) as journal:
        for number in range(9):
            journal.append([b"A%d" % number + b"x" * 500])
        first = segments_of(path)[0]
        for number in (1, 0):
            data = bytearray(first.read_bytes())
            data[data.index(b"A%d" % number) - HEAD_BYTES] ^= 1
            first.write_bytes(data)
            if number:
                look_at_all(journal)

        assert [*contents(journal)][:2] == [3, 4]


def test_room_is_given_back_while_others_have_the_journal_open(path: Path) -> None:
    with collector(path) as journal, open_journal(path, role="forward") as forwarder:
        for _segment in range(5):
            journal.append([b"x" * 2000])
        assert len(contents(forwarder)) == 5
        forwarder.acknowledge(FORWARDER, 1, 5)
        journal.forget()

        assert not [name for name in open_files() if str(path) in name and name.endswith("(deleted)")]


def open_files() -> list[str]:
    """The names of the files this process has open; it opens one itself to look."""
    names: list[str] = []
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            names.append(str(file.readlink()))
    return names


def test_a_mark_whose_record_is_lost_keeps_its_place(path: Path) -> None:
    with collector(path) as journal:
        journal.register("deriving")
        journal.append([b"raw"])
        journal.derive("deriving", 1, [b"derived" + b"x" * 1000])
        journal.append([b"y" * 1500])
        first = segments_of(path)[0]
        data = bytearray(first.read_bytes())
        data[data.index(b"derived")] ^= 1
        first.write_bytes(data)

        assert [look_at_all(journal) > 0 for _time in range(3)] == [True, False, False]
        assert [*contents(journal)][:2] == [1, 3]


def test_a_mark_behind_damage_is_no_record(path: Path) -> None:
    with collector(path) as journal:
        journal.register("deriving")
        journal.append([b"raw"])
        journal.derive("deriving", 1, [b"derived"])
        first = segments_of(path)[0]
        with first.open("r+b") as file:
            file.seek(first.read_bytes().index(b"raw") - HEAD_BYTES)
            file.write(b"?")

        assert contents(journal) == {2: b"derived"}


def test_a_record_that_follows_a_damaged_one_is_kept_without_the_heads_note() -> None:
    """That it was begun says that the one before it was durable, so it is lost and not unpromised."""
    intact = [frame(Kind.COMMITTED, number) for number in (1, 2, 3)]
    intact[1] = intact[1][:-1] + bytes([intact[1][-1] ^ 1])

    found = examine(HEADER + b"".join(intact), 1, journal=ID, durable=0)

    assert (found.missing, found.last) == (((2, 2),), 3)
    assert [each.sequence for each in found.found] == [1, 3]


def test_what_is_dealt_with_beyond_a_place_leaves_out_the_range_that_ends_there() -> None:
    acknowledged = Acknowledged()
    acknowledged.add(DeliveryClass.A, 1, 1, 1)
    acknowledged.add(DeliveryClass.A, 5, 6, 2)

    assert acknowledged.count(DeliveryClass.A, after=1) == 2
    assert acknowledged.count(DeliveryClass.A) == 3


def test_a_record_that_lies_twice_in_a_segment_is_read_once(tmp_path: Path) -> None:
    """A disk may write a block to the wrong place: behind it stands again what stood before."""
    path = tmp_path / "journal"
    with open_journal(path, role="collect", housekeeping=False) as journal:
        for number in range(5):
            journal.append([b"%d" % number * 100])
        (segment,) = path.glob("*.seg")
        data = bytearray(segment.read_bytes())
        frame = HEAD_BYTES + 100
        second = data.index(b"1" * 100) - HEAD_BYTES
        data[second + 2 * frame : second + 3 * frame] = data[second : second + frame]
        segment.write_bytes(data)

        with open_journal(path, role="read") as reader:
            assert [record.sequence for record in reader.records()] == [1, 2, 3, 5]
