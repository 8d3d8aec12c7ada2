"""The published language: CloudEvents around strict models."""

from edge_agent.events.base import (
    Count,
    Credits,
    CurrencyCode,
    EventBody,
    Money,
    Observation,
    Strict,
    credits_of,
    money_of,
)
from edge_agent.events.envelope import ClockQuality, ClockReading, ClockSource, identify, read_batch, seal

__all__ = [
    "ClockQuality",
    "ClockReading",
    "ClockSource",
    "Count",
    "Credits",
    "CurrencyCode",
    "EventBody",
    "Money",
    "Observation",
    "Strict",
    "credits_of",
    "identify",
    "money_of",
    "read_batch",
    "seal",
]
