"""State: what a journal holds, how full it is and for how long it lasts, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import JournalError
from edge_agent.journal import Journal
from edge_agent.journal.mending import DAMAGED
from edge_agent.journal.resend import requests
from edge_agent.journal.segment import segments
from edge_agent.words import counted

MEANING = {
    DeliveryClass.A: "money, security, sessions",
    DeliveryClass.B: "faults and meters",
    DeliveryClass.C: "telemetry",
}


def state_of(journal: Journal, collector: Mapping[str, Any], wall_now: float) -> dict[str, Any]:
    """What there is to know.

    Args:
        journal: open to read.
        collector: the journal's part of the collector's status; empty where it does not run.
        wall_now: seconds since 1970.
    """
    return {
        "id": journal.id,
        "path": str(journal.path),
        "head": journal.head,
        "segments": len(segments(journal.path)),
        "bytes": journal.size_bytes(),
        "consumers": {
            name: {
                "position": journal.position(name),
                "oldest_seconds": round(journal.oldest_age(name, wall_now), 1),
                "waiting": {cls.value: journal.depth(name, cls) for cls in DeliveryClass},
            }
            for name in journal.consumers()
        },
        **_letters(journal),
        "resend_requests": len(requests(journal.path)),
        "damaged_segments": len([*(journal.path / DAMAGED).glob("*")]),
        "used_percent": collector.get("used_percent"),
        "budget_bytes": collector.get("budget_bytes"),
        "bytes_a_second": collector.get("bytes_a_second"),
        "hours_left": collector.get("hours_left"),
    }


def in_plain_words(state: Mapping[str, Any]) -> list[str]:
    """The same for a technician."""
    segments_there = counted(state["segments"], "segment")
    lines = [
        f"journal   {state['path']}",
        f"id        {state['id']}",
        f"records   {state['head']:,} so far, {segments_there}, {_size(state['bytes'])}",
        f"room      {_room(state)}",
    ]
    for name, consumer in state["consumers"].items():
        lines += _consumer(name, consumer)
    if state["dead_letters"]:
        lines.append(
            f"refused   {counted(state['dead_letters'], 'record')} the cloud would not take: "
            "edge-agent journal inspect --dead-letters"
        )
    if state["dead_letters"] is None:
        lines.append(f"refused   cannot be read: {state['dead_letters_trouble']}")
    if state["resend_requests"]:
        lines.append(f"resend    {counted(state['resend_requests'], 'request')} not done yet")
    if state["damaged_segments"]:
        aside = f"{state['path']}/{DAMAGED}"
        lines.append(f"damage    {counted(state['damaged_segments'], 'damaged file')} set aside in {aside}")
    return lines


def _letters(journal: Journal) -> dict[str, Any]:
    """How many; where they cannot be read, why. All else is known without them."""
    try:
        return {"dead_letters": len(journal.dead_letters())}
    except JournalError as error:
        return {"dead_letters": None, "dead_letters_trouble": str(error)}


def _consumer(name: str, consumer: Mapping[str, Any]) -> list[str]:
    waiting = {cls: count for cls, count in consumer["waiting"].items() if count}
    if not waiting:
        return [f"{name:<9} has delivered everything"]
    age = _time(consumer["oldest_seconds"])
    lines = [f"{name:<9} has {_waiting(waiting)} to deliver, the oldest waits for {age}"]
    for cls, count in waiting.items():
        lines.append(f"          {cls}  {count:>9,}  {MEANING[DeliveryClass(cls)]}")
    return lines


def _waiting(waiting: Mapping[str, int]) -> str:
    total = sum(waiting.values())
    return f"{total:,} record{'s' * (total != 1)}"


def _room(state: Mapping[str, Any]) -> str:
    if state["used_percent"] is None:
        return "the collector does not run, which measures it"
    if state["budget_bytes"] <= 0:
        return "none: the disk has less than is to be left free; nothing more is journalled until it has"
    text = f"{state['used_percent']} % of {_size(state['budget_bytes'])} are used"
    hours = state["hours_left"]
    if hours is None and state["bytes_a_second"] is None:
        return f"{text}; how fast it fills is not known yet"
    if hours is None:
        return f"{text}; it does not fill"
    return f"{text}; should nothing leave, it lasts {_time(hours * 3600)} at the present rate"


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _time(seconds: float) -> str:
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "minutes"), (172_800, 3600, "hours")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
