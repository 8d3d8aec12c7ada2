"""The proof: what the devices did, against what the cloud received.

Three independent witnesses are compared: the devices' own ledger and meters, the journal, and
what the stand-in received. Nothing here asks the agent how it did.

An event is lost when a device raised it, did not itself drop it, and it never reached the
stand-in. A received event that no raised one explains is a repeat on the wire: the protocol
lets a machine say a thing twice when the acknowledgement was lost. A machine's meters agree
when the last published snapshot is what the machine itself says at the end, and the published
events between the first and the last snapshot add up to their difference, to the cent.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.events import read_batch

# A bill is reported by its denomination in one-byte mode and as 4F with data in real-time events.
BILL_CODES = frozenset((*range(0x47, 0x50), 0x50))
BILL = 0x4F

# meter of the machine -> how the published events between two snapshots explain what it rose by
EXPLAINED_BY = {
    "coin_in": "wagers",
    "won": "wins",
    "bills_in": "bills",
    "tickets_out": "tickets",
    "games_played": "games",
}


@dataclass(frozen=True, slots=True)
class Arrived:
    """One event as the stand-in received it first."""

    event: Mapping[str, Any]
    acked_at: float

    @property
    def subject(self) -> str:
        """The device."""
        return str(self.event["subject"])

    @property
    def sequence(self) -> int:
        """The record's number in the journal."""
        return int(self.event["sequence"])


@dataclass(frozen=True, slots=True)
class MeterCheck:
    """One meter of one machine that does not agree."""

    machine: str
    meter: str
    what: str
    expected: int | None
    found: int | None

    def __str__(self) -> str:
        return f"{self.machine} {self.meter}: {self.what} {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a trial proved."""

    machines: int
    tables: int
    seconds: float
    seed: int
    raised: int
    dropped_by_machines: int
    journalled: int
    acknowledged: int
    received: int
    repeats: int
    repeats_on_the_wire: int
    lost: int
    lost_events: tuple[str, ...]
    gaps: int
    tables_complete: bool
    variances: int
    meter_checks: tuple[MeterCheck, ...]
    machines_agreeing: int
    latency_ms: Mapping[str, float | None]
    polls: Mapping[str, int]
    polls_per_second: float
    cpu_percent: Mapping[str, float]
    rss_mb: Mapping[str, float]
    kills: Mapping[str, int]
    folder: str

    @property
    def meters_agree(self) -> bool:
        """Whether every machine's meters are explained, to the cent."""
        return not self.meter_checks

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and everything agrees."""
        return not self.lost and not self.gaps and self.meters_agree and self.tables_complete

    def as_dict(self) -> dict[str, Any]:
        """The proof as `--json` prints it."""
        return {
            "machines": self.machines,
            "tables": self.tables,
            "seconds": round(self.seconds, 3),
            "seed": self.seed,
            "raised": self.raised,
            "dropped_by_machines": self.dropped_by_machines,
            "journalled": self.journalled,
            "acknowledged": self.acknowledged,
            "received": self.received,
            "repeats": self.repeats,
            "repeats_on_the_wire": self.repeats_on_the_wire,
            "lost": self.lost,
            "lost_events": list(self.lost_events),
            "gaps": self.gaps,
            "tables_complete": self.tables_complete,
            "meters_agree": self.meters_agree,
            "meter_variances_reported": self.variances,
            "meter_checks_failed": [str(check) for check in self.meter_checks],
            "latency_ms": dict(self.latency_ms),
            "polls": self.polls.get("polls", 0),
            "polls_per_second": round(self.polls_per_second, 1),
            "missed_polls": self.missed_polls,
            "protocol_errors": self.polls.get("protocol_errors", 0),
            "collector_cpu_percent": round(self.cpu_percent["collector"], 1),
            "forwarder_cpu_percent": round(self.cpu_percent["forwarder"], 1),
            "rss_mb": {name: round(self.rss_mb[name], 1) for name in ("collector", "forwarder")},
            "kills": dict(self.kills),
            "folder": self.folder,
            "holds": self.holds,
        }

    @property
    def missed_polls(self) -> int:
        """Polls that left more than half an interval late, or that a machine that was up never answered."""
        return self.polls.get("polls_late", 0) + self.polls.get("polls_unanswered", 0)


@dataclass(slots=True)
class Evidence:
    """Everything the witnesses wrote."""

    raised: list[Mapping[str, Any]] = field(default_factory=list)
    dropped: int = 0
    truth: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    arrived: list[Arrived] = field(default_factory=list)
    copies: int = 0
    journalled: int = 0
    acknowledged: int = 0


def read_ledger(lines: Iterable[str]) -> tuple[list[Mapping[str, Any]], int]:
    """What the devices raised and kept, in order, and how many they dropped themselves."""
    raised: dict[tuple[str, int], Mapping[str, Any]] = {}
    dropped = 0
    for line in lines:
        entry = json.loads(line)
        if entry["what"] == "raised":
            raised[entry["line"], entry["serial"]] = entry
        elif entry["what"] == "dropped":
            dropped += 1
            raised.pop((entry["line"], entry["serial"]), None)
    return list(raised.values()), dropped


def read_received(lines: Iterable[str]) -> tuple[list[Arrived], int]:
    """The distinct events the stand-in received, by identity, and how many copies were more."""
    first: dict[str, Arrived] = {}
    copies = 0
    for line in lines:
        row = json.loads(line)
        for event in _events_of(row):
            if event["id"] in first:
                copies += 1
            else:
                first[event["id"]] = Arrived(event, row["acked_at"] or row["at"])
    return sorted(first.values(), key=lambda arrived: arrived.sequence), copies


def _events_of(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if not str(row.get("content_type", "")).startswith("application/cloudevents"):
        return
    payload = base64.b64decode(row["payload_b64"])
    if row.get("encoding") == "gzip":
        payload = gzip.decompress(payload)
    yield from read_batch(payload)


@dataclass(frozen=True, slots=True)
class Matched:
    """The raised events of all devices, each with the received one that tells of it."""

    pairs: tuple[tuple[Mapping[str, Any], Arrived], ...]
    lost: tuple[Mapping[str, Any], ...]
    unexplained: tuple[Arrived, ...]


def match(raised: Sequence[Mapping[str, Any]], arrived: Sequence[Arrived]) -> Matched:
    """Explain what arrived by what was raised.

    Of one device and one code, order is kept on every path, so the next received event tells of
    the next raised one whose data it agrees with and which was raised before it was observed.
    """
    waiting: dict[tuple[str, int], list[Arrived]] = defaultdict(list)
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


def _code_of(event: Mapping[str, Any]) -> Any:  # noqa: ANN401  a SAS code, or a table device's own identity
    data = event["data"]
    if "device_sequence" in data:
        return (data.get("boot"), data["device_sequence"])
    return _alike(int(data["code"], 16)) if "possibly_repeated" in data else None


def _alike(code: Any) -> Any:  # noqa: ANN401  as above
    return BILL if code in BILL_CODES else tuple(code) if isinstance(code, list) else code


def _tells_of(one: Arrived, entry: Mapping[str, Any]) -> bool:
    data, values = one.event["data"], entry["values"]
    if float(one.event["monotonictime"]) < entry["at"]:
        return False
    if "coin_in_credits" in data:
        return bool(data["coin_in_credits"] == values["coin_in"])
    if "win" in data:
        return bool(data["win"]["credits"] == values["win"])
    if "denomination_code" in data:
        return bool(data["count"] == values["count"])
    return True


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of them lie; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
