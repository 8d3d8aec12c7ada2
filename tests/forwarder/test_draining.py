"""Draining: both budgets are used up, money keeps nine publishes in ten, each class its order."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.delivery import DeliveryClass
from edge_agent.forwarder import Quota
from edge_agent.forwarder.dispatcher import SINGLES_A_BATCH
from edge_agent.forwarder.parked import Parked
from edge_agent.forwarder.spans import Span
from edge_agent.routes import Route
from edge_agent.testing.tries import tries
from tests.forwarder.floor import BATCHES, ROUTES, Floor, Watched, tell


def mixed(money: int, faults: int, telemetry: int) -> list[str]:
    """A backlog in which everything is spread evenly."""
    kinds = ["A"] * money + ["B"] * faults + ["C"] * telemetry
    random.Random(1).shuffle(kinds)  # noqa: S311  an order, not a secret
    return [f"{kind} {os.urandom(40).hex()}" for kind in kinds]


async def connected(floor: Floor) -> None:
    """Let it drain."""
    floor.uplink.reconnect()
    await floor.drained()


def in_order(floor: Floor, kinds: Sequence[str]) -> bool:
    """Whether the first arrivals of each kind came in the order of the journal."""
    events = [(event["type"], event["sequence"]) for event in floor.uplink.events()]
    for kind in kinds:
        arrived = [*dict.fromkeys(sequence for its_kind, sequence in events if its_kind == kind)]
        if arrived != sorted(arrived):
            return False
    return True


def test_while_money_drains_one_by_one_every_tenth_publish_is_a_batch_of_the_rest() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*mixed(200, 300, 600))
        await connected(floor)

    left = tell(story, quota=Quota(), batch_records=40)

    while_money = left.classes().rstrip("BC")
    assert 0.9 <= while_money.count("A") / len(while_money) <= 0.92
    assert while_money.startswith("A" * SINGLES_A_BATCH + "B")
    assert "C" not in while_money[: while_money.rindex("B")]
    assert in_order(left, "ABC")


def test_a_tenth_of_the_publishes_carries_as_much_of_the_rest_as_the_bytes_allow() -> None:
    """The rest is through with the money, and not long after it."""
    took: list[float] = []

    async def story(floor: Floor) -> None:
        floor.say(*mixed(450, 500, 4_000))
        began = asyncio.get_running_loop().time()
        await connected(floor)
        took.append(asyncio.get_running_loop().time() - began)

    left = tell(story, quota=Quota(), batch_records=500, batch_bytes=256 * 1024)

    of_batches = [size for _at, size, message in left.uplink.sent if message.topic == BATCHES]
    assert took[0] <= 450 / 95 / 0.9 + 1  # seconds: of the money alone it is 4.7
    assert sum(of_batches) / len(of_batches) > 16 * 1024


def test_where_money_travels_in_batches_it_goes_before_the_rest() -> None:
    together = Route("A", BATCHES, single=False, compress=True, linger=0.0)

    async def story(floor: Floor) -> None:
        floor.say(*mixed(500, 200, 200))
        await connected(floor)

    left = tell(story, quota=Quota(), routes=ROUTES | {"A": together})

    assert left.classes() == "".join(sorted(left.classes()))


def test_bytes_that_are_short_keep_no_money_back() -> None:
    async def story(floor: Floor) -> None:
        floor.say(*mixed(150, 500, 2_000))
        floor.uplink.reconnect()
        await asyncio.sleep(150 / 95 * 1.2)
        assert floor.classes().count("A") >= 147
        await floor.drained()

    tell(story, quota=Quota(size=64 * 1024))


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(10, 60_000), min_size=1, max_size=40), seed=st.integers(0, 99))
def test_what_is_larger_than_a_burst_is_paid_back_and_no_second_sees_more_than_the_quota_and_it(
    sizes: list[int], seed: int
) -> None:
    draws = random.Random(seed)  # noqa: S311  an order, not a secret

    async def story(floor: Floor) -> None:
        for size in sizes:
            floor.say(draws.choice("ABC") + " " + os.urandom(size // 2).hex())
        floor.uplink.reconnect()
        for _burst in range(20):
            floor.say("A now", "C now")
            await asyncio.sleep(0.1)
        await floor.drained()

    left = tell(story, quota=Quota(size=128 * 1024))

    burst, sent = 8 * 1024, left.uplink.sent
    for begin, _size, _message in sent:
        second = [size for at, size, _message in sent if begin <= at < begin + 1]
        assert sum(second) <= 128 * 1024 + max(0, max(second) - burst)


def test_what_needs_a_full_bucket_is_not_starved_by_what_is_smaller() -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.reconnect()
        await asyncio.sleep(1)
        large = floor.collector.append([b"B " + os.urandom(9_000).hex().encode()])[0]
        for _tenth in range(30):
            floor.say(*[f"A {os.urandom(400).hex()}" for _event in range(8)])
            await asyncio.sleep(0.1)
        assert large in floor.received()

    tell(story, quota=Quota(size=32 * 1024))


def test_what_was_tried_in_vain_is_passed_by_in_its_place_again() -> None:
    parked = Parked()
    for after, until in ((0, 1), (4, 5), (9, 10)):
        parked.add("t", DeliveryClass.A, Span(after, until))

    _class, first = parked.take_first("t") or pytest.fail("there is one")
    parked.add("t", DeliveryClass.A, first[0])
    parked.add("t", DeliveryClass.A, Span(1, 4))

    assert parked.take_first("t") == (DeliveryClass.A, [Span(0, 5)])


KINDS = ("A.door", "A.bill", "A.handpay", "B", "C")
trouble = st.one_of(
    st.tuples(st.just("refuse"), st.sampled_from([0x80, 0x83, 0x91, 0x97])),
    st.tuples(st.just("withhold"), st.sampled_from(KINDS)),
    st.tuples(st.just("allow"), st.sampled_from(KINDS)),
    st.tuples(st.just("lose"), st.integers(1, 3)),
    st.tuples(st.just("outage"), st.integers(1, 3_000)),
    st.tuples(st.just("pass"), st.integers(1, 4_000)),
)


async def happen(floor: Floor, step: str, what: int | str) -> None:
    """One trouble of these."""
    match step, what:
        case "refuse", int():
            floor.uplink.refuse_next(what)
        case "withhold", str():
            floor.uplink.refused_topics.add(topic(what))
        case "allow", str():
            floor.uplink.refused_topics.discard(topic(what))
        case "lose", int():
            floor.uplink.lose_next(what)
        case "outage", int():
            floor.uplink.disconnect()
            await asyncio.sleep(what / 1000)
            floor.uplink.reconnect()
        case _, int():
            await asyncio.sleep(what / 1000)


def topic(kind: str) -> str:
    """Where events of a kind go."""
    return f"floor/lab/gw-07/ev/{kind}" if kind.startswith("A") else BATCHES


@settings(max_examples=tries(10), deadline=None)
@given(steps=st.lists(trouble, max_size=30), seed=st.integers(0, 2**16))
def test_each_topic_keeps_its_order_over_refusals_time_outs_and_reconnects(
    steps: list[tuple[str, int | str]], seed: int
) -> None:
    """One at a time, as a broker may ask for: where several are under way, one that fails is overtaken."""
    draws = random.Random(seed)  # noqa: S311  an order, not a secret

    class OneAtATime(Watched):
        def reconnect(self) -> None:
            super().reconnect()
            self.state.receive_maximum = 1

    async def story(floor: Floor) -> None:
        floor.say(*[draws.choice(KINDS) for _event in range(100)])
        floor.uplink.reconnect()
        for step, what in steps:
            await happen(floor, step, what)
        floor.uplink.refused_topics.clear()
        await floor.drained()

    left = tell(
        story,
        uplink=OneAtATime(delay=0.02, ack_timeout=2.0),
        quota=Quota(publishes=40),
        batch_records=7,
        probe=1.0,
    )

    assert set(left.received()) == set(range(1, 101))
    assert in_order(left, KINDS)
