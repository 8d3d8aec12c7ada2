"""The evidence of a trial: what the devices wrote down, and what the stand-in received.

Both are read as files when the processes that wrote them have ended, so neither can be asked
to say what suits.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.events import read_batch
from edge_agent.standin.ledger import Entry, read_ledger

# A bill is reported by its denomination in one-byte mode and as 4F with data in real-time events.
BILL_CODES = frozenset((*range(0x47, 0x50), 0x50))
BILL = 0x4F

SUCCESS = frozenset({0x00, 0x10})  # PUBACK: delivered, and delivered though nobody subscribes

BATCH, ALONE = "application/cloudevents-batch+json", "application/cloudevents+json"

RaisedEntry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arrived:
    """One event as the stand-in received it first."""

    event: Mapping[str, Any]
    acked_at: float | None  # monotonic; None if this copy's PUBACK was never sent

    @property
    def subject(self) -> str:
        """The device."""
        return str(self.event["subject"])

    @property
    def sequence(self) -> int:
        """The record's number in the journal."""
        return int(self.event["sequence"])

    @property
    def data(self) -> Mapping[str, Any]:
        """What the event says."""
        data: Mapping[str, Any] = self.event["data"]
        return data


def read_raised(lines: Iterable[str]) -> tuple[list[RaisedEntry], int]:
    """What the devices raised and kept, in order, and how many they dropped themselves."""
    raised: dict[tuple[str, int], RaisedEntry] = {}
    dropped = 0
    for line in lines:
        entry = json.loads(line)
        key = (entry["line"], entry["serial"])
        if entry["what"] == "raised":
            raised[key] = entry
        elif entry["what"] == "dropped":
            dropped += 1
            raised.pop(key, None)
    return list(raised.values()), dropped


def read_received(file: Path) -> tuple[list[Arrived], int]:
    """The distinct events the stand-in received, in sequence, and how many copies were more."""
    first: dict[str, Arrived] = {}
    copies = 0
    for entry in read_ledger(file) if file.exists() else ():
        for event in _events_of(entry):
            known = first.get(event["id"])
            copies += known is not None
            if known is None or known.acked_at is None:
                first[event["id"]] = Arrived(event, entry.acked_at if entry.puback in SUCCESS else None)
    return sorted(first.values(), key=lambda arrived: arrived.sequence), copies


def read_payloads(file: Path) -> Iterator[bytes]:
    """What was published of records, as it came, for a receiver's own proof."""
    for entry in read_ledger(file) if file.exists() else ():
        if next(_events_of(entry), None) is not None:
            yield entry.payload


def _events_of(entry: Entry) -> Iterator[Mapping[str, Any]]:
    """Those of a batch, or the one that came alone; none of a status, an answer or a canary."""
    kind = (entry.content_type or "").partition(";")[0]
    payload = gzip.decompress(entry.payload) if entry.encoding == "gzip" else entry.payload
    events = read_batch(payload) if kind == BATCH else [json.loads(payload)] if kind == ALONE else []
    yield from (event for event in events if "sequence" in event)  # a canary is no record of the journal


@dataclass(frozen=True, slots=True)
class Matched:
    """The raised events of all devices, each with the received one that tells of it."""

    pairs: tuple[tuple[RaisedEntry, Arrived], ...]
    lost: tuple[RaisedEntry, ...]
    unexplained: tuple[Arrived, ...]


def match(raised: Sequence[RaisedEntry], arrived: Sequence[Arrived]) -> Matched:
    """Explain what arrived by what was raised.

    Of one device and one code, order is kept on every path, so the next received event tells of
    the next raised one whose data it agrees with and which was raised before it was observed.
    """
    waiting: dict[tuple[str, Hashable], list[Arrived]] = defaultdict(list)
    for one in arrived:
        code = _code_of(one.event)
        if code is not None:
            waiting[one.subject, code].append(one)
    pairs, lost = [], []
    for entry in raised:
        queue = waiting[entry["line"], _alike(entry["code"])]
        found = next((one for one in queue if _tells_of(one, entry)), None)
        if found is None:
            lost.append(entry)
        else:
            queue.remove(found)
            pairs.append((entry, found))
    unexplained = tuple(one for queue in waiting.values() for one in queue)
    return Matched(tuple(pairs), tuple(lost), unexplained)


def _code_of(event: Mapping[str, Any]) -> Hashable:
    """What a received event and a raised one have in common: a SAS code, or a device's boot and sequence."""
    data = event["data"]
    if "device_sequence" in data:
        return (data["boot"], data["device_sequence"])
    return _alike(int(data["code"], 16)) if "real_time" in data else None


def _alike(code: Any) -> Hashable:  # noqa: ANN401  a SAS code, or [boot, sequence] from JSON
    if isinstance(code, list):
        return tuple(code)
    return BILL if code in BILL_CODES else code


def _tells_of(one: Arrived, entry: RaisedEntry) -> bool:
    data, values = one.data, entry["values"]
    if float(one.event["monotonictime"]) < entry["at"]:
        return False
    if "coin_in_credits" in data:
        return bool(data["coin_in_credits"] == values["coin_in"])
    if "win" in data:
        return bool(data["win"]["credits"] == values["win"])
    if "denomination_code" in data:
        return bool(data["count"] == values["count"])
    return True
