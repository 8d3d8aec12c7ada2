"""What a running role is asked from outside."""

from __future__ import annotations

import os
import signal

from edge_agent.agent.wishes import Wish, Wishes, asked_by_signals
from edge_agent.testing.patience import Stopwatch


def test_wishes_come_in_order() -> None:
    wishes = Wishes()
    wishes.read_again()
    wishes.read_again()

    assert [wishes.next(0) for _ in range(3)] == [Wish.READ_AGAIN, Wish.READ_AGAIN, None]


def test_a_wish_to_stop_comes_before_what_was_asked_earlier_and_stays() -> None:
    wishes = Wishes()
    wishes.read_again()
    wishes.stop()

    assert [wishes.next(0) for _ in range(3)] == [Wish.STOP] * 3


def test_waiting_for_a_stop_keeps_a_wish_to_read_again() -> None:
    wishes = Wishes()
    wishes.read_again()

    assert not wishes.stopped_within(0.01)
    assert wishes.next(0) is Wish.READ_AGAIN


def test_waiting_for_a_stop_ends_with_it() -> None:
    wishes = Wishes()
    wishes.stop()

    assert wishes.stopped_within(60)


def test_whoever_listens_is_told_until_they_no_longer_listen() -> None:
    wishes, told = Wishes(), []
    wishes.listen(lambda: told.append("told"))
    wishes.read_again()
    wishes.listen(None)
    wishes.stop()

    assert told == ["told"]


def test_signals_ask_and_their_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with asked_by_signals() as wishes:
        os.kill(os.getpid(), signal.SIGHUP)
        hung_up = wishes.next(5)
        os.kill(os.getpid(), signal.SIGTERM)
        terminated = wishes.next(5)

    assert (hung_up, terminated) == (Wish.READ_AGAIN, Wish.STOP)
    assert signal.getsignal(signal.SIGHUP) is before


def test_a_signal_may_come_while_one_waits() -> None:
    """A handler that took the lock of the one it interrupts would wait for ever."""
    with asked_by_signals() as wishes:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        ring = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGHUP))
        try:
            watch = Stopwatch()
            assert wishes.next(30) is Wish.READ_AGAIN
            assert watch.look() < 10
        finally:
            signal.signal(signal.SIGALRM, ring)
