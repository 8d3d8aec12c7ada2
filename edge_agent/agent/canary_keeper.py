"""The canary keeper: in the forwarder's process, sends canaries and hears what the cloud answers.

Nothing waits for it: it has a task of its own, and a canary is one publish an hour.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from edge_agent.clock import Clock
from edge_agent.errors import AgentError, RemoteProtocolError
from edge_agent.events import Observation, seal
from edge_agent.events.agent import Canary
from edge_agent.routes import Route
from edge_agent.settings import Settings
from edge_agent.uplink import Message, Uplink
from edge_agent.uplink.base import Received
from edge_agent.uplink.batch import make_event, make_message
from edge_agent.uplink.canary import Canaries
from edge_agent.uplink.canary import read_answer as read
from edge_agent.uplink.reason_codes import Reaction, describe, reaction_to

# An answer in time is judged to the second.
LOOK_SECONDS = 1.0


class CanaryKeeper:
    """Sends canaries over one uplink, by the route of class A: alone, so that a rule can tell them.

    Args:
        settings: say how often, if at all.
        journal_id: the ids of canaries begin with it; they are no records of the journal.
        route: how they leave.
        monotonic: seconds.
    """

    def __init__(
        self,
        settings: Settings,
        journal_id: str,
        route: Route,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._journal_id = journal_id
        self._route = route
        self._monotonic = monotonic
        self._clock = Clock()
        self._every = settings.canary_seconds
        self._canaries = Canaries(self._every)
        self._session = 0  # that the one that is out was sent in
        self._log = structlog.get_logger().bind(topic=settings.canary_topic)

    def status(self) -> Mapping[str, Any] | None:
        """How canaries fare, for the status file; None where none are sent."""
        if not self._every:
            return None
        canaries = self._canaries
        return {
            "every_seconds": self._every,
            "sent": canaries.sent,
            "answered": canaries.answered,
            "missed": canaries.missed,
            "foreign": canaries.foreign,
            "alarm": canaries.alarm,
            "answer_seconds": canaries.answer_seconds,
        }

    async def run(self, uplink: Uplink) -> None:
        """Until cancelled: send them, and wait for their answers. Nothing where none are wanted."""
        if not self._every:
            return
        await uplink.subscribe(self._settings.canary_topic, self._hear)
        while True:
            await self._look(uplink)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, uplink: Uplink) -> None:
        now = self._monotonic()
        if self._canaries.overdue(now):
            self._miss(uplink, now)
        deaf = self._settings.canary_topic in uplink.state.refused_filters  # which is told by the uplink
        if uplink.state.reachable and not deaf and self._canaries.due(now):
            await self._send(uplink, now)

    async def _send(self, uplink: Uplink, now: float) -> None:
        canary = f"{self._journal_id}/canary/{uuid.uuid4().hex}"
        self._session = uplink.state.connects
        self._canaries.release(canary, now)
        try:
            receipt = await uplink.publish(self._message(self._event(canary)))
        except AgentError as error:
            self._canaries.failed(self._monotonic())
            self._log.info("canary not sent", reason=error.what)
            return
        if reaction_to(receipt.reason_code) is not Reaction.DELIVERED:
            self._canaries.failed(self._monotonic())
            self._log.warning("canary refused", reason=describe(receipt.reason_code, receipt.reason))

    def _miss(self, uplink: Uplink, now: float) -> None:
        if not uplink.state.reachable or uplink.state.connects != self._session:
            self._canaries.failed(now)  # the answer may have come while we were away
        elif self._canaries.miss(now):
            self._log.error(
                "no canary comes back: receipts say success, and events may be lost behind them",
                alarm=True,
                rule=self._settings.basic_ingest_rule,
                mend="see whether the rule is there and enabled, and who answers; docs/basic-ingest.md",
            )

    def _hear(self, received: Received) -> None:
        received.acknowledge()
        try:
            canary = read(received.payload)
        except RemoteProtocolError as error:
            self._log.warning("answer to a canary refused", reason=error.what)
            return
        if self._canaries.hear(canary, self._monotonic()):
            self._log.info("canaries come back again")

    def _event(self, canary: str) -> bytes:
        body = Canary(
            number=self._canaries.sent,
            every_seconds=int(self._every),
            rule=self._settings.basic_ingest_rule or "",
        )
        observation = Observation(self._settings.gateway, self._clock.monotonic(), body)
        sealed = seal(observation, self._clock.reading(), self._settings.source)
        return b'{"id":"%s",' % canary.encode() + sealed[1:]

    def _message(self, event: bytes) -> Message:
        topic = self._route.topic_of(event)
        return make_event(topic, event) if self._route.single else make_message(topic, [event])
