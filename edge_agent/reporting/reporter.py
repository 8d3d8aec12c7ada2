"""The reporter: tells the cloud how the gateway is, retained and as a shadow, seldom.

After every connect the status topic says online with the report; when we vanish the broker says
offline for us. Then the report is published again when it has changed, and not more often than it
may be. These are a few publishes a minute, and no event waits for one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from edge_agent.errors import AgentError
from edge_agent.events.moments import written_seconds
from edge_agent.reporting.shadow import Shadow
from edge_agent.uplink.base import Message, Uplink
from edge_agent.uplink.reason_codes import UNSPECIFIED_ERROR, describe

# A change is noticed within this; the report of it may have to wait longer.
LOOK_SECONDS = 1.0
# What is refused is mended by a person.
REFUSED_PAUSE_SECONDS = 600.0

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReporterOptions:
    """Where the report goes, and how often at most."""

    status_topic: str
    every_seconds: float


class Reporter:
    """Publishes a report when it has changed. asyncio; runs once.

    Args:
        report: how the gateway is now; quick.
        as_json: a report as it is published.
        options: where to, and how often.
        shadow: the shadow that is told as well; None for none.
        utc: seconds since 1970.
    """

    def __init__(
        self,
        report: Callable[[], Document],
        as_json: Callable[[Document], bytes],
        options: ReporterOptions,
        *,
        shadow: Shadow | None,
        utc: Callable[[], float],
    ) -> None:
        self._report = report
        self._as_json = as_json
        self._options = options
        self._shadow = shadow
        self._utc = utc
        self._said: Document | None = None  # what the status topic holds, as far as we know
        self._said_at = float("-inf")
        self._session = 0  # the session it was said in
        self._uplink: Uplink | None = None
        self._log = structlog.get_logger().bind(topic=options.status_topic)

    def birth(self) -> bytes:
        """What the status topic says after a connect. The uplink publishes it, before anything else."""
        report = self._report()
        self._note(report)
        return self._online(report)

    async def run(self, uplink: Uplink) -> None:
        """Report until cancelled."""
        self._uplink = uplink
        if self._shadow is not None:
            await self._shadow.subscribe(uplink)
        while True:
            if uplink.state.connected:
                await self._look(uplink)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, uplink: Uplink) -> None:
        report = self._report()
        if uplink.state.connects != self._session:  # an uplink that says no birth of its own
            self._said = None
            self._said_at = float("-inf")
        if report != self._said and _now() - self._said_at >= self._options.every_seconds:
            self._note(report)
            await self._publish(uplink, report)
        if self._shadow is not None:
            await self._shadow.tell(uplink, report, self._options.every_seconds)

    def _note(self, report: Document) -> None:
        self._said, self._said_at = report, _now()
        self._session = self._uplink.state.connects if self._uplink is not None else 1

    async def _publish(self, uplink: Uplink, report: Document) -> None:
        message = Message(self._options.status_topic, self._online(report), "application/json", retain=True)
        try:
            receipt = await uplink.publish(message)
        except AgentError as error:
            self._said = None  # the next look says it, when there is a session
            self._log.debug("status not published", reason=error.what)
            return
        if receipt.reason_code >= UNSPECIFIED_ERROR:
            self._said_at = _now() + REFUSED_PAUSE_SECONDS - self._options.every_seconds
            self._said = None
            self._log.warning("status refused", reason=describe(receipt.reason_code, receipt.reason))

    def _online(self, report: Document) -> bytes:
        at = written_seconds(self._utc())
        return self._as_json({"state": "online", "at": at, **report})


def _now() -> float:
    return asyncio.get_running_loop().time()
