"""The forwarder's process: the journal, an uplink and the forwarder between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from edge_agent.agent.absences import absence_of
from edge_agent.agent.changes import FORWARDER_HOLDS, changed, concerns
from edge_agent.agent.checks import check_uplink, uplink_of
from edge_agent.agent.enrolling import enrol_if_needed
from edge_agent.agent.faults import tell_of_a_fault
from edge_agent.agent.folders import make_folders
from edge_agent.agent.keeping import keep_identity, version_in_use
from edge_agent.agent.notary import notarise
from edge_agent.agent.sources import Source, read_again
from edge_agent.agent.spokesman import Spokesman
from edge_agent.agent.uplinks import confirmations_of, make_uplink
from edge_agent.agent.wishes import Wish, Wishes, asked_by_signals
from edge_agent.clock import Clock
from edge_agent.events import identify
from edge_agent.forwarder import Forwarder, Quota
from edge_agent.health import PERIOD_SECONDS, StatusFile
from edge_agent.journal import CLASSES, DEFAULT_CONSUMER, Journal, Record, journal_is_there, open_journal
from edge_agent.logs import set_up_logs
from edge_agent.routes import routes_of
from edge_agent.settings import Settings
from edge_agent.supervision import Supervisor
from edge_agent.uplink import Uplink
from edge_agent.uplink.base import CloudBehindNucleus

# The two are often started together; the collector makes the journal within a second.
JOURNAL_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 0.05


def forward(source: Source) -> None:
    """Publish the journal, until a signal asks to stop. Waits for a collector that has yet to make it."""
    with asked_by_signals() as wishes:
        forward_until(source, wishes)


def forward_until(source: Source, wishes: Wishes, nucleus: CloudBehindNucleus | None = None) -> None:
    """Publish the journal, until asked to stop; over the `nucleus` where the settings say so."""
    supervisor = Supervisor()
    check = partial(check_uplink, has_nucleus=nucleus is not None)
    settings: Settings | None = source.load()
    while settings is not None:
        set_up_logs(settings.log)
        if (wish := enrol_if_needed(settings, wishes, supervisor)) is Wish.STOP:
            supervisor.stopping()
            return
        if wish is not None:
            settings = _read_unenrolled(settings, source, check, supervisor)
            continue
        check(settings)
        make_folders(settings)
        journal = _open_journal(settings, wishes)
        if journal is None:
            return
        with journal:
            settings = asyncio.run(
                _forward(settings, journal, source, wishes, supervisor, check=check, nucleus=nucleus)
            )


def _read_unenrolled(
    settings: Settings, source: Source, check: Callable[[Settings], None], supervisor: Supervisor
) -> Settings:
    """The settings to go on enrolling with: others, if there are and they make sense."""
    supervisor.reloading()
    fresh = read_again(source, settings, check)
    supervisor.ready()
    return settings if fresh is None else fresh


def _open_journal(settings: Settings, wishes: Wishes) -> Journal | None:
    """The journal, once the collector has made it; None when asked to stop first."""
    give_up_at = time.monotonic() + JOURNAL_SECONDS
    while not journal_is_there(settings.journal_path) and time.monotonic() < give_up_at:
        if wishes.stopped_within(LOOK_AGAIN_SECONDS):
            return None
    return open_journal(settings.journal_path, role="forward")


async def _forward(
    settings: Settings,
    journal: Journal,
    source: Source,
    wishes: Wishes,
    supervisor: Supervisor,
    *,
    check: Callable[[Settings], None],
    nucleus: CloudBehindNucleus | None,
) -> Settings | None:
    """Forward with these settings; the next ones, or None when asked to stop."""
    version = version_in_use(settings)
    spokesman = Spokesman(settings, journal.id)
    uplink = make_uplink(settings, spokesman.birth, nucleus)
    forwarder = _make_forwarder(settings, journal, uplink)

    def said() -> Mapping[str, Any]:
        return {**_status(forwarder, uplink, journal), "canaries": spokesman.canaries()}

    status = StatusFile(
        settings.status_file("forwarder"),
        lambda: {**said(), "about": spokesman.about()},
    )
    spokesman.follow(said)
    await uplink.start()
    await spokesman.start(uplink)
    supervisor.ready(_summary(uplink))
    following = asyncio.create_task(
        _follow(settings, source, wishes, forwarder, supervisor, check=check), name="follow-settings"
    )
    beating = asyncio.create_task(_beat(status, uplink, supervisor), name="heartbeat")
    keeping = asyncio.create_task(
        keep_identity(settings, version, uplink.state, wishes), name="keep-identity"
    )
    keeping.add_done_callback(tell_of_a_fault("the identity is no longer looked after"))
    signing = asyncio.create_task(notarise(settings, journal), name="notary")
    signing.add_done_callback(tell_of_a_fault("the journal's chain is no longer signed"))
    try:
        await forwarder.run()
    finally:
        for task in (beating, following, keeping, signing):
            task.cancel()
        await spokesman.stop()
        await uplink.stop()
        status.end()
    return following.result()  # it ended first: the forwarder runs until it does


def _make_forwarder(settings: Settings, journal: Journal, uplink: Uplink) -> Forwarder:
    return Forwarder(
        journal,
        uplink,
        compose=event_of,
        absence=absence_of(settings, Clock()),
        routes=routes_of(settings, carries_properties=uplink.state.carries_properties),
        window=settings.forwarder.window,
        batch_records=settings.forwarder.batch_records,
        batch_bytes=settings.forwarder.batch_bytes,
        quota=_quota_of(settings),
        confirmations=confirmations_of(settings),
    )


def event_of(journal_id: str, record: Record) -> bytes:
    """A record as it leaves, with its identity and its place in the chain."""
    return identify(record.payload, journal_id, record.sequence, record.chain or None, record.before)


def _quota_of(settings: Settings) -> Quota | None:
    """What may leave in a second; None where nobody counts: in a file, and with a broker of one's own."""
    uplink = uplink_of(settings)
    if uplink.kind == "file" or not uplink.cloud_limits:
        return None
    return Quota(settings.forwarder.publishes_per_second, settings.forwarder.bytes_per_second)


async def _follow(
    settings: Settings,
    source: Source,
    wishes: Wishes,
    forwarder: Forwarder,
    supervisor: Supervisor,
    *,
    check: Callable[[Settings], None],
) -> Settings | None:
    """Until asked to stop, or to begin again with the settings returned; then the forwarder is stopped."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    wishes.listen(lambda: loop.call_soon_threadsafe(asked.set))
    try:
        while (wish := wishes.next(0)) is not Wish.STOP:
            if wish is None:
                await asked.wait()
                asked.clear()
                continue
            if wish is Wish.BEGIN_AGAIN:
                return settings
            supervisor.reloading()
            fresh = await asyncio.to_thread(read_again, source, settings, check)
            if fresh is not None:
                if concerns(changed(settings, fresh), FORWARDER_HOLDS):
                    return fresh
                set_up_logs(fresh.log)
                settings = fresh
            supervisor.ready()
        supervisor.stopping()
        return None
    finally:
        wishes.listen(None)
        forwarder.stop()


async def _beat(status: StatusFile, uplink: Uplink, supervisor: Supervisor) -> None:
    """Rewrite the status in the loop's own thread: the journal's connection belongs to it.

    The supervisor is told from here, since all that is done for forwarding is done in this loop.
    """
    while True:
        status.rewrite()
        supervisor.alive(_summary(uplink))
        await asyncio.sleep(PERIOD_SECONDS)


def _summary(uplink: Uplink) -> str:
    state = uplink.state
    return "connected" if state.reachable else f"not connected: {state.last_reason or 'no answer yet'}"


def _status(forwarder: Forwarder, uplink: Uplink, journal: Journal) -> Mapping[str, Any]:
    now = time.time()
    ages = {cls: journal.oldest_age(DEFAULT_CONSUMER, now, cls) for cls in CLASSES}
    return {
        **asdict(forwarder.counters),
        **forwarder.figures(now),
        "classes": {
            cls.value: {"waiting": journal.depth(DEFAULT_CONSUMER, cls), "oldest_seconds": round(age, 3)}
            for cls, age in ages.items()
        },
        "connected": uplink.state.reachable,
        "promise": uplink.state.promise.value,
        "connects": uplink.state.connects,
        "renewals": uplink.state.renewals,
        "last_reason": forwarder.counters.last_reason or uplink.state.last_reason,
        "depth": journal.depth(DEFAULT_CONSUMER),
        "refused_filters": uplink.state.refused_filters,
        "oldest_seconds": max(ages.values()),
    }
