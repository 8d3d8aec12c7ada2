"""A floor for the forwarder: a journal, the forwarder and the cloud, in virtual time."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.delivery import DeliveryClass
from edge_agent.forwarder import Forwarder
from edge_agent.forwarder.batch import wire_bytes
from edge_agent.journal import CLASSES, Journal, Record, open_journal
from edge_agent.routes import Route
from edge_agent.testing.memory_uplink import MemoryUplink
from edge_agent.testing.virtual_loop import run_virtually
from edge_agent.uplink.base import Message, Receipt

BATCHES = "floor/lab/gw-07/ev/batch"
ROUTES = {
    "A": Route("A", "floor/lab/gw-07/ev/{type}", single=True, compress=False, linger=0.0),
    "B": Route("B", BATCHES, single=False, compress=True, linger=0.02),
    "C": Route("C", BATCHES, single=False, compress=True, linger=0.02),
}


def class_of(payload: bytes) -> DeliveryClass:
    return DeliveryClass(payload[:1].decode())


def compose(journal_id: str, record: Record) -> bytes:
    """A type that is what the payload begins with, up to its first blank."""
    kind, _blank, rest = record.payload.decode().partition(" ")
    event = {"id": f"{journal_id}/{record.sequence}", "type": kind, "sequence": record.sequence, "rest": rest}
    return json.dumps(event, separators=(",", ":")).encode()


class Watched(MemoryUplink):
    """Keeps when each publish left, and how large it was."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.sent: list[tuple[float, int, Message]] = []
        self.refused_topics: set[str] = set()

    async def publish(self, message: Message) -> Receipt:
        self.sent.append((asyncio.get_running_loop().time(), wire_bytes(message), message))
        if message.topic in self.refused_topics:
            self.refuse_all(0x87)
        try:
            return await super().publish(message)
        finally:
            self.refuse_all(None)


@dataclass
class Floor:
    """A journal, a forwarder that may be begun again, and the cloud."""

    collector: Journal
    journal: Journal
    uplink: Watched
    options: dict[str, Any]
    forwarder: Forwarder = field(init=False)
    running: asyncio.Task[None] = field(init=False)

    def begin(self) -> None:
        given_options: dict[str, Any] = {"routes": ROUTES, "jitter": lambda: 0.5} | self.options
        self.forwarder = Forwarder(self.journal, self.uplink, compose=compose, **given_options)
        self.running = asyncio.create_task(self.forwarder.run())

    async def kill(self) -> None:
        self.running.cancel()
        await asyncio.wait([self.running])

    def say(self, *payloads: str) -> None:
        self.collector.append([payload.encode() for payload in payloads])

    def received(self) -> list[int]:
        return [event["sequence"] for event in self.uplink.events()]

    def acknowledged(self) -> set[int]:
        """Every record that is."""
        of_class = {cls: self.journal.acknowledged("forwarder").ranges(cls) for cls in CLASSES}
        return {
            record.sequence
            for record in self.journal.records()
            if any(first <= record.sequence <= last for first, last in of_class[record.delivery_class])
        }

    def classes(self) -> str:
        """The classes of what the cloud has, publish by publish."""
        return "".join(dict(message.user_properties)["class"] for message in self.uplink.delivered)

    async def drained(self) -> None:
        async with asyncio.timeout(3600):
            while self.journal.position("forwarder") < self.collector.head:  # noqa: ASYNC110  as elsewhere
                await asyncio.sleep(0.1)


Story = Callable[[Floor], Awaitable[None]]


def tell(
    story: Story, *, uplink: Watched | None = None, segment_bytes: int = 8 << 20, **options: Any
) -> Floor:
    """Run a story in virtual time, with the cloud away at first; the floor as it was left."""

    async def run(path: Path) -> Floor:
        with (
            open_journal(
                path, role="collect", housekeeping=False, classify=class_of, segment_bytes=segment_bytes
            ) as collector,
            open_journal(path, role="forward") as journal,
        ):
            floor = Floor(collector, journal, uplink or Watched(), options)
            floor.begin()
            try:
                await story(floor)
            finally:
                floor.forwarder.stop()
                await floor.running
            return floor

    with tempfile.TemporaryDirectory() as folder:
        return run_virtually(run(Path(folder) / "journal"))
