"""A journal as a gateway would send it, made without the agent: sealed, chained, identified."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_agent.chain import genesis, link, written
from edge_agent.verify import Span

JOURNAL = "fe11db6b6260453aa5c303bc1ff6f015"
SOURCE = "/sites/example/gateways/gateway-1"


def seal(kind: str, data: Mapping[str, Any], source: str = SOURCE) -> bytes:
    """A sealed event, as compact as the agent writes it."""
    event = {"specversion": "1.0", "type": kind, "source": source, "subject": "slot-1001", "data": data}
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Telling:
    """What a gateway sends of one journal. Sequences begin with 1."""

    journal: str = JOURNAL
    sealed: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.links = [genesis(self.journal)]

    def add(self, kind: str = "floor.slot.game_ended", /, **data: Any) -> int:
        """Journal an event; its sequence."""
        sequence = len(self.sealed) + 1
        self.sealed.append(seal(kind, data or {"game": sequence, "place": "Café №1"}))
        self.links.append(link(self.links[-1], sequence, self.sealed[-1]))
        return sequence

    def add_gap(self, gone: Collection[int], reason: str = "shed", delivery_class: str | None = "C") -> int:
        """Journal what is gone: as a range where it is one, else with a bitmap."""
        first, last = min(gone), max(gone)
        removed = "" if len(gone) == last - first + 1 else bitmap(gone)
        return self.add(
            "floor.agent.journal_gap",
            reason=reason,
            delivery_class=delivery_class,
            count=len(gone),
            first=first,
            last=last,
            removed=removed,
            why="budget",
        )

    def event(self, sequence: int, *, before: bool = False, sealed: bytes | None = None) -> bytes:
        """An event with its identity; with the link before it where that record is gone for good."""
        chain = b'"chain":"%s",' % written(self.links[sequence]).encode()
        if before:
            chain += b'"chainbefore":"%s",' % written(self.links[sequence - 1]).encode()
        content = self.sealed[sequence - 1] if sealed is None else sealed
        head = b'{"id":"%s/%d","sequence":"%020d",' % (self.journal.encode(), sequence, sequence)
        return head + chain + content[1:]

    def events(self, gone: Collection[int] = ()) -> list[bytes]:
        """All that are not gone."""
        return [
            self.event(sequence, before=sequence - 1 in gone)
            for sequence in range(1, len(self.sealed) + 1)
            if sequence not in gone
        ]


def telling(count: int, journal: str = JOURNAL) -> Telling:
    """A journal of so many games."""
    told = Telling(journal)
    for _ in range(count):
        told.add()
    return told


def bitmap(gone: Collection[int]) -> str:
    """What is gone, a bit each from the first on."""
    first, last = min(gone), max(gone)
    bits = "".join("01"[sequence in gone] for sequence in range(first, last + 1))
    whole = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return b64encode(zlib.compress(int(whole, 2).to_bytes(len(whole) // 8, "big"))).decode()


def altered(event: bytes) -> bytes:
    """The same event with one byte of its data changed."""
    at = event.rindex(b'"}') if event.endswith(b'"}}') else event.rindex(b"}}") - 1
    at = at - 1 if event.endswith(b'"}}') else at
    return event[:at] + (b"0" if event[at : at + 1] != b"0" else b"1") + event[at + 1 :]


def ranges(spans: Iterable[Span]) -> list[int]:
    """Every sequence of spans."""
    return [sequence for span in spans for sequence in range(span.first, span.last + 1)]
