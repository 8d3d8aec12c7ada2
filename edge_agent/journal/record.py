"""What the journal takes and gives back: records, what is missing of them, and what it may take up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edge_agent.delivery import DeliveryClass

# Room for the rest of the system, for the segment that is being rewritten and for one that is begun.
MINIMUM_FREE_BYTES = 64 << 20


class Record(NamedTuple):
    """Some bytes, their place in the journal, and the link that chains them to what came before."""

    sequence: int
    payload: bytes
    appended_at: float  # wall clock, seconds since 1970
    delivery_class: DeliveryClass
    chain: bytes  # its link; see edge_agent.chain
    before: bytes | None = None  # the link before it, where the record before it is gone for good


@dataclass(frozen=True, slots=True)
class Slice:
    """What one read gave: of the classes asked for, everything there is beyond `after` up to `through`."""

    records: Sequence[Record]
    through: int
    passed: int  # entries of those classes: the records given, and what is gone in between


@dataclass(frozen=True, slots=True)
class Gap:
    """Records that are no longer there, and were not handed over."""

    reason: Literal["shed", "damage"]
    delivery_class: DeliveryClass | None  # None: damage does not tell
    count: int
    first: int
    last: int
    removed: bytes = b""  # a bit a sequence from `first` on, highest first, 1: gone; empty: all of them
    why: str = ""
    name: str = ""  # the same when it is told again, by whoever takes over from one that was killed


@dataclass(frozen=True, slots=True)
class Budget:
    """What a journal may take up. Beyond it C goes first, then B is thinned, and A never."""

    size_bytes: int | None = None  # of all its files; None: what the disk has
    minimum_free_bytes: int = MINIMUM_FREE_BYTES
    age_seconds: float | None = None  # C and B that waits longer may go; None: any age


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record its consumer could not use, kept with the reason."""

    consumer: str
    sequence: int
    payload: bytes
    appended_at: float  # wall clock, seconds since 1970
    reason: str
