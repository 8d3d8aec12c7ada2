"""Former journals: what an earlier agent left in one SQLite file is taken over, once, with its numbers.

    journal/journal.db                      the records, and the journal's id
    journal/journal.db.forwarder.position   how far they were acknowledged
    journal/imported/                       where these go when everything is taken over

Where no journal of segments has begun, it begins with the former's id, behind what was acknowledged, so
every record keeps the name that the cloud may know it by. Where one has begun already, as after a rollback,
the records are appended to it as new ones. Each commit says how far it goes, so whoever is killed half-way
goes on from there. A former journal that is damaged, foreign or newer is told, and left as it is.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import structlog

from edge_agent.chain import genesis
from edge_agent.errors import JournalDamaged, JournalError
from edge_agent.journal.disk import FOLDER_MODE, read_file, sync_folder, translated, write_file
from edge_agent.journal.head import Head, HeadNote
from edge_agent.journal.lock import Lock
from edge_agent.journal.opening import IDENTITY, identity_text
from edge_agent.journal.segment import segments

NAME = "journal.db"
IMPORTED = "imported"

_APPLICATION_ID, _SCHEMA_VERSION = 0x454A_4E4C, 1
_STEP_RECORDS = 500

Row = tuple[int, float, bytes]
# Appends records with the time they had, and in the same commit a mark of how far that goes.
TakeOver = Callable[[Sequence[bytes], float, Mapping[str, int]], range]


@dataclass(frozen=True, slots=True)
class Former:
    """A former journal that can be read."""

    path: Path
    journal: str  # its id
    acknowledged: int  # everything up to here, by everyone


def find_former(folder: Path) -> Former | None:
    """The former journal in a folder; None where there is none, or none that can be used, which is told.

    Raises InUseError when an earlier agent has it open.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    Lock(folder / f"{NAME}.lock", f"journal {path}", "stop that collector first").release()
    try:
        return _looked_at(path)
    except JournalError as error:
        structlog.get_logger().error(
            "a journal of an earlier agent cannot be taken over; it was left as it is",
            alarm=True,
            file=str(path),
            reason=error.what,
        )
        return None


def begin_as(former: Former, folder: Path, note: HeadNote) -> None:
    """Have a journal that has not begun yet begin where the former one was acknowledged to."""
    if segments(folder) or note.read() is not None:
        return
    head = former.acknowledged
    with translated(folder):
        write_file(folder / IDENTITY, identity_text(former.journal))
    note.repair(
        Head(former.journal, head, 0, 0, (0, 0, 0), genesis(former.journal), forgotten=former.acknowledged)
    )


def take_over(former: Former, head: Head, marks: Mapping[str, int], append: TakeOver) -> None:
    """Append what the former journal has and this one has not, and put its files away."""
    mark, taken = f"{NAME} {former.journal}", 0
    after = max(former.acknowledged, marks.get(mark, 0))
    if head.journal == former.journal:
        after = max(after, head.sequence)
    for rows in _batches(former.path, after):
        taken += len(append([payload for *_, payload in rows], rows[0][1], {mark: rows[-1][0]}))
    _put_away(former.path)
    structlog.get_logger().info(
        "a journal of an earlier agent was taken over",
        records=taken,
        keeps_its_id=head.journal == former.journal,
        file=str(former.path.parent / IMPORTED / NAME),
    )


def _looked_at(path: Path) -> Former:
    with translated(path), closing(_connect(path)) as db:
        (application,), (version,) = (
            db.execute(f"PRAGMA {mark}").fetchone() for mark in ("application_id", "user_version")
        )
        if application != _APPLICATION_ID:
            raise JournalDamaged(f"{path} is no journal", "move it away")
        if version > _SCHEMA_VERSION:
            raise JournalDamaged(f"{path} was written by a newer agent", "install that version again")
        (sound,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise JournalDamaged(f"{path} is damaged: {sound}", "keep it for recovery")
        journal, forgotten = db.execute("SELECT id, forgotten_through FROM journal").fetchone()
        consumers = [name for (name,) in db.execute("SELECT name FROM consumers")]
    through = min((_position(path, name, journal) for name in consumers), default=0)
    return Former(path, journal, max(forgotten, through))


def _position(path: Path, consumer: str, journal: str) -> int:
    """How far a consumer had acknowledged: id, sequence and CRC of both, in one line. 0 if it is damaged."""
    with translated(path):
        line = read_file(path.with_name(f"{NAME}.{consumer}.position"))
    with suppress(ValueError):
        its_journal, through, _crc = line.split(b" ")
        said = its_journal + b" " + through
        if line == said + b" %08x.\n" % zlib.crc32(said) and its_journal == journal.encode():
            return int(through)
    return 0


def _batches(path: Path, after: int) -> Iterator[list[Row]]:
    """The records beyond `after` in order, so many at a time as were appended at one moment."""
    while rows := _rows(path, after):
        for _appended_at, several in groupby(rows, key=itemgetter(1)):
            yield [*several]
        after = rows[-1][0]


def _rows(path: Path, after: int) -> list[Row]:
    query = "SELECT sequence, appended_at, payload FROM records WHERE sequence > ? ORDER BY sequence LIMIT ?"
    with translated(path), closing(_connect(path)) as db:
        return db.execute(query, (after, _STEP_RECORDS)).fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that may finish what a killed agent had begun."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)


def _put_away(path: Path) -> None:
    """Move its files, the records last: as long as they are there, taking over is not done."""
    imported = path.parent / IMPORTED
    with translated(path):
        imported.mkdir(mode=FOLDER_MODE, exist_ok=True)
        for file in sorted(path.parent.glob(f"{NAME}*"), reverse=True):
            if file.name.endswith(".dead-letters"):
                _keep_letters(file)
            file.rename(_free_name(imported / file.name))
        sync_folder(imported)
        sync_folder(path.parent)


def _keep_letters(file: Path) -> None:
    """Its dead letters are read as before, unless there are others already."""
    kept = file.with_name(file.name.removeprefix(f"{NAME}."))
    if not kept.exists():
        write_file(kept, read_file(file))


def _free_name(path: Path) -> Path:
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free
