"""Delivery classes: what must never be lost, what may be thinned, and what may go first."""

from __future__ import annotations

from enum import StrEnum


class DeliveryClass(StrEnum):
    """How much an event matters when not everything can be kept or sent at once."""

    A = "A"  # money, security and sessions
    B = "B"  # faults and meters
    C = "C"  # telemetry
