"""Canaries: when they are sent, and what their answers mean, in virtual time."""

from __future__ import annotations

import pytest

from edge_agent.errors import RemoteProtocolError
from edge_agent.uplink.canary import Canaries, read_answer

HOUR = 3600.0


def out(canary: str = "J/canary/1", *, now: float = 100.0) -> Canaries:
    """Canaries of which one is out."""
    canaries = Canaries(HOUR)
    canaries.release(canary, now)
    return canaries


def test_the_first_is_due_at_once_and_the_next_an_hour_after_it_was_sent() -> None:
    canaries = Canaries(HOUR)
    first = canaries.due(now=100.0)

    canaries.release("J/canary/1", now=100.0)
    canaries.hear("J/canary/1", now=103.0)

    assert first
    assert canaries.answer_seconds == 3.0
    assert [canaries.due(now) for now in (3699.9, 3700.0)] == [False, True]


def test_one_is_out_at_a_time() -> None:
    assert not out().due(now=1e9)


def test_no_answer_within_a_minute_is_an_alarm_once() -> None:
    canaries = out(now=100.0)

    assert [canaries.overdue(now) for now in (160.0, 160.1)] == [False, True]
    assert canaries.miss(now=160.1)
    assert (canaries.alarm, canaries.missed) == (True, 1)
    canaries.release("J/canary/2", now=460.1)
    assert not canaries.miss(now=521.0)
    assert canaries.missed == 2


def test_while_the_alarm_is_on_another_is_sent_sooner() -> None:
    canaries = out(now=100.0)

    canaries.miss(now=160.1)

    assert [canaries.due(now) for now in (460.0, 460.2)] == [False, True]


def test_an_answer_ends_the_alarm_though_it_is_late() -> None:
    canaries = out(now=100.0)
    canaries.miss(now=160.1)

    assert canaries.hear("J/canary/1", now=200.0)
    assert (canaries.alarm, canaries.answered) == (False, 1)


def test_an_answer_that_ends_no_alarm_is_no_news() -> None:
    assert not out().hear("J/canary/1", now=101.0)


@pytest.mark.parametrize("canary", ["J/canary/0", ""])
def test_an_answer_to_another_is_counted_and_changes_nothing(canary: str) -> None:
    """An answer may come twice, or be about a canary of a process before this one."""
    canaries = out()

    canaries.hear(canary, now=101.0)

    assert (canaries.foreign, canaries.answered) == (1, 0)
    assert canaries.overdue(now=200.0)


def test_a_second_answer_to_the_same_one_changes_nothing() -> None:
    canaries = out()
    canaries.hear("J/canary/1", now=101.0)

    assert not canaries.hear("J/canary/1", now=102.0)
    assert (canaries.foreign, canaries.answered) == (1, 1)


def test_one_that_could_not_be_sent_is_no_alarm_and_followed_by_another() -> None:
    canaries = out(now=100.0)

    canaries.failed(now=101.0)

    assert not canaries.overdue(now=1000.0)
    assert [canaries.due(now) for now in (160.9, 161.0)] == [False, True]
    assert not canaries.alarm


def test_an_answer_names_the_canary() -> None:
    assert read_answer(b'{"id": "J/canary/1", "more": 1}') == "J/canary/1"


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b'{"id": 1}', b'{"id": ""}', b"{}", b"\xff", b"[" * 1000, b'{"id": "' + b"x" * 1024 + b'"}'],
)
def test_what_names_none_is_refused(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="an answer to a canary"):
        read_answer(payload)
