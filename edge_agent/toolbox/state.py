"""State: what a journal holds, how full it is and for how long it lasts, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.delivery import DeliveryClass
from edge_agent.journal import Journal
from edge_agent.journal.mending import DAMAGED
from edge_agent.journal.resend import requests
from edge_agent.journal.segment import segments

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
    letters = journal.dead_letters()
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
        "dead_letters": len(letters),
        "resend_requests": len(requests(journal.path)),
        "damaged_segments": len([*(journal.path / DAMAGED).glob("*")]),
        "used_percent": collector.get("used_percent"),
        "budget_bytes": collector.get("budget_bytes"),
        "hours_left": collector.get("hours_left"),
    }


def in_plain_words(state: Mapping[str, Any]) -> list[str]:
    """The same for a technician."""
    lines = [
        f"journal   {state['path']}",
        f"id        {state['id']}",
        f"records   {state['head']:,} so far, {state['segments']} segments, {_size(state['bytes'])}",
        f"room      {_room(state)}",
    ]
    for name, consumer in state["consumers"].items():
        lines += _consumer(name, consumer)
    if state["dead_letters"]:
        lines.append(
            f"refused   {state['dead_letters']} records the cloud would not take: "
            "edge-agent journal inspect --dead-letters"
        )
    if state["resend_requests"]:
        lines.append(f"resend    {state['resend_requests']} requests are not done yet")
    if state["damaged_segments"]:
        aside = f"{state['path']}/{DAMAGED}"
        lines.append(f"damage    {state['damaged_segments']} damaged segments were set aside in {aside}")
    return lines


def _consumer(name: str, consumer: Mapping[str, Any]) -> list[str]:
    waiting = {cls: count for cls, count in consumer["waiting"].items() if count}
    if not waiting:
        return [f"{name:<9} has delivered everything"]
    age = _time(consumer["oldest_seconds"])
    lines = [f"{name:<9} has {sum(waiting.values()):,} records to deliver, the oldest waits for {age}"]
    for cls, count in waiting.items():
        lines.append(f"          {cls}  {count:>9,}  {MEANING[DeliveryClass(cls)]}")
    return lines


def _room(state: Mapping[str, Any]) -> str:
    if state["used_percent"] is None:
        return "the collector does not run, which measures it"
    text = f"{state['used_percent']} % of {_size(state['budget_bytes'])} are used"
    hours = state["hours_left"]
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
