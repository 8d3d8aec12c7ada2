"""What the agent says of its clock: that it was stepped, and that it is worth more or less than before.

With these a receiver puts right the times of events that were taken while the clock was wrong: docs/clocks.md
has the rule. The events themselves stay as they are.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from edge_agent.events.base import EventBody
from edge_agent.events.envelope import ClockQuality, ClockSource


class _OfClock(EventBody):
    """What the clock was worth until a moment, and what from then on."""

    monotonictime: str = Field(
        pattern=r"^[0-9]+\.[0-9]{6}$",
        description="when it was noticed: events of the same bootid with less came before it",
    )
    quality_before: ClockQuality
    quality_after: ClockQuality
    source_before: ClockSource
    source_after: ClockSource


class ClockStepped(_OfClock):
    """The clock was set by more than half a second, as what passed on the monotonic clock shows."""

    schema_name: ClassVar[str] = "agent-clock-stepped"
    type_name: ClassVar[str] = "floor.agent.clock_stepped"

    before: str = Field(description="what the clock would show then had it not been stepped; ISO 8601, UTC")
    after: str = Field(description="what it showed then; ISO 8601, UTC")
    step_ms: int = Field(description="milliseconds from before to after; less than 0 for a step back")


class ClockQualityChanged(_OfClock):
    """The clock became synchronised, or no longer is, or has another source, without a step."""

    schema_name: ClassVar[str] = "agent-clock-quality-changed"
    type_name: ClassVar[str] = "floor.agent.clock_quality_changed"
