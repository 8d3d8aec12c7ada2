"""Plain words: a report as a technician at the gateway reads it, and what in it wants a look."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from edge_agent.reporting import HELD_BACK, wants_a_look
from edge_agent.words import counted

# An outage of this length is worth a word even while the journal has room.
LONG_WAIT_SECONDS = 300
# The second of the days on which the agent warns ahead: now a visit must be planned.
FEW_DAYS = 30
# Above this telemetry is soon let go; see docs/delivery.md.
FILLING_PERCENT = 70
# Below this the journal soon refuses; see `journal.minimum_free_mb`.
LITTLE_FREE_MB = 256

Report = Mapping[str, Any]


def what_wants_a_look(report: Report, now: float | None = None) -> list[str]:
    """Everything that is not well, a sentence each."""
    return list(_wanting(report, time.time() if now is None else now))


def in_plain_words(report: Report, wanting: list[str], now: float | None = None) -> Iterator[str]:
    """The report, a line a line."""
    moment = time.time() if now is None else now
    clock = report["clock"] or "unknown"
    yield f"collector    {report['collector']}, version {report['version']}, clock {clock}"
    for name, line in report["lines"].items():
        yield f"line         {_line(name, line, moment)}"
        yield from (f"advice       {name}: {advice}" for advice in line.get("advice", ()))
    yield f"journal      {_journal(report['journal'])}"
    yield f"uplink       {_uplink(report['uplink'])}"
    days = report["certificate"]["days_left"]
    if days is not None:
        yield f"certificate  {_days(days)}"
    yield ""
    if not wanting:
        yield "all is well"
    for sentence in wanting:
        yield f"look at      {sentence}"


def _wanting(report: Report, now: float) -> Iterator[str]:
    if report["collector"] != "running":
        yield "the collector: it is not running; machines keep what they have to say"
    elif held_back := sum(line["state"] == HELD_BACK for line in report["lines"].values()):
        lines = counted(held_back, "line")
        yield f"the journal: it takes nothing more; {lines} not polled, nothing is lost — free some space"
    for name, line in report["lines"].items():
        if report["collector"] == "running" and line["state"] != HELD_BACK and wants_a_look(line, now):
            reason = str(line.get("reason") or "")
            because = f" — {reason}" if reason and not reason.startswith(line["state"]) else ""
            yield f"line {_line(name, line, now)}{because}"
    yield from _wanting_beyond(report)


def _wanting_beyond(report: Report) -> Iterator[str]:
    journal, uplink = report["journal"], report["uplink"]
    if uplink["kind"] is not None and not uplink["running"]:
        yield "the forwarder: it is not running; what was journalled waits"
    elif uplink["kind"] is not None and not uplink["connected"]:
        yield f"the uplink: not connected: {uplink['last_reason'] or 'no answer yet'}"
    if uplink["withheld"]:
        yield f"the uplink: the cloud does not let us publish: {uplink['last_reason']}"
    if uplink["canary_alarm"]:
        yield (
            "the uplink: no canary comes back; what has a receipt may be lost in the cloud — "
            "see docs/basic-ingest.md"
        )
    for topic_filter in uplink["refused_filters"]:
        yield f"the uplink: the cloud does not let us subscribe to {topic_filter}"
    if uplink["dead_letters"]:
        yield f"{counted(uplink['dead_letters'], 'record')} the cloud will never take, kept as dead letters"
    if uplink["untold"]:
        words = "records were" if uplink["untold"] > 1 else "record was"
        yield (
            f"the uplink: the cloud does not even take that {uplink['untold']} {words} set aside; "
            "it is offered again"
        )
    yield from _wanting_of_the_journal(journal)
    days = report["certificate"]["days_left"]
    if days is not None and days < FEW_DAYS:
        yield f"the certificate: {_days(days, 'only ')} — see `edge-agent certs check`"


def _wanting_of_the_journal(journal: Mapping[str, Any]) -> Iterator[str]:
    if (journal["oldest_seconds"] or 0) > LONG_WAIT_SECONDS:
        yield f"the journal: the oldest record has waited for {_duration(journal['oldest_seconds'])}"
    if (journal["used_percent"] or 0) >= FILLING_PERCENT:
        yield f"the journal: {journal['used_percent']} % of its room are used{_lasting(journal)}"
    if journal["free_mb"] is not None and journal["free_mb"] < LITTLE_FREE_MB:
        yield f"the disk: only {journal['free_mb']} MB are free"


def _line(name: str, line: Mapping[str, Any], now: float) -> str:
    words = [f"{name}: {line['state']}"]
    if line.get("since"):
        words.append(f"for {_duration(now - _seconds(line['since']))}")
    if line.get("last_event"):
        words.append(f"last event {_duration(now - _seconds(line['last_event']))} ago")
    for count, what in (("faults", "fault"), ("protocol_errors", "protocol error")):
        if line.get(count):
            of_whom = " of the agent" if count == "faults" else ""
            words.append(counted(line[count], what) + of_whom)
    if line.get("quality"):
        words.append(_quality(line["quality"]))
    words.extend(_condition(name, one, now) for name, one in line.get("conditions", {}).items())
    return ", ".join(words)


def _quality(quality: Mapping[str, Any]) -> str:
    reasons = quality.get("reasons")
    because = f" ({'; '.join(reasons)})" if reasons and quality.get("degraded") else ""
    return f"heard {quality['score']} of 100{because}"


def _condition(name: str, condition: Mapping[str, Any], now: float) -> str:
    thing = name.replace("_", " ")
    said = thing if condition["state"] == "raised" else f"{thing} {condition['state']}"
    since = condition["since"]
    lasted = f"for {_duration(now - _seconds(since))}" if since else "since before the agent was started"
    return f"{said} {lasted}" + ("" if condition.get("sure", True) else ", as far as is known")


def _journal(journal: Mapping[str, Any]) -> str:
    if journal["head"] is None:
        return "not known: the collector has not said"
    waiting = journal["waiting"]
    if waiting is None:
        held = "the forwarder has not said how many wait"
    elif waiting:
        held = f"{counted(waiting, 'record')} waiting, the oldest for {_duration(journal['oldest_seconds'])}"
    else:
        held = "nothing waits"
    told = counted(journal["head"], "record")
    lasting = _lasting(journal) if waiting else ""
    return f"{told} so far, {held}, {journal['size_mb']} MB, {journal['free_mb']} MB free{lasting}"


def _lasting(journal: Mapping[str, Any]) -> str:
    hours = journal["hours_left"]
    if hours is None:
        return ""
    left = _duration(3600 * hours) if hours else "less than an hour"  # the report knows whole hours
    return f", room for {left} more at the present rate"


def _uplink(uplink: Mapping[str, Any]) -> str:
    if uplink["kind"] is None:
        return "none is set"
    if not uplink["running"]:
        return f"{uplink['kind']}: the forwarder is not running"
    if uplink["connected"]:
        return f"{uplink['kind']}: connected, {uplink['promise']} means {_promise(uplink)}"
    return f"{uplink['kind']}: not connected: {uplink['last_reason'] or 'no answer yet'}"


def _promise(uplink: Mapping[str, Any]) -> str:
    if uplink["kind"] == "file":
        return "that the file has it"
    return "that the cloud has it" if uplink["promise"] == "delivered" else "that the nucleus has it"


def _days(days: int, only: str = "") -> str:
    return f"expired {counted(-days, 'day')} ago" if days < 0 else f"good for {only}{counted(days, 'day')}"


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if whole >= 2 * size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).astimezone(UTC).timestamp()
