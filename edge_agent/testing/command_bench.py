"""A command bench: a gate with a clock that is told, and commands as the cloud sends them.

Who writes a handler of their own tests it with what we test with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.commands import Gate, UsedIds
from edge_agent.events import ClockQuality, ClockReading
from edge_agent.uplink.base import Received

NOW = 1_749_630_663.0
TOPIC = "cmd/lab/gw-07"
ANSWERS = "floor/lab/gw-07/answer"


def iso(seconds: float) -> str:
    """A moment, as commands write it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


@dataclass
class CommandBench:
    """What a gate needs, and how to come to it."""

    folder: Path
    now: float = NOW
    quality: ClockQuality = ClockQuality.SYNCHRONISED
    allow: tuple[str, ...] = ("meters", "capture", "bundle")
    unsynchronised: bool = False
    used: UsedIds = field(init=False)

    def __post_init__(self) -> None:
        self.used = UsedIds(self.folder / "used-commands.json", self.now, 300.0)

    def clock(self) -> ClockReading:
        """Both clocks, as told."""
        return ClockReading(self.now, 5.0, "boot", self.quality)

    def gate(self) -> Gate:
        """A gate with the settings of now."""
        return Gate(
            topic=TOPIC,
            answers_topic=ANSWERS,
            allow=self.allow,
            longest_life=300.0,
            used=self.used,
            clock=self.clock,
            unsynchronised=self.unsynchronised,
        )

    def command(
        self,
        verb: str = "meters",
        *,
        response_topic: str = f"{ANSWERS}/ops",
        body: bytes | None = None,
        properties: tuple[tuple[str, str], ...] = (),
        **said: object,
    ) -> Received:
        """A command as it comes in; `said` goes over what a good one says."""
        good = {"id": "c-1", "expires": iso(self.now + 60)}
        payload = json.dumps({**good, **said}).encode() if body is None else body
        return Received(f"{TOPIC}/{verb}", payload, response_topic, b"\x01\x02", properties)
