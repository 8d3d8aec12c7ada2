"""Why the journal is not SQLite: what a damaged byte costs, and how long the slowest commits take.

    .venv/bin/python benchmarks/segments_or_sqlite.py --folder /var/lib/edge-agent

Both keep the same events in the same run on the same disk, a commit each. Then one bit is flipped in the
middle of what was written last, as `kill -9` left it: in SQLite's log, and in the newest segment. SQLite is
given its most durable settings, and once its own checkpoints, which the commits that meet them wait for.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from edge_agent.journal import Budget, Gap, open_journal
from edge_agent.journal.head import HeadNote
from edge_agent.journal.segment import segment_path

PAYLOAD = b"x" * 272
NO_RESERVE = Budget(minimum_free_bytes=0)


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary folder")
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--events", type=int, default=100, help="a commit, where time is measured")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(f"of {arguments.commits} events, one bit flipped in the middle of what was written last")
        print(f"  SQLite      {damaged_sqlite(Path(folder), arguments.commits):6} left, nothing said")
        left, said = damaged_segments(Path(folder), arguments.commits)
        print(f"  segments    {left:6} left, {said} said to be lost\n")
        print(f"{arguments.commits} commits of {arguments.events} events: ms")
        for name, took in commits(Path(folder), arguments.commits, arguments.events).items():
            print(f"  {name:<11} p50 {statistics.median(took.plain):7.2f}   {took.what}: p50 {took.p50()}")


def flip_in_the_middle(path: Path, size: int) -> None:
    """One bit of the first `size` bytes is another."""
    with path.open("r+b") as file:
        file.seek(size // 2)
        byte = file.read(1)
        file.seek(size // 2)
        file.write(bytes([byte[0] ^ 1]))


def damaged_sqlite(folder: Path, commits: int) -> int:
    """How many records are left."""
    path, killed = folder / "db", folder / "killed.db"
    with closing(connect(path)) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        for _commit in range(commits):
            db.execute("INSERT INTO records (payload) VALUES (?)", (PAYLOAD,))
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{killed}{suffix}")
    log = Path(f"{killed}-wal")
    flip_in_the_middle(log, log.stat().st_size)
    with closing(sqlite3.connect(killed)) as db:
        (left,) = db.execute("SELECT count(*) FROM records").fetchone()
    return int(left)


def damaged_segments(folder: Path, commits: int) -> tuple[int, int]:
    """How many records are left, and how many are said to be lost."""
    path, killed, said = folder / "journal", folder / "killed", list[int]()
    with open_journal(path, role="collect", budget=NO_RESERVE, housekeeping=False) as journal:
        for _commit in range(commits):
            journal.append([PAYLOAD])
        note = HeadNote(path)
        end = note.read()
        note.close()
        shutil.copytree(path, killed)
    assert end is not None

    def describe(gap: Gap) -> bytes:
        said.append(gap.count)
        return b"gap"

    flip_in_the_middle(segment_path(killed, end.segment), end.offset)
    with (
        structlog.testing.capture_logs(),
        open_journal(
            killed,
            role="collect",
            budget=NO_RESERVE,
            housekeeping=False,
            describe_gap=describe,
        ) as journal,
    ):
        return sum(record.payload == PAYLOAD for record in journal.records()), sum(said)


@dataclass
class Took:
    """Milliseconds of each commit; apart from them, of those that also had something else to do."""

    what: str
    plain: list[float] = field(default_factory=list)
    more: list[float] = field(default_factory=list)

    def p50(self) -> str:
        """Of those that had more to do."""
        return f"{statistics.median(self.more):.2f} of {len(self.more)}" if self.more else "none"


def commits(folder: Path, count: int, events: int) -> dict[str, Took]:
    """Each commit, by turns. What it did beside, a file tells: the machine's own noise is in all of them."""
    took = {
        "SQLite": Took("with a checkpoint"),
        "segments": Took("with a segment begun, or zeros written ahead"),
    }
    with (
        closing(connect(folder / "timed.db")) as db,
        open_journal(folder / "timed", role="collect", budget=NO_RESERVE) as journal,
    ):
        ways: dict[str, Callable[[], object]] = {
            "SQLite": lambda: insert(db, events),
            "segments": lambda: journal.append([PAYLOAD] * events),
        }
        signs: dict[str, Callable[[], object]] = {
            "SQLite": lambda: (folder / "timed.db").stat().st_mtime_ns,
            "segments": lambda: sum(file.stat().st_size for file in (folder / "timed").glob("*.seg")),
        }
        for _commit in range(count):
            for name, way in ways.items():
                before, began = signs[name](), time.perf_counter()
                way()
                milliseconds = (time.perf_counter() - began) * 1000
                (took[name].plain if signs[name]() == before else took[name].more).append(milliseconds)
    return took


def connect(path: Path) -> sqlite3.Connection:
    """A database that waits for the disk at each commit."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE records (sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
    return db


def insert(db: sqlite3.Connection, events: int) -> None:
    """One commit."""
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO records (payload) VALUES (?)", [(PAYLOAD,)] * events)
    db.execute("COMMIT")


if __name__ == "__main__":
    main()
