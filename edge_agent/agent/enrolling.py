"""Enrolling at the start of the forwarder: a gateway without an identity gets one, however long it takes.

A cloud that is away, or does not yet know us, is asked again, ever more slowly, with full jitter: a
whole floor may be unpacked at once. Meanwhile the status file and the service manager are told why, and
wishes are heeded: what is wrong may be the settings. After the first refusal the service counts as started,
since whatever waits for it, a boot or whoever restarts it, would wait as long as the cloud does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from edge_agent.agent.folders import make_folders
from edge_agent.agent.identity import enrol, store_of, wipe_claim
from edge_agent.agent.wishes import Wish, Wishes
from edge_agent.credentials.identity import IdentityStore
from edge_agent.errors import AgentError, CredentialError, InUseError, UplinkError
from edge_agent.health import StatusFile
from edge_agent.settings import Settings
from edge_agent.supervision import Supervisor
from edge_agent.uplink.backoff import Backoff

# How long a wish may go unheard while we wait for the cloud.
LOOK_SECONDS = 0.25


def enrol_if_needed(settings: Settings, wishes: Wishes, supervisor: Supervisor) -> Wish | None:
    """Enrol a gateway that has no identity yet; the wish that came first, None once there is one.

    Raises CredentialError and ConfigurationError for what a person has to mend here.
    """
    uplink = settings.uplink
    if uplink is None or uplink.identity is None or uplink.enrolment is None:
        return None
    store = store_of(uplink)
    if store.current() is None:
        make_folders(settings)
        wish = asyncio.run(_until_it_works(settings, store, _Told(settings, supervisor), wishes))
        if wish is not None:
            return wish
    with contextlib.suppress(CredentialError):  # it is logged, and no reason not to forward
        wipe_claim(uplink.enrolment.claim_key)
    return None


class _Told:
    """Whoever wants to know why there is no forwarder yet."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self.why = "enrolling"
        self._refused = False
        self._supervisor = supervisor
        self._status = StatusFile(
            settings.status_file("forwarder"),
            lambda: {"connected": False, "connects": 0, "last_reason": self.why},
        )

    def refused(self, error: AgentError) -> None:
        """It did not work this time."""
        self._refused, self.why = True, f"not enrolled yet: {error}"
        structlog.get_logger().warning("not enrolled yet", reason=error.what, mend=error.mend)
        self._supervisor.ready(self.why)

    def tell(self) -> None:
        """Tell them."""
        if self._refused:
            self._supervisor.alive(self.why)
        else:
            self._supervisor.waiting(self.why)
        self._status.rewrite()


async def _until_it_works(
    settings: Settings, store: IdentityStore, told: _Told, wishes: Wishes
) -> Wish | None:
    loop, backoff = asyncio.get_running_loop(), Backoff(random.random)
    while True:
        try:
            return await _unless_wished(enrol(settings, keep_claim=True), wishes, told.tell)
        except CredentialError:
            if store.current() is None:
                raise
            return None  # somebody else has enrolled it meanwhile
        except (UplinkError, InUseError) as error:
            told.refused(error)
        backoff.fail(loop.time())
        pause = asyncio.sleep(backoff.left(loop.time()) or 0.0)
        if (wish := await _unless_wished(pause, wishes, told.tell)) is not None:
            return wish


async def _unless_wished(
    work: Coroutine[Any, Any, object], wishes: Wishes, tell: Callable[[], None]
) -> Wish | None:
    """Do the work; a wish that comes first ends it, and is returned. Raises what the work raises."""
    task = asyncio.create_task(work, name="enrol")
    while not task.done():
        if (wish := wishes.next(0)) is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, AgentError):
                await task
            return wish
        tell()
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
    task.result()
    return None
