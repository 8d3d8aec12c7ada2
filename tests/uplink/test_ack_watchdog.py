"""How long a receipt may take, in virtual time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.uplink.ack_watchdog import AckWatchdog


def test_nothing_is_due_while_nothing_is_awaited() -> None:
    watchdog = AckWatchdog(8.0)

    watchdog.sent("a", now=1.0)
    watchdog.settled("a", now=2.0)

    assert watchdog.due() is None
    assert not watchdog.hung(now=1000.0)


def test_a_publish_without_a_receipt_is_noticed_at_the_limit() -> None:
    watchdog = AckWatchdog(8.0)
    watchdog.sent("a", now=1.0)

    assert watchdog.due() == 9.0
    assert [watchdog.hung(now) for now in (8.9, 9.0)] == [False, True]


def test_what_waits_behind_others_counts_from_their_receipts() -> None:
    """A slow line carries one after the other."""
    watchdog = AckWatchdog(8.0)
    for publish in "abc":
        watchdog.sent(publish, now=0.0)

    watchdog.settled("a", now=7.0)
    watchdog.settled("b", now=14.0)

    assert watchdog.due() == 22.0


def test_one_hung_publish_is_noticed_though_those_after_it_are_answered() -> None:
    watchdog = AckWatchdog(8.0)
    watchdog.sent("hung", now=0.0)
    for moment in range(1, 8):
        watchdog.sent(moment, now=float(moment))
        watchdog.settled(moment, now=moment + 0.1)

    assert watchdog.hung(now=8.0)


def test_a_receipt_for_what_nobody_awaits_changes_nothing() -> None:
    watchdog = AckWatchdog(8.0)
    watchdog.settled("never sent", now=0.0)
    watchdog.sent("a", now=1.0)
    watchdog.settled("never sent", now=5.0)

    assert watchdog.due() == 9.0


@given(st.lists(st.tuples(st.floats(0.0, 7.9), st.integers(0, 4)), max_size=60))
def test_a_line_that_answers_in_order_within_the_limit_is_never_hung(steps: list[tuple[float, int]]) -> None:
    watchdog, now, waiting = AckWatchdog(8.0), 0.0, []
    for number, (seconds, more) in enumerate(steps):
        waiting += [(number, one) for one in range(more)]
        for publish in waiting[len(waiting) - more :]:
            watchdog.sent(publish, now)
        now += seconds
        assert not watchdog.hung(now)
        if waiting:
            watchdog.settled(waiting.pop(0), now)
