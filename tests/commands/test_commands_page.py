"""The examples of docs/commands.md and docs/status.md are what the agent takes and says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands import VERBS, Accepted, Channel, ChannelOptions, Command
from edge_agent.commands.trail import Trail
from edge_agent.commands.used_ids import MOST_IDS
from edge_agent.events.agent import CommandAudited
from edge_agent.reporting import Sources, make_report
from edge_agent.testing.command_bench import ANSWERS, TOPIC, CommandBench
from edge_agent.testing.memory_uplink import MemoryUplink
from edge_agent.testing.virtual_loop import run_virtually
from edge_agent.uplink.base import Received

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```json ([a-z ]+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def examples(page: str, kind: str) -> list[tuple[str, Any]]:
    """The examples of a kind: what its fence says besides, and the document."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = [(info.split(), json.loads(body)) for info, body in FENCE.findall(text)]
    return [(words[-1], document) for words, document in found if words[0] == kind]


@pytest.mark.parametrize(("verb", "body"), examples("commands.md", "request"))
def test_every_request_of_the_page_is_accepted(bench: CommandBench, verb: str, body: dict[str, Any]) -> None:
    received = Received(f"{TOPIC}/{verb}", json.dumps(body).encode(), f"{ANSWERS}/ops")

    assert isinstance(bench.gate().judge(received, 0), Accepted)


def test_the_page_has_a_request_for_every_verb() -> None:
    assert {verb for verb, _body in examples("commands.md", "request")} == set(VERBS)


def test_the_answer_of_the_page_is_the_answer(bench: CommandBench) -> None:
    ((verb, answer),) = examples("commands.md", "answer")
    request = next(body for of, body in examples("commands.md", "request") if of == verb)

    async def do(_command: Command) -> Mapping[str, Any]:
        result: Mapping[str, Any] = answer["result"]
        return result

    async def story() -> MemoryUplink:
        uplink = MemoryUplink()
        options = ChannelOptions(TOPIC, {verb: do})
        channel = Channel(uplink, bench.gate(), Trail(lambda _body: None), options, utc=lambda: bench.now)
        await uplink.start()
        await channel.open()
        uplink.arrive(f"{TOPIC}/{verb}", json.dumps(request).encode(), response_topic=f"{ANSWERS}/ops")
        await asyncio.sleep(1)
        await channel.close()
        return uplink

    assert json.loads(run_virtually(story()).delivered[0].payload) == answer


def test_the_record_of_the_page_is_one() -> None:
    ((_, record),) = examples("commands.md", "record")

    assert CommandAudited.model_validate_json(json.dumps(record)).model_dump() == record


def test_the_page_knows_the_bound_of_used_ids() -> None:
    assert MOST_IDS == 1000
    assert "more than a thousand accepted within a day" in (DOCS / "commands.md").read_text(encoding="utf-8")


def _quality(told: dict[str, Any] | None) -> dict[str, Any] | None:
    """As a line's counters have it."""
    if told is None:
        return None
    median, p95 = told["answer_ms"]
    return {
        "score": told["score"],
        "reasons": told.get("reasons", []),
        "answer_median_ms": median,
        "answer_p95_ms": p95,
        "degraded": told.get("degraded", False),
    }


def test_the_report_of_the_page_is_the_report() -> None:
    ((_, report),) = examples("status.md", "report")
    lines = {
        f"uart-{number}": {
            "device": device,
            "state": line["state"],
            "trouble": line.get("reason", ""),
            "since": line["since"],
            "last_event_seconds": 3.0,
            "protocol_errors": line.get("protocol_errors", 0),
            "quality": _quality(line.get("quality")),
            "conditions": {
                name: {"sure": True, **condition} for name, condition in line.get("conditions", {}).items()
            },
        }
        for number, (device, line) in enumerate(report["lines"].items())
    }
    journal = {"id": "fe11db6b6260453aa5c303bc1ff6f015", "head": 421, "bytes": 4 * 2**20, "free_bytes": 2**30}
    journal |= {"used_percent": 71.2, "hours_left": 18.25}
    collector = {"monotonic": 100.0, "settings": report["settings"], "clock": report["clock"], "lines": lines}
    forwarder = {
        "monotonic": 100.0,
        "connected": True,
        "connects": 2,
        "depth": 7,
        "oldest_seconds": 12.0,
        "dead_letters": 1,
    }

    made = make_report(
        Sources(
            now=1_749_630_663.0,
            monotonic=100.0,
            collector={**collector, "journal": journal},
            forwarder=forwarder,
            uplink={"kind": "iot_core", "promise": "delivered"},
            certificate_days=89,
            version="0.1.0",
        )
    )

    assert made == report
