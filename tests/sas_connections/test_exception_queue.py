"""The exception queue: first in, first out, with flags before it and a ledger beside it."""

from __future__ import annotations

import pytest

from edge_agent.sas.exception_queue import (
    CAPACITY,
    DUTIES,
    HISTORY_LIMIT,
    PRIORITY_ORDER,
    Delivered,
    DroppedByOverflow,
    ExceptionQueue,
    Pending,
    Raised,
)
from edge_agent.sas.messages import LongPollRequest


def hear(queue: ExceptionQueue, now: float = 0.0) -> int | None:
    """Hear what is next, and acknowledge it."""
    head = queue.head(now)
    if head is None:
        return None
    queue.delivered(head, now)
    return head.code


def all_of(queue: ExceptionQueue) -> list[int]:
    return [code for code in iter(lambda: hear(queue), None) if code is not None]


def test_exceptions_are_told_in_the_order_they_were_raised() -> None:
    queue = ExceptionQueue()
    for code in (0x11, 0x12, 0x11):
        queue.raise_exception(code, 0.0, {})

    assert all_of(queue) == [0x11, 0x12, 0x11]
    assert len(queue) == 0


def test_when_it_is_full_the_oldest_is_dropped_and_an_overflow_is_told() -> None:
    queue = ExceptionQueue()
    serials = [queue.raise_exception(0x11, 0.0, {}) for _ in range(CAPACITY)]
    queue.history()

    last = queue.raise_exception(0x12, 1.0, {})
    queue.raise_exception(0x12, 2.0, {})

    assert queue.history() == [
        DroppedByOverflow(serials[0], 0x11, 1.0),
        Raised(last - 1, 0x70, {}, 1.0),
        Raised(last, 0x12, {}, 1.0),
        DroppedByOverflow(serials[1], 0x11, 2.0),
        Raised(last + 1, 0x12, {}, 2.0),
    ]
    assert all_of(queue) == [0x70, *[0x11] * (CAPACITY - 2), 0x12, 0x12]


def test_what_is_being_told_is_not_dropped() -> None:
    queue = ExceptionQueue(capacity=2)
    queue.raise_exception(0x11, 0.0, {})
    queue.raise_exception(0x12, 0.0, {})
    told = queue.head(0.0)

    queue.raise_exception(0x13, 0.0, {}, told=told)

    assert [pending.code for pending in queue] == [0x70, 0x11, 0x13]


def test_flags_come_first_in_the_order_of_the_text() -> None:
    queue = ExceptionQueue(secure_validation=True, secure_handpays=True)
    queue.raise_exception(0x11, 0.0, {})
    for code in reversed(PRIORITY_ORDER):
        queue.raise_exception(code, 0.0, {})

    assert all_of(queue) == [*PRIORITY_ORDER, 0x11]


def test_flags_count_among_what_waits() -> None:
    queue = ExceptionQueue()
    for code in (0x11, 0x12, 0x57, 0x68, 0x57):
        queue.raise_exception(code, 0.0, {})

    assert len(queue) == 4


@pytest.mark.parametrize("code", [0x3D, 0x3E, 0x51, 0x52])
def test_tickets_and_handpays_are_queued_unless_they_are_reported_securely(code: int) -> None:
    queue = ExceptionQueue()
    queue.raise_exception(0x11, 0.0, {})
    queue.raise_exception(code, 0.0, {})

    assert all_of(queue) == [0x11, code]


@pytest.mark.parametrize("code", sorted(DUTIES))
def test_a_flag_with_a_duty_is_told_again_until_the_duty_is_done(code: int) -> None:
    duty = DUTIES[code]
    queue = ExceptionQueue(secure_validation=True, secure_handpays=True)
    first = queue.raise_exception(code, 0.0, {"some": "data"})
    assert hear(queue, 1.0) == code

    assert hear(queue, 1.0 + duty.period - 0.01) is None
    assert hear(queue, 1.0 + duty.period) == code

    again = [event for event in queue.history() if isinstance(event, Raised)]
    assert again[1] == Raised(first + 1, code, {"some": "data"}, 1.0 + duty.period, reissued=True)
    for command in duty.commands:
        queue.polled(LongPollRequest(1, command, duty.saying), acknowledged=not duty.when_acknowledged)
    assert hear(queue, 100.0) == code
    for command in duty.commands:
        queue.polled(LongPollRequest(1, command, duty.saying), acknowledged=duty.when_acknowledged)
    if not duty.commands:
        queue.settle(code)
    assert hear(queue, 200.0) is None


@pytest.mark.parametrize(
    ("code", "command", "other_form"),
    [
        (0x68, 0x71, {"transfer_code": 0x00}),
        (0x69, 0x72, {"transfer_code": 0xFE}),
        (0x3D, 0x4D, {"function": 0xFF}),
        (0x3E, 0x4D, {"function": 0x01}),
        (0xA0, 0xB6, {"host_status": 0x00}),
        (0x3F, 0x4C, {"machine_id": 0, "sequence": 0}),
    ],
)
def test_another_form_of_the_poll_leaves_the_duty_undone(
    code: int, command: int, other_form: dict[str, int]
) -> None:
    queue = ExceptionQueue(secure_validation=True)
    queue.raise_exception(code, 0.0, {})
    assert hear(queue, 0.0) == code

    for acknowledged in (False, True):
        queue.polled(LongPollRequest(1, command, other_form), acknowledged=acknowledged)

    assert hear(queue, 100.0) == code


def test_a_flag_that_was_not_heard_yet_is_told_once_though_its_duty_is_done() -> None:
    queue = ExceptionQueue()
    queue.raise_exception(0x6F, 0.0, {})

    queue.settle(0x6F)

    assert hear(queue) == 0x6F
    assert hear(queue, 100.0) is None


def test_a_flag_raised_again_after_its_duty_was_done_has_a_duty_again() -> None:
    queue = ExceptionQueue()
    queue.raise_exception(0x6F, 0.0, {})
    queue.settle(0x6F)

    queue.raise_exception(0x6F, 0.0, {})

    assert [hear(queue), hear(queue, 100.0)] == [0x6F, 0x6F]


def test_a_flag_raised_twice_before_it_is_heard_is_one_exception() -> None:
    queue = ExceptionQueue()

    first, second = (queue.raise_exception(0x56, 0.0, {}) for _ in range(2))

    assert first == second
    assert all_of(queue) == [0x56]
    assert queue.history() == [Raised(first, 0x56, {}, 0.0), Delivered(first, 0.0)]


def test_a_flag_taken_down_while_it_was_told_stays_down() -> None:
    queue = ExceptionQueue()
    flag = Pending(0x6F, {}, serial=1, is_flag=True)

    queue.delivered(flag, 0.0)

    assert queue.head(100.0) is None


def test_what_needs_no_duty_is_not_touched_by_polls() -> None:
    queue = ExceptionQueue()
    queue.raise_exception(0x56, 0.0, {})

    queue.polled(LongPollRequest(1, 0x84), acknowledged=True)
    queue.settle(0x3F)

    assert hear(queue) == 0x56


def test_an_unlisted_code_is_queued_like_any_other() -> None:
    queue = ExceptionQueue()
    queue.raise_exception(0x7D, 0.0, {})

    assert all_of(queue) == [0x7D]


def test_a_history_that_nobody_takes_is_forgotten_from_the_old_end() -> None:
    queue = ExceptionQueue()
    for _ in range(HISTORY_LIMIT):
        last = queue.raise_exception(0x11, 0.0, {})

    history = queue.history()

    assert len(history) == HISTORY_LIMIT
    assert history[-1] == Raised(last, 0x11, {}, 0.0)
