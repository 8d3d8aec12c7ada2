"""Moments, as everything the agent tells writes them: UTC in RFC 3339, with a Z."""

from __future__ import annotations

from datetime import UTC, datetime


def written(moment: datetime, *, to: str = "seconds") -> str:
    """A moment, to the second or, with `to="milliseconds"`, to the millisecond; what is finer is dropped."""
    return moment.astimezone(UTC).isoformat(timespec=to).replace("+00:00", "Z")


def written_seconds(utc: float, *, to: str = "seconds") -> str:
    """A moment given in seconds since 1970."""
    return written(datetime.fromtimestamp(utc, UTC), to=to)
