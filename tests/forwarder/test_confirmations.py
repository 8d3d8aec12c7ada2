"""The forwarder over a nucleus that accepts and may lose: what the cloud confirms, and what that keeps."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from edge_agent.forwarder import SPAN_WINDOWS, UNCONFIRMED, Forwarder
from edge_agent.journal import Journal, Record, open_journal
from edge_agent.journal.resend import ResendRequest, requests, write_request
from edge_agent.routes import Route
from edge_agent.testing.memory_nucleus import MemoryNucleus
from edge_agent.testing.virtual_loop import run_virtually
from edge_agent.uplink.confirmation import CONFIRM_SECONDS, Confirmations

TOPIC, CONFIRMED_ON = "floor/lab/gw-07/ev/batch", "cmd/lab/gw-07/received"


def routes(
    topic: str = TOPIC, *, linger: float = 0.0, compress: bool = True, single: bool = False
) -> dict[str, Route]:
    return {cls: Route(cls, topic, single=single, compress=compress, linger=linger) for cls in "ABC"}


def compose(journal_id: str, record: Record) -> bytes:
    return json.dumps({"id": f"{journal_id}/{record.sequence}", "sequence": record.sequence}).encode()


@dataclass
class Floor:
    """A journal, a forwarder, a nucleus and the cloud behind it."""

    collector: Journal
    journal: Journal
    nucleus: MemoryNucleus
    forwarder: Forwarder
    confirmations: Confirmations
    kill: Callable[[], Awaitable[None]]  # the process; another one begins
    left_at: int | None = None  # the position, once the journal is closed

    @property
    def position(self) -> int:
        return self.journal.position("forwarder") if self.left_at is None else self.left_at

    @property
    def lost(self) -> set[int]:
        """What the journal has forgotten and the cloud has not."""
        return set(range(1, self.position + 1)) - self.nucleus.cloud.records[self.journal.id]

    def confirm(self, through: int, journal: str | None = None) -> None:
        confirmation = {"journal": self.journal.id if journal is None else journal, "through": through}
        self.nucleus.arrive(CONFIRMED_ON, json.dumps(confirmation).encode())


Story = Callable[[Floor], Awaitable[None]]


def tell(story: Story, *, records: int, nucleus: MemoryNucleus | None = None, **options: Any) -> Floor:
    """Run a story in virtual time; the floor as it was left."""
    with tempfile.TemporaryDirectory() as folder:
        nucleus = nucleus or MemoryNucleus(CONFIRMED_ON)
        return run_virtually(run(Path(folder) / "journal.db", story, records, nucleus, options))


async def run(
    path: Path, story: Story, records: int, nucleus: MemoryNucleus, options: dict[str, Any]
) -> Floor:
    with (
        open_journal(path, role="collect", housekeeping=False) as collector,
        open_journal(path, role="forward") as journal,
    ):
        collector.append([b"x"] * records)
        await nucleus.start()
        seconds: float = options.pop("seconds", CONFIRM_SECONDS)
        confirmations = Confirmations(CONFIRMED_ON, seconds)
        given_options: dict[str, Any] = {"confirmations": confirmations, "batch_records": 1, "window": 4}
        ways = {"compress": options.pop("compress", True)}
        given_options |= {"compose": compose, "routes": routes(**ways), "jitter": lambda: 0.5} | options
        forwarder = Forwarder(journal, nucleus, **given_options)
        running = asyncio.create_task(forwarder.run())

        async def kill() -> None:
            nonlocal running
            running.cancel()
            await asyncio.wait([running])
            given_options["confirmations"] = Confirmations(CONFIRMED_ON, seconds)
            floor.forwarder = Forwarder(journal, nucleus, **given_options)
            running = asyncio.create_task(floor.forwarder.run())

        floor = Floor(collector, journal, nucleus, forwarder, confirmations, kill)
        try:
            await story(floor)
        finally:
            floor.forwarder.stop()
            await running
            floor.left_at = floor.position
        return floor


def losing(*which: int) -> Callable[[], bool]:
    """Lose the first, second … of what is on its way, publishes and confirmations counted together."""
    draws = iter(range(1, 1 << 30))
    return lambda: next(draws) in which


def always() -> bool:
    return True


async def wait_a_minute(_floor: Floor) -> None:
    await asyncio.sleep(2 * CONFIRM_SECONDS)


def test_an_accepted_batch_is_kept_until_the_cloud_confirms_it() -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(0.9)
        assert len(floor.nucleus.accepted) == 3
        assert floor.position == 0
        assert floor.forwarder.counters.unconfirmed == 3
        await asyncio.sleep(0.2)
        assert floor.position == 3

    left = tell(story, records=3, nucleus=MemoryNucleus(CONFIRMED_ON, way=0.5))

    assert left.forwarder.counters.unconfirmed == 0
    assert left.forwarder.counters.delivered == 3
    assert len(left.nucleus.accepted) == 3


def test_a_refusal_that_comes_after_the_confirmation_sends_nothing_again() -> None:
    nucleus = MemoryNucleus(CONFIRMED_ON, delay=1.0)
    nucleus.refuse_next(0x97)

    async def story(floor: Floor) -> None:
        await asyncio.sleep(0.5)  # it is on its way
        floor.confirm(1)
        await asyncio.sleep(5)

    left = tell(story, records=1, nucleus=nucleus)

    assert left.forwarder.counters.published == 1
    assert left.position == 1


def test_without_confirmations_what_a_nucleus_loses_is_lost() -> None:
    """This is what `uplink.receipt: nucleus` means, and why it is said in a warning."""
    left = tell(
        wait_a_minute, records=10, nucleus=MemoryNucleus(CONFIRMED_ON, loses=losing(3, 4)), confirmations=None
    )

    assert left.position == 10
    assert len(left.lost) == 2


def test_what_is_not_confirmed_in_time_is_sent_again() -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(CONFIRM_SECONDS - 1)
        assert floor.position == 0
        assert len(floor.nucleus.accepted) == 8
        await asyncio.sleep(2)
        assert floor.position == 8

    with capture_logs() as logs:
        left = tell(story, records=8, nucleus=MemoryNucleus(CONFIRMED_ON, loses=losing(*range(1, 9))))

    assert left.lost == set()
    assert left.forwarder.counters.retries == 8
    assert left.forwarder.counters.last_reason == ""
    assert [entry["reason"] for entry in logs if entry["event"] == "kept, to be sent again"] == [
        UNCONFIRMED
    ] * 8


def test_one_lost_publish_has_one_sent_again_and_not_what_came_after_it() -> None:
    left = tell(wait_a_minute, records=20, nucleus=MemoryNucleus(CONFIRMED_ON, loses=losing(1)))

    assert left.position == 20
    assert left.lost == set()
    assert len(left.nucleus.accepted) == 21


def test_a_lost_confirmation_costs_nothing_when_a_later_one_comes() -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        assert floor.position == 2

    left = tell(story, records=2, nucleus=MemoryNucleus(CONFIRMED_ON, loses=losing(3)))

    assert len(left.nucleus.accepted) == 2


def test_a_cloud_that_never_confirms_gets_a_window_and_then_one_at_a_time() -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(CONFIRM_SECONDS - 1)
        assert len(floor.nucleus.accepted) == SPAN_WINDOWS * 2
        await asyncio.sleep(4 * CONFIRM_SECONDS)
        assert len(floor.nucleus.accepted) <= SPAN_WINDOWS * 2 + 5
        assert floor.forwarder.counters.last_reason == UNCONFIRMED

    left = tell(story, records=100, window=2, nucleus=MemoryNucleus(CONFIRMED_ON, loses=always))

    assert left.position == 0


def test_a_confirmation_of_another_journal_is_ignored_and_counted() -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        floor.confirm(5, journal="another")
        await asyncio.sleep(1)
        assert floor.position == 0

    left = tell(story, records=5, nucleus=MemoryNucleus(CONFIRMED_ON, loses=always))

    assert left.confirmations.foreign == 1
    assert left.forwarder.counters.no_confirmations == 1


def test_a_confirmation_of_what_was_never_written_is_refused_and_logged() -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        floor.confirm(6)
        floor.nucleus.arrive(CONFIRMED_ON, b'{"journal": "')
        await asyncio.sleep(1)
        assert floor.position == 0

    with capture_logs() as logs:
        left = tell(story, records=5, nucleus=MemoryNucleus(CONFIRMED_ON, loses=always))

    assert left.confirmations.refused == 2
    reasons = [entry["reason"] for entry in logs if entry["event"] == "confirmation refused"]
    assert reasons == ["record 6 is confirmed, and the last is 5", "a confirmation is no JSON"]


def test_a_confirmation_counts_only_as_far_as_was_sent() -> None:
    """A process before this one may have sent it all; this one has not, and does not take it on trust."""

    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        assert len(floor.nucleus.accepted) == SPAN_WINDOWS
        floor.confirm(100)
        await asyncio.sleep(1)
        assert floor.position == SPAN_WINDOWS

    tell(story, records=100, window=1, nucleus=MemoryNucleus(CONFIRMED_ON, loses=always))


def test_a_confirmation_that_overtakes_the_receipt_is_enough() -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        assert floor.position == 2
        assert floor.forwarder.counters.in_flight == 2
        await asyncio.sleep(5)

    left = tell(story, records=2, nucleus=MemoryNucleus(CONFIRMED_ON, delay=3.0, way=0.01))

    assert left.forwarder.counters.delivered == 2
    assert left.forwarder.counters.unconfirmed == 0


def test_a_confirmed_batch_whose_receipt_is_lost_is_not_sent_again() -> None:
    async def story(floor: Floor) -> None:
        floor.nucleus.lose_next()
        await asyncio.sleep(1)
        assert floor.position == 2
        await asyncio.sleep(60)

    left = tell(story, records=2, nucleus=MemoryNucleus(CONFIRMED_ON, way=0.01))

    assert len(left.nucleus.attempts) == 2
    assert left.forwarder.counters.retries == 0


def test_a_batch_that_waits_to_be_sent_again_may_be_confirmed_meanwhile() -> None:
    """Its receipt was lost and the nucleus is away, but a confirmation on its way says that it arrived."""

    async def story(floor: Floor) -> None:
        await asyncio.sleep(0.5)
        floor.nucleus.disconnect()
        await asyncio.sleep(1)
        floor.confirm(3)
        floor.nucleus.reconnect()
        await asyncio.sleep(1)
        assert floor.position == 3

    left = tell(
        story,
        records=3,
        nucleus=MemoryNucleus(CONFIRMED_ON, delay=5.0, loses=always),
        jitter=lambda: 1.0,
        window=8,
    )

    assert len(left.nucleus.attempts) == 3


def test_a_delivery_proper_needs_no_confirmation() -> None:
    """As over MQTT, where a PUBACK is the cloud's own word."""

    async def story(floor: Floor) -> None:
        floor.nucleus.refuse_next(0x10)
        await asyncio.sleep(1)

    nucleus = MemoryNucleus(CONFIRMED_ON, loses=always)
    nucleus.state.promise = type(nucleus.state.promise).DELIVERED
    left = tell(story, records=3, nucleus=nucleus)

    assert left.position == 3


def test_batches_keep_to_what_the_uplink_takes() -> None:
    left = tell(wait_a_minute, records=50, nucleus=small_nucleus(), batch_records=50, compress=False)

    sizes = [len(message.payload) for message in left.nucleus.accepted]
    assert max(sizes) <= 700
    assert len(sizes) < 25
    assert left.position == 50


def large(number: int) -> Callable[[str, Record], bytes]:
    """Composes one record, by its number, as an event that is too large; not what stands in for it."""

    def compose_large(journal_id: str, record: Record) -> bytes:
        event = compose(journal_id, record)
        if record.sequence == number and record.payload == b"x":
            return event[:-1] + b',"data":"%s"}' % (b"x" * 700)
        return event[:-1] + b',"data":"%s"}' % record.payload

    return compose_large


def small_nucleus() -> MemoryNucleus:
    nucleus = MemoryNucleus(CONFIRMED_ON)
    nucleus.state.payload_maximum = 700
    return nucleus


def test_what_is_set_aside_leaves_word_in_its_place_and_so_holds_nothing_up() -> None:
    """The cloud confirms as far as there is no hole: one that stays would hold up all that follows."""
    left = tell(
        wait_a_minute,
        records=5,
        nucleus=small_nucleus(),
        compress=False,
        compose=large(3),
        absence=lambda record, reason: b"%d: %s" % (len(record.payload), reason.encode()),
    )

    assert left.position == 5
    assert left.forwarder.counters.dead_letters == 1
    (word,) = [event["data"] for event in left.nucleus.events() if event["sequence"] == 3]
    assert word == "1: 0x95 packet too large (over 700 bytes)"


def test_a_word_that_is_not_taken_either_is_owed_and_holds_nothing_up() -> None:
    left = tell(
        wait_a_minute,
        records=2,
        nucleus=small_nucleus(),
        compress=False,
        confirmations=None,
        compose=large(1),
        absence=lambda _record, _reason: b"y" * 700,
    )

    assert left.position == 2
    assert (left.forwarder.counters.dead_letters, left.forwarder.counters.untold) == (1, 1)
    assert [event["sequence"] for event in left.nucleus.events()] == [2]


@settings(max_examples=15, deadline=None)
@given(
    chunks=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    losses=st.floats(0.0, 0.6),
    seed=st.integers(0, 2**16),
)
def test_whatever_a_nucleus_loses_and_whenever_we_are_killed_nothing_is_lost_where_the_cloud_confirms(
    chunks: list[int], losses: float, seed: int
) -> None:
    draws = random.Random(seed)  # noqa: S311  losses, not secrets

    async def story(floor: Floor) -> None:
        for records in chunks:
            floor.collector.append([b"x"] * records)
            await asyncio.sleep(draws.random() * 5)
            assert floor.lost == set()
            if draws.random() < 0.3:
                await floor.kill()
        async with asyncio.timeout(24 * 3600):
            while floor.position < floor.collector.head:
                await asyncio.sleep(0.5)
                assert floor.lost == set()

    nucleus = MemoryNucleus(CONFIRMED_ON, loses=lambda: draws.random() < losses)
    left = tell(story, records=1, nucleus=nucleus, batch_records=3, seconds=2.0)

    assert left.nucleus.cloud.records[left.journal.id] == set(range(1, sum(chunks) + 2))


def test_what_is_sent_again_on_request_waits_for_no_second_confirmation_and_a_letter_stays() -> None:
    """The cloud confirms each record once; and what the nucleus took it may lose."""

    async def story(floor: Floor) -> None:
        await asyncio.sleep(5)
        assert floor.position == 5
        write_request(floor.journal.path, ResendRequest(((2, 2),), "all"))
        await asyncio.sleep(5)
        assert not requests(floor.journal.path)
        assert [letter.sequence for letter in floor.journal.dead_letters()] == [3]

    left = tell(
        story,
        records=5,
        nucleus=small_nucleus(),
        compress=False,
        compose=once_large(3),
        absence=lambda *_what: b"-",
    )

    assert [event["sequence"] for event in left.nucleus.events()].count(2) == 2


def once_large(number: int) -> Callable[[str, Record], bytes]:
    """Composes one record, by its number, as an event that is too large, and the next time as it is."""
    times = iter([large(number)])

    def compose_once_large(journal_id: str, record: Record) -> bytes:
        made = next(times, compose) if record.sequence == number else compose
        return made(journal_id, record)

    return compose_once_large
