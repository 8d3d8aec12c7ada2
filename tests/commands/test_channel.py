"""The channel: judged, recorded, acknowledged, carried out, recorded, answered; in that order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.commands import Channel, ChannelOptions, Command, DoneBadly
from edge_agent.commands.channel import ANSWER_SECONDS, RECORD_SECONDS
from edge_agent.commands.trail import BURST, FLOOD_SECONDS, Trail
from edge_agent.errors import JournalError, LocalProtocolError
from edge_agent.events import EventBody
from edge_agent.events.agent import CommandAudited
from edge_agent.testing.command_bench import ANSWERS, TOPIC, CommandBench
from edge_agent.testing.memory_uplink import MemoryUplink
from edge_agent.testing.virtual_loop import run_virtually

Story = Callable[["Cloud"], Awaitable[None]]


class Cloud:
    """A channel, the cloud that asks, and the journal, in one order of events."""

    def __init__(self, bench: CommandBench) -> None:
        self.bench = bench
        self.uplink = MemoryUplink()
        self.story: list[str] = []
        self.records: list[CommandAudited] = []
        self.acknowledged_by_then: list[int] = []
        self.journal_is_down = False
        self.result: Mapping[str, Any] | Exception = {"subjects": {}}
        self.takes = 0.0
        self.channel = Channel(
            self.uplink,
            bench.gate(),
            Trail(self.say),
            ChannelOptions(TOPIC, dict.fromkeys(bench.allow, self.do)),
            utc=lambda: bench.now,
        )

    def say(self, body: EventBody) -> None:
        if self.journal_is_down:
            raise JournalError("the collector does not answer", "start the collector")
        assert isinstance(body, CommandAudited)
        self.acknowledged_by_then.append(len(self.uplink.acknowledged))
        self.records.append(body)
        self.story.append(body.outcome)

    async def do(self, command: Command) -> Mapping[str, Any]:
        self.story.append(f"carry out {command.id}")
        await asyncio.sleep(self.takes)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def ask(self, verb: str = "meters", **said: Any) -> None:
        received = self.bench.command(verb, **said)
        self.uplink.arrive(
            received.topic,
            received.payload,
            response_topic=received.response_topic,
            correlation_data=received.correlation_data,
            user_properties=received.user_properties,
        )

    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(message.payload) for message in self.uplink.delivered]


def tell(bench: CommandBench, story: Story) -> Cloud:
    """Run a story in virtual time; the cloud as it was left."""

    async def run() -> Cloud:
        cloud = Cloud(bench)
        await cloud.uplink.start()
        await cloud.channel.open()
        await story(cloud)
        await cloud.channel.close()
        return cloud

    return run_virtually(run())


def test_a_command_is_recorded_before_it_is_carried_out_and_answered_after(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.ask(properties=(("requested-by", "ada"),))
        await asyncio.sleep(1)

    cloud = tell(bench, story)

    assert cloud.story == ["accepted", "carry out c-1", "done"]
    assert [one.requested_by_unverified for one in cloud.records] == ["ada", "ada"]
    assert cloud.acknowledged_by_then == [0, 1]
    (answer,) = cloud.uplink.delivered
    assert (answer.topic, answer.correlation_data) == (f"{ANSWERS}/ops", b"\x01\x02")
    assert json.loads(answer.payload) == {
        "id": "c-1",
        "command": "meters",
        "outcome": "done",
        "at": "2025-06-11T08:31:03Z",
        "result": {"subjects": {}},
    }


def test_a_refusal_is_recorded_and_answered_with_its_reason(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.ask("reboot")
        await asyncio.sleep(1)

    cloud = tell(bench, story)

    assert cloud.story == ["refused"]
    assert cloud.records[0].command == "reboot"
    assert cloud.answers()[0]["outcome"] == "refused"
    assert cloud.answers()[0]["reason"] == "it is not on the allow-list of this gateway"
    assert len(cloud.uplink.acknowledged) == 1


def test_nothing_is_subscribed_to_while_nothing_is_allowed(bench: CommandBench) -> None:
    bench.allow = ()

    async def story(cloud: Cloud) -> None:
        assert cloud.uplink.filters == ()

    tell(bench, story)


def test_a_command_played_back_is_refused(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.ask()
        cloud.ask()
        await asyncio.sleep(1)

    cloud = tell(bench, story)

    assert sorted(cloud.story) == ["accepted", "carry out c-1", "done", "refused"]


def test_what_cannot_be_recorded_is_not_carried_out(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.journal_is_down = True
        cloud.ask()
        await asyncio.sleep(RECORD_SECONDS / 2)
        assert cloud.uplink.acknowledged == []
        await asyncio.sleep(RECORD_SECONDS)

    cloud = tell(bench, story)

    assert cloud.story == []
    assert cloud.answers()[0]["reason"] == "it could not be journalled, so it was not done"


def test_a_record_waits_for_a_collector_that_restarts(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.journal_is_down = True
        cloud.ask()
        await asyncio.sleep(5)
        cloud.journal_is_down = False
        await asyncio.sleep(5)

    assert tell(bench, story).story == ["accepted", "carry out c-1", "done"]


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (DoneBadly("slot-1001: not read in time"), "slot-1001: not read in time"),
        (ZeroDivisionError("secret"), "fault of the agent: ZeroDivisionError"),
    ],
)
def test_what_fails_is_recorded_and_answered_as_failed(
    bench: CommandBench, raised: Exception, reason: str
) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.result = raised
        cloud.ask()
        await asyncio.sleep(1)

    with capture_logs():
        cloud = tell(bench, story)

    assert cloud.story == ["accepted", "carry out c-1", "failed"]
    assert cloud.records[-1].reason == reason
    assert (cloud.answers()[0]["outcome"], cloud.answers()[0]["reason"]) == ("failed", reason)


def test_too_many_at_once_are_refused_and_the_others_end(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.takes = 5
        for number in range(5):
            cloud.ask(id=f"c-{number}")
        await asyncio.sleep(10)

    cloud = tell(bench, story)

    outcomes = [one.outcome for one in cloud.records]
    assert (outcomes.count("done"), outcomes.count("refused")) == (4, 1)


def test_a_flood_of_refusals_is_a_bounded_number_of_records(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        for _ in range(50):
            for _ in range(10):
                cloud.ask("reboot")
            await asyncio.sleep(0.1)
        await asyncio.sleep(2 * FLOOD_SECONDS)

    with capture_logs():
        cloud = tell(bench, story)

    assert len(cloud.records) <= BURST + 3
    assert sum(one.count for one in cloud.records) == 500
    assert cloud.records[-1].reason == "refused without a record each: they came too fast"
    assert len(cloud.uplink.acknowledged) == 500
    assert len(cloud.uplink.delivered) <= BURST + 2


def test_more_than_can_be_judged_at_a_time_are_counted(
    bench: CommandBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.commands.channel.MOST_TASKS", 2)

    async def story(cloud: Cloud) -> None:
        for _ in range(30):
            cloud.ask("reboot")
        await asyncio.sleep(2 * FLOOD_SECONDS)

    with capture_logs():
        cloud = tell(bench, story)

    assert len(cloud.uplink.acknowledged) == 30
    assert sum(one.count for one in cloud.records) == 30


def test_a_record_the_journal_never_takes_is_in_the_log(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        def refuse(_body: EventBody) -> None:
            raise LocalProtocolError("the collector is older than this forwarder", "upgrade both")

        cloud.channel._trail._say = refuse
        cloud.ask()
        await asyncio.sleep(2 * RECORD_SECONDS)

    with capture_logs() as logs:
        cloud = tell(bench, story)

    assert cloud.story == []
    assert "command not journalled" in [entry["event"] for entry in logs]


def test_an_answer_waits_for_the_session_and_not_for_ever(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.ask(id="c-1")
        cloud.uplink.disconnect()
        await asyncio.sleep(ANSWER_SECONDS / 2)
        cloud.uplink.reconnect()
        await asyncio.sleep(5)
        assert len(cloud.uplink.delivered) == 1
        cloud.ask(id="c-2")
        cloud.uplink.disconnect()
        await asyncio.sleep(2 * ANSWER_SECONDS)
        cloud.uplink.reconnect()
        await asyncio.sleep(5)

    with capture_logs() as logs:
        cloud = tell(bench, story)

    assert [one["id"] for one in cloud.answers()] == ["c-1"]
    assert "answer not delivered" in [entry["event"] for entry in logs]


def test_an_answer_that_is_refused_is_not_sent_again(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.uplink.refuse_next(0x87)
        cloud.ask()
        await asyncio.sleep(5)

    with capture_logs() as logs:
        cloud = tell(bench, story)

    assert len(cloud.uplink.attempts) == 1
    assert [entry["reason"] for entry in logs if entry["event"] == "answer not delivered"] == [
        "0x87 not authorised"
    ]


def test_a_command_that_wants_no_answer_gets_none(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.ask(response_topic="")
        await asyncio.sleep(1)

    cloud = tell(bench, story)

    assert cloud.story[-1] == "done"
    assert cloud.uplink.attempts == []


def test_what_is_under_way_when_the_agent_stops_is_recorded_as_failed(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.takes = 1000
        cloud.ask()
        await asyncio.sleep(1)

    cloud = tell(bench, story)

    assert cloud.story == ["accepted", "carry out c-1", "failed"]
    assert cloud.records[-1].reason == "the agent was stopped"


def test_an_answer_too_large_for_one_publish_is_cut_and_says_so(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.result = {"subjects": {f"slot-{number}": "x" * 2000 for number in range(100)}, "missing": {}}
        cloud.ask()
        await asyncio.sleep(1)

    cloud = tell(bench, story)

    (answer,) = cloud.answers()
    assert len(cloud.uplink.delivered[0].payload) <= 128 * 1024
    kept = len(answer["result"]["subjects"])
    assert 50 < kept < 66
    assert answer["cut"] == f"{100 - kept} of `subjects` left out: an answer here holds 130560 bytes"


def test_an_answer_over_a_nucleus_that_takes_little_is_cut_to_that(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.uplink.state.payload_maximum = 7_000
        cloud.result = {"subjects": {f"slot-{number}": "x" * 2000 for number in range(10)}}
        cloud.ask()
        await asyncio.sleep(1)

    cloud = tell(bench, story)

    assert len(cloud.uplink.delivered[0].payload) <= 7_000
    assert len(cloud.answers()[0]["result"]["subjects"]) == 3


def test_one_thing_too_large_is_left_out_whole(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.result = {"name": "a.zip", "zip_base64": "x" * 200_000}
        cloud.ask()
        await asyncio.sleep(1)

    (answer,) = tell(bench, story).answers()

    assert answer["result"] == {"name": "a.zip", "zip_base64": None}
    assert answer["cut"].startswith("1 of `zip_base64` left out")


def test_correlation_in_the_body_is_answered_in_the_body(bench: CommandBench) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.ask(correlation_data="7")
        await asyncio.sleep(1)

    assert tell(bench, story).answers()[0]["correlation_data"] == "7"


def test_a_record_of_used_ids_outlives_the_channel(bench: CommandBench, tmp_path: Path) -> None:
    async def story(cloud: Cloud) -> None:
        cloud.ask()
        await asyncio.sleep(1)

    assert tell(bench, story).story[-1] == "done"

    assert tell(replace(CommandBench(tmp_path)), story).story == ["refused"]
