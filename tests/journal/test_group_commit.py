"""Many threads, one commit: who leads, who joins, and what each is told."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType

import pytest

from edge_agent.errors import JournalError, JournalFull
from edge_agent.journal import group_commit
from edge_agent.journal.group_commit import GroupCommit, _Turn
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until


class SlowDisk:
    """Writes nothing until told; remembers what was committed together."""

    def __init__(self) -> None:
        self.commits: list[list[bytes]] = []
        self.busy = threading.Semaphore(0)  # a write has begun
        self.done = threading.Semaphore(0)  # a write may end
        self.error: BaseException | None = None

    def write(self, payloads: Sequence[bytes]) -> int:
        self.busy.release()
        assert self.done.acquire(timeout=PATIENCE_SECONDS)
        if self.error is not None:
            raise self.error
        first = 1 + sum(len(commit) for commit in self.commits)
        self.commits.append(list(payloads))
        return first


class Floor:
    """Threads that append to a slow disk."""

    def __init__(self) -> None:
        self.disk = SlowDisk()
        self.turns = GroupCommit(self.disk.write)
        self.threads = ThreadPoolExecutor()

    def append(self, *payloads: bytes) -> Future[range]:
        """Have a thread append, and return when the disk is at it or it waits."""
        return self.ask(lambda: self.turns.append(payloads))

    def ask(self, work: Callable[[], range]) -> Future[range]:
        idle, waiting = not self.turns._led, len(self.turns._waiting)
        asked = self.threads.submit(work)
        if idle:
            assert self.disk.busy.acquire(timeout=PATIENCE_SECONDS)
        else:
            wait_until(lambda: len(self.turns._waiting) > waiting)
        return asked

    def finish_commit(self) -> None:
        self.disk.done.release()

    def finish_and_begin_the_next(self) -> None:
        self.finish_commit()
        assert self.disk.busy.acquire(timeout=PATIENCE_SECONDS)


@pytest.fixture
def floor() -> Iterator[Floor]:
    floor = Floor()
    yield floor
    floor.threads.shutdown()


class Interrupted(BaseException):
    """What a signal handler raises, as Ctrl-C does."""


@contextmanager
def interrupted_when(condition: Callable[[], bool]) -> Iterator[None]:
    """Interrupt the main thread once the condition holds."""

    def raise_it(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    def interrupt() -> None:
        wait_until(condition)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, raise_it)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(Interrupted):
            yield
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_lone_append_is_a_commit(floor: Floor) -> None:
    appended = floor.append(b"a", b"b")
    floor.finish_commit()

    assert appended.result() == range(1, 3)
    assert floor.disk.commits == [[b"a", b"b"]]


def test_those_who_come_during_a_commit_share_the_next(floor: Floor) -> None:
    first = floor.append(b"a")
    others = [floor.append(b"b"), floor.append(b"c", b"d"), floor.append(b"e")]

    floor.finish_and_begin_the_next()
    floor.finish_commit()

    assert [first.result(), *(other.result() for other in others)] == [
        range(1, 2),
        range(2, 3),
        range(3, 5),
        range(5, 6),
    ]
    assert floor.disk.commits == [[b"a"], [b"b", b"c", b"d", b"e"]]


@pytest.mark.parametrize(("limit", "value"), [("GROUP_RECORDS", 2), ("GROUP_BYTES", 20)])
def test_a_commit_stays_short(floor: Floor, limit: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, limit, value)
    first = floor.append(b"123456789a")
    others = [floor.append(b"123456789b"), floor.append(b"123456789c"), floor.append(b"123456789d")]

    floor.finish_and_begin_the_next()
    floor.finish_and_begin_the_next()
    floor.finish_commit()

    assert [first.result(), *(other.result() for other in others)] == [range(n, n + 1) for n in range(1, 5)]
    assert [len(commit) for commit in floor.disk.commits] == [1, 2, 1]


def test_a_commit_that_fails_fails_for_all_who_joined_it(floor: Floor) -> None:
    first = floor.append(b"a")
    others = [floor.append(b"b"), floor.append(b"c")]
    floor.finish_and_begin_the_next()
    floor.disk.error = JournalFull("the disk is full", "free some space")
    floor.finish_commit()

    raised = [other.exception() for other in others]

    assert first.result() == range(1, 2)
    assert [(type(error), str(error)) for error in raised] == [
        (JournalFull, "the disk is full — free some space")
    ] * 2
    assert raised[0] is not raised[1], "a traceback belongs to one thread"


def test_after_a_failure_the_next_append_may_succeed(floor: Floor) -> None:
    floor.disk.error = JournalFull("the disk is full")
    failed = floor.append(b"a")
    floor.finish_commit()
    assert isinstance(failed.exception(), JournalFull)
    floor.disk.error = None

    appended = floor.append(b"b")
    floor.finish_commit()

    assert appended.result() == range(1, 2)


def test_a_leader_that_is_interrupted_tells_the_others(floor: Floor) -> None:
    first = floor.append(b"a")
    others = [floor.append(b"b"), floor.append(b"c")]
    floor.finish_and_begin_the_next()
    floor.disk.error = Interrupted()
    floor.finish_commit()

    assert first.result() == range(1, 2)
    assert isinstance(others[0].exception(), Interrupted)
    assert isinstance(others[1].exception(), JournalError)
    assert "interrupted; nothing of it was kept" in str(others[1].exception())


def test_work_that_must_be_alone_takes_its_turn(floor: Floor) -> None:
    seen: list[list[bytes]] = []

    def look() -> range:
        seen.extend(floor.disk.commits)
        return range(0)

    first = floor.append(b"a")
    second = floor.append(b"b")
    alone = floor.ask(lambda: floor.turns.alone(look))
    third = floor.append(b"c")

    floor.finish_and_begin_the_next()
    floor.finish_and_begin_the_next()
    floor.finish_commit()

    assert [first.result(), second.result(), third.result()] == [range(1, 2), range(2, 3), range(3, 4)]
    assert alone.result() == range(0)
    assert seen == [[b"a"], [b"b"]], "after those asked before it, before those asked after it"


def test_work_that_fails_alone_hands_over(floor: Floor) -> None:
    def fail() -> range:
        raise JournalError("no")

    with pytest.raises(JournalError, match="no"):
        floor.turns.alone(fail)

    appended = floor.append(b"a")
    floor.finish_commit()
    assert appended.result() == range(1, 2)


def test_who_is_interrupted_while_waiting_appends_nothing(floor: Floor) -> None:
    first = floor.append(b"a")

    with interrupted_when(lambda: len(floor.turns._waiting) == 1):
        floor.turns.append([b"never"])
    floor.finish_commit()
    after = first.result(), floor.append(b"b")
    floor.finish_commit()

    assert after[1].result() == range(2, 3)
    assert floor.disk.commits == [[b"a"], [b"b"]]


def test_who_is_interrupted_while_another_commits_for_it_stops_nobody(floor: Floor) -> None:
    first = floor.append(b"a")
    second = floor.append(b"b")

    def begin_the_next() -> bool:
        wait_until(lambda: len(floor.turns._waiting) == 2)
        floor.finish_and_begin_the_next()
        return True

    with interrupted_when(begin_the_next):
        floor.turns.append([b"perhaps"])
    floor.finish_commit()

    assert [first.result(), second.result()] == [range(1, 2), range(2, 3)]
    assert floor.disk.commits == [[b"a"], [b"b", b"perhaps"]]


def test_who_is_interrupted_when_handed_the_lead_hands_it_on(floor: Floor) -> None:
    floor.turns._led = True
    leaving = _Turn([b"never"])
    leaving.leads = True

    floor.turns._leave(leaving)

    appended = floor.append(b"a")
    floor.finish_commit()
    assert appended.result() == range(1, 2)


def test_sixty_four_threads_lose_nothing_and_share_commits() -> None:
    commits: list[int] = []

    def write(payloads: Sequence[bytes]) -> int:
        first = 1 + sum(commits)
        time.sleep(0.002)  # a disk
        commits.append(len(payloads))
        return first

    turns = GroupCommit(write)
    with ThreadPoolExecutor(64) as threads:
        ranges = list(threads.map(lambda size: turns.append([b"x"] * size), [1, 2, 3] * 200))

    assert sorted(sequence for each in ranges for sequence in each) == list(range(1, 1201))
    assert len(commits) < 300
