"""Canaries end to end: what is published, what is heard, and what is said when nothing comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.agent.canary_keeper import CanaryKeeper
from edge_agent.routes import routes_of
from edge_agent.settings import Settings, read_settings
from edge_agent.standin import StandinConfig, StandinControl, StandinThread, read_ledger
from edge_agent.testing.memory_uplink import MemoryUplink
from edge_agent.testing.patience import PATIENCE_SECONDS, until
from edge_agent.uplink.iot_core import IotCoreOptions, IotCoreUplink

RULE = "floor_events"
ANSWERS = "cmd/lab/gw-07/canary"
SOON = PATIENCE_SECONDS


def settings(classes: dict[str, Any] | None = None, **uplink: Any) -> Settings:
    document = {"site": "lab", "gateway": "gw-07", "state": "state", "forwarder": {"classes": classes or {}}}
    way = {"kind": "file", "path": "out.jsonl", "basic_ingest_rule": RULE} | uplink
    return read_settings(document | {"uplink": way}, "agent.yaml", environment={})


class Bench:
    """A keeper over an uplink to nowhere, and a clock that moves when told."""

    def __init__(self, told: Settings | None = None) -> None:
        self.now = 1000.0
        self.settings = told or settings()
        self.uplink = MemoryUplink()
        route = routes_of(self.settings)["A"]
        self.keeper = CanaryKeeper(self.settings, "J", route, lambda: self.now)

    async def look(self) -> None:
        await self.keeper._look(self.uplink)

    def answer(self) -> None:
        """As the cloud does."""
        canary = json.loads(self.uplink.delivered[-1].payload)["id"]
        self.uplink.arrive(ANSWERS, json.dumps({"id": canary}).encode())

    def status(self) -> dict[str, Any]:
        return dict(self.keeper.status() or {})


def tell(story: Callable[[Bench], Awaitable[None]], told: Settings | None = None) -> Bench:
    """Run a story with a keeper that has subscribed, over an uplink that is connected."""

    async def run() -> Bench:
        bench = Bench(told)
        await bench.uplink.start()
        await bench.uplink.subscribe(ANSWERS, bench.keeper._hear)
        await story(bench)
        return bench

    return asyncio.run(run())


def test_a_canary_goes_the_way_of_money_and_is_no_record_of_the_journal() -> None:
    async def story(bench: Bench) -> None:
        await bench.look()

    (message,) = tell(story).uplink.delivered
    event = json.loads(message.payload)
    assert message.topic == f"$aws/rules/{RULE}/floor/lab/gw-07/ev/floor.agent.canary"
    assert message.content_type == "application/cloudevents+json; charset=UTF-8"
    assert event["id"].startswith("J/canary/")
    assert "sequence" not in event
    assert event["type"] == "floor.agent.canary"
    assert event["data"] == {"number": 1, "every_seconds": 3600, "rule": RULE}


def test_where_money_travels_in_batches_so_does_a_canary() -> None:
    async def story(bench: Bench) -> None:
        await bench.look()

    bench = tell(story, settings({"A": {"encoding": "batch"}}))

    (message,) = bench.uplink.delivered
    assert message.topic == f"$aws/rules/{RULE}/floor/lab/gw-07/ev/batch"
    assert [event["type"] for event in json.loads(message.payload)] == ["floor.agent.canary"]


def test_an_answer_is_acknowledged_and_counted() -> None:
    async def story(bench: Bench) -> None:
        await bench.look()
        bench.now += 2.0
        bench.answer()
        bench.now += 1000.0
        await bench.look()

    bench = tell(story)

    assert len(bench.uplink.acknowledged) == 1
    assert bench.status() == {
        "every_seconds": 3600.0,
        "sent": 1,
        "answered": 1,
        "missed": 0,
        "foreign": 0,
        "alarm": False,
        "answer_seconds": 2.0,
    }


def test_no_answer_is_an_alarm_which_an_answer_ends() -> None:
    async def story(bench: Bench) -> None:
        await bench.look()
        bench.now += 61.0
        await bench.look()
        assert bench.status()["alarm"]
        bench.now += 301.0
        await bench.look()
        bench.answer()

    with capture_logs() as logs:
        bench = tell(story)

    assert [entry["event"] for entry in logs if entry.get("alarm")] == [
        "no canary comes back: receipts say success, and events may be lost behind them"
    ]
    assert logs[-1]["event"] == "canaries come back again"
    assert (bench.status()["missed"], bench.status()["alarm"]) == (1, False)


def test_an_answer_that_may_have_come_while_we_were_away_is_no_alarm() -> None:
    async def story(bench: Bench) -> None:
        await bench.look()
        bench.uplink.disconnect()
        bench.uplink.reconnect()
        bench.now += 61.0
        await bench.look()

    bench = tell(story)

    assert (bench.status()["missed"], bench.status()["alarm"]) == (0, False)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda uplink: uplink.refuse_next(0x97), "canary refused"),
        (lambda uplink: uplink.lose_next(), "canary not sent"),
    ],
    ids=["refused", "no receipt"],
)
def test_one_that_is_not_taken_is_no_alarm_and_another_follows(
    spoil: Callable[[MemoryUplink], None], said: str
) -> None:
    async def story(bench: Bench) -> None:
        bench.uplink.ack_timeout = 0.01
        spoil(bench.uplink)
        await bench.look()
        bench.now += 61.0
        await bench.look()

    with capture_logs() as logs:
        bench = tell(story)

    assert [entry["event"] for entry in logs] == [said]
    assert (bench.status()["sent"], bench.status()["missed"]) == (2, 0)


def test_nothing_is_sent_where_no_answer_could_be_heard() -> None:
    async def story(bench: Bench) -> None:
        bench.uplink.state.refused_filters = (ANSWERS,)
        await bench.look()
        bench.uplink.state.refused_filters = ()
        bench.uplink.disconnect()
        await bench.look()

    assert tell(story).uplink.attempts == []


def test_an_answer_that_makes_no_sense_is_acknowledged_and_said() -> None:
    async def story(bench: Bench) -> None:
        bench.uplink.arrive(ANSWERS, b"rubbish")

    with capture_logs() as logs:
        bench = tell(story)

    assert [entry["event"] for entry in logs] == ["answer to a canary refused"]
    assert len(bench.uplink.acknowledged) == 1


@pytest.mark.parametrize(
    ("uplink", "every"),
    [
        ({}, 3600.0),
        ({"canary_minutes": 5}, 300.0),
        ({"canary_minutes": 0}, 0.0),
        ({"basic_ingest_rule": None}, 0.0),
        ({"basic_ingest_rule": None, "canary_minutes": 5}, 300.0),
    ],
)
def test_canaries_are_sent_where_there_is_a_rule_or_they_are_asked_for(
    uplink: dict[str, Any], every: float
) -> None:
    assert settings(**uplink).canary_seconds == every


def test_where_none_are_wanted_nothing_is_done() -> None:
    bench = Bench(settings(canary_minutes=0))

    asyncio.run(bench.keeper.run(bench.uplink))

    assert bench.uplink.filters == ()
    assert bench.keeper.status() is None


@pytest.fixture
def config(config: StandinConfig) -> StandinConfig:
    """The stand-in with a rule."""
    return replace(config, rules=(RULE,))


@pytest.mark.integration
def test_against_the_stand_in_a_disabled_rule_is_noticed_and_a_mended_one_too(
    standin: StandinThread, control: StandinControl, options: IotCoreOptions
) -> None:
    told = settings()
    shift = 0.0

    async def story() -> None:
        nonlocal shift
        loop = asyncio.get_running_loop()
        keeper = CanaryKeeper(told, "J", routes_of(told)["A"], lambda: loop.time() + shift)
        uplink = IotCoreUplink(options, check=lambda: None, diagnose=lambda: "")
        await uplink.start()
        running = asyncio.create_task(keeper.run(uplink))

        def status() -> dict[str, Any]:
            return dict(keeper.status() or {})

        try:
            async with asyncio.timeout(SOON):
                await until(lambda: status()["answered"] == 1)
                control.rule(RULE, enabled=False)
                shift += 3600.0
                await until(lambda: status()["sent"] == 2)
                await until(lambda: control.status()["rule_not_found"] == 1)
                shift += 61.0
                await until(lambda: status()["alarm"])
                control.rule(RULE, enabled=True)
                shift += 301.0
                await until(lambda: status()["answered"] == 2)
                assert not status()["alarm"]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await uplink.stop()

    asyncio.run(story())

    topics = {entry.topic for entry in read_ledger(Path(standin.config.ledger_file))}
    assert topics == {
        "floor/lab/gw-07/status",
        f"$aws/rules/{RULE}/floor/lab/gw-07/ev/floor.agent.canary",
    }
