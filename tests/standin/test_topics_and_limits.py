"""Topics, filters and quotas at their edges."""

from __future__ import annotations

import pytest

from edge_agent.standin.limits import TokenBucket, keep_alive
from edge_agent.standin.topics import matches, valid_filter, valid_topic


@pytest.mark.parametrize(
    ("topic", "valid"),
    [
        ("a", True),
        ("", False),
        ("a/b/c/d/e/f/g/h", True),
        ("a/b/c/d/e/f/g/h/i", False),
        ("$aws/rules/floor/a/b/c/d/e/f/g/h", True),
        ("$aws/rules/floor/a/b/c/d/e/f/g/h/i", False),
        ("$aws/rules/", True),
        ("a/+", False),
        ("a/#", False),
        ("x" * 256, True),
        ("x" * 257, False),
        ("é" * 128, True),
        ("é" * 129, False),
    ],
)
def test_topics(topic: str, *, valid: bool) -> None:
    assert valid_topic(topic) is valid


@pytest.mark.parametrize(
    ("topic_filter", "valid"),
    [
        ("#", True),
        ("+", True),
        ("a/+/b/#", True),
        ("", False),
        ("a/#/b", False),
        ("a#", False),
        ("a/b+", False),
        ("+/+/+/+/+/+/+/+", True),
        ("+/+/+/+/+/+/+/+/+", False),
        ("x" * 257, False),
    ],
)
def test_filters(topic_filter: str, *, valid: bool) -> None:
    assert valid_filter(topic_filter) is valid


@pytest.mark.parametrize(
    ("topic_filter", "topic", "match"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a/", True),
        ("+/b", "a/b", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a", False),  # IoT Core, unlike the standard
        ("#", "a/b", True),
        ("#", "$aws/a", False),
        ("+/a", "$aws/a", False),
        ("$aws/#", "$aws/a", True),
    ],
)
def test_filters_match_as_at_iot_core(topic_filter: str, topic: str, *, match: bool) -> None:
    assert matches(topic_filter, topic) is match


@pytest.mark.parametrize(
    ("asked", "given"), [(0, 1200), (1, 30), (30, 30), (45, 45), (1200, 1200), (65535, 1200)]
)
def test_keep_alive_is_settled_between_its_bounds(asked: int, given: int) -> None:
    assert keep_alive(asked) == given


def test_a_bucket_allows_a_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(per_second=100, capacity=110)

    taken = sum(bucket.take(now=10.0) for _ in range(200))
    later = sum(bucket.take(now=10.5) for _ in range(200))

    assert (taken, later) == (110, 50)


def test_a_bucket_never_holds_more_than_its_capacity() -> None:
    bucket = TokenBucket(per_second=100, capacity=110)
    bucket.take(now=0.0)

    assert sum(bucket.take(now=3600.0) for _ in range(200)) == 110


def test_what_is_owed_says_when_it_is_paid() -> None:
    bucket = TokenBucket(per_second=1000, capacity=1000)

    waits = [bucket.owe(5.0, 800), bucket.owe(5.0, 800), bucket.owe(5.5, 0)]

    assert waits == pytest.approx([0.0, 0.6, 0.1])


def test_time_that_stands_still_gives_nothing() -> None:
    bucket = TokenBucket(per_second=1000, capacity=1)

    assert [bucket.take(5.0), bucket.take(5.0), bucket.take(4.0)] == [True, False, False]
