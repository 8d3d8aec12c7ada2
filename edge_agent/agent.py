"""The composition root: nothing else builds the agent's objects.

Collecting and forwarding are separate processes that share only the journal. Each runs until
SIGTERM or SIGINT and then stops within STOP_SECONDS; neither needs to, because the journal is
durable and both ends repeat what was not acknowledged.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.credentials.device import check_identity
from edge_agent.credentials.diagnosis import diagnose
from edge_agent.drivers.registry import find_driver
from edge_agent.errors import ConfigurationError, JournalFull
from edge_agent.events import EventBody, Observation, identify, seal
from edge_agent.events.agent import AgentStarted, AgentStopped
from edge_agent.forwarder import Forwarder
from edge_agent.health import PERIOD_SECONDS, Heartbeat, StatusFile
from edge_agent.journal import Journal, open_journal
from edge_agent.line import JOURNAL_RETRY_SECONDS, Line
from edge_agent.links import open_link
from edge_agent.notebook import Notebook
from edge_agent.settings import LineSettings, Settings
from edge_agent.station import DeviceIdentity
from edge_agent.uplink import Uplink
from edge_agent.uplink.file import FileUplink

# Greengrass kills five seconds after it asks; lines notice within a quarter of one.
STOP_SECONDS = 4.0

FOLDER_MODE = 0o700

# The two are often started together; the collector makes the journal within a second.
JOURNAL_SECONDS = 30.0
CONSUMER = "forwarder"


def collect(settings: Settings) -> None:
    """Poll the lines and journal what they say, until asked to stop."""
    check_lines(settings)
    clock = Clock()
    with ExitStack() as held, _until_asked_to_stop() as asked:
        _make_folders(settings)
        journal = held.enter_context(
            open_journal(
                settings.journal_path,
                role="collect",
                minimum_free_bytes=settings.journal.minimum_free_mb * 2**20,
            )
        )
        journalist = _Journalist(settings, clock, journal)
        lines = [_make_line(line, settings, journalist, held) for line in settings.lines]
        heartbeat = Heartbeat(
            settings.state / "status" / "collector.json", lambda: _collector_status(lines, journal)
        )
        heartbeat.start()
        held.callback(heartbeat.stop)
        _say_once_there_is_room(journalist, AgentStarted(version=__version__, lines=len(lines)), asked)
        with _stopped_at_the_end(lines):
            for line in lines:
                line.start()
            asked.wait()
        with suppress(JournalFull):  # it was said often enough
            journalist.say(AgentStopped(version=__version__))


def _say_once_there_is_room(journalist: _Journalist, body: EventBody, asked: threading.Event) -> None:
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


def forward(settings: Settings) -> None:
    """Publish the journal, until asked to stop. Waits for a collector that has yet to make it."""
    check_uplink(settings)
    _make_folders(settings)
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
        lambda: _forwarder_status(forwarder, uplink, journal),
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
    uplink = settings.uplink
    if uplink.kind == "file":
        return FileUplink(_given(uplink.path))
    ca, certificate, key = _given(uplink.ca), _given(uplink.certificate), _given(uplink.key)
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


def _given(path: Path | None) -> Path:
    """A path the settings' own validation has made sure of."""
    assert path is not None  # noqa: S101  see UplinkSettings
    return path


def _forwarder_status(forwarder: Forwarder, uplink: Uplink, journal: Journal) -> Mapping[str, Any]:
    return {
        **asdict(forwarder.counters),
        "connected": uplink.state.connected,
        "connects": uplink.state.connects,
        "last_reason": forwarder.counters.last_reason or uplink.state.last_reason,
        "depth": journal.depth(CONSUMER),
        "oldest_seconds": journal.oldest_age(CONSUMER, time.time()),
    }


def run_both(arguments: Sequence[str]) -> int:
    """Collect and forward as two processes; when one ends, so does the other."""
    command = [sys.executable, "-m", "edge_agent"]
    with _until_asked_to_stop() as asked:
        both = [subprocess.Popen([*command, verb, *arguments]) for verb in ("collect", "forward")]  # noqa: S603
        while not asked.wait(0.2) and all(process.poll() is None for process in both):
            pass
        ended = [process.returncode for process in both if process.poll() is not None]
        for process in both:
            process.terminate()
        waited = [process.wait() for process in both]
    # Whichever ended by itself says how it went; the other was asked to.
    return max(_as_shells_say(status, asked=asked.is_set()) for status in ended or waited)


def _as_shells_say(status: int, *, asked: bool) -> int:
    """A process that a signal ended has 128 and the signal's number, unless it was asked to end."""
    shell_status = 128 - status if status < 0 else status
    return 0 if asked and shell_status in {128 + signal.SIGTERM, 128 + signal.SIGINT} else shell_status


def check_uplink(settings: Settings) -> None:
    """Raise CredentialError if we could not prove who we are: known before there is a journal to send."""
    uplink = settings.uplink
    if uplink.kind == "iot_core":
        check_identity(_given(uplink.ca), _given(uplink.certificate), _given(uplink.key))


def check_lines(settings: Settings) -> None:
    """Raise ConfigurationError if a line's driver, its options or the kind of its port make no sense."""
    for line in settings.lines:
        try:
            driver = find_driver(line.driver)
            driver.check(line.options)
            open_link(line.port, driver.serial_format)
        except ConfigurationError as error:
            raise ConfigurationError(f"line {line.name}: {error.what}", error.mend) from error


def absent_here(settings: Settings) -> Iterator[str]:
    """What the settings name and this computer does not have: fine on a laptop, not on the gateway."""
    for line in settings.lines:
        if line.port.startswith("/") and not Path(line.port).exists():
            yield f"line {line.name}: port {line.port} does not exist here"
    uplink = settings.uplink
    for what, path in (("CA", uplink.ca), ("certificate", uplink.certificate), ("key", uplink.key)):
        if path is not None and not path.exists():
            yield f"uplink: {what} {path} does not exist here"


class _Journalist:
    """Seals observations and appends them."""

    def __init__(self, settings: Settings, clock: Clock, journal: Journal) -> None:
        self._gateway = settings.gateway
        self._source = settings.source
        self.clock = clock
        self.append = journal.append

    def seal(self, observation: Observation) -> bytes:
        return seal(observation, self.clock.reading(), self._source)

    def say(self, body: EventBody) -> None:
        self.append([self.seal(Observation(self._gateway, self.clock.monotonic(), body))])


def _make_line(line: LineSettings, settings: Settings, journalist: _Journalist, held: ExitStack) -> Line:
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


def _make_folders(settings: Settings) -> None:
    for folder in (
        settings.state,
        settings.state / "notes",
        settings.state / "status",
        settings.journal_path.parent,
    ):
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise JournalFull(f"the disk of folder {folder} is full", "free some space") from error
            raise ConfigurationError(
                f"folder {folder} cannot be made: {error.strerror}",
                "set `state` to a folder the agent may write",
            ) from error


def _collector_status(lines: Sequence[Line], journal: Journal) -> Mapping[str, Any]:
    return {
        "lines": {line.name: asdict(line.station.counters) | {"faults": line.faults} for line in lines},
        "journal": {"id": journal.id, "head": journal.head, "bytes": journal.size_bytes()},
    }


@contextmanager
def _until_asked_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; the handlers of before come back afterwards."""
    asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
