"""The collector's process: a journal and the lines that write it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any

import structlog

from edge_agent import __version__
from edge_agent.agent.checks import check_lines
from edge_agent.agent.folders import make_folders
from edge_agent.agent.journalist import Journalist
from edge_agent.agent.stopping import until_asked_to_stop
from edge_agent.clock import Clock
from edge_agent.drivers.registry import find_driver
from edge_agent.errors import JournalFull
from edge_agent.events import EventBody
from edge_agent.events.agent import AgentStarted, AgentStopped
from edge_agent.health import Heartbeat
from edge_agent.journal import Journal, open_journal
from edge_agent.line import JOURNAL_RETRY_SECONDS, Line
from edge_agent.links import open_link
from edge_agent.notebook import Notebook
from edge_agent.settings import LineSettings, Settings
from edge_agent.station import DeviceIdentity

# Greengrass kills five seconds after it asks; lines notice within a quarter of one.
STOP_SECONDS = 4.0


def collect(settings: Settings) -> None:
    """Poll the lines and journal what they say, until asked to stop."""
    check_lines(settings)
    clock = Clock()
    with ExitStack() as held, until_asked_to_stop() as asked:
        make_folders(settings)
        journal = held.enter_context(
            open_journal(
                settings.journal_path,
                role="collect",
                minimum_free_bytes=settings.journal.minimum_free_mb * 2**20,
            )
        )
        journalist = Journalist(settings, clock, journal)
        lines = [_make_line(line, settings, journalist, held) for line in settings.lines]
        heartbeat = Heartbeat(settings.state / "status" / "collector.json", lambda: _status(lines, journal))
        heartbeat.start()
        held.callback(heartbeat.stop)
        _say_once_there_is_room(journalist, AgentStarted(version=__version__, lines=len(lines)), asked)
        with _stopped_at_the_end(lines):
            for line in lines:
                line.start()
            asked.wait()
        with suppress(JournalFull):  # it was said often enough
            journalist.say(AgentStopped(version=__version__))


def _say_once_there_is_room(journalist: Journalist, body: EventBody, asked: threading.Event) -> None:
    """A collector that ended on a full disk would take the forwarder with it, which alone can empty it."""
    said = False
    while not asked.is_set():
        try:
            journalist.say(body)
        except JournalFull as full:
            if not said:
                structlog.get_logger().error(
                    "journal refuses; no line is polled", reason=full.what, mend=full.mend
                )
            said = True
            asked.wait(JOURNAL_RETRY_SECONDS)
        else:
            return


@contextmanager
def _stopped_at_the_end(lines: Sequence[Line]) -> Iterator[None]:
    """No line outlives its journal, however this ends."""
    try:
        yield
    finally:
        for line in lines:
            line.stop()
        late = [line.name for line in lines if not line.join(STOP_SECONDS)]
        if late:
            structlog.get_logger().warning("lines did not stop in time", lines=late)


def _make_line(line: LineSettings, settings: Settings, journalist: Journalist, held: ExitStack) -> Line:
    driver = find_driver(line.driver)
    notebook = held.enter_context(Notebook(settings.state / "notes" / line.name))
    identity = DeviceIdentity(line.device, settings.currency, settings.minor_units)
    return Line(
        name=line.name,
        link=open_link(line.port, driver.serial_format),
        station=partial(driver.station, identity, line.options),
        seal=journalist.seal,
        append=journalist.append,
        notebook=notebook,
        monotonic=journalist.clock.monotonic,
    )


def _status(lines: Sequence[Line], journal: Journal) -> Mapping[str, Any]:
    return {
        "lines": {line.name: asdict(line.station.counters) | {"faults": line.faults} for line in lines},
        "journal": {"id": journal.id, "head": journal.head, "bytes": journal.size_bytes()},
    }
