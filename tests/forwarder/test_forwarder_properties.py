"""What holds for the forwarder whatever the cloud and the network do to it."""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.delivery import DeliveryClass
from edge_agent.forwarder import Forwarder
from edge_agent.journal import CLASSES, Journal, Record, open_journal
from edge_agent.routes import Route
from edge_agent.testing.memory_uplink import MemoryUplink
from edge_agent.testing.tries import tries
from edge_agent.testing.virtual_loop import run_virtually

TOPIC = "floor/lab/gw-07/ev/batch"
ROUTES = {
    "A": Route("A", "floor/lab/gw-07/ev/{type}", single=True, compress=False, linger=0.0),
    "B": Route("B", TOPIC, single=False, compress=True, linger=0.02),
    "C": Route("C", TOPIC, single=False, compress=True, linger=0.02),
}

TRANSIENT = [0x7B, 0x80, 0x91, 0x97]

faults = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 30)),
    st.tuples(st.just("refuse"), st.sampled_from([*TRANSIENT, 0x87])),
    st.tuples(st.just("lose"), st.integers(1, 5)),
    st.tuples(st.just("delay"), st.integers(0, 500)),
    st.tuples(st.just("disconnect"), st.integers(1, 5_000)),
    st.tuples(st.just("pass"), st.integers(1, 20_000)),
    st.tuples(st.just("kill"), st.integers(0, 0)),
)


passing_faults = faults.filter(lambda step: step != ("refuse", 0x87))


def class_of(sequence: int) -> DeliveryClass:
    """Any mixture will do, as long as everybody agrees on it."""
    return CLASSES[sequence * 7 // 3 % 3]


def class_of_payload(payload: bytes) -> DeliveryClass:
    return class_of(int(payload))


def append(collector: Journal, amount: int) -> None:
    begin = collector.head + 1
    collector.append([b"%d" % sequence for sequence in range(begin, begin + amount)])


def compose(_journal_id: str, record: Record) -> bytes:
    return b'{"type":"t%d","sequence":%d}' % (record.sequence % 4, record.sequence)


async def drained(journal: Journal, head: int) -> None:
    """Until everything is acknowledged. An hour is ten times what the worst of these stories takes."""
    async with asyncio.timeout(3600):
        while journal.position("forwarder") < head:  # noqa: ASYNC110  a journal sets no events
            await asyncio.sleep(0.5)


@dataclass
class Witness:
    """Wraps a journal: whenever something is acknowledged, the cloud must have all of it."""

    journal: Journal
    uplink: MemoryUplink

    def __getattr__(self, name: str) -> object:
        return getattr(self.journal, name)

    def acknowledge(
        self, consumer: str, first: int, last: int, *, delivery_class: DeliveryClass, count: int
    ) -> None:
        received = {event["sequence"] for event in self.uplink.events()}
        of_class = {sequence for sequence in range(first, last + 1) if class_of(sequence) is delivery_class}
        assert received >= of_class
        assert len(of_class) == count
        self.journal.acknowledge(consumer, first, last, delivery_class=delivery_class, count=count)


async def endure(folder: Path, story: list[tuple[str, int]], seed: int) -> tuple[list[int], int]:
    """Live through a story, killed wherever it says so; what the cloud received, and how much there was."""
    uplink = MemoryUplink(ack_timeout=5.0)
    await uplink.start()
    with (
        open_journal(
            folder / "journal.db", role="collect", housekeeping=False, classify=class_of_payload
        ) as collector,
        open_journal(folder / "journal.db", role="forward") as journal,
    ):
        witness = Witness(journal, uplink)
        draws = random.Random(seed)  # noqa: S311  pauses, not secrets

        def begin() -> asyncio.Task[None]:
            forwarder = Forwarder(
                cast("Journal", witness),
                uplink,
                compose=compose,
                routes=ROUTES,
                window=4,
                batch_records=3,
                probe=0.5,
                jitter=draws.random,
            )
            return asyncio.create_task(forwarder.run())

        running = begin()
        for step, amount in story:
            match step:
                case "append":
                    append(collector, amount)
                case "refuse":
                    uplink.refuse_next(amount)
                case "lose":
                    uplink.lose_next(amount)
                case "delay":
                    uplink.delay = amount / 1000
                case "disconnect":
                    uplink.disconnect()
                    await asyncio.sleep(amount / 1000)
                    uplink.reconnect()
                case "kill":
                    running.cancel()
                    await asyncio.wait([running])
                    running = begin()
                case _:
                    await asyncio.sleep(amount / 1000)
        await drained(journal, collector.head)
        running.cancel()
        await asyncio.wait([running])
        return [event["sequence"] for event in uplink.events()], collector.head


@settings(max_examples=tries(20), deadline=None)
@given(story=st.lists(faults, max_size=25), seed=st.integers(0, 2**16))
def test_every_record_arrives_at_least_once_and_none_is_acknowledged_before(
    story: list[tuple[str, int]], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        received, head = run_virtually(endure(Path(folder), story, seed))

    assert set(received) == set(range(1, head + 1))


@settings(max_examples=25, deadline=None)
@given(story=st.lists(passing_faults, max_size=15), seed=st.integers(0, 2**16))
def test_first_arrivals_are_in_order_when_one_publish_is_in_flight_at_a_time(
    story: list[tuple[str, int]], seed: int
) -> None:
    """With a window of one nothing of a class can overtake; a broker asks for that by `receive_maximum`."""

    class OneAtATime(MemoryUplink):
        def reconnect(self) -> None:
            super().reconnect()
            self.state.receive_maximum = 1

    async def tell(folder: Path) -> list[int]:
        uplink = OneAtATime(ack_timeout=5.0)
        await uplink.start()
        with (
            open_journal(
                folder / "journal.db", role="collect", housekeeping=False, classify=class_of_payload
            ) as collector,
            open_journal(folder / "journal.db", role="forward") as journal,
        ):
            forwarder = Forwarder(
                journal,
                uplink,
                compose=compose,
                routes=ROUTES,
                batch_records=3,
                jitter=random.Random(seed).random,  # noqa: S311  pauses, not secrets
            )
            running = asyncio.create_task(forwarder.run())
            for step, amount in story:
                if step == "append":
                    append(collector, amount)
                elif step == "refuse":
                    uplink.refuse_next(amount)
                elif step == "lose":
                    uplink.lose_next(amount)
                await asyncio.sleep(amount / 1000)
            await drained(journal, collector.head)
            forwarder.stop()
            await running
        return [event["sequence"] for event in uplink.events()]

    with tempfile.TemporaryDirectory() as folder:
        received = run_virtually(tell(Path(folder)))

    for cls in CLASSES:
        arrived = [sequence for sequence in dict.fromkeys(received) if class_of(sequence) is cls]
        assert arrived == sorted(arrived)
