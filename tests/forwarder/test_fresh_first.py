"""Lanes: what is new overtakes what waited, money goes first, and nobody starves."""

from __future__ import annotations

import asyncio
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.forwarder import Quota
from edge_agent.forwarder.parked import MOST_PARKED, Parked
from edge_agent.forwarder.resending import Resending
from edge_agent.forwarder.spans import Span
from edge_agent.journal import CLASSES, open_journal
from edge_agent.journal.resend import ResendRequest, requests, write_request
from tests.forwarder.floor import BATCHES, ROUTES, Floor, Watched, tell


def test_what_waited_leaves_by_class_and_in_order() -> None:
    async def story(floor: Floor) -> None:
        floor.say("C1", "B1", "A1", "C2", "A2", "B2", "A3", "C3")
        floor.uplink.reconnect()
        await floor.drained()

    left = tell(story)

    assert left.received() == [3, 5, 7, 2, 6, 1, 4, 8]
    assert left.classes() == "AAABC"


def test_what_is_new_overtakes_what_waited() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*["C old"] * 20_000)
        floor.uplink.reconnect()
        await asyncio.sleep(0.5)
        floor.say("A now", "C now")
        await asyncio.sleep(0.1)
        assert {20_001, 20_002} <= set(floor.received())
        assert floor.journal.depth("forwarder") > 5_000
        await floor.drained()

    left = tell(story, quota=Quota(publishes=20, size=64 * 1024), uplink=Watched(delay=0.02))

    assert sorted(left.received()) == list(range(1, 20_003))


def test_what_an_outage_kept_back_is_backlog_again_and_nothing_acknowledged_is_sent_twice() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*["C old"] * 8_000)
        floor.uplink.reconnect()
        await asyncio.sleep(0.5)
        floor.say("C live before")
        await asyncio.sleep(0.5)
        floor.uplink.disconnect()
        await asyncio.sleep(5)
        floor.say(*["C away"] * 500)
        floor.uplink.reconnect()
        await asyncio.sleep(0.2)
        floor.say("C live after")
        await asyncio.sleep(0.3)
        assert 8_502 in floor.received()
        assert 8_500 not in floor.received()
        await floor.drained()

    left = tell(story, quota=Quota(publishes=20, size=64 * 1024))

    assert sorted(left.received()) == list(range(1, 8_503))


def test_what_was_acknowledged_before_a_restart_is_not_sent_again() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*["C old"] * 4_000)
        floor.uplink.reconnect()
        await asyncio.sleep(0.5)
        floor.say("A", "B", "C")
        await asyncio.sleep(0.5)
        floor.forwarder.stop()
        await floor.running
        assert floor.journal.depth("forwarder") > 500
        floor.begin()
        await floor.drained()

    left = tell(story, quota=Quota(publishes=10, size=32 * 1024))

    assert sorted(left.received()) == list(range(1, 4_004))


def test_money_leaves_at_once_while_telemetry_lingers() -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.reconnect()
        await asyncio.sleep(1)
        floor.say("C", "B", "A")
        await asyncio.sleep(0.0101)
        assert floor.classes() == "A"
        await asyncio.sleep(0.0201)
        assert floor.classes() == "ABC"

    tell(story)


def test_between_two_batches_of_a_class_it_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.reconnect()
        await asyncio.sleep(1)
        read, classes = floor.journal.read, list[Any]()

        def counted(*wanted: Any, **more: Any) -> Any:
            classes.append(more["classes"])
            return read(*wanted, **more)

        monkeypatch.setattr(floor.journal, "read", counted)
        for _ in range(500):
            floor.say("C")
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.1)

        assert sorted(floor.received()) == list(range(1, 501))
        assert len(floor.uplink.delivered) > 20
        assert classes.count((DeliveryClass.C,)) <= 1.5 * len(floor.uplink.delivered)

    at_once = {name: replace(route, linger=0.0) for name, route in ROUTES.items()}
    tell(story, quota=Quota(), routes=at_once)


def test_an_event_of_money_is_alone_uncompressed_and_on_the_topic_of_its_type() -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.reconnect()
        floor.say("A.handpay", "A.bill")
        await floor.drained()

    left = tell(story)

    assert [message.topic for message in left.uplink.delivered] == [
        "floor/lab/gw-07/ev/A.handpay",
        "floor/lab/gw-07/ev/A.bill",
    ]
    assert json.loads(left.uplink.delivered[0].payload)["type"] == "A.handpay"


def test_live_batches_are_cut_to_what_is_metered_once() -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.reconnect()
        await asyncio.sleep(1)
        for _burst in range(10):
            floor.say(*[f"C {os.urandom(200).hex()}" for _event in range(60)])
            await asyncio.sleep(0.5)
        await floor.drained()

    left = tell(story, quota=Quota())

    sizes = [size for _at, size, _message in left.uplink.sent[4:]]
    assert sum(size > 5 * 1024 for size in sizes) <= len(sizes) // 10
    assert sum(sizes) / len(sizes) > 3_500


def test_a_backlog_goes_in_larger_batches_than_what_is_live() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*[f"C {os.urandom(100).hex()}" for _event in range(2_000)])
        floor.uplink.reconnect()
        await floor.drained()

    left = tell(story, quota=Quota(), batch_records=500)

    assert max(size for _at, size, _message in left.uplink.sent) > 10 * 1024


def test_no_second_sees_more_than_the_quota_with_live_and_backlog_together() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*[f"{'ABC'[number % 3]} {os.urandom(60).hex()}" for number in range(1_500)])
        floor.uplink.reconnect()
        for _tenth in range(100):
            floor.say("A live", "B live", "C live")
            await asyncio.sleep(0.1)
        await floor.drained()
        figures = floor.forwarder.figures(0.0)
        assert figures["live_seconds"] == figures["backlog_seconds"] == 0

    left = tell(story, quota=Quota(publishes=50, size=32 * 1024), uplink=Watched(delay=0.02))

    sent = left.uplink.sent
    for begin, _size, _message in sent:
        second = [size for at, size, _message in sent if begin <= at < begin + 1]
        assert len(second) <= 50
        assert sum(second) <= 32 * 1024


def test_a_flood_of_money_does_not_starve_the_rest() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*["C old"] * 100)
        floor.uplink.reconnect()
        await asyncio.sleep(0)
        for _tenth in range(100):
            floor.say(*["A"] * 20, "B", "C")
            await asyncio.sleep(0.1)
        of_class = {event["type"][:1] for event in floor.uplink.events()}
        assert of_class == {"A", "B", "C"}
        assert set(range(1, 101)) <= set(floor.received())
        assert floor.forwarder.figures(10.0)["throttled_share"] > 0.5
        assert floor.forwarder.figures(1e12)["live_seconds"] > 0

    tell(story, quota=Quota(publishes=20))


def test_a_backlog_leaves_places_in_the_window_to_what_is_live() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*["A old"] * 100)
        floor.uplink.reconnect()
        await asyncio.sleep(0.4)
        assert len(floor.uplink.attempts) == 5
        floor.say("A now")
        await asyncio.sleep(0.02)
        assert len(floor.uplink.attempts) == 6
        await floor.drained()

    tell(story, window=10, uplink=Watched(delay=1.0))


def test_a_topic_that_is_withheld_holds_up_nothing_else() -> None:
    refused = "floor/lab/gw-07/ev/A.handpay"

    async def story(floor: Floor) -> None:
        floor.uplink.refused_topics.add(refused)
        floor.say(*["A.handpay", "A.bill", "B", "C"] * 30)
        floor.uplink.reconnect()
        await asyncio.sleep(5)
        floor.say("A.handpay late", "A.bill late")
        await asyncio.sleep(3)
        assert len(set(floor.received())) == 91
        assert floor.journal.depth("forwarder", DeliveryClass.A) == 31
        assert floor.forwarder.counters.withheld_topics == (refused,)
        assert floor.forwarder.counters.refused["0x87"] <= 20
        floor.uplink.refused_topics.clear()
        await floor.drained()
        assert not floor.forwarder.counters.withheld

    left = tell(story, probe=2.0)

    assert sorted(left.received()) == list(range(1, 123))
    handpays = [event["sequence"] for event in left.uplink.events() if event["type"] == "A.handpay"]
    assert len(handpays) == 31


def test_a_topic_of_batches_that_is_withheld_keeps_them_and_money_goes_on() -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refused_topics.add(BATCHES)
        floor.say(*["A", "B", "C"] * 30)
        floor.uplink.reconnect()
        await asyncio.sleep(5)
        assert set(floor.received()) == set(range(1, 91, 3))
        floor.uplink.refused_topics.clear()
        await floor.drained()

    left = tell(story, probe=2.0)

    assert sorted(left.received()) == list(range(1, 91))


def test_what_can_be_passed_by_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.forwarder.parked.MOST_PARKED", 3)
    assert MOST_PARKED == 10_000

    async def story(floor: Floor) -> None:
        floor.uplink.refused_topics.add("floor/lab/gw-07/ev/A.handpay")
        floor.say(*["A.handpay", "A.bill"] * 50)
        floor.uplink.reconnect()
        await asyncio.sleep(5)
        assert 3 <= len(set(floor.received())) <= 25
        floor.uplink.refused_topics.clear()
        await floor.drained()

    left = tell(story, probe=1.0)

    assert sorted(set(left.received())) == list(range(1, 101))


def test_records_that_somebody_asks_for_are_sent_again_and_the_request_is_gone() -> None:
    async def story(floor: Floor) -> None:
        floor.say("A1", "B2", "C3", "A4", "C5")
        floor.uplink.reconnect()
        await floor.drained()
        write_request(floor.journal.path, ResendRequest(((2, 4), (5, 99), (200, 300))))
        await asyncio.sleep(3)
        assert not requests(floor.journal.path)
        assert floor.journal.position("forwarder") == 5

    left = tell(story)

    assert left.received() == [1, 4, 2, 3, 5, 4, 2, 3, 5]
    assert left.forwarder.counters.acknowledged == 5


def test_a_request_under_way_begins_again_in_a_new_session_and_lasts_until_it_is_delivered() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*["A"] * 5)
        floor.uplink.reconnect()
        await floor.drained()
        floor.uplink.delay = 0.5
        write_request(floor.journal.path, ResendRequest(((1, 5),)))
        await asyncio.sleep(1.2)
        floor.uplink.disconnect()
        await asyncio.sleep(1)
        assert requests(floor.journal.path)
        floor.uplink.reconnect()
        await asyncio.sleep(5)
        assert not requests(floor.journal.path)

    left = tell(story)

    assert left.received()[-5:] == [1, 2, 3, 4, 5]


def test_what_is_asked_for_again_waits_for_a_topic_that_is_withheld() -> None:
    async def story(floor: Floor) -> None:
        floor.say("A1", "A2")
        floor.uplink.reconnect()
        await floor.drained()
        floor.uplink.refused_topics.add("floor/lab/gw-07/ev/A1")
        write_request(floor.journal.path, ResendRequest(((1, 2),)))
        await asyncio.sleep(5)
        assert requests(floor.journal.path)
        floor.uplink.refused_topics.clear()
        await asyncio.sleep(5)
        assert not requests(floor.journal.path)

    left = tell(story, probe=2.0)

    assert left.received() == [1, 2, 1, 2]


def test_a_dead_letter_that_the_cloud_takes_now_is_one_no_longer() -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refuse_next(0x90, 3)
        floor.say("A1", "B2", "A3", "A4")
        floor.uplink.reconnect()
        await floor.drained()
        assert [letter.sequence for letter in floor.journal.dead_letters()] == [1, 3, 4]
        write_request(floor.journal.path, ResendRequest((), (1, 3)))
        floor.uplink.refuse_next(0x90)
        await asyncio.sleep(2)
        assert [letter.sequence for letter in floor.journal.dead_letters()] == [1, 4]
        write_request(floor.journal.path, ResendRequest((), "all"))
        await asyncio.sleep(2)
        assert floor.journal.dead_letters() == []
        write_request(floor.journal.path, ResendRequest((), "all"))
        await asyncio.sleep(2)
        assert not requests(floor.journal.path)

    left = tell(story)

    assert left.received() == [2, 3, 1, 4]


def test_a_dead_letter_whose_record_is_gone_is_sent_as_it_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refuse_next(0x90)
        floor.say("A1")
        floor.uplink.reconnect()
        await floor.drained()
        read = floor.journal.read

        def forgotten(after: int, *arguments: Any, **options: Any) -> Any:
            found = read(after, *arguments, **options)
            return type(found)((), found.through, 0)

        monkeypatch.setattr(floor.journal, "read", forgotten)
        write_request(floor.journal.path, ResendRequest((), "all"))
        await asyncio.sleep(3)

    assert tell(story).received() == [1]


def test_a_request_without_sense_is_moved_out_of_the_way_and_one_that_cannot_be_removed_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_arguments: object) -> None:
        raise JournalError("the disk is full")

    async def story(floor: Floor) -> None:
        path = write_request(floor.journal.path, ResendRequest(((1, 1),)))
        path.write_text("{")
        floor.say("A1")
        floor.uplink.reconnect()
        await floor.drained()
        await asyncio.sleep(1)
        assert not requests(floor.journal.path)
        assert path.with_suffix(".refused").exists()
        write_request(floor.journal.path, ResendRequest(((1, 1),)))
        with monkeypatch.context() as patched:
            patched.setattr(floor.journal, "remove_dead_letters", full)
            await asyncio.sleep(3)
            assert requests(floor.journal.path)
        await asyncio.sleep(3)
        assert not requests(floor.journal.path)

    with capture_logs() as logs:
        tell(story)

    said = {entry["event"] for entry in logs}
    assert {"resend request set aside", "a resend request cannot be removed yet", "sent again"} <= said


def test_a_class_that_is_rare_is_found_behind_many_segments_of_others() -> None:
    async def story(floor: Floor) -> None:
        for _segment in range(30):
            floor.say(*["C" + "x" * 500] * 10)
        floor.say("A at last")
        floor.uplink.reconnect()
        await floor.drained()

    left = tell(story, segment_bytes=4096)

    assert left.received()[0] == 301
    assert sorted(left.received()) == list(range(1, 302))


def test_when_a_line_fails_all_the_time_the_ranges_stay_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new stays behind what is not then, rather than being forgotten to have been sent."""
    monkeypatch.setattr("edge_agent.forwarder.lanes.MOST_RANGES", 3)

    async def story(floor: Floor) -> None:
        floor.say(*[f"C {os.urandom(100).hex()}" for _event in range(2_000)])
        for _outage in range(10):
            floor.uplink.reconnect()
            await asyncio.sleep(0.3)
            floor.say("C live")
            await asyncio.sleep(0.3)
            floor.uplink.disconnect()
            floor.say("C away")
            await asyncio.sleep(1)
            assert len(floor.journal.acknowledged("forwarder").ranges(DeliveryClass.C)) <= 4
        floor.uplink.reconnect()
        await floor.drained()

    left = tell(story, quota=Quota(publishes=20, size=16 * 1024))

    assert sorted(left.received()) == list(range(1, 2_021))


def test_what_is_passed_by_is_kept_as_few_places() -> None:
    parked = Parked()
    assert parked.next_open() == math.inf
    for after, until in ((4, 5), (5, 6), (8, 9)):  # 4 to 6 are neighbours
        parked.add("t", DeliveryClass.A, Span(after, until))

    assert len(parked) == 2
    assert parked.next_open() == 5
    assert parked.take_first("t") == (DeliveryClass.A, [Span(4, 6)])
    assert parked.take_all("t") == (DeliveryClass.A, [Span(8, 9)])
    assert parked.take_all("t") is parked.take_first("t") is None
    parked.add("t", DeliveryClass.A, Span(9, 10))
    assert parked.take_first("t") == (DeliveryClass.A, [Span(9, 10)])
    assert len(parked) == 0


def test_without_a_request_there_is_nothing_to_forget(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal", role="collect", housekeeping=False) as journal:
        resending = Resending(journal, "forwarder", lambda *_what: pytest.fail("nothing was asked for"))

        resending.finish()

        assert not resending.take_stock(0.0)
        assert [*resending] == []


faults = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 60)),
    st.tuples(st.just("refuse"), st.sampled_from([0x80, 0x97])),
    st.tuples(st.just("lose"), st.integers(1, 5)),
    st.tuples(st.just("outage"), st.integers(1, 3_000)),
    st.tuples(st.just("pass"), st.integers(1, 3_000)),
    st.tuples(st.just("kill"), st.integers(0, 0)),
    st.tuples(st.just("end"), st.integers(0, 0)),
)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(faults, max_size=40), seed=st.integers(0, 2**16))
def test_whatever_happens_everything_arrives_and_an_orderly_end_repeats_nothing_that_was_settled(
    steps: list[tuple[str, int]], seed: int
) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.reconnect()
        for number, (step, amount) in enumerate(steps):
            match step:
                case "append":
                    floor.say(*["ABC"[(seed + number * at) % 3] for at in range(amount)])
                case "refuse":
                    floor.uplink.refuse_next(amount)
                case "lose":
                    floor.uplink.lose_next(amount)
                case "outage":
                    floor.uplink.disconnect()
                    await asyncio.sleep(amount / 1000)
                    floor.uplink.reconnect()
                case "kill":
                    await floor.kill()
                    floor.begin()
                case "end":
                    floor.forwarder.stop()
                    await floor.running
                    floor.begin()
                case _:
                    await asyncio.sleep(amount / 1000)
            assert floor.acknowledged() <= set(floor.received())
        await floor.drained()
        assert all(floor.journal.depth("forwarder", cls) == 0 for cls in CLASSES)

    left = tell(
        story,
        uplink=Watched(delay=0.03, ack_timeout=2.0),
        quota=Quota(publishes=30),
        window=5,
        batch_records=7,
    )

    assert set(left.received()) >= set(
        range(1, sum(amount for step, amount in steps if step == "append") + 1)
    )
