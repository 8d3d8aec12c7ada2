"""The trail: a record of every command in the journal, and a bound on what a flood can write there.

A record is kept until the journal has taken it: the collector may be restarting. Refusals that
come faster than anybody asks are told as one, with their count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

import structlog

from edge_agent.commands.gate import Asked
from edge_agent.errors import AgentError, JournalError
from edge_agent.events import EventBody
from edge_agent.events.agent import CommandAudited

Outcome = Literal["accepted", "refused", "done", "failed"]

# The collector restarts within a second.
AGAIN_SECONDS = 1.0
# Somebody who tries things out makes ten mistakes in a row, and not one every second all day.
BURST, REFILL_SECONDS = 20, 6.0
# How often a flood is told of.
FLOOD_SECONDS = 60.0


class Trail:
    """Journals what becomes of commands.

    Args:
        say: makes an event durable, or raises JournalError; may block, and is called in a thread.
    """

    def __init__(self, say: Callable[[EventBody], None]) -> None:
        self._say = say
        self._log = structlog.get_logger()
        self._allowance = float(BURST)
        self._counted_at = 0.0
        self._untold = 0
        self._flood: asyncio.Task[None] | None = None

    async def record(self, asked: Asked, outcome: Outcome, reason: str = "", *, within: float) -> bool:
        """Journal one; whether that was done within so many seconds. Then the log has it at least."""
        body = _audited(asked, outcome, reason)
        self._log.info(
            "command", command=asked.verb, id=asked.id, outcome=outcome, reason=reason, by=asked.requested_by
        )
        give_up_at = _now() + within
        while not await self._said(body):
            if _now() + AGAIN_SECONDS > give_up_at:
                return False
            await asyncio.sleep(AGAIN_SECONDS)
        return True

    def may_record_refusal(self) -> bool:
        """Whether one more refusal has a record of its own; else it is counted, and told with others."""
        now = _now()
        self._allowance = min(BURST, self._allowance + (now - self._counted_at) / REFILL_SECONDS)
        self._counted_at = now
        if self._allowance >= 1:
            self._allowance -= 1
            return True
        self.count_refusal()
        return False

    def count_refusal(self) -> None:
        """One more that has no record of its own: it is told with the others."""
        self._untold += 1
        if self._flood is None or self._flood.done():
            self._flood = asyncio.get_running_loop().create_task(self._tell_flood(), name="command-flood")

    async def close(self) -> None:
        """Tell what is untold, if the journal takes it now."""
        if self._flood is not None:
            self._flood.cancel()
            await asyncio.gather(self._flood, return_exceptions=True)
        await self._tell_untold()

    async def _tell_flood(self) -> None:
        while self._untold:
            await asyncio.sleep(FLOOD_SECONDS)
            await self._tell_untold()

    async def _tell_untold(self) -> None:
        if not (count := self._untold):
            return
        reason = "refused without a record each: they came too fast"
        body = CommandAudited(command="", id="", outcome="refused", reason=reason, count=count)
        self._log.warning("commands refused", count=count, reason=reason)
        if await self._said(body):
            self._untold -= count

    async def _said(self, body: EventBody) -> bool:
        try:
            await asyncio.to_thread(self._say, body)
        except JournalError as error:
            self._log.debug("command not journalled yet", reason=error.what)
            return False
        except AgentError as error:
            self._log.error("command not journalled", reason=str(error))
            return False
        return True


def _audited(asked: Asked, outcome: Outcome, reason: str) -> CommandAudited:
    return CommandAudited(
        command=asked.verb,
        id=asked.id,
        outcome=outcome,
        reason=reason[:300],
        requested_by_unverified=asked.requested_by or None,
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
