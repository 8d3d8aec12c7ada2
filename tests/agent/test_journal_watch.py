"""What becomes of the journal is an event of its own."""

from __future__ import annotations

import zlib
from base64 import b64decode

import pytest

from edge_agent.agent.journal_watch import JournalWatch, gap_event
from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.events import EventBody
from edge_agent.events.of_journal import JournalFilling, JournalRelieved
from edge_agent.journal import Fill, Gap

GIB = 1 << 30


class Bench:
    """A watch, and what it said."""

    def __init__(self) -> None:
        self.said: list[EventBody] = []
        self.refuses = False
        self.watch = JournalWatch(self._seal)
        self.watch.declare_to(self._declare)

    def see(self, percent: int, rate: float | None = None) -> None:
        self.watch.see(Fill(-(-percent * GIB // 100), GIB, rate))

    def _seal(self, body: EventBody) -> bytes:
        self.said.append(body)
        return b"{}"

    def _declare(self, payloads: object) -> None:
        assert payloads == [b"{}"]
        if self.refuses:
            raise JournalError("full")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_below_every_level_nothing_is_said(bench: Bench) -> None:
    bench.see(69)

    assert bench.said == []


def test_each_level_is_told_once_with_the_hours_that_are_left(bench: Bench) -> None:
    for percent in (71, 72, 95, 96, 100):
        bench.see(percent, rate=GIB / 36_000)

    assert [(body.level, body.percent) for body in bench.said if isinstance(body, JournalFilling)] == [
        (70, 71),
        (90, 95),
        (100, 100),
    ]
    assert bench.said[0] == JournalFilling(percent=71, level=70, used_mb=727, budget_mb=1024, hours_left=2.9)


def test_a_journal_that_hovers_about_a_level_is_not_told_of_again(bench: Bench) -> None:
    for percent in (70, 69, 70, 68, 71):
        bench.see(percent)

    assert len(bench.said) == 1


def test_relief_is_told_once_and_the_level_can_be_reached_again(bench: Bench) -> None:
    for percent in (92, 60, 59, 70):
        bench.see(percent)

    assert [type(body) for body in bench.said] == [JournalFilling, JournalRelieved, JournalFilling]


def test_a_journal_that_cannot_even_say_so_is_no_fault(bench: Bench) -> None:
    bench.refuses = True

    bench.see(100)

    assert bench.watch.status()["used_percent"] == 100.0


def test_before_anything_was_seen_the_status_says_nothing() -> None:
    assert JournalWatch(lambda _body: b"").status() == {}


def test_before_it_can_be_said_a_level_is_only_remembered() -> None:
    watch = JournalWatch(lambda _body: b"")

    watch.see(Fill(9, 10, 1.0))

    assert watch.status()["budget_bytes"] == 10


def test_a_gap_says_exactly_which_records_it_was() -> None:
    gap = Gap("shed", DeliveryClass.C, 2, 5, 9, bytes([0b10001000]), "age")

    event = gap_event(gap)

    assert (event.reason, event.delivery_class, event.why) == ("shed", DeliveryClass.C, "age")
    assert (event.count, event.first, event.last) == (2, 5, 9)
    assert zlib.decompress(b64decode(event.removed)) == gap.removed
    assert gap_event(Gap("damage", None, 3, 1, 3)).removed == ""
