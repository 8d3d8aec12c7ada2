"""The envelope: CloudEvents 1.0 in JSON, sealed in two steps around the journal.

`seal` makes everything but the identity, and that is what the journal keeps. `identify` adds
`id`, `sequence` and `chain` once the journal has numbered the record, without parsing it again. A
record therefore has one identity for ever, however often it is sent.

    id            <journal id>/<sequence>: repeats are removed by it
    sequence      the same number, padded, so that text order is number order
    chain         the record's link (`edge_agent.chain`): a hash of it and of all records before it
    chainbefore   the link of the record before it; there only where that one will never be sent
    partitionkey  the machine, so that a stream keeps a machine's events together
    monotonictime seconds since the gateway booted: orders events; bootid says which boot
    clockquality  what the UTC `time` is worth
    clocksource   what disciplines it
    clockoffset   milliseconds that the kernel has still to add to it; there only while it is synchronised
    clockerror    milliseconds that it is off at most, by the kernel's reckoning; there with `clockoffset`

What is sealed is compact and canonical: `json.dumps(event, separators=(",", ":"), ensure_ascii=False)`
of what was read from it gives the same bytes, so that a receiver which kept the parsed event, in its order
and without the identity, can still compute its link.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

from edge_agent import chain as links
from edge_agent.events.base import EventBody, Observation
from edge_agent.events.moments import written

SCHEMA_URN = "urn:casino-edge-agent:schema:"
SEQUENCE_WIDTH = 20  # digits: a 64-bit sequence always fits


class ClockQuality(StrEnum):
    """What the wall clock is worth."""

    SYNCHRONISED = "synchronised"  # the kernel's clock is disciplined by a time source
    UNSYNCHRONISED = "unsynchronised"
    UNKNOWN = "unknown"  # this system cannot tell


class ClockSource(StrEnum):
    """What disciplines the wall clock."""

    NTP = "ntp"  # a daemon, by what it hears over the network, or from a source of its own
    PPS = "pps"  # the kernel, by a pulse per second
    NONE = "none"  # nothing does
    UNKNOWN = "unknown"  # this system cannot tell


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Both clocks at one moment."""

    utc: float  # seconds since 1970
    monotonic: float  # seconds since boot
    boot_id: str
    quality: ClockQuality
    source: ClockSource = ClockSource.UNKNOWN
    offset_ms: int | None = None  # still to be added by the kernel; None unless synchronised
    error_ms: int | None = None  # at most, by the kernel's reckoning; None unless synchronised
    before: tuple[ClockReading, ...] = ()  # the moments at which it was stepped, by the clock of before

    def utc_of(self, monotonic: float) -> datetime:
        """When a monotonic moment was, by this reading of the wall clock."""
        return datetime.fromtimestamp(self.utc - (self.monotonic - monotonic), UTC)

    def at(self, monotonic: float) -> ClockReading:
        """The reading that counts for a moment: one of before if the clock was stepped since."""
        return next((one for one in self.before if monotonic < one.monotonic), self)


def seal(observation: Observation, clock: ClockReading, source: str) -> bytes:
    """An observation as one JSON object, compact and canonical, still without `id` and `sequence`."""
    body, clock = observation.body, clock.at(observation.at)
    subject = _quoted(observation.subject)
    when = written(clock.utc_of(observation.at), to="milliseconds")
    head = (
        f'{{"specversion":"1.0","type":{_quoted(body.event_type)},"source":{_quoted(source)},'
        f'"subject":{subject},"time":"{when}","partitionkey":{subject},'
        f'"monotonictime":"{observation.at:.6f}","bootid":{_quoted(clock.boot_id)},'
        f'"clockquality":"{clock.quality.value}","clocksource":"{clock.source.value}",{_offset(clock)}'
        f'"datacontenttype":"application/json",'
        f'"dataschema":{_quoted(dataschema(type(body)))},"data":'
    )
    return head.encode() + _data(body) + b"}"


def identify(
    sealed: bytes, journal_id: str, sequence: int, chain: bytes | None = None, before: bytes | None = None
) -> bytes:
    """A sealed event with its identity.

    Args:
        sealed: what `seal` gave.
        journal_id: of the journal that keeps it.
        sequence: its number there.
        chain: its link; None where the journal has none.
        before: the link before it, where the record before it will never be sent.
    """
    identity = b'{"id":"%s/%d","sequence":"%0*d",' % (journal_id.encode(), sequence, SEQUENCE_WIDTH, sequence)
    if chain is not None:
        identity += b'"chain":"%s",' % links.written(chain).encode()
    if before is not None:
        identity += b'"chainbefore":"%s",' % links.written(before).encode()
    return identity + sealed[1:]


def _offset(clock: ClockReading) -> str:
    if clock.offset_ms is None or clock.error_ms is None:
        return ""
    return f'"clockoffset":{clock.offset_ms},"clockerror":{clock.error_ms},'


def _data(body: EventBody) -> bytes:
    data = body.model_dump_json()
    # Numbers with a fraction can be written in two ways (1e-7, 1e-07); the one of `json` is ours.
    return (_canonical(json.loads(data)) if _has_fractions(type(body)) else data).encode()


def _canonical(value: Any) -> str:  # noqa: ANN401  whatever JSON holds
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# Types, subjects and schemas of one gateway: some hundreds.
_quoted = lru_cache(maxsize=1024)(_canonical)


@cache
def _has_fractions(body: type[EventBody]) -> bool:
    return '"number"' in json.dumps(body.model_json_schema(mode="serialization"))


def dataschema(body: type[EventBody]) -> str:
    """The URN of the JSON Schema of an event's data."""
    return f"{SCHEMA_URN}{body.schema_name}:1"


def read_batch(payload: bytes) -> list[Mapping[str, Any]]:
    """The events of a batch, as a receiver sees them. Raises ValueError on anything else."""
    events = json.loads(payload)
    if not isinstance(events, list):
        raise ValueError("a batch is a JSON array of events")  # noqa: TRY004  one kind of error for a receiver
    return events
