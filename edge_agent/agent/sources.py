"""Sources of settings: a file that SIGHUP makes us read again, or a deployment of the nucleus.

A role reads its settings once to begin and again whenever it is asked to. What does not make
sense is refused with the reason, and the role goes on with what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from edge_agent.errors import AgentError
from edge_agent.settings import Settings, load_settings


class Source(Protocol):
    """Where settings come from."""

    def load(self) -> Settings:
        """The settings as they are now. Raises ConfigurationError."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A settings file, the environment and the overrides of a command."""

    file: Path
    overrides: Sequence[str] = ()

    def load(self) -> Settings:
        """Read the file. Raises ConfigurationError."""
        return load_settings(self.file, overrides=self.overrides)


def read_again(
    source: Source,
    current: Settings,
    check: Callable[[Settings], None],
    refused: Callable[[AgentError], None] | None = None,
) -> Settings | None:
    """Other settings than the current ones, if there are and they make sense; else it is told why not."""
    log = structlog.get_logger()
    try:
        fresh = source.load()
        check(fresh)
    except AgentError as error:
        refusal = "settings refused; the agent goes on with those it has"
        log.error(refusal, reason=error.what, mend=error.mend)  # noqa: TRY400  a person's error, no fault of ours
        if refused is not None:
            refused(error)
        return None
    if fresh == current:
        log.info("settings read again: nothing has changed")
        return None
    return fresh
