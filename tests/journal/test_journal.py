"""What a journal promises, told call by call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.errors import JournalError, JournalFull, LocalProtocolError
from edge_agent.journal import DeadLetter, Journal, Record, open_journal
from edge_agent.journal import appender as appender_module
from edge_agent.journal import dead_letters as dead_letters_module

FORWARDER = "forwarder"
NOON = 1_700_000_000.0
PLENTY = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "journal.db"


@pytest.fixture
def collector(path: Path) -> Iterator[Journal]:
    with open_journal(path, role="collect", housekeeping=False, wall=lambda: NOON) as journal:
        yield journal


@pytest.fixture
def forwarder(path: Path, collector: Journal) -> Iterator[Journal]:
    assert collector.head == 0
    with open_journal(path, role="forward") as journal:
        yield journal


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


def test_what_was_appended_is_read_in_order(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b"])
    collector.append([b"\x00\xff"])

    assert forwarder.read(FORWARDER, 10, PLENTY) == [
        Record(1, b"a", NOON),
        Record(2, b"b", NOON),
        Record(3, b"\x00\xff", NOON),
    ]


def test_reading_stops_at_the_limit(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b", b"c"])

    assert [record.sequence for record in forwarder.read(FORWARDER, 2, PLENTY)] == [1, 2]


def test_reading_stops_before_too_many_bytes(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"12345", b"12345", b"1"])

    assert [record.sequence for record in forwarder.read(FORWARDER, 10, 10)] == [1, 2]


def test_one_record_is_read_however_large(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"12345", b"1"])

    assert [record.sequence for record in forwarder.read(FORWARDER, 10, 1)] == [1]


def test_reading_on_from_a_place_needs_no_acknowledgement(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b", b"c"])

    assert [record.sequence for record in forwarder.read(FORWARDER, 10, PLENTY, after=2)] == [3]
    assert [record.sequence for record in forwarder.read(FORWARDER, 10, PLENTY)] == [1, 2, 3]


def test_a_record_is_never_read_after_it_was_acknowledged(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b", b"c"])

    forwarder.acknowledge(FORWARDER, 2)

    assert [record.sequence for record in forwarder.read(FORWARDER, 10, PLENTY)] == [3]
    assert forwarder.position(FORWARDER) == collector.position(FORWARDER) == 2
    assert forwarder.depth(FORWARDER) == collector.depth(FORWARDER) == 1


def test_acknowledging_again_or_less_changes_nothing(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b"])
    forwarder.acknowledge(FORWARDER, 2)

    forwarder.acknowledge(FORWARDER, 2)
    forwarder.acknowledge(FORWARDER, 1)

    assert forwarder.position(FORWARDER) == 2


def test_nothing_beyond_the_head_can_be_acknowledged(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a"])

    with pytest.raises(LocalProtocolError, match="acknowledged 2, but the journal ends at 1"):
        forwarder.acknowledge(FORWARDER, 2)

    assert forwarder.position(FORWARDER) == 0


def test_acknowledgements_outlive_the_forwarder(path: Path, collector: Journal) -> None:
    collector.append([b"a", b"b"])
    with open_journal(path, role="forward") as forwarder:
        forwarder.acknowledge(FORWARDER, 1)

    with open_journal(path, role="forward") as again:
        assert again.position(FORWARDER) == 1
        assert [record.sequence for record in again.read(FORWARDER, 10, PLENTY)] == [2]


def test_records_and_the_journal_id_outlive_the_collector(path: Path) -> None:
    with open_journal(path, role="collect") as journal:
        journal.append([b"a"])
        name = journal.id

    with open_journal(path, role="collect") as again:
        assert again.id == name
        assert again.append([b"b"]) == range(2, 3)


def test_two_journals_have_two_ids(tmp_path: Path) -> None:
    with (
        open_journal(tmp_path / "1.db", role="collect") as one,
        open_journal(tmp_path / "2.db", role="collect") as other,
    ):
        assert one.id != other.id
        assert len(one.id) == 32


def test_the_age_is_that_of_the_oldest_record_waiting(collector: Journal, forwarder: Journal) -> None:
    assert forwarder.oldest_age(FORWARDER, NOON) == 0.0

    collector.append([b"a"])

    assert forwarder.oldest_age(FORWARDER, NOON + 60) == 60.0
    assert forwarder.oldest_age(FORWARDER, NOON - 60) == 0.0, "the wall clock was set back"


def test_a_new_record_is_noticed_once(collector: Journal, forwarder: Journal) -> None:
    assert forwarder.changed(), "whoever has just begun looks once"
    assert not forwarder.changed()

    collector.append([b"a"])

    assert forwarder.changed()
    assert not forwarder.changed()


def test_an_acknowledgement_is_no_news_to_who_gave_it(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a"])
    forwarder.changed()

    forwarder.acknowledge(FORWARDER, 1)

    assert not forwarder.changed()


def test_what_is_set_aside_is_kept_with_its_reason(collector: Journal, forwarder: Journal) -> None:
    collector.append([b"a", b"b", b"c"])

    forwarder.set_aside(FORWARDER, 2, "payload format invalid")
    forwarder.set_aside(FORWARDER, [3], "too large")
    forwarder.acknowledge(FORWARDER, 3)
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


@pytest.mark.parametrize("absent", [0, 1, 3])
def test_only_what_is_there_can_be_set_aside(collector: Journal, forwarder: Journal, absent: int) -> None:
    collector.append([b"a", b"b"])
    forwarder.acknowledge(FORWARDER, 1)
    collector.forget()

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
    collector.append([b"a", b"b"])

    assert collector.forget() == 0

    assert forwarder.depth(FORWARDER) == 2


def test_nothing_is_forgotten_before_every_consumer_acknowledged(path: Path, collector: Journal) -> None:
    collector.append([b"a", b"b"])
    collector.register("analytics")
    with (
        open_journal(path, role="forward") as forwarder,
        open_journal(path, role="forward", consumer="analytics") as analytics,
    ):
        forwarder.acknowledge(FORWARDER, 2)
        assert collector.forget() == 0

        analytics.acknowledge("analytics", 1)

        assert collector.forget() == 1
        assert [record.payload for record in analytics.read("analytics", 10, PLENTY)] == [b"b"]


def test_a_consumer_registered_meanwhile_is_known_to_the_others(
    collector: Journal, forwarder: Journal
) -> None:
    collector.append([b"a"])

    collector.register("analytics")
    collector.register("analytics")

    assert forwarder.depth("analytics") == 1


def test_registering_outlives_the_collector(path: Path) -> None:
    with open_journal(path, role="collect") as journal:
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


def test_a_record_beyond_all_reason_is_refused(collector: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appender_module, "RECORD_LIMIT_BYTES", 3)

    with pytest.raises(JournalError, match="larger than 3 bytes"):
        collector.append([b"123", b"1234"])

    assert collector.append([b"123"]) == range(1, 2)


def test_the_reserve_of_the_disk_is_left_alone(path: Path) -> None:
    with (
        open_journal(path, role="collect", minimum_free_bytes=1 << 60) as journal,
        pytest.raises(JournalFull, match=r"disk of journal .* is full \(\d+ MiB free\)"),
    ):
        journal.append([b"a"])

    with open_journal(path, role="collect", minimum_free_bytes=0) as journal:
        assert journal.append([b"a"]) == range(1, 2)


def test_the_size_counts_the_log_too(path: Path, collector: Journal) -> None:
    collector.append([b"x" * 100_000])

    log = path.with_name(path.name + "-wal")
    assert collector.size_bytes() == path.stat().st_size + log.stat().st_size
    assert collector.size_bytes() > 100_000


def test_the_size_of_a_journal_without_a_log_is_that_of_its_file(path: Path, collector: Journal) -> None:
    collector.append([b"a"])
    collector.close()

    with open_journal(path, role="read") as reader:
        path.with_name(path.name + "-wal").unlink()
        assert reader.size_bytes() == path.stat().st_size


def test_a_checkpoint_moves_all_of_the_log(path: Path, collector: Journal) -> None:
    collector.append([b"x" * 100_000])
    assert path.stat().st_size < 100_000

    collector.checkpoint()

    assert path.stat().st_size > 100_000


@pytest.mark.parametrize("call", ["append", "register", "forget", "checkpoint"])
def test_only_the_one_who_collects_may_write(forwarder: Journal, call: str) -> None:
    calls = {
        "append": lambda: forwarder.append([b"a"]),
        "register": lambda: forwarder.register("analytics"),
        "forget": forwarder.forget,
        "checkpoint": forwarder.checkpoint,
    }

    with pytest.raises(LocalProtocolError, match="is open to forward"):
        calls[call]()


def test_one_who_reads_acknowledges_nothing(path: Path, collector: Journal) -> None:
    collector.append([b"a"])

    with open_journal(path, role="read") as reader:
        assert reader.head == 1
        with pytest.raises(LocalProtocolError, match="is open to read"):
            reader.acknowledge(FORWARDER, 1)
        with pytest.raises(LocalProtocolError, match="is open to read"):
            reader.set_aside(FORWARDER, 1, "refused")


def test_the_one_who_collects_may_acknowledge_too(collector: Journal) -> None:
    collector.append([b"a", b"b"])

    collector.acknowledge(FORWARDER, 1)

    assert [record.sequence for record in collector.read(FORWARDER, 10, PLENTY)] == [2]


def test_a_closed_journal_says_so(path: Path) -> None:
    journal = open_journal(path, role="collect")
    journal.close()
    journal.close()

    with pytest.raises(JournalError, match="is closed"):
        journal.append([b"a"])
    with pytest.raises(JournalError, match="is closed"):
        journal.read(FORWARDER, 1, 1)


def test_a_journal_shows_what_it_is(path: Path, collector: Journal) -> None:
    assert repr(collector) == f"<Journal {path} collect {collector.id}>"
