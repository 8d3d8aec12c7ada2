"""Housekeeper: forgets what was acknowledged, and does the file's slow work beside the appends.

- Forgetting deletes, in bounded steps, what every registered consumer has acknowledged. A step
  takes its turn between commits and is not fsynced: a power cut may bring records back, which
  are known to be acknowledged and go again.
- Free pages are given back to the disk, except a few that the next hour will need.
- Checkpoints move the log into the file. They run beside the commits; only when that cannot
  catch up, because someone always commits meanwhile, does one take a turn.
- On a full disk everything unused is given back, the log's room too: nothing can be appended,
  so nothing waits for it, and what was kept to breathe with may be what is missing.

A thread does this every second. When it fails it says so once and tries again: nothing
depends on it but the size of the file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from edge_agent.errors import JournalError
from edge_agent.journal.group_commit import GroupCommit
from edge_agent.journal.storage import connect, free_bytes, transaction, translated

ROUND_SECONDS = 1.0

# Appends wait behind a chore: if someone else has the file, it is tried again next round.
BUSY_SECONDS = 0.05

# A step holds the file about a millisecond per 500 records; an append behind it does not notice.
STEP_RECORDS = 500
# 10,000 records a second: twice what IoT Core takes from one connection, in batches of 50.
STEPS_A_ROUND = 20

# Pages of 4 KiB. The file keeps 1 MiB to breathe with, and gives the rest back 1 MiB a turn.
KEEP_FREE_PAGES = 256
GIVE_BACK_PAGES = 256

# A page of the log moves once, however often it was written in between; at 200 appends a second
# ten seconds of log are some 20 MiB at most.
ROUNDS_A_CHECKPOINT = 10
# 16 MiB of 4 KiB pages: a log longer than this may cost a turn, because it would grow for ever.
LONGEST_LOG_PAGES = 4096


class Housekeeper:
    """Keeps one journal small. Used by the process that appends.

    Args:
        path: the journal.
        turns: the queue in which appends take their turns.
        minimum_free_bytes: at this the disk is full.
        acknowledged: what every consumer has acknowledged.
    """

    def __init__(
        self, path: Path, *, turns: GroupCommit, minimum_free_bytes: int, acknowledged: Callable[[], int]
    ) -> None:
        self._path = path
        self._minimum_free_bytes = minimum_free_bytes
        self._turns = turns
        self._acknowledged = acknowledged
        self._mutex = threading.Lock()  # one connection: its chores are done one after the other
        self._told: set[type[JournalError]] = set()
        self._rounds = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        with translated(path):
            self._db = connect(path, synchronous="NORMAL", busy_seconds=BUSY_SECONDS)

    def start(self) -> None:
        """Keep house every second, in a thread."""
        self._thread = threading.Thread(target=self._run, name=f"journal-housekeeper[{self._path.name}]")
        self._thread.start()

    def close(self) -> None:
        """Stop, and close the file."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._db.close()

    def forget(self) -> int:
        """Forget one step of what everyone acknowledged; how many records that was."""
        through = self._acknowledged()
        with self._mutex, translated(self._path):
            return self._turns.alone(lambda: self._forget(through))

    def give_back(self, *, keep_pages: int = KEEP_FREE_PAGES) -> bool:
        """Give one step of free pages back to the disk, but for a few; whether there were any."""
        with self._mutex, translated(self._path):
            (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
            pages = min(GIVE_BACK_PAGES, free - keep_pages)
            if pages > 0:
                self._turns.alone(lambda: self._give_back(pages))
        return bool(pages > 0)

    def checkpoint(self, *, longest_log_pages: int = 0) -> None:
        """Move the log into the file; take a turn for what is left only if the log is longer than this."""
        with self._mutex, translated(self._path):
            pages, moved = self._move_log()
            if moved < pages and pages > longest_log_pages:
                self._turns.alone(self._move_log)

    def make_room(self) -> None:
        """On a full disk, give back all that is not used."""
        with translated(self._path):
            if free_bytes(self._path.parent) > self._minimum_free_bytes:
                return
        _in_steps(partial(self.give_back, keep_pages=0))
        with self._mutex, translated(self._path):
            self._turns.alone(self._cut_log)

    def keep_house(self) -> None:
        """One round. On a full disk one chore may succeed, and make room, where another cannot."""
        self._rounds += 1
        chores: list[Callable[[], object]] = [
            partial(_in_steps, lambda: self.forget() == STEP_RECORDS),
            self.give_back,
            self.make_room,
        ]
        if self._rounds % ROUNDS_A_CHECKPOINT == 0:
            chores.append(partial(self.checkpoint, longest_log_pages=LONGEST_LOG_PAGES))
        troubles: set[type[JournalError]] = set()
        for chore in chores:
            try:
                chore()
            except JournalError as error:
                troubles.add(type(error))
                self._tell(error)
        self._told = troubles

    def _run(self) -> None:
        while not self._stopping.wait(ROUND_SECONDS):
            self.keep_house()

    def _tell(self, error: JournalError) -> None:
        """Say so once, not every second: a disk stays full for hours."""
        if type(error) not in self._told:
            self._told.add(type(error))
            structlog.get_logger().warning(
                "journal housekeeping failed; it tries again", reason=error.what, mend=error.mend
            )

    def _forget(self, acknowledged: int) -> int:
        (forgotten,) = self._db.execute("SELECT forgotten_through FROM journal").fetchone()
        through = min(acknowledged, forgotten + STEP_RECORDS)
        if through <= forgotten:
            return 0
        with transaction(self._db):
            self._db.execute("DELETE FROM records WHERE sequence <= ?", (through,))
            self._db.execute("UPDATE journal SET forgotten_through = ?", (through,))
        return int(through - forgotten)

    def _give_back(self, pages: int) -> None:
        # The pragma does a page a step. Only executescript steps to the end what returns no columns.
        self._db.executescript(f"PRAGMA incremental_vacuum({pages})")

    def _cut_log(self) -> None:
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _move_log(self) -> tuple[int, int]:
        """Pages in the log, and how many of them are in the file now."""
        _busy, pages, moved = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return pages, moved


def _in_steps(step: Callable[[], bool]) -> None:
    """Step while there is more to do, but not all at once: the rest can wait for the next round."""
    for _step in range(STEPS_A_ROUND):
        if not step():
            break
