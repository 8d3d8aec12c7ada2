"""Absences: what goes to the cloud in the place of a record that it will not take.

Without it there would be a hole in the sequence, of which nobody in the cloud knows why.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from edge_agent.clock import Clock
from edge_agent.events import Observation, seal
from edge_agent.events.agent import RecordSetAside
from edge_agent.journal import Record
from edge_agent.settings import Settings

REASON_CHARACTERS = 300


def absence_of(settings: Settings, clock: Clock) -> Callable[[Record, str], bytes]:
    """Makes the sealed event that says which record lies with the dead letters, and why."""

    def absence(record: Record, reason: str) -> bytes:
        body = RecordSetAside(
            set_aside=_type_of(record.payload), size=len(record.payload), reason=reason[:REASON_CHARACTERS]
        )
        observation = Observation(settings.gateway, clock.monotonic(), body)
        return seal(observation, clock.reading(), settings.source)

    return absence


def _type_of(sealed: bytes) -> str:
    try:
        return str(json.loads(sealed)["type"])
    except (ValueError, TypeError, LookupError):
        return ""
