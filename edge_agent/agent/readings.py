"""Readings: the counters of each device as they were journalled last, for whoever had them read.

A record may be delivered and forgotten within a moment of being appended, so whoever asked cannot
look for it in the journal. It is noticed on its way in, by its type; at most one a device is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What carries a device's counters, as `seal` writes the type.
TYPES = (b'"type":"floor.slot.meters_read"', b'"type":"floor.table.device_counters"')

# The type is the second attribute of an event.
HEAD_BYTES = 128

Append = Callable[[Sequence[bytes]], range]


@dataclass(frozen=True, slots=True)
class Reading:
    """One record with a device's counters."""

    sequence: int
    sealed: bytes

    @property
    def data(self) -> Mapping[str, Any]:
        """What the event says."""
        data: Mapping[str, Any] = json.loads(self.sealed)["data"]
        return data


class Readings:
    """The last reading of each device. Lines write it, each its own devices; anyone reads."""

    def __init__(self) -> None:
        self._latest: dict[str, Reading] = {}

    def through(self, append: Append) -> Append:
        """The same `append`, by which readings are noticed."""

        def noticing(payloads: Sequence[bytes]) -> range:
            sequences = append(payloads)
            for sequence, sealed in zip(sequences, payloads, strict=True):
                if any(kind in sealed[:HEAD_BYTES] for kind in TYPES):
                    self._latest[json.loads(sealed)["subject"]] = Reading(sequence, sealed)
            return sequences

        return noticing

    def after(self, device: str, sequence: int) -> Reading | None:
        """The last reading of a device, if it came after a sequence."""
        reading = self._latest.get(device)
        return reading if reading is not None and reading.sequence > sequence else None
