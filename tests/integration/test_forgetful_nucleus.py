"""Journal, forwarder, uplink, the SDK's own client, and a nucleus that loses what is on its way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.forwarder import Forwarder
from edge_agent.journal import Record, open_journal
from edge_agent.nucleus import Nucleus
from edge_agent.routes import Route
from edge_agent.testing.confirming_cloud import ConfirmingCloud
from edge_agent.testing.nucleus import LITE, OWN_TOPICS, NucleusDouble
from edge_agent.uplink.confirmation import Confirmations
from edge_agent.uplink.greengrass import GreengrassUplink

pytestmark = pytest.mark.integration

TOPIC, CONFIRMED_ON = "floor/harbour/gw-07/ev/batch", "cmd/harbour/gw-07/received"
CONFIGURATION: dict[str, Any] = {"accessControl": OWN_TOPICS}
RECORDS = 300


def compose(journal_id: str, record: Record) -> bytes:
    event = {"id": f"{journal_id}/{record.sequence}", "sequence": record.sequence, "data": "x" * 500}
    return json.dumps(event).encode()


async def confirm(double: NucleusDouble, cloud: ConfirmingCloud) -> None:
    """What the cloud does: take what arrives, and say up to where it has everything."""
    taken = 0
    while True:
        for message in double.arrived[taken:]:
            taken += 1
            double.deliver(CONFIRMED_ON, cloud.take(message.payload))
        await asyncio.sleep(0.01)


# The nucleus carries no properties that would say that something is compressed.
ROUTES = {cls: Route(cls, TOPIC, single=False, compress=False, linger=0.0) for cls in "ABC"}


async def fail(double: NucleusDouble) -> None:
    """What the line does: each time it goes, whatever the cloud has not acknowledged goes with it."""
    for _outage in range(4):
        await asyncio.sleep(0.15)
        double.go_offline()
        await asyncio.sleep(0.05)
        double.go_online()


async def forward(
    path: Path, double: NucleusDouble, nucleus: Nucleus, confirmations: Confirmations | None
) -> tuple[set[int], ConfirmingCloud]:
    """Forward everything through trouble; what the journal has forgotten, and the cloud."""
    cloud = ConfirmingCloud()
    with (
        open_journal(path, role="collect", housekeeping=False) as collector,
        open_journal(path, role="forward") as journal,
    ):
        collector.append([b"x"] * RECORDS)
        uplink = GreengrassUplink(nucleus, patience=0.2)
        forwarder = Forwarder(
            journal,
            uplink,
            compose=compose,
            routes=ROUTES,
            confirmations=confirmations,
            jitter=lambda: 0.1,
        )
        await uplink.start()
        tasks = [
            asyncio.create_task(task) for task in (confirm(double, cloud), fail(double), forwarder.run())
        ]
        try:
            async with asyncio.timeout(60):
                while journal.position("forwarder") < RECORDS:  # noqa: ASYNC110  a journal sets no events
                    await asyncio.sleep(0.05)
            forwarder.stop()
            await tasks.pop()
            await tasks.pop()
            await asyncio.sleep(0.2)  # what the nucleus still has on its way
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await uplink.stop()
        assert len(cloud.records) == 1
        return set(range(1, journal.position("forwarder") + 1)), cloud


def test_nothing_is_lost_where_the_cloud_confirms(tmp_path: Path) -> None:
    with (
        NucleusDouble(CONFIGURATION, flavour=LITE, puback_seconds=0.05) as double,
        Nucleus.connect(double.environment) as nucleus,
    ):
        confirmations = Confirmations(CONFIRMED_ON, seconds=1.0)
        forgotten, cloud = asyncio.run(forward(tmp_path / "journal.db", double, nucleus, confirmations))

        assert double.cloud.lost  # there was something to lose
        (records,) = cloud.records.values()
        assert forgotten <= records
        assert max(len(message.payload) for message in double.arrived) <= 7_000


def test_something_is_lost_where_a_nucleus_is_believed(tmp_path: Path) -> None:
    """It accepts, loses, and says nothing: `uplink.receipt: nucleus` is labelled so for a reason."""
    with (
        NucleusDouble(CONFIGURATION, flavour=LITE, puback_seconds=0.05) as double,
        Nucleus.connect(double.environment) as nucleus,
    ):
        forgotten, cloud = asyncio.run(forward(tmp_path / "journal.db", double, nucleus, None))

        (records,) = cloud.records.values()
        assert forgotten - records
        assert double.cloud.lost
