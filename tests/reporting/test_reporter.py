"""Who is told how the gateway is: the status topic and the shadow; seldom, and again after trouble."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.reporting import Reporter, ReporterOptions, Shadow, as_json
from edge_agent.reporting.reporter import REFUSED_PAUSE_SECONDS
from edge_agent.reporting.shadow import ANSWER_SECONDS, difference
from edge_agent.testing.memory_uplink import MemoryUplink
from edge_agent.testing.virtual_loop import run_virtually
from edge_agent.uplink.base import Message, Receipt

STATUS = "floor/lab/gw-07/status"
UPDATE = "$aws/things/gw-07/shadow/name/edge-agent/update"
EVERY = 60.0

Story = Callable[["Gateway"], Awaitable[None]]


class ShadowService(MemoryUplink):
    """A cloud with one shadow, which answers as told."""

    def __init__(self) -> None:
        super().__init__()
        self.reported: Any = {"lines": {"long-gone": {"state": "polling"}}}
        self.rejecting: int | None = None
        self.once = False
        self.silent = False

    async def publish(self, message: Message) -> Receipt:
        receipt = await super().publish(message)
        if message.topic == UPDATE and receipt.reason_code == 0 and not self.silent:
            self._answer(json.loads(message.payload))
        return receipt

    def _answer(self, asked: dict[str, Any]) -> None:
        token = {"clientToken": asked["clientToken"]}
        self.arrive(f"{UPDATE}/accepted", json.dumps({"clientToken": "somebody else's"}).encode())
        if (code := self.rejecting) is not None:
            self.rejecting = None if self.once else code
            answer = {"code": code, "message": "no", **token}
            self.arrive(f"{UPDATE}/rejected", json.dumps(answer).encode())
            return
        self.reported = merged(self.reported, asked["state"]["reported"])
        self.arrive(f"{UPDATE}/accepted", json.dumps({"version": 2, **token}).encode())


def merged(has: Any, told: Any) -> Any:
    """As the service merges: null takes away."""
    if not isinstance(told, dict):
        return told
    before = has if isinstance(has, dict) else {}
    together = {name: merged(before.get(name), value) for name, value in told.items()}
    return {name: value for name, value in {**before, **together}.items() if value is not None}


class Gateway:
    """A reporter, what it reports, and the cloud."""

    def __init__(self, shadow: bool) -> None:  # noqa: FBT001  one thing to tell
        self.report: dict[str, Any] = {"lines": {"slot-1": {"state": "polling"}}, "version": "0.1.0"}
        self.cloud = ShadowService()
        self.shadow = Shadow("gw-07") if shadow else None
        self.reporter = Reporter(
            lambda: json.loads(json.dumps(self.report)),
            as_json,
            ReporterOptions(STATUS, EVERY),
            shadow=self.shadow,
            utc=lambda: 1_749_630_663.0,
        )

    def published(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(one.payload) for one in self.cloud.delivered if one.topic == topic]

    @property
    def attempts(self) -> int:
        return len([one for one in self.cloud.attempts if one.topic == UPDATE])


def tell(story: Story, *, shadow: bool = False, connected: bool = True) -> Gateway:
    async def run() -> Gateway:
        gateway = Gateway(shadow)
        if connected:
            await gateway.cloud.start()
        reporting = asyncio.create_task(gateway.reporter.run(gateway.cloud))
        await story(gateway)
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        return gateway

    return run_virtually(run())


def test_the_first_report_is_published_at_once_and_retained() -> None:
    async def story(_gateway: Gateway) -> None:
        await asyncio.sleep(1)

    gateway = tell(story)

    assert gateway.published(STATUS) == [{"state": "online", "at": "2025-06-11T08:31:03Z", **gateway.report}]
    assert gateway.cloud.delivered[0].retain


def test_what_stays_the_same_is_not_said_again() -> None:
    async def story(_gateway: Gateway) -> None:
        await asyncio.sleep(3600)

    assert len(tell(story).published(STATUS)) == 1


def test_changes_are_published_at_most_every_so_often() -> None:
    async def story(gateway: Gateway) -> None:
        for number in range(600):
            gateway.report["journal"] = {"head": number}
            await asyncio.sleep(1)

    published = tell(story).published(STATUS)

    assert 9 <= len(published) <= 11
    assert published[-1]["journal"]["head"] > 500


def test_a_birth_that_the_uplink_says_is_not_said_twice() -> None:
    async def story(gateway: Gateway) -> None:
        birth = gateway.reporter.birth()
        assert json.loads(birth)["state"] == "online"
        await asyncio.sleep(30)

    assert tell(story).published(STATUS) == []


def test_a_new_session_is_told_at_once() -> None:
    async def story(gateway: Gateway) -> None:
        await asyncio.sleep(5)
        gateway.cloud.disconnect()
        await asyncio.sleep(2)
        gateway.cloud.reconnect()
        await asyncio.sleep(5)

    assert len(tell(story).published(STATUS)) == 2


def test_nothing_is_published_without_a_session() -> None:
    async def story(_gateway: Gateway) -> None:
        await asyncio.sleep(600)

    assert tell(story, shadow=True, connected=False).cloud.attempts == []


def test_a_status_that_is_refused_is_tried_again_after_a_long_pause() -> None:
    async def story(gateway: Gateway) -> None:
        gateway.cloud.refuse_next(0x87)
        await asyncio.sleep(REFUSED_PAUSE_SECONDS - 60)
        assert len(gateway.cloud.attempts) == 1
        await asyncio.sleep(120)

    with capture_logs() as logs:
        gateway = tell(story)

    assert len(gateway.published(STATUS)) == 1
    assert [entry["reason"] for entry in logs if entry["event"] == "status refused"] == [
        "0x87 not authorised"
    ]


def test_the_shadow_has_the_report_and_nothing_of_before() -> None:
    async def story(_gateway: Gateway) -> None:
        await asyncio.sleep(5)

    gateway = tell(story, shadow=True)

    assert gateway.cloud.reported == gateway.report


def test_what_is_no_longer_so_is_taken_away() -> None:
    async def story(gateway: Gateway) -> None:
        await asyncio.sleep(5)
        gateway.report = {"lines": {"slot-2": {"state": "silent"}}, "version": "0.1.0"}
        await asyncio.sleep(2 * EVERY)

    gateway = tell(story, shadow=True)

    assert gateway.cloud.reported == gateway.report
    assert gateway.published(UPDATE)[-1]["state"]["reported"] == {
        "lines": {"slot-2": {"state": "silent"}, "slot-1": None}
    }


def test_lines_that_all_change_at_once_are_told_in_requests_that_the_service_takes() -> None:
    """Each new line is told, and each old one taken away by name: together more than a request may have."""

    def floor(bank: str) -> dict[str, Any]:
        lines = {f"{bank}-{number:03}{'x' * 50}": {"state": "stopped"} for number in range(80)}
        return {"lines": lines, "version": "0.1.0"}

    async def story(gateway: Gateway) -> None:
        gateway.report = floor("old")
        await asyncio.sleep(EVERY + 5)
        gateway.report = floor("new")
        await asyncio.sleep(2 * EVERY)

    gateway = tell(story, shadow=True)

    assert gateway.cloud.reported == gateway.report
    updates = [len(one.payload) for one in gateway.cloud.attempts if one.topic == UPDATE]
    assert max(updates) <= 8192


def test_the_shadow_is_told_as_seldom_as_the_topic() -> None:
    async def story(gateway: Gateway) -> None:
        for number in range(600):
            gateway.report["journal"] = {"head": number}
            await asyncio.sleep(1)

    assert tell(story, shadow=True).attempts <= 13


def test_a_shadow_that_does_not_answer_is_told_on() -> None:
    async def story(gateway: Gateway) -> None:
        gateway.cloud.silent = True
        await asyncio.sleep(3 * ANSWER_SECONDS)
        gateway.report["version"] = "0.2.0"
        await asyncio.sleep(3 * EVERY)

    gateway = tell(story, shadow=True)

    assert gateway.published(UPDATE)[-1]["state"]["reported"] == {"version": "0.2.0"}


def test_a_shadow_that_is_too_large_is_told_without_its_lines() -> None:
    async def story(gateway: Gateway) -> None:
        await asyncio.sleep(5)
        gateway.cloud.rejecting, gateway.cloud.once = 413, True
        gateway.report["version"] = "0.2.0"
        await asyncio.sleep(EVERY + 5)

    with capture_logs() as logs:
        gateway = tell(story, shadow=True)

    assert gateway.cloud.reported == {"version": "0.2.0", "lines": {}}
    assert "the shadow is too large; its lines are left out" in [entry["event"] for entry in logs]


def test_a_shadow_that_was_told_too_often_is_told_ever_less_often() -> None:
    async def story(gateway: Gateway) -> None:
        gateway.cloud.rejecting = 429
        await asyncio.sleep(3600)

    gateway = tell(story, shadow=True)

    assert 4 <= gateway.attempts <= 8
    assert gateway.shadow is not None
    assert gateway.shadow.rejections[429] == gateway.attempts


def test_after_a_conflict_all_is_said_again() -> None:
    async def story(gateway: Gateway) -> None:
        await asyncio.sleep(5)
        gateway.cloud.rejecting = 409
        gateway.report["version"] = "0.2.0"
        await asyncio.sleep(EVERY + 2)
        gateway.cloud.rejecting = None
        gateway.cloud.reported = {"by": "somebody else"}
        await asyncio.sleep(2 * EVERY)

    gateway = tell(story, shadow=True)

    assert gateway.cloud.reported == gateway.report


@pytest.mark.parametrize("code", [400, 401, 403, 500])
def test_a_rejection_that_a_person_has_to_mend_is_said_and_waited_for(code: int) -> None:
    async def story(gateway: Gateway) -> None:
        gateway.cloud.rejecting = code
        await asyncio.sleep(REFUSED_PAUSE_SECONDS - 60)
        assert gateway.attempts == 1
        gateway.cloud.rejecting = None
        await asyncio.sleep(2 * EVERY)

    with capture_logs() as logs:
        gateway = tell(story, shadow=True)

    assert gateway.cloud.reported == gateway.report
    assert f"{code} no" in [entry.get("reason") for entry in logs]


def test_an_update_that_is_refused_outright_is_waited_for_as_well() -> None:
    async def story(gateway: Gateway) -> None:
        gateway.cloud.refuse_all(0x87)
        await asyncio.sleep(REFUSED_PAUSE_SECONDS - 60)
        assert gateway.attempts == 1

    with capture_logs():
        tell(story, shadow=True)


def test_rubbish_for_an_answer_is_no_answer() -> None:
    async def story(gateway: Gateway) -> None:
        gateway.cloud.silent = True
        await asyncio.sleep(2)
        for rubbish in (b"\xff", b"[]", b"{}"):
            gateway.cloud.arrive(f"{UPDATE}/rejected", rubbish)
        await asyncio.sleep(60)
        assert gateway.shadow is not None
        assert gateway.shadow.rejections == {}

    tell(story, shadow=True)


def test_a_session_that_ends_while_the_shadow_is_told_costs_nothing() -> None:
    async def story(gateway: Gateway) -> None:
        gateway.cloud.lose_next()
        gateway.cloud.delay = 0.5
        await asyncio.sleep(2)
        gateway.cloud.disconnect()
        await asyncio.sleep(2)
        gateway.cloud.reconnect()
        await asyncio.sleep(30)

    gateway = tell(story, shadow=True)

    assert gateway.cloud.reported == gateway.report


def test_a_difference_applied_is_the_other_document() -> None:
    has = {"a": 1, "b": {"c": 1, "d": {"e": 2}}, "f": [1]}
    wanted = {"b": {"d": {"e": 3}, "g": 4}, "f": [2]}

    assert merged(has, difference(has, wanted)) == wanted
