"""The spokesman: what the forwarder's process says and hears beside events.

How the gateway is, retained and as a shadow; commands, where any are allowed; and canaries, where somebody
answers them. All run in the forwarder's loop and wait for it: an event is never late for one of them.
"""

from __future__ import annotations

import asyncio
import time

from edge_agent.agent.bundle import make_bundle
from edge_agent.agent.canary_keeper import CanaryKeeper
from edge_agent.agent.faults import tell_of_a_fault
from edge_agent.agent.gateway_report import GatewayReport
from edge_agent.agent.orders import doers
from edge_agent.clock import Clock
from edge_agent.commands import Channel, ChannelOptions, Gate, UsedIds
from edge_agent.commands.answers import room_of
from edge_agent.commands.trail import Trail
from edge_agent.commands.used_ids import FILE_NAME
from edge_agent.desk import desk_path, say_through
from edge_agent.reporting import LIMIT_BYTES, Reporter, ReporterOptions, Shadow, as_json
from edge_agent.routes import routes_of
from edge_agent.settings import Settings
from edge_agent.uplink import Uplink

# What stands around a report, in the status and in the shadow.
AROUND_BYTES = 200
# What stands around a bundle in an answer, where it goes as base64.
BESIDE_BYTES = 1024
# A record of a command that is not journalled in time is journalled twice rather than never.
SAY_SECONDS = 3.0


class Spokesman:
    """Says and hears, for one uplink.

    Args:
        settings: of the gateway.
        journal_id: names its records.
    """

    def __init__(self, settings: Settings, journal_id: str) -> None:
        self._settings = settings
        self._report = GatewayReport(settings)
        self._reporter = Reporter(
            self._report.make,
            as_json,
            ReporterOptions(settings.status_topic, settings.status.every_seconds),
            shadow=Shadow(settings.gateway) if settings.status.shadow else None,
            utc=time.time,
        )
        self._journal_id = journal_id
        self._canaries = CanaryKeeper(settings, journal_id, routes_of(settings)["A"])
        self._channel: Channel | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.birth = self._reporter.birth
        self.follow = self._report.follow
        self.about = self._report.about
        self.canaries = self._canaries.status

    async def start(self, uplink: Uplink) -> None:
        """Begin, on an uplink that was started. Into a file nothing is said but events."""
        if self._settings.uplink is None or self._settings.uplink.kind == "file":
            return
        if uplink.state.payload_maximum:
            self._report.limit_bytes = min(LIMIT_BYTES, uplink.state.payload_maximum - AROUND_BYTES)
        for name, work, consequence in (
            ("reporter", self._reporter.run(uplink), "nothing more is reported"),
            ("canaries", self._canaries.run(uplink), "no more canaries are sent"),
        ):
            task = asyncio.create_task(work, name=name)
            task.add_done_callback(tell_of_a_fault(consequence))
            self._tasks.append(task)
        self._channel = _make_channel(self._settings, uplink, self._journal_id)
        await self._channel.open()

    async def stop(self) -> None:
        """End, before the uplink does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()


def _make_channel(settings: Settings, uplink: Uplink, journal_id: str) -> Channel:
    commands = settings.commands
    path = settings.state / FILE_NAME
    gate = Gate(
        topic=settings.commands_topic,
        answers_topic=settings.answers_topic,
        allow=commands.allow,
        longest_life=commands.longest_life_seconds,
        used=UsedIds(path, time.time(), commands.longest_life_seconds),
        clock=Clock().reading,
        unsynchronised=commands.unsynchronised_clock == "accept",
    )

    def bundle() -> bytes:
        return make_bundle(settings, most_bytes=(room_of(uplink) - BESIDE_BYTES) // 4 * 3)

    return Channel(
        uplink,
        gate,
        Trail(say_through(desk_path(settings.state), SAY_SECONDS)),
        ChannelOptions(settings.commands_topic, doers(settings, journal_id, bundle)),
        utc=time.time,
    )
