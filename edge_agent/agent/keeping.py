"""Keeping an identity: beside the forwarder, as long as it runs: rotations are ended, expiry is watched."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import structlog

from edge_agent.agent.checks import given
from edge_agent.agent.identity import store_of
from edge_agent.agent.wishes import Wishes
from edge_agent.credentials.expiry import ExpiryWatch
from edge_agent.credentials.handover import Handover, Step
from edge_agent.credentials.identity import IdentityStore
from edge_agent.credentials.in_use import identity_in_use
from edge_agent.desk import Say, desk_path, say_through
from edge_agent.errors import AgentError
from edge_agent.settings import Settings, UplinkSettings
from edge_agent.uplink.base import UplinkState

# A rotated identity is taken up within this. A look reads one link.
LOOK_SECONDS = 1.0
# Certificates are looked at once a day; what could not be said is tried again sooner.
WATCH_EVERY = timedelta(days=1)
WATCH_AGAIN = timedelta(seconds=10)
# The desk's own patience is longer than we may take to stop.
SAY_SECONDS = 2.0


def version_in_use(settings: Settings) -> str:
    """Which generation of the store an uplink made now would use, or an older one; empty without a store."""
    uplink = settings.uplink
    return IdentityStore(uplink.identity).version() if uplink and uplink.identity else ""


async def keep_identity(settings: Settings, version: str, state: UplinkState, wishes: Wishes) -> None:
    """Until cancelled: take up another identity, let the one of before go, say what will expire.

    Args:
        settings: where the store, the roots and the desk are.
        version: the generation in use.
        state: of the uplink that uses it.
        wishes: told to begin again when another generation is current.
    """
    uplink = settings.uplink
    if uplink is None or uplink.kind != "iot_core":
        return
    say = say_through(desk_path(settings.state), SAY_SECONDS)
    await asyncio.gather(_hand_over(uplink, version, state, say, wishes), _watch(settings, uplink, say))


async def _hand_over(
    uplink: UplinkSettings, version: str, state: UplinkState, say: Say, wishes: Wishes
) -> None:
    if uplink.identity is None:
        return
    handover = Handover(store_of(uplink), version, say, time.monotonic)
    while True:
        step = await asyncio.to_thread(handover.look, connected=state.connected)
        if step is Step.BEGIN_AGAIN:
            wishes.begin_again()
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _watch(settings: Settings, uplink: UplinkSettings, say: Say) -> None:
    memory = settings.status_folder / "certificates-said.json"
    watch = ExpiryWatch(given(uplink.ca), lambda: identity_in_use(uplink).certificate, memory, say)
    complaint = ""
    while True:
        pause = WATCH_EVERY
        try:
            await asyncio.to_thread(watch.look, datetime.now(UTC))
        except AgentError as error:
            pause = WATCH_AGAIN
            if str(error) != complaint:
                structlog.get_logger().warning("expiry is not told", reason=error.what, mend=error.mend)
            complaint = str(error)
        await asyncio.sleep(pause.total_seconds())
