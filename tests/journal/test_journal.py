"""What a journal promises, told call by call."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.chain import genesis, link
from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError, JournalFull, LocalProtocolError
from edge_agent.journal import Budget, DeadLetter, Gap, Journal, Record, open_journal
from edge_agent.journal import appender as appender_module
from edge_agent.journal import dead_letters as dead_letters_module
from edge_agent.journal.journal import plainly
from tests.journal.folders import (
    FORWARDER,
    NOON,
    PLENTY,
    A,
    B,
    C,
    appender_of,
    contents,
    segments_of,
)
from tests.journal.folders import collector as collecting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal"


@pytest.fixture
def collector(path: Path) -> Iterator[Journal]:
    with collecting(path) as journal:
        yield journal


@pytest.fixture
def forwarder(path: Path, collector: Journal) -> Iterator[Journal]:
    assert collector.head == 0
    with open_journal(path, role="forward") as journal:
        yield journal


def numbers(journal: Journal, limit: int, max_bytes: int, after: int = 0) -> list[int]:
    return [record.sequence for record in journal.read(after, limit, max_bytes).records]


def test_sequences_begin_at_one_and_rise_by_one(collector: Journal) -> None:
    first = collector.append([b"a", b"b"])
    second = collector.append([b"c"])

    assert [*first, *second] == [1, 2, 3]
    assert collector.head == 3


def test_appending_nothing_commits_nothing(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a"])
    forwarder.changed()

    assert collector.append([]) == range(2, 2)
    assert not forwarder.changed()


def test_what_was_appended_is_read_in_order_and_chained(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"A1", b"B2"])
    collector.append([b"\x00\xff"])

    begin = genesis(collector.id)
    one = link(begin, 1, b"A1")
    two = link(one, 2, b"B2")
    three = link(two, 3, b"\x00\xff")
    found = forwarder.read(0, 10, PLENTY)
    assert found.records == [
        Record(1, b"A1", NOON, A, one, begin),
        Record(2, b"B2", NOON, B, two),
        Record(3, b"\x00\xff", NOON, A, three),
    ]
    assert (found.through, found.passed) == (3, 3)
    assert forwarder.head_chain() == (3, three)


def test_reading_stops_at_the_limit(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b", b"c"])

    assert numbers(forwarder, 2, PLENTY) == [1, 2]
    assert forwarder.read(0, 2, PLENTY).through == 2


def test_reading_stops_before_too_many_bytes(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"12345", b"12345", b"1"])

    assert numbers(forwarder, 10, 10) == [1, 2]


def test_one_record_is_read_however_large(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"12345", b"1"])

    assert numbers(forwarder, 10, 1) == [1]


def test_reading_stops_where_it_is_told(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b", b"c"])

    found = forwarder.read(0, 10, PLENTY, until=2)

    assert ([record.sequence for record in found.records], found.through) == ([1, 2], 2)


def test_reading_some_classes_passes_the_others(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"A1", b"C2", b"B3", b"C4", b"A5", b"C6"])

    found = forwarder.read(0, 10, PLENTY, classes=(A, B))
    one = forwarder.read(1, 1, PLENTY, classes=(C,))

    assert [record.payload for record in found.records] == [b"A1", b"B3", b"A5"]
    assert (found.through, found.passed) == (6, 3)
    assert ([record.payload for record in one.records], one.through) == ([b"C2"], 3)


def test_a_segment_without_a_class_is_passed_without_a_look(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"C" * 1500])
    collector.append([b"C" * 1500])
    collector.append([b"A"])

    found = forwarder.read(0, 10, PLENTY, classes=(A,))

    assert (found.records, found.through) == ((), 1)
    assert forwarder._reader._indexes == {}


def test_acknowledging_a_class_leaves_the_others(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"A1", b"C2", b"B3", b"C4"])

    forwarder.acknowledge(FORWARDER, 1, 4, delivery_class=C, count=2)
    forwarder.acknowledge(FORWARDER, 2, 3, delivery_class=B)

    acknowledged = forwarder.acknowledged(FORWARDER)
    assert [acknowledged.through(cls) for cls in (A, B, C)] == [0, 0, 4]
    assert acknowledged.ranges(B) == ((2, 3),)
    assert [forwarder.depth(FORWARDER, cls) for cls in (A, B, C)] == [1, 0, 0]
    assert forwarder.depth(FORWARDER) == collector.depth(FORWARDER) == 1
    assert forwarder.position(FORWARDER) == 0


def test_what_is_acknowledged_is_waited_for_no_longer(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b", b"c"])

    forwarder.acknowledge(FORWARDER, 1, 2)

    assert forwarder.position(FORWARDER) == collector.position(FORWARDER) == 2
    assert forwarder.depth(FORWARDER) == collector.depth(FORWARDER) == 1


def test_acknowledging_again_or_less_changes_nothing(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b", b"c"])
    forwarder.acknowledge(FORWARDER, 1, 2)

    forwarder.acknowledge(FORWARDER, 1, 2)
    forwarder.acknowledge(FORWARDER, 1, 1)
    forwarder.acknowledge(FORWARDER, 2, 1)
    forwarder.acknowledge(FORWARDER, 0, 2, delivery_class=A, count=100)

    assert forwarder.position(FORWARDER) == 2
    assert forwarder.depth(FORWARDER) == 1


def test_nothing_beyond_the_head_can_be_acknowledged(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a"])

    with pytest.raises(LocalProtocolError, match="acknowledged 2, but the journal ends at 1"):
        forwarder.acknowledge(FORWARDER, 1, 2)

    assert forwarder.position(FORWARDER) == 0


def test_acknowledgements_outlive_the_forwarder(path: Path, collector: Journal) -> None:
    collector.append([b"a", b"b"])
    with open_journal(path, role="forward") as forwarder:
        forwarder.acknowledge(FORWARDER, 1, 1)

    with open_journal(path, role="forward") as again:
        assert again.position(FORWARDER) == 1


def test_records_and_the_journal_id_outlive_the_collector(path: Path) -> None:
    with collecting(path) as journal:
        journal.append([b"a"])
        name = journal.id

    with collecting(path) as again:
        assert again.id == name
        assert again.append([b"b"]) == range(2, 3)
        assert contents(again) == {1: b"a", 2: b"b"}


def test_two_journals_have_two_ids(tmp_path: Path) -> None:
    with collecting(tmp_path / "1") as one, collecting(tmp_path / "2") as other:
        assert one.id != other.id
        assert len(one.id) == 32


def test_the_age_is_that_of_the_oldest_record_waiting(path: Path) -> None:
    now = [NOON]
    with collecting(path, wall=lambda: now[0]) as journal:
        assert journal.oldest_age(FORWARDER, NOON) == 0.0
        for minute in range(3):
            now[0] = NOON + 60 * minute
            journal.append([b"C" * 1500])
        journal.append([b"A"])

        assert journal.oldest_age(FORWARDER, NOON + 60) == 60.0
        assert journal.oldest_age(FORWARDER, NOON - 60) == 0.0, "the wall clock was set back"
        journal.acknowledge(FORWARDER, 1, 3, delivery_class=C)
        assert journal.oldest_age(FORWARDER, NOON + 180) == 60.0


def test_a_new_record_is_noticed_once(collector: Journal, forwarder: Journal) -> None:
    assert forwarder.changed(), "whoever has just begun looks once"
    assert not forwarder.changed()

    collector.append([b"a"])

    assert forwarder.changed()
    assert not forwarder.changed()


def test_an_acknowledgement_is_no_news_to_who_gave_it(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a"])
    forwarder.changed()

    forwarder.acknowledge(FORWARDER, 1, 1)

    assert not forwarder.changed()


def test_what_is_set_aside_is_kept_with_its_reason(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b", b"c"])

    forwarder.set_aside(FORWARDER, 2, "payload format invalid")
    forwarder.set_aside(FORWARDER, [3], "too large")
    forwarder.acknowledge(FORWARDER, 1, 3)
    collector.forget()

    kept = [
        DeadLetter(FORWARDER, 2, b"b", NOON, "payload format invalid"),
        DeadLetter(FORWARDER, 3, b"c", NOON, "too large"),
    ]
    assert forwarder.dead_letters() == collector.dead_letters() == kept


def test_setting_aside_acknowledges_nothing(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a"])

    forwarder.set_aside(FORWARDER, 1, "refused")

    assert forwarder.depth(FORWARDER) == 1


def test_setting_aside_again_keeps_the_newest_reason(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a"])

    forwarder.set_aside(FORWARDER, 1, "refused")
    forwarder.set_aside(FORWARDER, 1, "refused twice")

    assert [letter.reason for letter in forwarder.dead_letters()] == ["refused twice"]


@pytest.mark.parametrize("absent", [0, 1, 4])
def test_only_what_is_there_can_be_set_aside(collector: Journal, forwarder: Journal, absent: int) -> None:
    collector.append([b"x" * 2000])
    collector.append([b"a", b"b"])
    forwarder.acknowledge(FORWARDER, 1, 1)
    assert collector.forget() == 1

    with pytest.raises(LocalProtocolError, match="does not have"):
        forwarder.set_aside(FORWARDER, [2, absent], "refused")

    assert forwarder.dead_letters() == []


def test_dead_letters_that_pile_up_hold_the_forwarder(
    collector: Journal, forwarder: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters_module, "LETTERS_KEPT", 2)
    collector.append([b"a", b"b", b"c"])
    forwarder.set_aside(FORWARDER, [1, 2], "refused")

    with pytest.raises(JournalFull, match="see why they were refused"):
        forwarder.set_aside(FORWARDER, 3, "refused")

    assert [letter.sequence for letter in forwarder.dead_letters()] == [1, 2]


def test_nothing_is_forgotten_before_it_was_acknowledged(collector: Journal, forwarder: Journal) -> None:
    for _segment in range(3):
        collector.append([b"x" * 2000])
    forwarder.acknowledge(FORWARDER, 2, 3)

    assert collector.forget() == 0

    assert forwarder.depth(FORWARDER) == 1


def test_what_is_acknowledged_gives_its_room_back(collector: Journal, forwarder: Journal) -> None:
    for _segment in range(3):
        collector.append([b"x" * 2000])
    size = collector.size_bytes()
    forwarder.acknowledge(FORWARDER, 1, 3)

    assert collector.forget() == 2, "but for the newest"

    assert [file.stem for file in segments_of(collector.path)] == [f"{3:020d}"]
    assert collector.size_bytes() < size - 4000
    assert contents(forwarder) == {3: b"x" * 2000}
    assert forwarder.read(0, 10, PLENTY).records[0].sequence == 3


def test_nothing_is_forgotten_before_every_consumer_acknowledged(path: Path, collector: Journal) -> None:
    collector.append([b"a" * 2000])
    collector.append([b"b"])
    collector.register("analytics")
    with (
        open_journal(path, role="forward") as forwarder,
        open_journal(path, role="forward", consumer="analytics") as analytics,
    ):
        forwarder.acknowledge(FORWARDER, 1, 2)
        assert collector.forget() == 0

        analytics.acknowledge("analytics", 1, 1)

        assert collector.forget() == 1
        assert contents(analytics) == {2: b"b"}


def test_a_consumer_registered_meanwhile_is_known_to_the_others(
    collector: Journal, forwarder: Journal
) -> None:
    collector.append([b"a"])

    collector.register("analytics")
    collector.register("analytics")

    assert forwarder.depth("analytics") == 1


def test_a_consumer_registered_later_begins_with_the_oldest_record_there_is(
    path: Path, collector: Journal, forwarder: Journal
) -> None:
    collector.append([b"a" * 2000])
    collector.append([b"b"])
    forwarder.acknowledge(FORWARDER, 1, 1)
    collector.forget()

    collector.register("analytics")

    with open_journal(path, role="forward", consumer="analytics") as analytics:
        assert analytics.position("analytics") == 1
        assert analytics.depth("analytics") == 1
        assert contents(analytics, analytics.position("analytics")) == {2: b"b"}


def test_registering_outlives_the_collector(path: Path) -> None:
    with collecting(path) as journal:
        journal.register("analytics")

    with open_journal(path, role="read") as reader:
        assert reader.position("analytics") == 0


@pytest.mark.parametrize("name", ["", "../x", "A", "x" * 33, "a b"])
def test_a_consumer_needs_a_name_that_fits_into_a_file_name(collector: Journal, name: str) -> None:
    with pytest.raises(LocalProtocolError, match="cannot be part of a file name"):
        collector.register(name)


def test_a_consumer_nobody_registered_is_named(collector: Journal) -> None:
    with pytest.raises(LocalProtocolError, match="consumer nobody is not registered"):
        collector.position("nobody")


def test_what_is_derived_and_that_it_was_are_one_commit(path: Path, collector: Journal) -> None:
    collector.register("deriving")
    collector.append([b"a", b"b"])

    assert collector.derive("deriving", 2, [b"of a and b"]) == range(3, 4)
    assert collector.derive("deriving", 3, []) == range(0)

    assert collector.position("deriving") == 3
    assert contents(collector) == {1: b"a", 2: b"b", 3: b"of a and b"}
    (path / "deriving.position").unlink()
    collector.close()
    with collecting(path) as again:
        assert again.position("deriving") == 2, "the journal itself says so"


def test_deriving_survives_a_segment_and_a_position_that_cannot_be_written(
    path: Path, collector: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector.register("deriving")
    collector.append([b"a"])

    def full_disk(*_arguments: object) -> None:
        raise JournalFull("full")

    collector.derive("deriving", 1, [b"1"])
    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.journal.position.Position.write", full_disk)
        assert collector.derive("deriving", 2, [b"2"]) == range(3, 4), "it is derived: the journal has it"
    collector.append([b"x" * 2000])
    collector.append([b"x" * 2000])
    collector.close()
    (path / "deriving.position").write_bytes(b"")

    with collecting(path) as again:
        assert again.position("deriving") == 2


@pytest.mark.parametrize("through", [0, 1, 3])
def test_nothing_is_derived_twice_or_from_what_is_not_there(collector: Journal, through: int) -> None:
    collector.register("deriving")
    collector.append([b"a"])
    collector.derive("deriving", 1, [b"of a"])

    with pytest.raises(LocalProtocolError, match=f"derived from 2 to {through}, of 2"):
        collector.derive("deriving", through, [b"again"])

    assert collector.head == 2


def test_a_record_beyond_all_reason_is_refused(collector: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appender_module, "RECORD_LIMIT_BYTES", 3)

    with pytest.raises(JournalError, match="larger than 3 bytes"):
        collector.append([b"123", b"1234"])

    assert collector.append([b"123"]) == range(1, 2)


def test_records_of_every_size_are_given_as_they_were(collector: Journal, forwarder: Journal) -> None:
    payloads = [b"", b"x", b"y" * (1 << 20), b"z" * 2000, b"\xe5J" * 100]

    collector.append(payloads)
    collector.append(payloads[::-1])

    assert [*contents(forwarder).values()] == payloads + payloads[::-1]


def test_a_segment_may_be_exactly_full(path: Path) -> None:
    with collecting(path, segment_bytes=4096) as journal:
        journal.append([b"a"])
        room = 4096 - journal._reader.end().offset
        journal.append([b"x" * (room - 48)])
        assert journal._reader.end().offset == 4096
        journal.append([b""])

        assert [int(file.stem) for file in segments_of(path)] == [1, 3]
    with collecting(path) as again:
        assert [*contents(again)] == [1, 2, 3]


def test_the_reserve_of_the_disk_is_left_alone(path: Path) -> None:
    with open_journal(
        path, role="collect", budget=Budget(minimum_free_bytes=1 << 60), housekeeping=False
    ) as journal:
        with pytest.raises(JournalFull, match=r"disk of journal .* is full \(\d+ MiB free\)"):
            journal.append([b"a"])
        assert journal.declare([b"that it is full"]) == range(1, 2)

    with collecting(path) as journal:
        assert journal.append([b"a"]) == range(2, 3)


def test_the_size_is_what_all_files_take(path: Path, collector: Journal) -> None:
    collector.append([b"x" * 100_000])
    (path / "gone").symlink_to("nowhere")

    assert 100_000 < collector.size_bytes() < 500_000


@pytest.mark.parametrize("call", ["append", "declare", "derive", "register", "forget", "look_after"])
def test_only_the_one_who_collects_may_write(forwarder: Journal, call: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "append": lambda: forwarder.append([b"a"]),
        "declare": lambda: forwarder.declare([b"a"]),
        "derive": lambda: forwarder.derive(FORWARDER, 1, [b"a"]),
        "register": lambda: forwarder.register("analytics"),
        "forget": forwarder.forget,
        "look_after": forwarder.look_after,
    }

    with pytest.raises(LocalProtocolError, match="is open to forward"):
        calls[call]()


def test_one_who_reads_acknowledges_nothing(path: Path, collector: Journal) -> None:
    collector.append([b"a"])

    with open_journal(path, role="read") as reader:
        assert reader.head == 1
        with pytest.raises(LocalProtocolError, match="is open to read"):
            reader.acknowledge(FORWARDER, 1, 1)
        with pytest.raises(LocalProtocolError, match="is open to read"):
            reader.set_aside(FORWARDER, 1, "refused")


def test_the_one_who_collects_may_acknowledge_too(collector: Journal) -> None:
    collector.append([b"a", b"b"])

    collector.acknowledge(FORWARDER, 1, 1)

    assert collector.position(FORWARDER) == 1


def test_a_closed_journal_says_so(path: Path) -> None:
    journal = collecting(path)
    appender = appender_of(journal)
    journal.close()
    journal.close()

    with pytest.raises(JournalError, match="is closed"):
        journal.append([b"a"])
    with pytest.raises(JournalError, match="is closed"):
        appender.begin_segment()
    with pytest.raises(JournalError, match="is closed"):
        journal.read(0, 1, 1)


def test_a_journal_shows_what_it_is(path: Path, collector: Journal) -> None:
    assert repr(collector) == f"<Journal {path} collect {collector.id}>"


def test_everything_belongs_to_the_agent_alone(path: Path, collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a"])
    forwarder.set_aside(FORWARDER, 1, "refused")

    modes = {stat.S_IMODE(file.stat().st_mode) for file in path.rglob("*") if file.is_file()}
    folders = {stat.S_IMODE(folder.stat().st_mode) for folder in (path, path.parent)}
    assert (modes, folders) == ({0o600}, {0o700})


def test_a_gap_is_told_as_json_where_nobody_describes_it() -> None:
    gap = Gap("damage", DeliveryClass.A, 2, 5, 6, why="a reason")

    assert json.loads(plainly(gap)) == {
        "gap": "damage",
        "class": "A",
        "count": 2,
        "first": 5,
        "last": 6,
        "why": "a reason",
    }


def test_where_no_class_is_told_everything_matters(path: Path) -> None:
    with open_journal(path, role="collect", budget=Budget(minimum_free_bytes=0)) as journal:
        journal.append([b"C"])

        assert [record.delivery_class for record in journal.records()] == [A]
