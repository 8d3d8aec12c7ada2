"""The collector's process: a journal and the lines that write it.

Settings may be read again while it runs. Where only lines differ, those lines alone begin again;
where anything else does, the collector closes its journal and begins again as a whole, within
the same process. Either way it is journalled what changed, or why it was refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import structlog

from edge_agent import __version__
from edge_agent.agent.changes import COLLECTOR_HOLDS, MOST_NAMES, changed, concerns, digest
from edge_agent.agent.checks import check_lines, shares
from edge_agent.agent.clock_keeper import ClockKeeper, go_on
from edge_agent.agent.collecting_journal import open_to_collect, watch_of
from edge_agent.agent.command_desk import SOCKET_NAME, CommandDesk
from edge_agent.agent.errands import open_desk
from edge_agent.agent.floor_status import FloorStatus, free_bytes
from edge_agent.agent.folders import make_folders
from edge_agent.agent.journal_watch import JournalWatch
from edge_agent.agent.journalist import Journalist
from edge_agent.agent.lines import Lines
from edge_agent.agent.opening import told_to_be_opening
from edge_agent.agent.readings import Readings
from edge_agent.agent.sources import Source, read_again
from edge_agent.agent.vigil import Vigil
from edge_agent.agent.wishes import Wish, Wishes, asked_by_signals
from edge_agent.clock import Clock
from edge_agent.drivers.registry import find_driver
from edge_agent.errors import AgentError, JournalError, JournalFull
from edge_agent.events import EventBody
from edge_agent.events.agent import AgentReconfigured, AgentStarted, AgentStopped, ConfigurationRefused
from edge_agent.health import Heartbeat, read_status
from edge_agent.journal import Journal
from edge_agent.line import JOURNAL_RETRY_SECONDS, Line
from edge_agent.links import open_link
from edge_agent.logs import set_up_logs
from edge_agent.notebook import Notebook
from edge_agent.settings import LineSettings, Settings
from edge_agent.station import DeviceIdentity
from edge_agent.supervision import Supervisor

# A watchdog that waits ten seconds or more is told in time.
LOOK_SECONDS = 1.0


def collect(source: Source) -> None:
    """Poll the lines and journal what they say, until a signal asks to stop."""
    with asked_by_signals() as wishes:
        collect_until(source, wishes)


def collect_until(source: Source, wishes: Wishes, clock: Clock | None = None) -> None:
    """Poll the lines and journal what they say, until asked to stop; by `clock`, or the gateway's own."""
    supervisor, clock = Supervisor(), clock or Clock()
    settings: Settings | None = source.load()
    while settings is not None:
        settings = _collect_with(settings, source, wishes, supervisor, clock)


def _collect_with(
    settings: Settings, source: Source, wishes: Wishes, supervisor: Supervisor, clock: Clock
) -> Settings | None:
    """Collect with these settings; the next ones, or None when asked to stop."""
    set_up_logs(settings.log)
    check_lines(settings)
    go_on(clock, read_status(settings.status_file("collector")).get("last_look"))
    watch = watch_of(settings, clock)
    with ExitStack() as held:
        make_folders(settings)
        with told_to_be_opening(settings):
            journal = held.enter_context(open_to_collect(settings, watch, clock))
        journalist = Journalist(settings, clock, journal)
        keeper = ClockKeeper(clock, journalist)
        readings = Readings()
        commands = held.enter_context(
            CommandDesk(settings.state / SOCKET_NAME, journalist.say_of, journalist.clock.monotonic)
        )
        lines = Lines(partial(_make_line, settings, journalist, readings), on_change=commands.follow)
        held.enter_context(open_desk(settings, journalist, lines.by_device, readings, lambda: journal.head))
        floor = FloorStatus(lines.by_device, clock.reading, digest(settings))
        heartbeat = Heartbeat(
            settings.status_file("collector"), lambda: _status(floor, journal, watch, keeper)
        )
        heartbeat.start()
        held.callback(heartbeat.stop)
        started = AgentStarted(version=__version__, lines=len(settings.lines))
        with lines:
            lines.make(settings.lines)
            _say_once_there_is_room(journalist, started, wishes, supervisor, lines)
            lines.start()
            vigil = Vigil(supervisor, lines, heartbeat, clock.monotonic)
            vigil.ready()
            following = _follow(
                settings,
                source,
                wishes,
                lines=lines,
                journalist=journalist,
                vigil=vigil,
                floor=floor,
                keeper=keeper,
            )
        with suppress(JournalFull):  # it was said often enough
            journalist.say(AgentStopped(version=__version__))
        return following


def _follow(
    settings: Settings,
    source: Source,
    wishes: Wishes,
    *,
    lines: Lines,
    journalist: Journalist,
    vigil: Vigil,
    floor: FloorStatus,
    keeper: ClockKeeper,
) -> Settings | None:
    """Follow the settings as they change, until asked to stop or to begin again with the ones returned."""
    while (wish := wishes.next(LOOK_SECONDS)) is not Wish.STOP:
        keeper.look()
        if wish is None:
            vigil.look()
            continue
        vigil.supervisor.reloading()
        fresh = read_again(source, settings, check_lines, partial(_say_refused, journalist))
        if fresh is not None:
            if _say_changed(settings, fresh, journalist):
                return fresh
            set_up_logs(fresh.log)
            lines.become(fresh.lines)
            settings = fresh
            floor.settings = digest(settings)
        vigil.ready()
    vigil.supervisor.stopping()
    return None


def _say_changed(settings: Settings, fresh: Settings, journalist: Journalist) -> bool:
    """Say what has changed; whether the collector must begin again for it."""
    names = changed(settings, fresh)
    again = concerns(names, COLLECTOR_HOLDS)
    structlog.get_logger().info("settings changed", settings=names, every_line_begins_again=again)
    _say(
        journalist,
        AgentReconfigured(changed=names[:MOST_NAMES], began_again=again, digest=digest(fresh)),
    )
    return again


def _say_refused(journalist: Journalist, error: AgentError) -> None:
    _say(journalist, ConfigurationRefused(reason=error.what))


def _say(journalist: Journalist, body: EventBody) -> None:
    """What a full disk keeps us from saying is in the log, and the lines matter more."""
    with suppress(JournalError):
        journalist.say(body)


def _say_once_there_is_room(
    journalist: Journalist, body: EventBody, wishes: Wishes, supervisor: Supervisor, lines: Lines
) -> None:
    """A collector that ended on a full disk would take the forwarder with it, which alone can empty it."""
    said = False
    while not wishes.stopping:
        try:
            journalist.say(body)
        except JournalFull as full:
            if not said:
                structlog.get_logger().error(
                    "journal refuses; no line is polled", reason=full.what, mend=full.mend
                )
            said = True
            for line in lines:
                line.held_back = True  # until it begins to poll
            supervisor.waiting(full.what)
            wishes.stopped_within(JOURNAL_RETRY_SECONDS)
        else:
            return


def _make_line(
    settings: Settings, journalist: Journalist, readings: Readings, line: LineSettings, held: ExitStack
) -> Line:
    driver = find_driver(line.driver)
    paged = shares(driver, line)
    notebook = held.enter_context(Notebook(settings.state / "notes" / line.name, paged=paged))
    identity = DeviceIdentity(line.device, settings.currency, settings.minor_units)
    return Line(
        name=line.name,
        link=open_link(line.port, driver.serial_format),
        station=partial(driver.station, identity, line.options),
        seal=journalist.seal,
        append=readings.through(journalist.append),
        notebook=notebook,
        monotonic=journalist.clock.monotonic,
    )


def _status(
    floor: FloorStatus, journal: Journal, watch: JournalWatch, keeper: ClockKeeper
) -> Mapping[str, Any]:
    return {
        **floor.look(),
        "last_look": keeper.status(),
        "journal": {
            "id": journal.id,
            "head": journal.head,
            "bytes": journal.size_bytes(),
            "free_bytes": free_bytes(journal.path),
            **watch.status(),
        },
    }
