"""The report: how a gateway is, in one small document that anybody at the operator's may read.

Made of what the two processes say of themselves; pure, so that the cloud's retained status, its
shadow, a bundle and a technician at the gateway are told the same. It holds states, counts and times: no
meter, no card, no path, no setting. It always fits a shadow: where the lines are many, those that are well
are counted and only those that want a look are named.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from edge_agent.events.moments import written_seconds

# A shadow document may be 8 KiB; the state around this takes a few dozen bytes.
LIMIT_BYTES = 7_000
# Each line that wants a look, and so many more as fit.
LONGEST_REASON = 200
# Of one line among many.
LONGEST_TROUBLE = 100
# Of why a line is heard badly.
MOST_REASONS = 3

# What a process says of itself is half a second old; beyond this it no longer says anything.
STALE_SECONDS = 10.0

# A line in one of these wants a look; what a device says of itself is its own business.
HELD_BACK = "held back by the journal"
TROUBLED = frozenset({"silent", "link lost", "fault of the agent", "stopped", HELD_BACK})
# A machine is met within seconds; a line that is still starting meets nobody.
STARTING, LONGEST_START_SECONDS = "starting", 60.0

_PATH = re.compile(r"(?<![\w:/])/[^\s:,;'\"]+")
_DIGITS = re.compile(r"\d{6,}")
MEBIBYTE = 2**20

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made of; empty where nobody says anything."""

    now: float  # seconds since 1970
    monotonic: float  # seconds
    collector: Mapping[str, Any]  # its status file
    forwarder: Mapping[str, Any]  # likewise, or what it would say
    uplink: Mapping[str, Any]  # kind and promise
    certificate_days: int | None = None  # None: there is none, or it cannot be read
    version: str = ""


def make_report(sources: Sources, limit_bytes: int | None = LIMIT_BYTES) -> Document:
    """How the gateway is. At most so many bytes as JSON; None for every line, however many there are."""
    report = _without_lines(sources)
    lines = _lines(sources)
    report["lines"] = lines
    wanting = {name: line for name, line in lines.items() if wants_a_look(line, sources.now)}
    states = dict(sorted(Counter(line["state"] for line in lines.values()).items()))
    report["floor"] = {"lines": len(lines), "wanting_a_look": len(wanting), "states": _bounded(states)}
    if limit_bytes is not None and size_of(report) > limit_bytes:
        report["lines"] = {name: _in_short(line) for name, line in lines.items()}
    if limit_bytes is not None and size_of(report) > limit_bytes:
        in_short = {name: _in_short(line) for name, line in wanting.items()}
        report["lines"] = _fitting(report, in_short, limit_bytes)
    return report


def size_of(report: Mapping[str, Any]) -> int:
    """The bytes of a report as it is published."""
    return len(as_json(report))


def as_json(report: Mapping[str, Any]) -> bytes:
    """A report as it is published."""
    return json.dumps(report, separators=(",", ":")).encode()


def is_running(status: Mapping[str, Any], monotonic: float) -> bool:
    """Whether the process that wrote this status still does."""
    age = monotonic - float(status.get("monotonic", float("-inf")))
    return not status.get("ended") and -STALE_SECONDS < age < STALE_SECONDS


def wants_a_look(line: Mapping[str, Any], now: float) -> bool:
    """Whether somebody should look at a line of a report."""
    if line["state"] in TROUBLED or line.get("faults") or line.get("quality", {}).get("degraded"):
        return True
    since = datetime.fromisoformat(line["since"]).timestamp() if line.get("since") else now
    return bool(line["state"] == STARTING and now - since > LONGEST_START_SECONDS)


def scrub(text: str, longest: int = LONGEST_REASON) -> str:
    """A reason without what is nobody's business: folders become file names, long numbers go.

    >>> scrub("certificate /etc/edge-agent/device.pem cannot be read")
    'certificate device.pem cannot be read'
    """
    without_folders = _PATH.sub(lambda path: PurePosixPath(path[0]).name, text)
    return _DIGITS.sub("…", " ".join(without_folders.split()))[:longest]


def _without_lines(sources: Sources) -> Document:
    collector, forwarder = sources.collector, sources.forwarder
    journal: Mapping[str, Any] = collector.get("journal", {})
    return {
        "version": sources.version,
        "settings": collector.get("settings"),
        "clock": collector.get("clock"),
        "collector": "running" if is_running(collector, sources.monotonic) else "not running",
        "journal": {
            "id": journal.get("id"),
            "head": journal.get("head"),
            "waiting": forwarder.get("depth"),
            "oldest_seconds": _whole(forwarder.get("oldest_seconds")),
            "size_mb": _mebibytes(journal.get("bytes")),
            "free_mb": _mebibytes(journal.get("free_bytes")),
            "used_percent": _whole(journal.get("used_percent")),
            "hours_left": _whole(journal.get("hours_left")),
        },
        "uplink": {
            **sources.uplink,
            "running": is_running(forwarder, sources.monotonic),
            "connected": bool(forwarder.get("connected")),
            "connects": forwarder.get("connects"),
            "last_reason": scrub(str(forwarder.get("last_reason") or "")),
            "withheld": bool(forwarder.get("withheld")),
            "canary_alarm": bool((forwarder.get("canaries") or {}).get("alarm")),
            "dead_letters": forwarder.get("dead_letters", 0),
            "untold": forwarder.get("untold", 0),
            "refused_filters": list(forwarder.get("refused_filters", ())),
        },
        "certificate": {"days_left": sources.certificate_days},
    }


def _lines(sources: Sources) -> dict[str, Document]:
    entries: Mapping[str, Mapping[str, Any]] = sources.collector.get("lines", {})
    running = is_running(sources.collector, sources.monotonic)
    return {
        str(line.get("device", name)): dict(_line(line, sources.now, running=running))
        for name, line in entries.items()
    }


def _line(line: Mapping[str, Any], now: float, *, running: bool) -> Iterator[tuple[str, Any]]:
    """What is said of a line; a count that is zero is not."""
    state = str(line.get("state", ""))[:40] if running else "stopped"
    yield "state", HELD_BACK if running and line.get("held_back") else state
    yield "since", line.get("since")
    if running and state in TROUBLED and line.get("trouble"):
        yield "reason", scrub(str(line["trouble"]), LONGEST_TROUBLE)
    if line.get("last_event_seconds") is not None:
        yield "last_event", written_seconds(now - float(line["last_event_seconds"]))
    for name in ("faults", "protocol_errors"):
        if line.get(name):
            yield name, line[name]
    if running and line.get("advice"):
        yield "advice", [scrub(str(advice)) for advice in line["advice"]]
    if running and line.get("quality"):
        yield "quality", dict(_quality(line["quality"]))
    if running and line.get("conditions"):
        yield "conditions", {str(name): dict(_condition(one)) for name, one in line["conditions"].items()}


def _quality(quality: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "score", quality["score"]
    yield "answer_ms", [quality["answer_median_ms"], quality["answer_p95_ms"]]
    if quality["degraded"]:
        yield "degraded", True
    if quality["reasons"]:
        yield "reasons", [scrub(str(reason), LONGEST_TROUBLE) for reason in quality["reasons"][:MOST_REASONS]]


def _condition(condition: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "state", str(condition["state"])
    yield "since", condition["since"]
    if not condition["sure"]:
        yield "sure", False


def _in_short(line: Document) -> Document:
    """A line without what there may be no room for: what is raised at its device, how well it is heard."""
    left_out = {"advice", "conditions"} | (set() if line.get("quality", {}).get("degraded") else {"quality"})
    return {name: value for name, value in line.items() if name not in left_out}


def _fitting(report: Document, wanting: Mapping[str, Document], limit_bytes: int) -> dict[str, Document]:
    """As many of the lines that want a look as fit, in their order."""
    room = limit_bytes - size_of({**report, "lines": {}})
    kept: dict[str, Document] = {}
    for name, line in wanting.items():
        room -= size_of({name: line})
        if room < 0:
            break
        kept[name] = line
    return kept


def _bounded(states: Mapping[str, int]) -> dict[str, int]:
    """Devices name their own states: beyond a dozen they are others."""
    first = dict([*states.items()][:12])
    others = sum(states.values()) - sum(first.values())
    return first | ({"others": others} if others else {})


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _mebibytes(size: int | None) -> int | None:
    return None if size is None else -(-size // MEBIBYTE)
