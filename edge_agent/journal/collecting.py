"""Collecting: the half of a journal that only the one who collects has, and how it is put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalDamaged, JournalError
from edge_agent.journal.appender import Appender, Limits, Tail
from edge_agent.journal.consumer import DEFAULT_CONSUMER, Consumers
from edge_agent.journal.disk import FOLDER_MODE, sync_folder, translated
from edge_agent.journal.former import begin_as, find_former, take_over
from edge_agent.journal.gauge import Fill, Gauge
from edge_agent.journal.head import HeadNote
from edge_agent.journal.housekeeper import Housekeeper
from edge_agent.journal.lock import Lock
from edge_agent.journal.mending import Mender
from edge_agent.journal.opening import Opened, open_folder
from edge_agent.journal.reader import Reader
from edge_agent.journal.record import Budget, Gap
from edge_agent.journal.segment import FORMAT, format_of, heading_of, segment_path, segments
from edge_agent.journal.shedding import Shedder

Classify = Callable[[bytes], DeliveryClass]
DescribeGap = Callable[[Gap], bytes]


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the one who collects keeps the journal."""

    budget: Budget
    classify: Classify
    describe_gap: DescribeGap
    on_fill: Callable[[Fill], object]
    clock_is_right: Callable[[], bool]
    housekeeping: bool  # whether segments are deleted and looked after in a thread
    segment_bytes: int


@dataclass(frozen=True, slots=True)
class Collecting:
    """The half of a journal that only the one who collects has."""

    appender: Appender
    housekeeper: Housekeeper
    gauge: Gauge


def collecting(
    path: Path, keeping: Keeping, wall: Callable[[], float], opening: ExitStack
) -> tuple[Collecting, Reader, Consumers]:
    """Open the journal at `path` for the one who collects; `opening` closes what was opened."""
    _make_folder(path)
    opening.callback(_lock_for_collecting(path).release)
    note = HeadNote(path, write=True)
    opening.callback(note.close)
    former = find_former(path)
    if former is not None:
        begin_as(former, path, note)
    opened = open_folder(path, note)
    with translated(path):
        sync_folder(path)  # a run that was killed may have left names that are not durable yet
    gauge = Gauge(path, keeping.budget, time.monotonic)
    appender = Appender(
        path,
        Tail(opened.head, opened.marks, opened.begun),
        note=note,
        limits=Limits(keeping.segment_bytes, keeping.budget.minimum_free_bytes, gauge.admit),
        classify=keeping.classify,
        wall=wall,
    )
    opening.callback(appender.close)
    if former is not None:
        take_over(former, opened.head, appender.marks, appender.take_over)
    reader = Reader(path)
    opening.callback(reader.close)
    consumers = Consumers(path, reader, opened.head.journal, opened.marks)
    opening.callback(consumers.close)
    consumers.register(DEFAULT_CONSUMER)
    housekeeper = _housekeeper(path, keeping, opened, appender, consumers, gauge=gauge, wall=wall)
    opening.callback(housekeeper.close)
    return Collecting(appender, housekeeper, gauge), reader, consumers


def _housekeeper(
    path: Path,
    keeping: Keeping,
    opened: Opened,
    appender: Appender,
    consumers: Consumers,
    *,
    gauge: Gauge,
    wall: Callable[[], float],
) -> Housekeeper:
    def declare(gaps: Sequence[Gap]) -> None:
        appender.declare([keeping.describe_gap(gap) for gap in gaps])

    mender = Mender(path, opened.head.journal, declare)
    shedder = Shedder(
        path,
        gauge=gauge,
        consumers=consumers,
        mender=mender,
        declare=declare,
        seal=appender.begin_segment,
        age_seconds=keeping.budget.age_seconds,
        wall=wall,
        clock_is_right=keeping.clock_is_right,
    )
    housekeeper = Housekeeper(
        path,
        appender=appender,
        consumers=consumers,
        mender=mender,
        shedder=shedder,
        gauge=gauge,
        on_fill=keeping.on_fill,
        minimum_free_bytes=keeping.budget.minimum_free_bytes,
        damaged=opened.damaged,
        vanished=opened.vanished,
    )
    with suppress(JournalError):  # on a full disk it is said when there is room again
        housekeeper.mend()
    if keeping.housekeeping:
        housekeeper.start()
    return housekeeper


def check_folder(path: Path) -> None:
    """Raise JournalDamaged if there is something else at `path` than a folder."""
    with translated(path):
        if path.exists() and not path.is_dir():
            raise JournalDamaged(
                f"{path} is not a folder",
                "set `journal.path` to one, with a journal of an earlier agent in it as `journal.db`; "
                "this file was left as it is",
            )


def check_format(path: Path) -> None:
    """Raise JournalDamaged if the journal at `path` cannot be gone on with as it is. Changes nothing.

    One who opens it to collect always can: what a newer agent wrote is set aside then, and told.
    """
    check_folder(path)
    if not path.exists():
        return
    newest = max((format_of(heading_of(segment_path(path, first))) for first in segments(path)), default=0)
    if newest > FORMAT:
        raise JournalDamaged(
            f"journal {path} was written by a newer agent (format {newest}, not {FORMAT})",
            "install that version again; the journal was left as it is",
        )


def _make_folder(path: Path) -> None:
    """Make what is missing of the path, each name durable before anything is kept below it."""
    check_folder(path)
    with translated(path):
        missing = [folder for folder in (path, *path.absolute().parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            sync_folder(folder.parent)


def _lock_for_collecting(path: Path) -> Lock:
    return Lock(
        path / "lock", f"journal {path}", "stop that collector first, or give this one its own", folder=path
    )
