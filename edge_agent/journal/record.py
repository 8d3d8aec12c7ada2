"""What the journal gives back: records, and those set aside."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """Some bytes and their place in the journal."""

    sequence: int
    payload: bytes
    appended_at: float  # wall clock, seconds since 1970


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record its consumer could not use, kept with the reason."""

    consumer: str
    sequence: int
    payload: bytes
    appended_at: float  # wall clock, seconds since 1970
    reason: str
