"""Vigil: whether everything in the collector that must come round does.

A line that waits for its machine comes round; so does one whose port is gone or whose journal is
full, which rest for a time they name. One that has not come round long after that is stuck, in
a driver, a port or the journal, and nothing but a new process mends it: then the supervisor is no
longer told that we are alive. Where nobody supervises it is still said, with where it stands.
"""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Callable

import structlog

from edge_agent.agent.lines import Lines
from edge_agent.health import Heartbeat
from edge_agent.line import Line
from edge_agent.supervision import Supervisor
from edge_agent.words import counted

# A disk of flash may take some seconds for a commit, and 64 lines wait for the same one.
PATIENCE_SECONDS = 30.0
SHARE_OF_WATCHDOG = 2

# The innermost calls say where a thread stands; file, line and name, never a value.
DEEPEST = 6


class Vigil:
    """Looks after the lines and the heartbeat. Used by the collector's main thread, whose turns it proves."""

    def __init__(
        self, supervisor: Supervisor, lines: Lines, heartbeat: Heartbeat, monotonic: Callable[[], float]
    ) -> None:
        self.supervisor = supervisor
        self._lines = lines
        self._heartbeat = heartbeat
        self._monotonic = monotonic
        limit = supervisor.watchdog_seconds
        self._patience = limit / SHARE_OF_WATCHDOG if limit else PATIENCE_SECONDS
        self._complained: set[str] = set()

    def look(self) -> None:
        """Tell the supervisor that all is alive, or the log what is not."""
        stuck = self._stuck()
        for name in stuck.keys() - self._complained:
            structlog.get_logger().error(
                "a thread is stuck; the supervisor is no longer told that we are alive",
                thread=name,
                where=_where(stuck[name]),
                mend="the supervisor starts the collector again; report this entry",
            )
        self._complained = set(stuck)
        if not stuck:
            self.supervisor.alive(self.summary())

    def ready(self) -> None:
        """Tell the supervisor that the lines are at work."""
        self.supervisor.ready(self.summary())

    def summary(self) -> str:
        """How the lines are, in a few words."""
        states = Counter(
            "held back by the journal" if line.held_back else line.station.counters.state
            for line in self._lines
        )
        count = states.total()
        return counted(count, "line") + "".join(
            f"{',' if place else ':'} {number} {state}"
            for place, (state, number) in enumerate(sorted(states.items()))
        )

    def _stuck(self) -> dict[str, int | None]:
        """The names of the threads that do not come round, and their identifiers."""
        now = self._monotonic()
        watched: list[Line | Heartbeat] = [*self._lines.watched(), self._heartbeat]
        return {each.thread.name: each.thread.ident for each in watched if each.stuck(now, self._patience)}


def _where(thread: int | None) -> list[str]:
    frame = sys._current_frames().get(thread or 0)  # noqa: SLF001  CPython's own way to ask, named so
    calls = traceback.extract_stack(frame)[-DEEPEST:] if frame else []
    return [f"{call.filename.rpartition('/')[2]}:{call.lineno} {call.name}" for call in calls]
