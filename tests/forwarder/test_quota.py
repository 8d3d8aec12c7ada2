"""Quotas: no second sees more than the limit, wherever it begins."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.forwarder.quota import Keep, Quota, Unlimited
from edge_agent.forwarder.usage import Usage


def busiest(sent: list[tuple[float, int]]) -> tuple[int, int]:
    """The most publishes, and bytes, that any second saw."""
    most = (0, 0)
    for begin, _size in sent:
        second = [size for at, size in sent if begin <= at < begin + 1]
        most = max(most[0], len(second)), max(most[1], sum(second))
    return most


@given(
    sizes=st.lists(st.integers(1, 32 * 1024), min_size=1, max_size=250),
    idle=st.floats(0, 5),
)
def test_no_second_sees_more_than_the_quota(sizes: list[int], idle: float) -> None:
    quota, now, sent = Quota(), 100.0, []
    for number, size in enumerate(sizes):
        now += quota.wait(size, now) + (idle if number == len(sizes) // 2 else 0)
        quota.take(size, now)
        sent.append((now, size))

    publishes, size = busiest(sent)
    assert publishes <= 100
    assert size <= 512 * 1024


@pytest.mark.parametrize("publishes", [1, 2, 7, 100])
def test_nearly_all_of_a_quota_can_be_used(publishes: int) -> None:
    quota, now, count = Quota(publishes), 0.0, 0
    while now < 60:
        now += quota.wait(100, now)
        quota.take(100, now)
        count += 1

    assert 60 * publishes * 0.93 <= count <= 60 * publishes + publishes
    assert quota.publish_rate == pytest.approx(count / 60, rel=0.2)


def test_what_is_larger_than_a_burst_needs_all_of_it_and_is_paid_afterwards() -> None:
    quota = Quota()

    quota.take(128 * 1024, 0.0)

    assert quota.wait(1, 0.0) == pytest.approx(96 * 1024 / (480 * 1024), rel=0.01)
    assert quota.wait(128 * 1024, 0.0) == pytest.approx(128 * 1024 / (480 * 1024), rel=0.01)


def test_the_last_tokens_are_left_for_what_is_more_urgent() -> None:
    quota = Quota()
    for _publish in range(4):
        quota.take(10, 0.0)

    assert quota.wait(10, 0.0) == 0
    assert quota.wait(10, 0.0, Keep(publishes=0.2)) > 0
    assert not quota.is_plentiful(0.0)
    assert quota.is_plentiful(1.0)
    assert quota.largest(Keep(bytes=0.25)) == 24 * 1024


def test_a_clock_that_stands_still_gives_no_tokens() -> None:
    quota = Quota(publishes=1)
    quota.take(1, 5.0)

    assert quota.wait(1, 5.0) == quota.wait(1, 4.0) > 0


def test_without_a_quota_nothing_ever_waits() -> None:
    quota = Unlimited()
    for _publish in range(1000):
        quota.take(1 << 20, 0.0)

    assert quota.wait(1 << 20, 0.0) == 0
    assert quota.is_plentiful(0.0)
    assert quota.largest() == quota.publish_rate == float("inf")


def test_what_was_used_is_told_for_the_last_seconds() -> None:
    usage = Usage()
    assert usage.figures(0.0)["publishes_per_second"] == 0
    for at in accumulate([0.25] * 99, initial=7.0):
        usage.sent(1000, at)
    usage.throttled(2.0, 31.9)

    figures = usage.figures(32.2)

    assert figures == {"publishes_per_second": 4.0, "bytes_per_second": 4000, "throttled_share": 0.2}
