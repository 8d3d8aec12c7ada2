"""Logs: structlog, set up once. JSON in production, readable on a terminal, bytes as spaced hex.

DEBUG shows the wire, INFO the shift log, WARNING what someone should look at. Everything goes
to standard error, so that standard output stays what a command promised.

A log that cannot be written, on a full disk or to a reader that has gone, is lost and stops
nothing: no line may die of what it had to say.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from edge_agent.settings import LogSettings

# A quiet day, or the last minutes of a bad one: 40 KiB or so.
RECENT_ENTRIES, LONGEST_ENTRY = 200, 1500


def set_up_logs(settings: LogSettings) -> None:
    """Decide, for the whole process, what is logged and how."""
    console = settings.form == "console" or (settings.form == "auto" and sys.stderr.isatty())
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            bytes_as_hex,
            structlog.processors.format_exc_info,
            _recent() or RecentLog(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Unfailing(sys.stderr))),
        cache_logger_on_first_use=False,
    )


def speak_for_the_process() -> None:
    """Let what would else print to standard error, dying threads and other people's loggers, use our log."""
    threading.excepthook = _thread_died
    logging.basicConfig(handlers=[_Foreign()], level=logging.WARNING, force=True)


class RecentLog:
    """The last entries of this process, without the wire, for a diagnosis. A processor of structlog's."""

    def __init__(self) -> None:
        self._entries: deque[str] = deque(maxlen=RECENT_ENTRIES)

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Keep an entry, and pass it on as it is."""
        if method != "debug":
            self._entries.append(json.dumps(dict(event), default=str)[:LONGEST_ENTRY])
        return event

    def lines(self) -> Sequence[str]:
        """The entries, the oldest first, a JSON object each unless it was cut."""
        return tuple(self._entries)


def recent_log() -> Sequence[str]:
    """What this process logged last; nothing before `set_up_logs`."""
    recent = _recent()
    return recent.lines() if recent is not None else ()


def _recent() -> RecentLog | None:
    """The one that was set up, which outlives other settings."""
    processors = structlog.get_config()["processors"]
    return next((one for one in processors if isinstance(one, RecentLog)), None)


class Unfailing:
    """A stream whose failures are its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write what can be written."""
        with suppress(OSError, ValueError):  # a closed stream is a ValueError
            self._stream.write(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            self._stream.flush()


class _Foreign(logging.Handler):
    """What a library logs, as one entry of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def _thread_died(died: threading.ExceptHookArgs) -> None:
    structlog.get_logger().error(
        "fault of the agent; a thread ended",
        thread=died.thread.name if died.thread is not None else "",
        mend="start the agent again, and report it with this entry",
        exc_info=died.exc_value,
    )


def bytes_as_hex(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Show every bytes value as spaced hex, as the protocol documents print frames."""
    return {name: value.hex(" ") if isinstance(value, bytes) else value for name, value in event.items()}
