"""Enrolling at the start of the forwarder: a gateway without an identity gets one, however long it takes.

A cloud that is away, or does not yet know us, is asked again, ever more slowly, with full jitter: a
whole floor may be unpacked at once. Meanwhile the status file and the service manager are told why.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from edge_agent.agent.folders import make_folders
from edge_agent.agent.identity import enrol, store_of, wipe_claim
from edge_agent.agent.wishes import Wishes
from edge_agent.credentials.identity import IdentityStore
from edge_agent.errors import AgentError, CredentialError, InUseError, UplinkError
from edge_agent.health import StatusFile
from edge_agent.settings import Settings
from edge_agent.supervision import Supervisor
from edge_agent.uplink.backoff import Backoff

T = TypeVar("T")

# How long a wish to stop may go unheard while we wait for the cloud.
LOOK_SECONDS = 0.25


def enrol_if_needed(settings: Settings, wishes: Wishes, supervisor: Supervisor) -> bool:
    """Enrol a gateway that has no identity yet; False if asked to stop first.

    Raises CredentialError and ConfigurationError for what a person has to mend here.
    """
    uplink = settings.uplink
    if uplink is None or uplink.identity is None or uplink.enrolment is None:
        return True
    store = store_of(uplink)
    if store.current() is None:
        make_folders(settings)
        if not asyncio.run(_until_it_works(settings, store, _Told(settings, supervisor), wishes)):
            return False
    with contextlib.suppress(CredentialError):  # it is logged, and no reason not to forward
        wipe_claim(uplink.enrolment.claim_key)
    return True


class _Told:
    """Whoever wants to know why there is no forwarder yet."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self.why = "enrolling"
        self._supervisor = supervisor
        self._status = StatusFile(
            settings.status_file("forwarder"),
            lambda: {"connected": False, "connects": 0, "last_reason": self.why},
        )

    def tell(self) -> None:
        """Tell them."""
        self._supervisor.waiting(self.why)
        self._status.rewrite()


async def _until_it_works(settings: Settings, store: IdentityStore, told: _Told, wishes: Wishes) -> bool:
    log, loop, backoff = structlog.get_logger(), asyncio.get_running_loop(), Backoff(random.random)
    while not wishes.stopping:
        try:
            return await _unless_stopped(enrol(settings, keep_claim=True), wishes, told.tell) is not None
        except CredentialError:
            if store.current() is None:
                raise
            return True  # somebody else has enrolled it meanwhile
        except (UplinkError, InUseError) as error:
            told.why = f"not enrolled yet: {error}"
            log.warning("not enrolled yet", reason=error.what, mend=error.mend)
        backoff.fail(loop.time())
        await _unless_stopped(asyncio.sleep(backoff.left(loop.time()) or 0.0), wishes, told.tell)
    return False


async def _unless_stopped(work: Awaitable[T], wishes: Wishes, tell: Callable[[], None]) -> T | None:
    """What the work returns; None if a wish to stop came first, which ends the work."""
    task = asyncio.ensure_future(work)
    while not task.done() and not wishes.stopping:
        tell()
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
    if task.done():
        return task.result()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, AgentError):
        await task
    return None
