"""Declared losses: what the gateway itself says it gave up or lost, and so never sends.

A `floor.agent.journal_gap` names the sequences from `first` to `last` that are gone: all of them, or
those whose bit is set in `removed`, a bitmap that begins at `first` with the highest bit of its
first byte, compressed with zlib, in base64.
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.verify.spans import Span

# 16,777,216 sequences: many times what a segment of a journal holds, and little memory.
MAX_BITMAP_BYTES = 2 * 1024 * 1024

_GONE = re.compile("1+")


@dataclass(frozen=True, slots=True)
class Gap:
    """What one gap record says. `told_by` is its own sequence; `reason` is shed or damage."""

    told_by: int
    reason: str
    delivery_class: str  # empty where it is not known
    count: int
    first: int
    last: int
    removed: str
    why: str
    name: str = ""  # empty where agents told none yet

    @property
    def identity(self) -> tuple[object, ...]:
        """The same for a gap that was told again: by a gateway that was killed before it had let go."""
        if self.name:
            return (self.name,)
        return self.reason, self.delivery_class, self.count, self.first, self.last, self.removed

    def spans(self) -> Iterator[Span]:
        """The sequences that are gone."""
        if not self.removed:
            yield Span(self.first, self.last)
            return
        bits = _bits(self.removed)[: self.last - self.first + 1]
        for run in _GONE.finditer(bits):
            yield Span(self.first + run.start(), self.first + run.end() - 1)

    def total(self) -> int:
        """How many sequences it names."""
        return sum(map(len, self.spans()))


def read_gap(told_by: int, data: object) -> Gap:
    """What a gap record says. Raises ValueError if it makes no sense."""
    if not isinstance(data, Mapping):
        raise ValueError("it says nothing")  # noqa: TRY004  one kind of error for whatever is wrong with it
    first, last, count = (_whole(data, name) for name in ("first", "last", "count"))
    if not 1 <= first <= last:
        raise ValueError("its first and last are no range")
    text = {name: str(data.get(name) or "") for name in ("reason", "delivery_class", "removed", "why")}
    name = str(data.get("gap") or "")
    gap = Gap(told_by=told_by, count=count, first=first, last=last, name=name, **text)
    gap.total()  # whatever is wrong with the bitmap shows now
    return gap


def _whole(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"its {name} is no whole number")  # noqa: TRY004  as above
    return value


def _bits(removed: str) -> str:
    """A bitmap as zeros and ones."""
    unpacker = zlib.decompressobj()
    try:
        bitmap = unpacker.decompress(b64decode(removed, validate=True), MAX_BITMAP_BYTES)
    except zlib.error as error:
        raise ValueError("its bitmap cannot be unpacked") from error
    if not unpacker.eof:
        raise ValueError("its bitmap is cut off, or larger than any journal's")
    return f"{int.from_bytes(bitmap, 'big'):0{len(bitmap) * 8}b}" if bitmap else ""
