"""The published language as files: a JSON Schema and a golden CloudEvent for each event.

Receivers build on these, so a difference between them and the code is a change of the language
and has to be accepted by hand: `scripts/schemas` writes them, `scripts/schemas --check` compares.
"""

from __future__ import annotations

import json
from typing import Any

from edge_agent.chain import genesis, link
from edge_agent.events.base import EventBody, Observation
from edge_agent.events.catalogue import EXAMPLES
from edge_agent.events.envelope import ClockQuality, ClockReading, ClockSource, dataschema, identify, seal

SCHEMA_FOLDER = "docs/schemas"
GOLDEN_FOLDER = "tests/golden"

_DRAFT = "https://json-schema.org/draft/2020-12/schema"

# One moment, one gateway, one record: all golden events happen there.
_CLOCK = ClockReading(
    utc=1_749_630_663.0,
    monotonic=5_021.5,
    boot_id="3f6c1b1e-6d7e-4a8e-9a53-0d0f5f3c2a11",
    quality=ClockQuality.SYNCHRONISED,
    source=ClockSource.NTP,
    offset_ms=0,
    error_ms=20,
)
_OBSERVED_AT = 5_021.123456
_SOURCE = "/sites/example/gateways/gateway-1"
_JOURNAL_ID = "fe11db6b6260453aa5c303bc1ff6f015"
_SEQUENCE = 421


def published_files() -> dict[str, str]:
    """What each file of the published language should hold, by its path in the project."""
    files: dict[str, str] = {}
    for example in EXAMPLES:
        name = example.schema_name
        files[f"{SCHEMA_FOLDER}/{name}.v1.json"] = _text(schema(type(example)))
        files[f"{GOLDEN_FOLDER}/{name}.json"] = _text(golden(example))
    return files


def schema(body: type[EventBody]) -> dict[str, Any]:
    """The JSON Schema of an event's data."""
    made = body.model_json_schema(mode="serialization")
    return {"$schema": _DRAFT, "$id": dataschema(body), **made}


def golden(example: EventBody) -> dict[str, Any]:
    """An example as a receiver sees it."""
    subject = _subject(example)
    sealed = seal(Observation(subject, _OBSERVED_AT, example), _CLOCK, _SOURCE)
    chain = link(genesis(_JOURNAL_ID), _SEQUENCE, sealed)  # as if it were the first record
    event: dict[str, Any] = json.loads(identify(sealed, _JOURNAL_ID, _SEQUENCE, chain))
    return event


def _subject(example: EventBody) -> str:
    match example.schema_name.partition("-")[0]:
        case "slot" | "line":
            return "slot-1001"
        case "table":
            return "shuffler-01"
        case _:
            return "gateway-1"


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
