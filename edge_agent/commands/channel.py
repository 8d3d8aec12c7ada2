"""The channel: commands come in, are journalled, carried out, journalled again and answered.

The order is the promise, so it stands on one screen: judge, record, acknowledge, carry out, record,
answer. What could not be recorded is not carried out. Answers and records are for whoever asked;
events never wait for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from edge_agent.commands.answers import answer_message, room_of
from edge_agent.commands.gate import Accepted, Asked, Gate, Refused
from edge_agent.commands.request import Command
from edge_agent.commands.trail import Outcome, Trail
from edge_agent.errors import AgentError
from edge_agent.events.moments import written_seconds
from edge_agent.uplink.base import Received, Uplink
from edge_agent.uplink.reason_codes import UNSPECIFIED_ERROR, describe

# A record waits so long for a collector that restarts; a command that waited longer is for another day.
RECORD_SECONDS = 30.0
# Answers are for somebody who waits.
ANSWER_SECONDS = 60.0
ANSWER_AGAIN_SECONDS = 1.0
# Commands being judged, refused, carried out and answered: more than the broker gives us at a time.
MOST_TASKS = 40

Doer = Callable[[Command], Awaitable[Mapping[str, Any]]]


class DoneBadly(AgentError):  # noqa: N818  an outcome, as answers call it
    """A command was carried out and brought nothing; the reason is for whoever asked."""


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """Where commands come from, and who carries them out."""

    topic: str
    doers: Mapping[str, Doer]  # by verb; those that are allowed


class Channel:
    """Takes commands from an uplink.

    Args:
        uplink: started by whoever made it.
        gate: decides.
        trail: records.
        options: where from, and who does it.
        utc: seconds since 1970.
    """

    def __init__(
        self, uplink: Uplink, gate: Gate, trail: Trail, options: ChannelOptions, *, utc: Callable[[], float]
    ) -> None:
        self._uplink = uplink
        self._gate = gate
        self._trail = trail
        self._options = options
        self._utc = utc
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger()

    async def open(self) -> None:
        """Subscribe. Nothing is subscribed to while nothing is allowed."""
        if self._options.doers:
            await self._uplink.subscribe(f"{self._options.topic}/+", self._on_received)

    async def close(self) -> None:
        """Take no more, and give up what is under way: it is recorded as failed."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._trail.close()

    def _on_received(self, received: Received) -> None:
        if len(self._tasks) >= MOST_TASKS:
            self._trail.count_refusal()
            received.acknowledge()
            return
        task = asyncio.get_running_loop().create_task(self._take(received), name="command")
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._log.error("fault of the agent, in a command", mend="report this entry", exc_info=fault)

    async def _take(self, received: Received) -> None:
        """Judge, record, acknowledge, carry out, record, answer."""
        verdict = self._gate.judge(received, self._running)
        if isinstance(verdict, Refused):
            await self._refuse(verdict, received)
            return
        self._running += 1
        try:
            if not await self._trail.record(verdict.asked, "accepted", within=RECORD_SECONDS):
                received.acknowledge()
                await self._answer(verdict.asked, "refused", "it could not be journalled, so it was not done")
                return
            received.acknowledge()
            await self._carry_out(verdict)
        finally:
            self._running -= 1

    async def _refuse(self, refused: Refused, received: Received) -> None:
        """Record it, unless a flood of them comes; then neither recorded by itself nor answered."""
        if not self._trail.may_record_refusal():
            received.acknowledge()
            return
        await self._trail.record(refused.asked, "refused", refused.reason, within=RECORD_SECONDS)
        received.acknowledge()
        await self._answer(refused.asked, "refused", refused.reason)

    async def _carry_out(self, accepted: Accepted) -> None:
        result: Mapping[str, Any] | None = None
        outcome: Outcome = "failed"
        reason = "the agent was stopped"
        try:
            result = await self._options.doers[accepted.asked.verb](accepted.command)
            outcome, reason = "done", ""
        except AgentError as error:
            reason = error.what
        except asyncio.CancelledError:
            await self._trail.record(accepted.asked, outcome, reason, within=0.0)
            raise
        except Exception as fault:  # noqa: BLE001  ours, whatever it is: it is said, and the channel stays open
            reason = f"fault of the agent: {type(fault).__name__}"
            self._log.exception("fault of the agent, in a command", mend="report this entry")
        await self._trail.record(accepted.asked, outcome, reason, within=RECORD_SECONDS)
        await self._answer(accepted.asked, outcome, reason, result)

    async def _answer(
        self, asked: Asked, outcome: Outcome, reason: str, result: Mapping[str, Any] | None = None
    ) -> None:
        """Answer, if an answer is wanted, for as long as somebody may wait for it."""
        if not asked.response_topic:
            return
        at = written_seconds(self._utc())
        room = room_of(self._uplink)
        message = answer_message(asked, outcome, at=at, room_bytes=room, reason=reason, result=result)
        trouble = "no session in time"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    try:
                        await self._uplink.wait_connected()
                        receipt = await self._uplink.publish(message)
                    except AgentError as error:
                        trouble = error.what
                        await asyncio.sleep(ANSWER_AGAIN_SECONDS)
                        continue
                    if receipt.reason_code < UNSPECIFIED_ERROR:
                        return
                    trouble = describe(receipt.reason_code, receipt.reason)
                    break
        except TimeoutError:
            pass
        self._log.warning("answer not delivered", topic=asked.response_topic, reason=trouble)
