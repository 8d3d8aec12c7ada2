"""Group commit: many threads append, one at a time commits for all who wait.

Whoever finds nobody at work leads: it commits its own payloads and those of everyone waiting.
While it waits for the disk others queue up, and when it is done the first of them leads. So 64
lines cost as many commits as the disk can do, not as many as there are events, and a lone
append pays for no hand-over between threads.

    append ── nobody leads ──▶ lead: take all who wait, write, tell them, hand over the lead
       └───── somebody leads ▶ wait ──┬── told: return or raise
                                      └── handed the lead: lead

Turns are taken in the order asked for, also by work that must be alone with the file.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from edge_agent.errors import JournalError

T = TypeVar("T")

# One commit stays short, whatever has piled up behind a slow disk: about 1 ms of CPU.
GROUP_RECORDS = 500
GROUP_BYTES = 1 << 20


class _Turn:
    """One thread's wish, and what became of it."""

    __slots__ = ("called", "error", "first", "leads", "payloads")

    def __init__(self, payloads: Sequence[bytes] | None) -> None:
        self.payloads = payloads  # None: work that is done alone
        self.leads = False
        self.first = 0
        self.error: BaseException | None = None
        self.called = threading.Lock()
        self.called.acquire()


class GroupCommit:
    """Turns at the file.

    Args:
        write: makes payloads durable, all or nothing, and returns the sequence of the first.
    """

    def __init__(self, write: Callable[[Sequence[bytes]], int]) -> None:
        self._write = write
        self._mutex = threading.Lock()
        self._waiting: deque[_Turn] = deque()
        self._led = False

    def append(self, payloads: Sequence[bytes]) -> range:
        """Make `payloads` durable, all or nothing; their sequences. Thread-safe."""
        turn = self._queue_up(payloads)
        if turn is None:
            first = self._write_and_hand_over(payloads)
        else:
            self._wait(turn)
            if turn.leads:
                self._lead(turn)
            elif turn.error is not None:
                raise _for_this_thread(turn.error) from turn.error
            first = turn.first
        return range(first, first + len(payloads))

    def alone(self, work: Callable[[], T]) -> T:
        """Do `work` while nobody commits."""
        turn = self._queue_up(None)
        if turn is not None:
            self._wait(turn)
        try:
            return work()
        finally:
            self._hand_over()

    def _queue_up(self, payloads: Sequence[bytes] | None) -> _Turn | None:
        """A place in the queue; None where nobody is at work, and so nobody waits: lead at once."""
        with self._mutex:
            if not self._led:
                self._led = True
                return None
            turn = _Turn(payloads)
            self._waiting.append(turn)
            return turn

    def _write_and_hand_over(self, payloads: Sequence[bytes]) -> int:
        try:
            return self._write(payloads)
        finally:
            self._hand_over()

    def _wait(self, turn: _Turn) -> None:
        """Return when `turn` leads, or was committed by the one who did."""
        try:
            turn.called.acquire()
        except BaseException:  # a signal's exception, e.g. Ctrl-C
            self._leave(turn)
            raise

    def _lead(self, turn: _Turn) -> None:
        group = [turn]
        try:
            self._let_join(group)
            first = self._write([payload for each in group for payload in each.payloads or ()])
            for each in group:
                each.first = first
                first += len(each.payloads or ())
        except BaseException as error:
            for each in group:
                each.error = error
            raise
        finally:
            self._hand_over()
            for each in group[1:]:
                each.called.release()

    def _let_join(self, group: list[_Turn]) -> None:
        """Those at the front of the queue who fit into one commit with its leader."""
        records, size = _measure(group[0])
        with self._mutex:
            while self._waiting and self._waiting[0].payloads is not None:
                more_records, more_size = _measure(self._waiting[0])
                records, size = records + more_records, size + more_size
                if records > GROUP_RECORDS or size > GROUP_BYTES:
                    break
                group.append(self._waiting.popleft())

    def _hand_over(self) -> None:
        with self._mutex:
            if not self._waiting:
                self._led = False
                return
            following = self._waiting.popleft()
            following.leads = True
        following.called.release()

    def _leave(self, turn: _Turn) -> None:
        """Nobody waits for `turn` any more: it must not be left to lead."""
        with self._mutex:
            if turn in self._waiting:
                self._waiting.remove(turn)
        if turn.leads:
            self._hand_over()


def _measure(turn: _Turn) -> tuple[int, int]:
    payloads = turn.payloads or ()
    return len(payloads), sum(map(len, payloads))


def _for_this_thread(error: BaseException) -> JournalError:
    """An exception belongs to the thread that raised it; each other gets its own."""
    if isinstance(error, JournalError):
        return type(error)(error.what, error.mend)
    return JournalError("an append was interrupted; nothing of it was kept", "append it again")
