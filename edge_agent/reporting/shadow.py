"""The named shadow `edge-agent`: the report once more, where fleet tools look for it.

A shadow merges what it is told into what it has. So what is no longer so has to be taken away by
name, and the first thing a new process says is that nothing it might have said before is so. What takes too
many names away for one request is told in two. The service answers each update on a topic of its own; until
then, or for ten seconds, no other is sent.

    413    too large: from then on the lines are left out
    429    too often: the next one waits twice as long
    409    somebody else wrote it meanwhile: the next one says all of it again
    other  a policy or a bug of ours: said once, and tried again after a while
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import structlog

from edge_agent.errors import AgentError
from edge_agent.reporting.report import as_json
from edge_agent.uplink.base import Message, Received, Uplink
from edge_agent.uplink.reason_codes import UNSPECIFIED_ERROR, describe

NAME = "edge-agent"
# The service answers within a second; a lost answer is no reason to be silent for ever.
ANSWER_SECONDS = 10.0
REFUSED_PAUSE_SECONDS = 600.0
LONGEST_PAUSE_SECONDS = 3600.0

TOO_LARGE, TOO_OFTEN, CONFLICT = 413, 429, 409
# A request may have 8 KiB, as the document may; what is around the changes takes a few dozen bytes.
REQUEST_BYTES = 8_000

Document = dict[str, Any]


class Shadow:
    """Tells the shadow of a thing. asyncio; one user."""

    def __init__(self, thing: str) -> None:
        self.rejections: dict[int, int] = {}  # by code, for health
        self._topic = f"$aws/things/{thing}/shadow/name/{NAME}/update"
        self._has: Document | None = None  # what it was told and has accepted; None: not known
        self._pending: Document | None = None
        self._wiping = True
        self._told = 0
        self._token = ""
        self._answered = asyncio.Event()
        self._next_at = float("-inf")
        self._pause = 0.0
        self._without_lines = False
        self._log = structlog.get_logger().bind(shadow=NAME)

    async def subscribe(self, uplink: Uplink) -> None:
        """Hear what the service answers."""
        for answer in ("accepted", "rejected"):
            await uplink.subscribe(f"{self._topic}/{answer}", self._on_answer)

    async def tell(self, uplink: Uplink, report: Mapping[str, Any], every_seconds: float) -> None:
        """Tell it what has changed, if it may be told again."""
        now = asyncio.get_running_loop().time()
        wanted = {**report, "lines": {}} if self._without_lines else dict(report)
        if now < self._next_at or wanted == self._has:
            return
        self._next_at = now + max(every_seconds, self._pause)
        if self._wiping and not await self._update(uplink, None):
            return
        self._wiping = False
        for changes in requests(difference(self._has or {}, wanted)):
            if not await self._update(uplink, changes):
                return
        self._has, self._pause = wanted, 0.0

    async def _update(self, uplink: Uplink, reported: Document | None) -> bool:
        """Send one update; whether it was accepted, or at least not rejected in time."""
        self._told += 1
        self._token = f"{NAME}-{self._told}"
        self._answered.clear()
        self._rejected: int | None = None
        body = {"state": {"reported": reported}, "clientToken": self._token}
        payload = as_json(body)
        try:
            receipt = await uplink.publish(Message(self._topic, payload, "application/json"))
        except AgentError:
            self._next_at = float("-inf")  # told again with the next session
            return False
        if receipt.reason_code >= UNSPECIFIED_ERROR:
            self._complain(describe(receipt.reason_code, receipt.reason))
            return False
        try:
            await asyncio.wait_for(self._answered.wait(), ANSWER_SECONDS)
        except TimeoutError:
            self._log.debug("the shadow does not answer")
            return True
        return self._rejected is None

    def _on_answer(self, received: Received) -> None:
        received.acknowledge()
        try:
            answer = json.loads(received.payload)
        except ValueError:
            return
        if not isinstance(answer, dict) or answer.get("clientToken") != self._token:
            return  # somebody else's update, or one that was given up
        if received.topic.endswith("/rejected"):
            code = answer.get("code")
            self._reject(code if isinstance(code, int) else 0, str(answer.get("message", ""))[:200])
        self._answered.set()

    def _reject(self, code: int, message: str) -> None:
        self._rejected = code
        self.rejections[code] = self.rejections.get(code, 0) + 1
        match code:
            case _ if code == TOO_LARGE and not self._without_lines:
                self._without_lines = True
                self._next_at = float("-inf")
                self._log.warning("the shadow is too large; its lines are left out", reason=message)
            case _ if code == TOO_OFTEN:
                now = asyncio.get_running_loop().time()
                self._pause = min(2 * max(self._pause, 60.0), LONGEST_PAUSE_SECONDS)
                self._next_at = now + self._pause
                self._log.info("the shadow is told less often", seconds=self._pause, reason=message)
            case _ if code == CONFLICT:
                self._has, self._wiping = None, True
            case _:
                self._complain(f"{code} {message}")

    def _complain(self, reason: str) -> None:
        self._next_at = asyncio.get_running_loop().time() + REFUSED_PAUSE_SECONDS
        self._log.warning("the shadow refuses the report", reason=reason, mend="check the IoT policy")


def requests(changes: Document) -> tuple[Document, ...]:
    """The changes as they are sent: the lines that are gone first, if one request has no room for all."""
    lines: Mapping[str, Any] = changes.get("lines") or {}
    gone = {name: None for name, line in lines.items() if line is None}
    if not gone or len(as_json(changes)) <= REQUEST_BYTES:
        return (changes,)
    left = {name: line for name, line in lines.items() if line is not None}
    return {"lines": gone}, {**changes, "lines": left}


def difference(has: Mapping[str, Any], wanted: Mapping[str, Any]) -> Document:
    """What makes a shadow that has one document have another: what changed, and null for what is gone.

    >>> difference({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"c": 1, "d": 3}})
    {'b': {'d': 3}, 'a': None}
    """
    changed: Document = {}
    for name, value in wanted.items():
        before = has.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if inner := difference(before, value):
                changed[name] = inner
        elif name not in has or before != value:
            changed[name] = value
    return changed | dict.fromkeys(name for name in has if name not in wanted)
