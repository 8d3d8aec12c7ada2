"""The forwarder's process: the journal, an uplink and the forwarder between them."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from edge_agent.agent.checks import check_uplink, given, uplink_of
from edge_agent.agent.folders import make_folders
from edge_agent.credentials.device import check_identity
from edge_agent.credentials.diagnosis import diagnose
from edge_agent.events import identify
from edge_agent.forwarder import Forwarder
from edge_agent.health import PERIOD_SECONDS, StatusFile
from edge_agent.journal import Journal, open_journal
from edge_agent.settings import Settings
from edge_agent.uplink import Uplink
from edge_agent.uplink.file import FileUplink

# The two are often started together; the collector makes the journal within a second.
JOURNAL_SECONDS = 30.0
CONSUMER = "forwarder"


def forward(settings: Settings) -> None:
    """Publish the journal, until asked to stop. Waits for a collector that has yet to make it."""
    check_uplink(settings)
    make_folders(settings)
    with open_journal(settings.journal_path, role="forward", wait_seconds=JOURNAL_SECONDS) as journal:
        asyncio.run(_forward(settings, journal))


async def _forward(settings: Settings, journal: Journal) -> None:
    uplink = _make_uplink(settings)
    forwarder = Forwarder(
        journal,
        uplink,
        compose=lambda journal_id, record: identify(record.payload, journal_id, record.sequence),
        topic=settings.events_topic,
        window=settings.forwarder.window,
        batch_records=settings.forwarder.batch_records,
        batch_bytes=settings.forwarder.batch_bytes,
        linger=settings.forwarder.linger_ms / 1000,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, forwarder.stop)
    status = StatusFile(
        settings.state / "status" / "forwarder.json",
        lambda: _status(forwarder, uplink, journal),
    )
    await uplink.start()
    beating = asyncio.create_task(_beat(status), name="heartbeat")
    try:
        await forwarder.run()
    finally:
        beating.cancel()
        await uplink.stop()
        status.rewrite()


async def _beat(status: StatusFile) -> None:
    """Rewrite the status in the loop's own thread: the journal's connection belongs to it."""
    while True:
        status.rewrite()
        await asyncio.sleep(PERIOD_SECONDS)


def _make_uplink(settings: Settings) -> Uplink:
    uplink = uplink_of(settings)
    if uplink.kind == "file":
        return FileUplink(given(uplink.path))
    ca, certificate, key = given(uplink.ca), given(uplink.certificate), given(uplink.key)
    # awscrt takes a tenth of a second to import, which the collector and the commands do without.
    from edge_agent.uplink.iot_core import IotCoreOptions, IotCoreUplink  # noqa: PLC0415

    return IotCoreUplink(
        IotCoreOptions(
            endpoint=uplink.endpoint,
            port=uplink.port,
            ca=ca,
            certificate=certificate,
            key=key,
            client_id=uplink.client_id or f"{settings.gateway}-events",
            status_topic=settings.status_topic,
            keep_alive_seconds=uplink.keep_alive_seconds,
            ack_timeout_seconds=uplink.ack_timeout_seconds,
            min_reconnect_ms=uplink.min_reconnect_ms,
            max_reconnect_ms=uplink.max_reconnect_ms,
            cloud_limits=uplink.cloud_limits,
        ),
        check=lambda: check_identity(ca, certificate, key),
        diagnose=lambda: diagnose(uplink.endpoint, uplink.port, ca, certificate, key),
    )


def _status(forwarder: Forwarder, uplink: Uplink, journal: Journal) -> Mapping[str, Any]:
    return {
        **asdict(forwarder.counters),
        "connected": uplink.state.connected,
        "connects": uplink.state.connects,
        "last_reason": forwarder.counters.last_reason or uplink.state.last_reason,
        "depth": journal.depth(CONSUMER),
        "oldest_seconds": journal.oldest_age(CONSUMER, time.time()),
    }
