"""The view of a trial while it runs: a live picture on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

# A plain log every few seconds is enough to follow a run in a file.
PLAIN_SECONDS = 5.0
NOTES_SHOWN = 6
RATE_SECONDS = 2.0


class Progress(Protocol):
    """What a view is shown."""

    plan: Any
    phase: str
    elapsed: float
    cloud_away: bool
    collector: Mapping[str, Any]
    forwarder: Mapping[str, Any]
    floor: Mapping[str, Any]
    notes: list[str]


class View(Protocol):
    """Somewhere to show progress."""

    def show(self, progress: Progress) -> None:
        """The latest."""

    def note(self, text: str) -> None:
        """Something happened."""


@contextmanager
def open_view(*, quiet: bool) -> Iterator[View]:
    """The view that fits where the output goes; quiet shows nothing at all."""
    console = Console()
    if quiet:
        yield _Nothing()
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield _Picture(live)
    else:
        yield _Plain()


class _Nothing:
    def show(self, progress: Progress) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


class _Plain:
    """One line for each thing that happens, and a summary every few seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._due = 0.0

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + PLAIN_SECONDS
        counters, cloud = _sum_of(progress.collector), progress.forwarder
        records = progress.collector.get("journal", {}).get("head", 0)
        self.note(
            f"{progress.phase}: {counters['polls']} polls, {counters['events']} events, {records} records, "
            f"{cloud.get('depth', 0)} waiting, {'connected' if cloud.get('connected') else 'cloud away'}"
        )

    def note(self, text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self._began:6.1f} s  {text}\n")
        sys.stdout.flush()


class _Picture:
    """Each machine's line, the journal, the uplink, and how far the run is."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._notes: deque[str] = deque(maxlen=NOTES_SHOWN)
        self._rates = _Rates()
        self._began = time.monotonic()

    def show(self, progress: Progress) -> None:
        self._rates.see(progress)
        self._live.update(
            Group(
                self._lines(progress), self._journal(progress), self._uplink(progress), self._bar(progress)
            ),
            refresh=True,
        )

    def note(self, text: str) -> None:
        self._notes.append(f"{time.monotonic() - self._began:6.1f} s  {text}")
        self._live.console.print(self._notes[-1], style="dim", highlight=False)

    def _lines(self, progress: Progress) -> Table:
        table = Table(expand=True, box=None, pad_edge=False)
        table.add_column("line")
        table.add_column("state")
        table.add_column("polls/s", justify="right")
        table.add_column("events", justify="right")
        table.add_column("errors", justify="right")
        table.add_column("last event", justify="left", ratio=1)
        lines = progress.collector.get("lines", {})
        room = max(4, self._live.console.height - 14)
        for name, counters in list(lines.items())[:room]:
            errors = counters["protocol_errors"]
            table.add_row(
                name,
                Text(counters["state"], style="green" if counters["state"] == "polling" else "yellow"),
                f"{self._rates.of(name):.0f}" if counters["polls"] else "-",
                str(counters["events"]),
                Text(str(errors), style="red" if errors else ""),
                counters["last_event"],
            )
        if len(lines) > room:
            table.add_row(f"… and {len(lines) - room} more lines", "", "", "", "", "")
        return table

    def _journal(self, progress: Progress) -> Panel:
        journal, forwarder = progress.collector.get("journal", {}), progress.forwarder
        depth = forwarder.get("depth", 0)
        text = (
            f"{journal.get('head', 0)} records, {depth} waiting, {journal.get('bytes', 0) / 1024:.0f} KiB, "
            f"oldest {forwarder.get('oldest_seconds', 0.0):.1f} s"
        )
        return Panel(
            Group(text, ProgressBar(total=max(500, depth), completed=depth)),
            title="journal",
            title_align="left",
        )

    def _uplink(self, progress: Progress) -> Panel:
        forwarder = progress.forwarder
        up = forwarder.get("connected", False)
        text = Text.assemble(
            ("connected" if up else "cloud away", "green" if up else "red"),
            f", {self._rates.of('uplink'):.1f} publishes/s, {forwarder.get('in_flight', 0)} in flight",
            f", last: {forwarder.get('last_reason') or 'success'}",
        )
        return Panel(text, title="uplink", title_align="left")

    def _bar(self, progress: Progress) -> Group:
        done = progress.plan.seconds if progress.phase != "playing" else progress.elapsed
        return Group(
            Text(
                f"{progress.phase}, {min(done, progress.plan.seconds):.0f} of {progress.plan.seconds:.0f} s"
            ),
            ProgressBar(total=progress.plan.seconds, completed=done),
        )


class _Rates:
    """Rates over the last seconds, from counters that only rise, by the clock of whoever counted."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def see(self, progress: Progress) -> None:
        collector, forwarder = progress.collector, progress.forwarder
        for name, line in collector.get("lines", {}).items():
            self._take(name, collector["monotonic"], line["polls"])
        if forwarder:
            self._take("uplink", forwarder["monotonic"], forwarder["published"])

    def of(self, name: str) -> float:
        seen = self._seen.get(name)
        if not seen or len(seen) < 2:
            return 0.0
        (then, before), (now, latest) = seen[0], seen[-1]
        return max(0.0, (latest - before) / (now - then))

    def _take(self, name: str, at: float, count: int) -> None:
        seen = self._seen.setdefault(name, deque())
        if seen and at <= seen[-1][0]:
            return
        seen.append((at, count))
        while at - seen[0][0] > RATE_SECONDS:
            seen.popleft()


def _sum_of(collector: Mapping[str, Any]) -> dict[str, int]:
    lines = collector.get("lines", {}).values()
    return {name: sum(line[name] for line in lines) for name in ("polls", "events")}
