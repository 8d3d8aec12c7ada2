"""Moments: written in UTC, and never rounded up into a time that has not come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from edge_agent.events.moments import written, written_seconds


@pytest.mark.parametrize(
    ("to", "text"), [("seconds", "2025-06-11T08:15:23Z"), ("milliseconds", "2025-06-11T08:15:23.999Z")]
)
def test_a_moment_is_written_in_utc_and_what_is_finer_is_dropped(to: str, text: str) -> None:
    elsewhere = timezone(timedelta(hours=2))

    assert written(datetime(2025, 6, 11, 8, 15, 23, 999_999, tzinfo=UTC), to=to) == text
    assert written(datetime(2025, 6, 11, 10, 15, 23, 999_999, tzinfo=elsewhere), to=to) == text


def test_seconds_since_1970_are_written_the_same_way() -> None:
    assert written_seconds(1_749_629_723.999) == "2025-06-11T08:15:23Z"
