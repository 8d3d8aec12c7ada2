"""How well a machine is heard, and why it is no better."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.sas.cadence import Cadence
from edge_agent.drivers.sas.link_quality import (
    DEGRADED_BELOW,
    DEGRADED_TURNS,
    FEWEST_POLLS,
    LONG_BACKLOG,
    RECOVERED_FROM,
    RECOVERED_TURNS,
    SLOT_SECONDS,
    SLOTS,
    LinkMonitor,
    Tally,
)
from edge_agent.events.agent import LineQuality
from edge_agent.station import LineCounters
from edge_agent.station import LinkQuality as Quality


class Link:
    """A monitor that is told of ten seconds at a time."""

    def __init__(self) -> None:
        self.counters = LineCounters()
        self.monitor = LinkMonitor("slot-1", 1, self.counters)
        self.now = 100.0
        assert self.monitor.look(self.now) is None

    def ten_seconds(
        self, polls: int = 100, *, late: int = 0, missing: int = 0, garbage: tuple[bytes, ...] = ()
    ) -> LineQuality | None:
        for number in range(polls - missing):
            self.monitor.answered_after(0.25 if number < late else 0.022)
        for data in garbage:
            self.monitor.unreadable(data)
        self.counters.polls += polls
        self.counters.polls_unanswered += missing
        self.now += SLOT_SECONDS
        return self.monitor.look(self.now)

    @property
    def quality(self) -> Quality:
        assert self.counters.quality is not None
        return self.counters.quality


def test_a_line_without_a_fault_is_heard_in_full() -> None:
    link = Link()

    link.ten_seconds()

    assert link.quality == Quality(100, (), 25, 25, degraded=False)


def test_nothing_is_judged_before_a_slot_is_over() -> None:
    link = Link()
    link.counters.polls += 100

    assert link.monitor.look(link.now + SLOT_SECONDS - 0.1) is None
    assert link.counters.quality is None


def test_a_line_that_is_hardly_polled_is_not_judged() -> None:
    link = Link()

    link.ten_seconds(FEWEST_POLLS - 1)
    assert link.counters.quality is None
    link.ten_seconds(1)
    assert link.quality.score == 100


@pytest.mark.parametrize(
    ("faults", "score", "reason"),
    [
        ({"late": 8}, 96, "8 of 100 answers later than 200 ms"),
        ({"late": 100}, 60, "100 of 100 answers later than 200 ms"),
        ({"missing": 4}, 80, "4 of 100 polls without an answer"),
        ({"missing": 90}, 40, "90 of 100 polls without an answer"),
        ({"garbage": (b"\x01\x1a\x00\x00\x01",) * 3}, 85, "3 wrong CRCs in 100 polls"),
        ({"garbage": (b"\x01\xff\x7e\x00",) * 50}, 50, "50 wrong CRCs in 100 polls"),
        ({"garbage": (b"\xe3\xe3\xe3\xe3\xe3",) * 2}, 94, "noise heard 2 times in 100 polls"),
        ({"garbage": (b"\x01\x1a\x00",)}, 97, "noise heard 1 time in 100 polls"),
    ],
)
def test_each_fault_takes_off_what_it_costs_and_says_so(
    faults: dict[str, Any], score: int, reason: str
) -> None:
    link = Link()

    link.ten_seconds(**faults)

    assert (link.quality.score, link.quality.reasons) == (score, (reason,))


def test_a_fault_that_costs_less_than_a_point_is_not_worth_a_word() -> None:
    link = Link()

    link.ten_seconds(late=1)

    assert link.quality.reasons == ()


def test_the_weightiest_reason_comes_first() -> None:
    link = Link()

    link.ten_seconds(late=10, missing=3)

    assert [reason.split(" of ")[0] for reason in link.quality.reasons] == ["3", "10"]


def test_a_machine_that_had_to_be_woken_up_says_so() -> None:
    link = Link()
    link.counters.resynchronisations += 2

    link.ten_seconds()

    assert (link.quality.score, link.quality.reasons) == (80, ("the machine had to be woken up 2 times",))


@pytest.mark.parametrize(
    ("in_a_row", "score"), [(LONG_BACKLOG - 1, 100), (LONG_BACKLOG, 90), (19, 81), (50, 80)]
)
def test_exceptions_without_an_end_are_a_backlog(in_a_row: int, score: int) -> None:
    link = Link()
    for _ in range(in_a_row):
        link.monitor.exception_heard()
    link.monitor.nothing_to_say()
    link.monitor.exception_heard()

    link.ten_seconds()

    assert link.quality.score == score


def test_a_backlog_is_counted_over_slots() -> None:
    link = Link()
    for _ in range(2):
        for _ in range(8):
            link.monitor.exception_heard()
        link.ten_seconds()

    assert link.quality.reasons == ("16 exceptions in a row before it had no more to say",)


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    link = Link()
    link.ten_seconds(missing=4)

    for _ in range(SLOTS - 1):
        link.ten_seconds()
    assert link.quality.score < 100
    link.ten_seconds()
    assert link.quality.score == 100


@pytest.mark.parametrize(("share", "took"), [(0.5, 20), (0.95, 105), (1.0, 1005)])
def test_answer_times_are_the_steps_they_fall_in(share: float, took: int) -> None:
    link = Link()
    for seconds, times in ((0.016, 60), (0.101, 36), (1.003, 4)):
        for _ in range(times):
            link.monitor.answered_after(seconds)

    assert link.monitor.answers.took_ms(share) == took


def test_an_answer_that_took_for_ever_is_in_the_last_step() -> None:
    link = Link()
    link.monitor.answered_after(1e6)

    assert link.monitor.answers.took_ms(1.0) == 2005
    assert Tally().took_ms(0.5) == 0


def test_a_line_that_gets_worse_is_told_of_once() -> None:
    link = Link()

    told = [link.ten_seconds(missing=20) for _ in range(20)]

    assert [event.verdict for event in told if event] == ["degraded"]
    assert told[DEGRADED_TURNS - 1] is not None
    assert link.quality.degraded


def test_a_line_that_is_well_again_is_told_of_when_it_has_been_for_a_while() -> None:
    link = Link()
    for _ in range(4):
        link.ten_seconds(missing=10)

    told = [link.ten_seconds() for _ in range(20)]

    (recovered,) = [event for event in told if event]
    assert (recovered.verdict, recovered.score) == ("recovered", 100)
    assert told.index(recovered) >= RECOVERED_TURNS - 1
    assert not link.quality.degraded


def test_a_line_on_the_edge_is_not_told_of_again_and_again() -> None:
    """Between the two bounds nothing changes, on whichever side it was."""
    link = Link()
    between = round((100 - (DEGRADED_BELOW + RECOVERED_FROM) / 2) / 5)

    told = [link.ten_seconds(missing=(between + 2, between - 2)[turn % 2]) for turn in range(40)]

    assert told == [None] * 40


def test_one_bad_judgement_is_not_worth_an_event() -> None:
    link = Link()
    for _ in range(3):
        link.ten_seconds()

    told = [link.ten_seconds(missing=30), *(link.ten_seconds() for _ in range(10))]

    assert told == [None] * 11


def test_the_event_has_the_counts_of_the_minute() -> None:
    link = Link()
    link.ten_seconds(missing=10, late=20, garbage=(b"\x01\x1a\x00\x00", b"\xe3"))
    event = link.ten_seconds(missing=10, late=20)

    assert event is not None
    assert event.model_dump() == {
        "line": "slot-1",
        "verdict": "degraded",
        "score": 35,
        "reasons": (
            "20 of 200 polls without an answer",
            "40 of 180 answers later than 200 ms",
            "1 wrong CRC in 200 polls",
            "noise heard 1 time in 200 polls",
        ),
        "answer_median_ms": 25,
        "answer_p95_ms": 255,
        "polls": 200,
        "late": 40,
        "missing": 20,
        "crc_errors": 1,
        "unreadable": 1,
        "resynchronisations": 0,
        "longest_backlog": 0,
    }


def test_a_machine_that_is_not_there_has_no_quality() -> None:
    link = Link()
    link.ten_seconds()

    link.monitor.went_down(was_up=True)

    assert link.counters.quality is None


def test_what_was_missed_on_the_way_out_is_not_held_against_the_line_but_the_outage_is() -> None:
    link = Link()
    link.counters.polls_unanswered += 90
    link.counters.resynchronisations += 7
    link.monitor.went_down(was_up=True)
    link.now += 300
    link.monitor.look(link.now)

    link.ten_seconds()

    assert link.quality.reasons == ("the machine had to be woken up 1 time",)


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.integers(0, 60)),
        max_size=30,
    )
)
def test_whatever_happens_the_score_is_between_0_and_100(slots: list[tuple[int, int, int, int]]) -> None:
    link = Link()
    for polls, late, missing, noise in slots:
        link.ten_seconds(polls, late=late, missing=min(missing, polls), garbage=(b"\xe3\xe3",) * noise)

        assert link.counters.quality is None or 0 <= link.counters.quality.score <= 100


def test_a_perfect_conversation_is_heard_in_full(talk: Any) -> None:
    talk.run_for(30)

    assert talk.station.counters.quality.score == 100
    assert [body for body in talk.bodies if isinstance(body, LineQuality)] == []


def test_a_line_that_garbles_is_degraded_and_recovers(talk: Any) -> None:
    for _ in range(300):
        talk.station.receive_data(b"\x01\x1a\x00\x00\x01\x02\x03\x04", talk.now)
        talk.run_for(0.1)
    worst = talk.station.counters.quality
    talk.run_for(200)

    assert worst.degraded
    assert "wrong CRCs in" in worst.reasons[0]
    assert [body.verdict for body in talk.of(LineQuality)] == ["degraded", "recovered"]


class Asked:
    """A cadence, and the monitor it tells of answers."""

    def __init__(self) -> None:
        self.link = Link()
        self.cadence = Cadence(self.link.counters, self.link.monitor)
        self.cadence.left(100.0, 0.04)
        self.cadence.sent(100.0, outstanding=True)

    @property
    def took_ms(self) -> int:
        """What the longest answer took; 0 without one."""
        return self.link.monitor.answers.took_ms(1.0)


def test_an_answer_took_until_the_last_of_it_was_heard() -> None:
    asked = Asked()
    asked.cadence.heard(100.021)
    asked.cadence.heard(100.033)
    asked.cadence.answered()
    asked.cadence.answered()

    assert asked.took_ms == 35
    assert asked.link.monitor.answers.answers == 1


def test_how_long_an_answer_took_is_not_known_of_a_poll_that_was_repeated() -> None:
    asked = Asked()
    asked.cadence.sent(100.2, outstanding=True)
    asked.cadence.heard(100.21)
    asked.cadence.answered()

    assert asked.took_ms == 0
    assert asked.link.counters.polls_unanswered == 1


def test_what_was_heard_before_a_poll_left_is_not_its_answer() -> None:
    asked = Asked()
    asked.cadence.heard(99.9)
    asked.cadence.answered()

    assert asked.took_ms == 0
