"""The forwarder against a cloud in memory, a real journal and virtual time."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.errors import JournalError, LocalProtocolError, UplinkError
from edge_agent.forwarder import DRAIN_SECONDS, SPAN_WINDOWS, Forwarder, Quota
from edge_agent.journal import Journal, Record, open_journal
from edge_agent.routes import Route
from edge_agent.testing.memory_uplink import MemoryUplink, plain
from edge_agent.testing.virtual_loop import run_virtually
from edge_agent.uplink.base import Message, Receipt

TOPIC = "floor/lab/gw-07/ev/batch"
ROUTING = ("topic", "linger", "compress", "single")


def routes(
    topic: str = TOPIC, *, linger: float = 0.0, compress: bool = True, single: bool = False
) -> dict[str, Route]:
    return {cls: Route(cls, topic, single=single, compress=compress, linger=linger) for cls in "ABC"}


def compose(_journal_id: str, record: Record) -> bytes:
    return b'{"sequence":%d,"said":"%s"}' % (record.sequence, record.payload)


@dataclass
class Floor:
    """A journal being written, a forwarder reading it, and the cloud."""

    collector: Journal
    journal: Journal
    uplink: MemoryUplink
    forwarder: Forwarder
    stopped_within: float = 0.0

    def say(self, *payloads: bytes) -> None:
        self.collector.append(payloads)

    def received(self) -> list[int]:
        return [event["sequence"] for event in self.uplink.events()]

    @property
    def position(self) -> int:
        return self.journal.position("forwarder")


Story = Callable[[Floor], Awaitable[None]]
Tell = Callable[..., Floor]


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Run a story on a running floor, in virtual time; the floor as it was left."""

    def tell(story: Story, *, records: int = 0, uplink: MemoryUplink | None = None, **options: Any) -> Floor:
        return run_virtually(run(tmp_path / "journal.db", story, records, uplink or MemoryUplink(), options))

    return tell


async def run(path: Path, story: Story, records: int, uplink: MemoryUplink, options: dict[str, Any]) -> Floor:
    with (
        open_journal(path, role="collect", housekeeping=False) as collector,
        open_journal(path, role="forward") as journal,
    ):
        collector.append([b"%d" % number for number in range(records)])
        await uplink.start()
        ways = {name: options.pop(name) for name in ROUTING if name in options}
        settings: dict[str, Any] = {
            "compose": compose,
            "routes": routes(**ways),
            "jitter": lambda: 0.5,
        } | options
        here = Floor(collector, journal, uplink, Forwarder(journal, uplink, **settings))
        running = asyncio.create_task(here.forwarder.run())
        try:
            await story(here)
        finally:
            here.forwarder.stop()
            asked_at = asyncio.get_running_loop().time()
            await running
            here.stopped_within = asyncio.get_running_loop().time() - asked_at
        return here


def test_everything_in_the_journal_is_delivered_in_order_and_acknowledged(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        assert floor.position == 1000

    left = tell(story, records=1000)

    assert left.received() == list(range(1, 1001))
    assert left.forwarder.counters.acknowledged == 1000
    assert left.forwarder.counters.delivered == 5


def test_an_event_leaves_within_ten_milliseconds_of_its_append(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(5.003)
        floor.say(b"door opened")
        await asyncio.sleep(0.0101)
        assert floor.received() == [1]
        assert floor.position == 0

    tell(story, uplink=MemoryUplink(delay=0.05))


def test_a_busy_floor_leaves_most_of_the_publishes_to_others(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        for _event in range(1000):
            floor.say(b"x")
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)

    left = tell(story, quota=Quota(), linger=0.02)

    assert left.received() == list(range(1, 1001))
    assert 20 <= left.forwarder.counters.published <= 31


def test_nothing_is_acknowledged_before_its_receipt(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(0.9)
        assert floor.received() == [1, 2, 3]
        assert floor.position == 0
        await asyncio.sleep(0.2)
        assert floor.position == 3

    tell(story, records=3, uplink=MemoryUplink(delay=1.0))


def test_only_a_contiguous_prefix_is_acknowledged(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.accept_next()
        floor.uplink.lose_next()
        await asyncio.sleep(1)
        assert floor.received() == [1, 2, 3, 4]
        assert floor.position == 1

    tell(story, records=4, batch_records=1)


def test_a_lost_receipt_is_sent_again_and_everything_after_it_is_acknowledged_at_once(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.lose_next()
        await asyncio.sleep(21)
        assert floor.received() == [1, 2, 3, 4, 1]
        assert floor.position == 4

    left = tell(story, records=4, batch_records=1)

    assert left.forwarder.counters.retries == 1


def test_no_more_than_a_window_is_in_flight(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(0.1)
        floor.say(*[b"x"] * 50)
        await asyncio.sleep(20)

    left = tell(story, batch_records=1, window=7, uplink=MemoryUplink(delay=1.0))

    assert left.uplink.most_in_flight == 7
    assert left.received() == list(range(1, 51))


def test_the_receive_maximum_of_the_broker_is_honoured(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.state.receive_maximum = 3
        await asyncio.sleep(0.1)
        floor.say(*[b"x"] * 30)
        await asyncio.sleep(20)

    left = tell(story, batch_records=1, window=20, uplink=MemoryUplink(delay=1.0))

    assert left.uplink.most_in_flight == 3


def test_a_broker_that_announces_no_receive_maximum_gets_our_window(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.state.receive_maximum = 0
        await asyncio.sleep(0.1)
        floor.say(*[b"x"] * 30)
        await asyncio.sleep(20)

    left = tell(story, batch_records=1, window=5, uplink=MemoryUplink(delay=1.0))

    assert left.uplink.most_in_flight == 5


def test_what_waits_behind_a_missing_receipt_is_bounded(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.lose_next()
        await asyncio.sleep(10)
        assert len(floor.uplink.attempts) == 2 * SPAN_WINDOWS
        await asyncio.sleep(30)

    left = tell(story, records=100, batch_records=1, window=2)

    assert left.forwarder.counters.acknowledged == 100


def test_batches_keep_to_their_bytes(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.say(*[b"x" * 400] * 20)
        await asyncio.sleep(1)

    left = tell(story, batch_bytes=2000)

    assert [len(plain(message)) for message in left.uplink.delivered] == [1701, 1701, 1704, 1705, 1705]
    assert left.received() == list(range(1, 21))


def test_a_batch_lingers_to_fill(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        for _second in range(4):
            floor.say(b"x")
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)

    left = tell(story, linger=0.5)

    assert len(left.uplink.delivered) == 1
    assert left.received() == [1, 2, 3, 4]


def test_a_batch_is_compressed_when_that_pays(tell: Tell) -> None:
    async def story(_floor: Floor) -> None:
        await asyncio.sleep(1)

    left = tell(story, records=100)

    (message,) = left.uplink.delivered
    assert message.content_type == "application/cloudevents-batch+json"
    assert message.user_properties[0] == ("content-encoding", "gzip")
    assert left.forwarder.counters.delivered_bytes == len(message.payload)


def test_compression_can_be_left_out(tell: Tell) -> None:
    async def story(_floor: Floor) -> None:
        await asyncio.sleep(1)

    left = tell(story, records=100, compress=False)

    assert left.uplink.delivered[0].payload.startswith(b"[{")


@pytest.mark.parametrize("code", [0x80, 0x91, 0x97, 0x7B])
def test_what_may_pass_is_kept_and_sent_again_after_a_pause(tell: Tell, code: int) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refuse_next(code)
        await asyncio.sleep(0.4)
        assert len(floor.uplink.attempts) == 1
        assert floor.position == 0
        await asyncio.sleep(0.2)
        assert floor.position == 2

    left = tell(story, records=2)

    assert left.received() == [1, 2]
    assert left.forwarder.counters.refused == {f"0x{code:02X}": 1}
    assert left.forwarder.counters.last_reason == ""


def test_what_failed_is_sent_before_anything_newer_and_in_order(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(0.1)
        floor.uplink.refuse_next(0x97, 3)
        floor.say(b"1", b"2", b"3")
        await asyncio.sleep(0.1)
        floor.say(b"newer")
        await asyncio.sleep(5)

    left = tell(story, batch_records=1)

    assert left.received() == [1, 2, 3, 4]


def test_after_trouble_one_publish_goes_alone(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refuse_next(0x97, 10)
        await asyncio.sleep(0.55)
        assert len(floor.uplink.attempts) == 11

    tell(story, records=40, batch_records=1, uplink=MemoryUplink(delay=0.04))


def test_a_receipt_for_what_was_sent_before_the_trouble_does_not_end_it(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refuse_next(0x97)
        await asyncio.sleep(0.4)
        assert floor.forwarder.counters.delivered == 9
        assert floor.forwarder.counters.last_reason == "0x97 quota exceeded"
        assert len(floor.uplink.attempts) == 10
        await asyncio.sleep(1)
        assert floor.position == 40

    tell(story, records=40, batch_records=1, uplink=MemoryUplink(delay=0.01))


def test_a_cloud_that_refuses_everything_is_not_asked_in_a_busy_loop(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refuse_all(0x97)
        await asyncio.sleep(3600)
        # Half a second, one, two, … half a minute: then 120 in the hour.
        assert len(floor.uplink.attempts) < 20 + 130

    tell(story, records=100, batch_records=1)


def test_a_session_that_ends_is_waited_for_and_nothing_is_lost(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(0.005)
        floor.uplink.disconnect()
        await asyncio.sleep(600)
        assert floor.position == 0
        assert floor.forwarder.counters.in_flight == 0
        floor.uplink.reconnect()
        await asyncio.sleep(2)
        assert floor.position == 5

    left = tell(story, records=5, batch_records=1, uplink=MemoryUplink(delay=0.01))

    assert sorted(set(left.received())) == [1, 2, 3, 4, 5]


def test_what_arrives_while_the_cloud_is_away_is_delivered_when_it_is_back(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.disconnect()
        await asyncio.sleep(10)
        floor.say(*[b"x"] * 1000)
        await asyncio.sleep(10)
        floor.uplink.reconnect()
        await asyncio.sleep(2)
        assert floor.position == 1000

    tell(story)


def test_a_topic_we_may_not_publish_to_is_probed_slowly_and_raises_an_alarm(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refuse_all(0x87)
        await asyncio.sleep(29)
        assert len(floor.uplink.attempts) == 10
        assert floor.forwarder.counters.withheld
        assert floor.forwarder.counters.withheld_topics == (TOPIC,)
        assert TOPIC in floor.forwarder.counters.last_reason
        await asyncio.sleep(60)
        assert len(floor.uplink.attempts) == 12
        floor.uplink.refuse_all(None)
        await asyncio.sleep(31)
        assert floor.position == 100
        assert not floor.forwarder.counters.withheld

    with capture_logs() as logs:
        tell(story, records=100, batch_records=1, uplink=MemoryUplink(delay=0.01))

    alarms = [entry for entry in logs if entry.get("alarm")]
    assert [entry["event"] for entry in alarms] == ["publishing is not allowed"]


def test_a_receipt_that_calls_the_topic_invalid_sets_the_batch_aside(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refuse_next(0x90)
        await asyncio.sleep(1)
        assert floor.position == 4
        letters = floor.journal.dead_letters()
        assert [(letter.sequence, letter.reason) for letter in letters] == [
            (1, "0x90 topic name invalid"),
            (2, "0x90 topic name invalid"),
        ]

    left = tell(story, records=4, batch_records=2)

    assert left.received() == [3, 4]
    assert left.forwarder.counters.dead_letters == 2


def test_one_record_that_spoils_its_batch_is_found_and_set_aside_alone(tell: Tell) -> None:
    class Picky(MemoryUplink):
        async def publish(self, message: Message) -> Receipt:
            self.refuse_all(0x99 if b'"5"' in plain(message) else None)
            return await super().publish(message)

    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        assert floor.position == 9
        assert [letter.payload for letter in floor.journal.dead_letters()] == [b"5"]

    left = tell(story, records=9, uplink=Picky())

    assert sorted(left.received()) == [1, 2, 3, 4, 5, 7, 8, 9]
    assert left.forwarder.counters.dead_letters == 1


def test_a_record_too_large_for_any_publish_is_set_aside_with_its_reason(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.say(b"before", os.urandom(140_000).hex().encode(), b"after")
        await asyncio.sleep(1)
        assert floor.position == 3
        (letter,) = floor.journal.dead_letters()
        assert letter.sequence == 2
        assert letter.reason == "0x95 packet too large (over 131072 bytes)"

    left = tell(story)

    assert left.received() == [1, 3]
    assert left.forwarder.counters.published == 2


def test_a_record_that_cannot_be_set_aside_yet_is_kept(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise JournalError("the disk is full")

    async def story(floor: Floor) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(floor.journal, "set_aside", full)
            floor.uplink.refuse_next(0x90, 2)
            await asyncio.sleep(0.3)
            assert floor.forwarder.counters.last_reason == "the disk is full"
            assert floor.position == 0
        await asyncio.sleep(2)
        assert floor.position == 1

    left = tell(story, records=1)

    assert left.forwarder.counters.dead_letters == 1


def test_an_uplink_that_gives_up_ends_the_forwarder(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        floor.uplink.take_over()
        await asyncio.sleep(1)

    with pytest.raises(UplinkError, match="another client"):
        tell(story)


def test_a_fault_of_ours_ends_the_forwarder_instead_of_being_lost(tell: Tell) -> None:
    class Broken(MemoryUplink):
        async def publish(self, message: Message) -> Receipt:
            raise ZeroDivisionError(message.topic)

    async def story(_floor: Floor) -> None:
        await asyncio.sleep(1)

    with pytest.raises(ZeroDivisionError):
        tell(story, records=2, batch_records=1, uplink=Broken())


def test_a_journal_that_cannot_be_read_ends_the_forwarder(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        await asyncio.sleep(1)
        floor.journal.close()
        await asyncio.sleep(1)

    with pytest.raises(JournalError, match="closed"):
        tell(story)


def test_stopping_waits_for_the_receipts_in_flight(tell: Tell) -> None:
    async def story(_floor: Floor) -> None:
        await asyncio.sleep(0.1)

    left = tell(story, records=3, uplink=MemoryUplink(delay=1.0))

    assert left.forwarder.counters.acknowledged == 3
    assert left.stopped_within == pytest.approx(0.9)


def test_stopping_does_not_wait_for_ever(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.accept_next()
        floor.uplink.lose_next()
        await asyncio.sleep(0.1)

    left = tell(story, records=2, batch_records=1)

    assert left.forwarder.counters.acknowledged == 1
    assert left.forwarder.counters.in_flight == 0
    assert left.stopped_within == pytest.approx(DRAIN_SECONDS)


def test_stopping_does_not_wait_for_a_connection(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.disconnect()
        await asyncio.sleep(60)

    assert tell(story).stopped_within == 0


def test_a_forwarder_that_is_cancelled_leaves_no_task_behind(tmp_path: Path) -> None:
    async def story() -> set[str]:
        uplink = MemoryUplink()
        path = tmp_path / "journal.db"
        with open_journal(path, role="collect", housekeeping=False) as journal:
            running = asyncio.create_task(Forwarder(journal, uplink, compose=compose, routes=routes()).run())
            await asyncio.sleep(1)
            running.cancel()
            await asyncio.wait([running])
            await asyncio.sleep(0)
        return {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}}

    assert run_virtually(story()) == set()


def test_a_restarted_forwarder_goes_on_where_the_last_one_acknowledged(tell: Tell) -> None:
    async def story(_floor: Floor) -> None:
        await asyncio.sleep(1)

    tell(story, records=3)
    left = tell(story, records=2)

    assert left.received() == [4, 5]


def test_a_topic_nobody_could_publish_to_is_refused_before_anything_is_sent(tell: Tell) -> None:
    async def story(_floor: Floor) -> None:
        await asyncio.sleep(1)

    with pytest.raises(LocalProtocolError, match="wildcard"):
        tell(story, topic="floor/#")


def test_the_counters_and_the_forwarder_can_be_shown(tell: Tell) -> None:
    async def story(floor: Floor) -> None:
        floor.uplink.refuse_next(0x97)
        await asyncio.sleep(1)

    left = tell(story, records=3)

    assert json.loads(json.dumps(asdict(left.forwarder.counters)))["refused"] == {"0x97": 1}
    lanes = ", ".join(f"<Lane {cls} live 3 3 0>" for cls in "ABC")
    assert repr(left.forwarder) == f"<Forwarder forwarder in flight 0 [{lanes}]>"


class WithoutTopic(MemoryUplink):
    """A cloud in memory that calls every topic invalid."""

    async def publish(self, message: Message) -> Receipt:
        self.refuse_all(0x90)
        return await super().publish(message)


def test_a_record_that_was_let_go_before_it_could_be_set_aside_ends_nothing(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gap is journalled. Of a batch, what is still there is set aside."""
    set_aside = Journal.set_aside

    def let_go(journal: Journal, consumer: str, sequences: Sequence[int], reason: str) -> None:
        if 2 in sequences:
            raise LocalProtocolError("consumer forwarder set aside records the journal does not have")
        set_aside(journal, consumer, sequences, reason)

    monkeypatch.setattr(Journal, "set_aside", let_go)

    async def story(floor: Floor) -> None:
        await asyncio.sleep(30)
        assert floor.position == 3
        assert [letter.sequence for letter in floor.journal.dead_letters()] == [1, 3]

    tell(story, records=3, uplink=WithoutTopic())
