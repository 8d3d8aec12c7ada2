"""Over its budget a journal lets go of C first, then of half of B and half again, and of A never."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from edge_agent.chain import link
from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError, JournalFull
from edge_agent.journal import Budget, Fill, Gap, Journal, glance, let_go, open_journal, shedding
from edge_agent.journal.let_go import LetGo
from edge_agent.journal.mending import Mender
from edge_agent.journal.segment import segment_path
from edge_agent.journal.shedding import MOST_THINNED

A, B, C = DeliveryClass
KIB = 1 << 10
SEGMENT, BUDGET = 16 * KIB, 256 * KIB
FORWARDER = "forwarder"


def payload_of(its_class: DeliveryClass, number: int) -> bytes:
    return b"%s%09d" % (its_class.value.encode(), number) + b"x" * 200


def class_of(payload: bytes) -> DeliveryClass:
    return DeliveryClass(chr(payload[0])) if payload[:1] in b"ABC" else A


class Bench:
    """A small journal that keeps house when told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.gaps: list[Gap] = []
        self.appended: dict[int, bytes] = {}
        self.now = 0.0
        self.clock_is_right = True
        self.journal: Journal

    def describe(self, gap: Gap) -> bytes:
        self.gaps.append(gap)
        return b"gap of %d" % gap.count

    def open(self, budget: Budget) -> Journal:
        self.journal = open_journal(
            self.path,
            role="collect",
            budget=budget,
            classify=class_of,
            describe_gap=self.describe,
            housekeeping=False,
            segment_bytes=SEGMENT,
            wall=lambda: self.now,
            clock_is_right=lambda: self.clock_is_right,
        )
        return self.journal

    def append(self, *classes: DeliveryClass) -> None:
        payloads = [payload_of(cls, len(self.appended) + place) for place, cls in enumerate(classes)]
        self.appended |= dict(zip(self.journal.append(payloads), payloads, strict=True))

    def left(self) -> dict[DeliveryClass, set[int]]:
        left: dict[DeliveryClass, set[int]] = {A: set(), B: set(), C: set()}
        for record in self.journal.records():
            if record.sequence in self.appended:
                assert record.payload == self.appended[record.sequence]
                left[record.delivery_class].add(record.sequence)
        return left

    def declared(self) -> Counter[int]:
        return Counter(sequence for gap in self.gaps for sequence in sequences_of(gap))


def sequences_of(gap: Gap) -> list[int]:
    every = range(gap.first, gap.last + 1)
    return [
        s for s in every if not gap.removed or gap.removed[(s - gap.first) // 8] & 0x80 >> (s - gap.first) % 8
    ]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "journal")
    bench.open(Budget(size_bytes=BUDGET, minimum_free_bytes=0))
    yield bench
    bench.journal.close()


def fill(bench: Bench, *classes: DeliveryClass) -> None:
    """Append until that is too much, letting go of what may go."""
    with pytest.raises(JournalFull, match="has reached its budget of 0 MiB"):
        append_and_shed(bench, classes)


def append_and_shed(bench: Bench, classes: Sequence[DeliveryClass]) -> None:
    for _round in range(10_000):
        bench.append(*classes)
        bench.journal.shed()


def append_for_ever(bench: Bench, its_class: DeliveryClass) -> None:
    while True:
        bench.append(*[its_class] * 5)


def test_below_the_budget_nothing_goes(bench: Bench) -> None:
    for _round in range(100):
        bench.append(A, B, C)

    assert bench.journal.shed() == 0
    assert bench.gaps == []


def test_telemetry_goes_first_and_money_never(bench: Bench) -> None:
    while not bench.gaps:
        bench.append(A, B, C, C)
        bench.journal.shed()

    left = bench.left()
    assert {gap.delivery_class for gap in bench.gaps} == {C}
    assert len(left[A]) == len(left[B]) == len(bench.appended) // 4
    assert len(left[C]) < len(bench.appended) // 2


def test_what_goes_is_declared_exactly_and_once(bench: Bench) -> None:
    fill(bench, A, B, C, C)

    left = bench.left()
    gone = bench.appended.keys() - left[A] - left[B] - left[C]
    assert bench.declared() == Counter(gone)
    assert all(gap.count == len(sequences_of(gap)) for gap in bench.gaps)
    assert all(gap.reason == "shed" and gap.why for gap in bench.gaps)
    assert all(
        class_of(bench.appended[s]) is gap.delivery_class for gap in bench.gaps for s in sequences_of(gap)
    )


def test_faults_and_meters_are_thinned_to_an_eighth_before_appending_stops(bench: Bench) -> None:
    fill(bench, A, B, C, C)

    left = bench.left()
    sealed = bench.journal.head * 3 // 4  # those that had been through all of it
    old_b = {sequence for sequence, payload in bench.appended.items() if class_of(payload) is B} & set(
        range(sealed)
    )
    kept = len(left[B] & old_b) / len(old_b)
    assert 1 / 2**MOST_THINNED - 0.01 <= kept < 1 / 2
    assert len(left[A]) == sum(class_of(payload) is A for payload in bench.appended.values())


def test_when_only_money_is_left_appending_stops_and_goes_on_once_some_is_acknowledged(bench: Bench) -> None:
    fill(bench, A)
    head = bench.journal.head

    bench.journal.acknowledge(FORWARDER, 1, head)
    bench.journal.forget()
    bench.journal.fill()
    bench.append(A)

    assert bench.gaps == []
    assert bench.journal.head == head + 1


def test_what_was_acknowledged_goes_without_being_called_a_loss(bench: Bench) -> None:
    for _round in range(150):
        bench.append(A, C, C, C)
    bench.journal.acknowledge(FORWARDER, 1, bench.journal.head, delivery_class=C)

    while bench.journal.fill().share < 0.99:
        bench.append(A)
    bench.journal.shed()

    assert bench.gaps == []
    assert bench.journal.depth(FORWARDER, C) == 0


def test_what_was_acknowledged_in_the_middle_is_not_called_a_loss(bench: Bench) -> None:
    for _round in range(150):
        bench.append(C, C, C, C)
    bench.journal.acknowledge(FORWARDER, 3, 6, delivery_class=C)
    while bench.journal.fill().share < 0.99:
        bench.append(A)

    bench.journal.shed()

    gone = set(bench.declared())
    assert {1, 2, 7, 8} <= gone
    assert not {3, 4, 5, 6} & gone


def test_what_is_young_by_a_clock_that_was_set_back_is_read_for_it_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.journal.close()
    bench.open(Budget(minimum_free_bytes=0, age_seconds=3600.0))
    bench.now = 9000.0
    for _round in range(10):
        bench.append(A, B, C, C)
    bench.now = 0.0  # what follows says that it was begun before
    assert bench.journal._collector is not None
    bench.journal._collector.appender.begin_segment()
    for _round in range(100):
        bench.append(A, B, C, C)
    bench.now = 10_000.0

    bench.journal.shed()
    with monkeypatch.context() as patch:
        patch.setattr(shedding, "frames_of", None)
        bench.journal.shed()

    assert bench.gaps == []


def test_a_segment_that_goes_while_headers_are_looked_at_says_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.append(A, B, C)
    monkeypatch.setattr(let_go, "segments", lambda _folder: [1, 99])

    assert LetGo(bench.path).look() == {}


def test_the_chain_goes_on_over_what_went(bench: Bench) -> None:
    fill(bench, A, C)

    known: dict[int, bytes] = {}
    for record in bench.journal.records():
        before = record.before if record.before is not None else known.get(record.sequence - 1)
        assert before is not None, record.sequence
        assert record.chain == link(before, record.sequence, record.payload)
        known[record.sequence] = record.chain


def test_a_consumer_passes_over_what_went_and_all_can_be_forgotten(bench: Bench) -> None:
    fill(bench, A, B, C, C)
    head = bench.journal.head

    for cls in DeliveryClass:
        after = 0
        while after < head:
            found = bench.journal.read(after, 50, 1 << 20, classes=(cls,))
            bench.journal.acknowledge(
                FORWARDER, after + 1, found.through, delivery_class=cls, count=found.passed
            )
            after = found.through

    assert bench.journal.depth(FORWARDER) == 0
    assert bench.journal.forget() > 0


def test_what_went_stays_gone_and_is_not_declared_again_after_a_restart(bench: Bench) -> None:
    fill(bench, A, B, C, C)
    left, declared = bench.left(), bench.declared()

    bench.journal.close()
    bench.open(Budget(size_bytes=2 * BUDGET, minimum_free_bytes=0))
    assert not any(bench.journal.look_after() for _segment in range(40))
    assert bench.left() == left
    assert bench.declared() == declared


def test_what_waits_too_long_goes_without_the_journal_being_full(bench: Bench) -> None:
    bench.journal.close()
    bench.open(Budget(minimum_free_bytes=0, age_seconds=3600.0))
    for _round in range(100):
        bench.append(A, B, C, C)
    bench.now = 4000.0
    for _round in range(100):
        bench.append(A, B, C, C)

    bench.journal.shed()
    bench.journal.shed()

    left = bench.left()
    old = range(1, 300)
    assert not left[C] & set(old)
    assert len(left[B]) > 140
    assert len(left[A]) == 200
    assert {gap.why for gap in bench.gaps} == {"age"}
    assert max(bench.declared()) <= 400


def test_a_disk_that_others_have_filled_is_told_as_that(bench: Bench) -> None:
    for _round in range(100):
        bench.append(A, C)
    bench.journal.close()
    bench.open(Budget(minimum_free_bytes=1 << 60))

    bench.journal.shed()

    assert {gap.why for gap in bench.gaps} == {"the disk had less than is to be left free"}


def test_a_clock_that_is_not_right_makes_nothing_old(bench: Bench) -> None:
    bench.journal.close()
    bench.clock_is_right = False
    bench.open(Budget(minimum_free_bytes=0, age_seconds=3600.0))
    for _round in range(100):
        bench.append(A, B, C, C)
    bench.now = 1e9

    bench.journal.shed()

    assert bench.gaps == []


def test_the_level_is_told_with_the_time_that_is_left() -> None:
    fill_now = Fill(used_bytes=95, capacity_bytes=100, bytes_a_second=0.5)

    assert (fill_now.level, fill_now.seconds_left) == (90, 10.0)
    assert Fill(69, 100, None).level is None
    assert Fill(70, 100, 0.0).seconds_left is None
    assert Fill(1, 0, None).level == 100


def test_what_was_thinned_often_enough_is_known_after_a_restart(bench: Bench) -> None:
    fill(bench, A, B)
    bench.journal.close()
    told = len(bench.gaps)
    bench.open(Budget(size_bytes=BUDGET, minimum_free_bytes=0))

    assert bench.journal._collecting is not None
    shedder = bench.journal._collecting.housekeeper._shedder
    (first, last), *_others = shedder._sealed()
    assert shedder._thin_b(first, last, "once more") == 0
    assert len(bench.gaps) == told


def test_everything_sealed_may_be_old(bench: Bench) -> None:
    bench.journal.close()
    bench.open(Budget(minimum_free_bytes=0, age_seconds=3600.0))
    for _round in range(200):
        bench.append(A, B, C)
    bench.now = 7200.0

    bench.journal.shed()

    assert bench.journal.shed() == 0


def test_money_is_read_on_whatever_is_let_go_around_it_meanwhile(tmp_path: Path) -> None:
    """A segment that is written anew twice may have the number of a file that it had before."""
    bench = Bench(tmp_path / "journal")
    with (
        bench.open(Budget(minimum_free_bytes=0, age_seconds=60)),
        open_journal(bench.path, role="read") as reader,
    ):
        for _round in range(100):
            bench.append(C, A, B)
        until = reader.head
        found = reader.read(0, 2, 1 << 20, classes=(A,))
        read = [record.sequence for record in found.records]
        reader.read(until - 3, 1, 1 << 20, classes=(A,))  # of the newest, as long as it is that
        bench.journal._collector.appender.begin_segment()
        bench.now = 3600.0

        assert bench.journal.shed() > 100

        while found.through < until:
            found = reader.read(found.through, 5, 1 << 20, classes=(A,), until=until)
            read += [record.sequence for record in found.records]
    assert read == [s for s, payload in bench.appended.items() if class_of(payload) is A]


def test_a_journal_that_refuses_is_full_even_where_a_little_room_is_left(bench: Bench) -> None:
    fill(bench, A, A, A, A, A)

    assert bench.journal.fill().level == 100


def test_a_journal_that_made_room_for_what_it_refused_is_not_full(bench: Bench) -> None:
    with pytest.raises(JournalFull):
        append_for_ever(bench, C)
    assert bench.journal.fill().level == 100

    bench.journal.shed()

    assert bench.journal.fill().level in {None, 70, 90}


def test_nothing_is_read_to_find_that_it_is_young(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked every second, and reading a segment takes a third of one."""
    bench.journal.close()
    bench.open(Budget(minimum_free_bytes=0, age_seconds=3600.0))
    bench.now = 100_000.0
    for _round in range(100):
        bench.append(A, B, C)
    bench.now += 3599.0
    monkeypatch.setattr(Mender, "examine", lambda *_what, **_options: pytest.fail("a segment was read"))
    monkeypatch.setattr(shedding, "frames_of", lambda *_what: pytest.fail("a segment was read"))

    assert bench.journal.shed() == 0


def test_what_could_not_be_let_go_is_let_go_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JournalFull):
        append_for_ever(bench, C)

    def full(*_what: object) -> int:
        raise JournalFull("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(shedding, "make_segment", full)
        with pytest.raises(JournalFull, match="the disk is full"):
            bench.journal.shed()
    left = bench.left()[C]
    bench.journal.shed()

    assert min(bench.left()[C]) > min(left)


def waiting(bench: Bench) -> dict[DeliveryClass, int]:
    return {cls: bench.journal.depth(FORWARDER, cls) for cls in DeliveryClass}


def open_records(bench: Bench) -> Counter[DeliveryClass]:
    """Those that can be read and were not dealt with."""
    ranges = {cls: bench.journal.acknowledged(FORWARDER).ranges(cls) for cls in DeliveryClass}
    return Counter(
        record.delivery_class
        for record in bench.journal.records()
        if not any(first <= record.sequence <= last for first, last in ranges[record.delivery_class])
    )


def test_what_was_let_go_does_not_wait(bench: Bench) -> None:
    fill(bench, A, B, C, C)

    assert waiting(bench) == open_records(bench)
    for cls, last in ((C, 300), (B, 140), (A, 20)):
        bench.journal.acknowledge(FORWARDER, 1, last, delivery_class=cls)
        assert waiting(bench) == open_records(bench)
    with open_journal(bench.path, role="read") as reader:
        assert {cls: reader.depth(FORWARDER, cls) for cls in DeliveryClass} == open_records(bench)
    bench.journal.acknowledge(FORWARDER, 501, 520, delivery_class=B)  # what is new overtakes
    assert waiting(bench) == open_records(bench)


def test_what_is_let_go_while_somebody_watches_waits_no_longer(bench: Bench) -> None:
    with open_journal(bench.path, role="read") as reader:
        while len(bench.gaps) < 4:
            bench.append(A, B, C, C)
            bench.journal.shed()
            left = open_records(bench)
            assert {cls: reader.depth(FORWARDER, cls) for cls in DeliveryClass} == {
                cls: left[cls] for cls in DeliveryClass
            }


def test_what_damage_took_does_not_wait_once_it_is_mended(bench: Bench) -> None:
    for _round in range(100):
        bench.append(A, B, C)
    segment = sorted(bench.path.glob("*.seg"))[1]
    content = bytearray(segment.read_bytes())
    content[4000:7000] = bytes(3000)
    segment.write_bytes(content)

    assert bench.journal.mend_all() == 1

    assert waiting(bench) == open_records(bench)
    assert sum(waiting(bench).values()) < 301


def test_a_gap_that_is_told_again_after_a_kill_has_the_same_name(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_what: object) -> int:
        raise JournalError("killed")

    while bench.journal.fill().share < 0.99:
        bench.append(A, B, C)
    with monkeypatch.context() as patched:
        patched.setattr(shedding, "make_segment", killed)
        with pytest.raises(JournalError, match="killed"):
            bench.journal.shed()
    bench.journal.close()
    bench.open(Budget(size_bytes=BUDGET, minimum_free_bytes=0))
    bench.journal.acknowledge(FORWARDER, 1, 9, delivery_class=C)
    fill(bench, B)

    first, again, *others = bench.gaps
    assert first.name == again.name == "shed-1-C"
    assert again.count == first.count - 3
    assert len({gap.name for gap in bench.gaps}) == len(others) + 1


def test_segments_are_gone_through_in_slices(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines append meanwhile, and one who only computes keeps the interpreter from them."""
    pauses: list[float] = []
    monkeypatch.setattr("edge_agent.journal.glance.SLICE_BYTES", 1024)
    for name in ("frames_of", "is_as_written"):
        monkeypatch.setitem(getattr(glance, name).__kwdefaults__, "pause", pauses.append)
    while bench.journal.fill().share < 0.99:
        bench.append(A, B, C)
    monkeypatch.setattr(Mender, "examine", lambda *_what, **_options: pytest.fail("all of it at once"))

    bench.journal.shed()

    assert bench.gaps
    assert len(pauses) >= 3 * SEGMENT // 1024


def test_a_segment_that_does_not_read_twice_alike_is_left_as_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was intact a moment ago: a flash card that misreads once must not cost what it still has."""
    while bench.journal.fill().share < 0.99:
        bench.append(A, B, C)
    path = segment_path(bench.path, 1)
    before = path.read_bytes()

    def misread(_seconds: float) -> None:
        path.write_bytes(before[:-2000] + bytes(2000))

    monkeypatch.setattr("edge_agent.journal.glance.SLICE_BYTES", 1024)
    monkeypatch.setattr(shedding, "frames_of", partial(glance.frames_of, pause=misread))
    with pytest.raises(JournalError, match="does not read twice alike"):
        bench.journal.shed()
    path.write_bytes(before)

    assert not bench.gaps
    assert set().union(*bench.left().values()) == bench.appended.keys()
