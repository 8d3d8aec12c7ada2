"""Selectable meters: the host names the meters of a game, or of the whole machine, by their codes."""

from __future__ import annotations

from edge_agent.sas.meter_fields import MeterCodes, SelfSizedMeters, TableSizedMeters
from edge_agent.sas.polls.row import GAME, LongPoll, M


def _extended(command: int, name: str) -> LongPoll:
    return LongPoll(
        command,
        name,
        M,
        (GAME, SelfSizedMeters("meters")),
        (GAME, MeterCodes("meter_codes", 2)),
        reply_counted=True,
        source="MO NC",
    )


ROWS: tuple[LongPoll, ...] = (
    LongPoll(
        0x2F,
        "selected_meters",
        M,
        (GAME, TableSizedMeters("meters")),
        (GAME, MeterCodes("meter_codes", 1)),
        reply_counted=True,
        source="MO SK",
    ),
    _extended(0x6F, "extended_meters"),
    # Another command, so that two in a row are two different polls.
    _extended(0xAF, "extended_meters_alternate"),
)
