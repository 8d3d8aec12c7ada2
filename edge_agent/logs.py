"""Logs: structlog, set up once. JSON in production, readable on a terminal, bytes as spaced hex.

DEBUG shows the wire, INFO the shift log, WARNING what someone should look at. Everything goes
to standard error, so that standard output stays what a command promised.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from edge_agent.settings import LogSettings


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
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def bytes_as_hex(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Show every bytes value as spaced hex, as the protocol documents print frames."""
    return {name: value.hex(" ") if isinstance(value, bytes) else value for name, value in event.items()}
