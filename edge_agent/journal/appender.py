"""Appender: the only writer of records. What `append` returned for is on the disk.

Sequences rise by one from 1, for as long as the journal lives. A commit is one write and one fdatasync
into the newest segment; when that is full, another is begun. After an error nothing of the commit is
there: what may have reached the file is cut off again before anything else is written.

A disk that failed to sync may have dropped what it was given and say nothing of it the next time. So
what was there before is written to it once more, and what follows goes into another segment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.journal.commit import make_commit
from edge_agent.journal.disk import PAGE_BYTES, free_bytes, full, ours, sync_data, translated, write_all
from edge_agent.journal.frames import RECORD_LIMIT_BYTES
from edge_agent.journal.group_commit import GroupCommit
from edge_agent.journal.head import Head, HeadNote
from edge_agent.journal.segment import PREALLOCATED_BYTES, Header, make_segment, segment_path


@dataclass(frozen=True, slots=True)
class Limits:
    """What an appender keeps to."""

    segment_bytes: int
    minimum_free_bytes: int
    admit: Callable[[int], None] = lambda _size: None  # raises JournalFull if so many bytes are too many


@dataclass(slots=True)
class Tail:
    """Where appending goes on."""

    head: Head
    marks: dict[str, int] = field(default_factory=dict)
    begun: bool = False  # whether the newest segment is one to append to


class Appender:
    """Appends to one journal, for any number of threads.

    Args:
        folder: of the journal.
        tail: where to go on; found when opening.
        note: tells readers how far the durable part goes.
        limits: what to keep to.
        classify: the class of a payload.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        tail: Tail,
        *,
        note: HeadNote,
        limits: Limits,
        classify: Callable[[bytes], DeliveryClass],
        wall: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._head = tail.head
        self._marks = tail.marks
        self._note = note
        self._limits = limits
        self._classify = classify
        self._wall = wall
        self._fd = -1
        self._allocated = 0
        self._path, self._file = "", (0, 0)  # of the newest segment
        self._in_doubt = False  # whether the last write ended without our knowing how
        self._must_begin = False  # whether nothing more may be appended to this segment
        self._owes_note = False  # whether the head's note could not be written
        self.turns = GroupCommit(self._write)
        with translated(folder):
            if tail.begun:
                self._fd = self._opened(tail.head.segment, tail.head.offset)
            else:
                self._begin_segment()
        try:
            note.repair(self._head)
        except BaseException:
            os.close(self._fd)
            raise

    @property
    def head(self) -> Head:
        """The last record given out, and where it lies."""
        return self._head

    @property
    def marks(self) -> Mapping[str, int]:
        """How far consumers have derived."""
        return self._marks

    def append(self, payloads: Sequence[bytes]) -> range:
        """Make `payloads` durable, all or nothing; their sequences. Thread-safe."""
        self._check(payloads)
        if not payloads:
            return range(self._head.sequence + 1, self._head.sequence + 1)
        return self.turns.append(payloads)

    def derive(self, consumer: str, through: int, payloads: Sequence[bytes]) -> range:
        """Make `payloads` durable together with how far `consumer` has read for them."""
        self._check(payloads)
        first = self.turns.alone(lambda: self._write(payloads, marks={consumer: through}))
        return range(first, first + len(payloads))

    def declare(self, payloads: Sequence[bytes]) -> range:
        """As `append`, of what room is kept for: what says that records are gone, or that it is full."""
        self._check(payloads)
        first = self.turns.alone(lambda: self._write(payloads, needs_room=False))
        return range(first, first + len(payloads))

    def take_over(self, payloads: Sequence[bytes], appended_at: float, marks: Mapping[str, int]) -> range:
        """As `append`, of what was appended at that time to a journal before this one."""
        self._check(payloads)
        first = self.turns.alone(lambda: self._write(payloads, marks=marks, appended_at=appended_at))
        return range(first, first + len(payloads))

    def forgotten(self, through: int) -> None:
        """Everything up to `through` is acknowledged and about to be deleted. Durable on return."""

        def say() -> None:
            self._head = self._head._replace(forgotten=max(through, self._head.forgotten))
            self._note.write(self._head)
            self._note.sync()

        self.turns.alone(say)

    def say_again(self) -> None:
        """See to it that the head's note says where the head is: it may have been damaged, or deleted."""

        def say() -> None:
            if self._note.find_again() or self._owes_note or self._note.read() != self._head:
                self._note.repair(self._head)
                self._owes_note = False

        self.turns.alone(say)

    def begin_segment(self) -> None:
        """Seal the newest segment, unless it is empty, and begin another."""

        def begin() -> None:
            with translated(self._folder):
                self._check_open()
                if self._in_doubt:
                    self._settle()
                if self._head.sequence >= self._head.segment:
                    self._begin_segment()

        self.turns.alone(begin)

    def close(self) -> None:
        """Close once nobody commits. Repeating it changes nothing."""
        with translated(self._folder):
            self.turns.alone(self._close)

    def _check(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            if len(payload) > RECORD_LIMIT_BYTES:
                raise JournalError(f"a record is larger than {RECORD_LIMIT_BYTES} bytes", "split it")

    def _check_open(self) -> None:
        if self._fd < 0:
            raise JournalError(f"journal {self._folder} is closed", "open it again")

    def _write(
        self,
        payloads: Sequence[bytes],
        *,
        marks: Mapping[str, int] | None = None,
        appended_at: float | None = None,
        needs_room: bool = True,
    ) -> int:
        """One commit; its first sequence."""
        before = self._head
        try:
            self._check_file()
            if self._in_doubt:
                self._settle()
            now = self._wall() if appended_at is None else appended_at
            data, head = make_commit(before, payloads, self._classify, now, marks)
            if needs_room:
                self._check_room(len(data))
            if self._is_full_with(len(data)):
                self._begin_segment()
                begun = self._head
                head = head._replace(segment=begun.segment, offset=begun.offset + len(data))
            self._put(data)
        except OSError as error:
            raise ours(error, self._folder) from error
        self._head, self._in_doubt = head, False
        if marks:
            self._marks.update(marks)
        self._say()
        return before.sequence + 1

    def _say(self) -> None:
        """Tell readers. The commit is durable whether or not that succeeds, so it has not failed then."""
        try:
            self._note.write(self._head)
        except JournalError:
            self._owes_note = True

    def _put(self, data: bytes) -> None:
        """Make `data` durable behind the head, or leave nothing of it."""
        self._in_doubt = True
        try:
            if self._head.offset + len(data) > self._allocated:
                self._write_zeros(self._head.offset + len(data))
            write_all(self._fd, data, self._head.offset)
            self._sync()
        except BaseException:
            self._cut_off()
            raise

    def _write_zeros(self, offset: int) -> None:
        """Take room for the commits to come, unless that is of what is kept free."""
        zeros = min(PREALLOCATED_BYTES, max(0, self._limits.segment_bytes - offset))
        with suppress(OSError):  # if there is no room for them, there may still be for the commit
            if free_bytes(self._folder) - zeros >= self._limits.minimum_free_bytes:
                write_all(self._fd, bytes(zeros), offset)
                self._allocated = offset + zeros

    def _sync(self) -> None:
        try:
            sync_data(self._fd)
        except OSError:
            self._must_begin = True
            raise

    def _is_full_with(self, size: int) -> bool:
        if self._must_begin:
            return True
        has_records = self._head.sequence >= self._head.segment
        return has_records and self._head.offset + size > self._limits.segment_bytes

    def _settle(self) -> None:
        """See to it that nothing is left of a commit that failed."""
        os.ftruncate(self._fd, self._head.offset)
        self._allocated = self._head.offset
        begins = self._head.offset - self._head.offset % PAGE_BYTES
        shared = os.pread(self._fd, self._head.offset - begins, begins)
        write_all(self._fd, shared, begins)  # the page that also holds the end of what was there before
        sync_data(self._fd)
        self._in_doubt = False

    def _cut_off(self) -> None:
        """As `_settle`, as far as a failing disk lets us; if it does not, before the next commit."""
        try:
            self._settle()
        except OSError:
            self._in_doubt = True

    def _check_room(self, size: int) -> None:
        """Raise JournalFull if so much is not to be had. What goes into zeros takes none of the disk."""
        if self._head.offset + size > self._allocated:
            free = free_bytes(self._folder)
            if free - size < self._limits.minimum_free_bytes:
                raise full(self._folder, free)
        self._limits.admit(size)

    def _check_file(self) -> None:
        """Raise if it is closed or has no name: a file that was deleted could be written to for ever."""
        self._check_open()
        try:
            same = (
                self._must_begin  # the next has its name, perhaps
                or _identity(os.stat(self._path)) == self._file  # noqa: PTH116  each commit asks: no Path
            )
        except FileNotFoundError:
            same = False
        if not same:
            raise JournalError(
                f"journal {self._folder} was moved or replaced while it was open", "restart the collector"
            )

    def _begin_segment(self) -> None:
        head = self._head
        header = Header(
            head.journal, head.sequence + 1, self._wall(), head.chain, head.counts, dict(self._marks)
        )
        # From here on the file may have its name, and what it will hold must not go into the one before.
        self._must_begin = True
        size = make_segment(self._folder, header)
        fd = self._opened(header.first, size)
        with suppress(OSError):  # the zeros stay then
            self._close()
        self._fd, self._must_begin = fd, False
        self._head = head._replace(segment=header.first, offset=size)
        self._say()
        with suppress(JournalError):  # an older note is none that lies
            self._note.sync()

    def _opened(self, segment: int, offset: int) -> int:
        """The file of a segment that is appended to from an offset on."""
        path = segment_path(self._folder, segment)
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if status.st_size > offset:  # of a commit that was never finished, or zeros
                os.ftruncate(fd, offset)
            sync_data(fd)  # a run that was killed may have written what it had no time to sync
        except BaseException:
            os.close(fd)
            raise
        self._path, self._file, self._allocated = str(path), _identity(status), offset
        return fd

    def _close(self) -> None:
        """The zeros that were written ahead go back to the disk."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                os.ftruncate(fd, self._head.offset)
            finally:
                os.close(fd)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
