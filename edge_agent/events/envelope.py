"""The envelope: CloudEvents 1.0 in JSON, sealed in two steps around the journal.

`seal` makes everything but the identity, and that is what the journal keeps. `identify` adds
`id` and `sequence` once the journal has numbered the record, without parsing it again. A
record therefore has one identity for ever, however often it is sent.

    id            <journal id>/<sequence>: repeats are removed by it
    sequence      the same number, padded, so that text order is number order
    partitionkey  the machine, so that a stream keeps a machine's events together
    monotonictime seconds since the gateway booted: orders events; bootid says which boot
    clockquality  what the UTC `time` is worth
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from edge_agent.events.base import EventBody, Observation
from edge_agent.events.moments import written

SCHEMA_URN = "urn:casino-edge-agent:schema:"
SEQUENCE_WIDTH = 20  # digits: a 64-bit sequence always fits


class ClockQuality(StrEnum):
    """What the wall clock is worth."""

    SYNCHRONISED = "synchronised"  # the kernel's clock is disciplined by a time source
    UNSYNCHRONISED = "unsynchronised"
    UNKNOWN = "unknown"  # this system cannot tell


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Both clocks at one moment."""

    utc: float  # seconds since 1970
    monotonic: float  # seconds since boot
    boot_id: str
    quality: ClockQuality

    def utc_of(self, monotonic: float) -> datetime:
        """When a monotonic moment was, by this reading of the wall clock."""
        return datetime.fromtimestamp(self.utc - (self.monotonic - monotonic), UTC)


def seal(observation: Observation, clock: ClockReading, source: str) -> bytes:
    """An observation as one JSON object, still without `id` and `sequence`."""
    body = observation.body
    when = written(clock.utc_of(observation.at), to="milliseconds")
    attributes = {
        "specversion": "1.0",
        "type": body.event_type,
        "source": source,
        "subject": observation.subject,
        "time": when,
        "partitionkey": observation.subject,
        "monotonictime": f"{observation.at:.6f}",
        "bootid": clock.boot_id,
        "clockquality": clock.quality.value,
        "datacontenttype": "application/json",
        "dataschema": dataschema(type(body)),
    }
    head = json.dumps(attributes, separators=(",", ":"))
    return head[:-1].encode() + b',"data":' + body.model_dump_json().encode() + b"}"


def identify(sealed: bytes, journal_id: str, sequence: int) -> bytes:
    """A sealed event with its identity."""
    return (
        b'{"id":"%s/%d","sequence":"%0*d",'
        % (
            journal_id.encode(),
            sequence,
            SEQUENCE_WIDTH,
            sequence,
        )
        + sealed[1:]
    )


def dataschema(body: type[EventBody]) -> str:
    """The URN of the JSON Schema of an event's data."""
    return f"{SCHEMA_URN}{body.schema_name}:1"


def read_batch(payload: bytes) -> list[Mapping[str, Any]]:
    """The events of a batch, as a receiver sees them. Raises ValueError on anything else."""
    events = json.loads(payload)
    if not isinstance(events, list):
        raise ValueError("a batch is a JSON array of events")  # noqa: TRY004  one kind of error for a receiver
    return events
