"""Bytes on the wire: what an event costs of the line to the cloud, class by class.

    scripts/benchmark wire

A backlog of a busy floor's events goes through the real forwarder in batches of 100. What it sends is counted
behind TLS, at a tap between it and the stand-in, and packet by packet from what the stand-in received. Beside
it stands the same as JSON without compression, which is what sending events as they are would cost.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import heading, row, scratch
from benchmarks.pipeline import Pipeline, entries, plain
from benchmarks.tap import Tap
from edge_agent.events.delivery_class import class_of
from edge_agent.standin.encoding import encode
from edge_agent.standin.ledger import Entry
from edge_agent.standin.packets import Properties, Publish
from edge_agent.uplink.batch import CONTENT_TYPE

BATCH = 100
BYTES_BAR = 65.0
DRAIN_SECONDS = 300.0


@dataclass(slots=True)
class Sent:
    """What was sent of one class."""

    publishes: int = 0
    events: int = 0
    plain_bytes: int = 0
    packet_bytes: int = 0


def main() -> None:
    arguments = parse()
    settings = {"forwarder": {"batch_records": BATCH}}
    with (
        scratch(arguments.folder) as folder,
        Tap() as tap,
        Pipeline(folder, settings=settings, port=tap.port) as pipeline,
    ):
        tap.target = pipeline.broker_port
        done = pipeline.source("source", "--count", str(arguments.events))
        pipeline.wait("the backlog", done.exists, DRAIN_SECONDS)
        pipeline.forward()
        pipeline.wait("the last PUBACK", lambda: pipeline.status().get("depth") == 0, DRAIN_SECONDS)
        pipeline.stop("forwarder")
        tell(pipeline.ledger, tap.sent)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="default: the temporary folder")
    parser.add_argument("--events", type=int, default=20_000)
    return parser.parse_args()


def tell(ledger: Path, sent_bytes: int) -> None:
    """The figures."""
    by_class: dict[str, Sent] = defaultdict(Sent)
    for entry in entries(ledger):
        count(entry, by_class)
    everything = list(by_class.values())
    events = sum(sent.events for sent in everything)
    heading(f"{events:,} events of a busy floor, batches of {BATCH} at most; MQTT with its topic, before TLS")
    for name, sent in sorted(by_class.items()):
        what = f"class {name}: {sent.events:,} events, {sent.events / sent.publishes:.0f} a publish"
        bar = BYTES_BAR if sent.events > sent.publishes else None
        row(what, sent.packet_bytes / sent.events, "B/event", most=bar)
        row("  as JSON, uncompressed", sent.plain_bytes / sent.events, "B/event")
    packets = sum(sent.packet_bytes for sent in everything)
    row("all classes", packets / events, "B/event", most=BYTES_BAR)
    row("all classes, with TLS, handshake and all else that was sent", sent_bytes / events, "B/event")
    uncompressed = sum(sent.plain_bytes for sent in everything)
    row("to JSON without compression", packets / uncompressed, "x")


def count(entry: Entry, by_class: dict[str, Sent]) -> None:
    """Add a publish to what was sent of its class; several classes in one are named together."""
    payload = plain(entry)
    document = json.loads(payload)
    events = document if isinstance(document, list) else [document]
    name = "".join(sorted({class_of(event).value for event in events}))
    sequences = [str(int(event["sequence"])) for event in events]
    journal = str(events[0]["id"]).partition("/")[0]
    sent = by_class[name]
    sent.publishes += 1
    sent.events += len(events)
    sent.plain_bytes += len(payload)
    sent.packet_bytes += len(encode(publish(entry, sequences, journal, name)))


def publish(entry: Entry, sequences: Sequence[str], journal: str, delivery_class: str) -> Publish:
    """The packet as it was, but for its number."""
    encoding = (("content-encoding", entry.encoding),) if entry.encoding else ()
    whose = (("journal", journal), ("first", sequences[0]), ("last", sequences[-1]))
    several = entry.content_type == CONTENT_TYPE
    properties = Properties(
        content_type=entry.content_type,
        user_properties=(*encoding, *(whose if several else ()), ("class", delivery_class)),
    )
    return Publish(entry.topic, entry.payload, qos=1, packet_id=1, properties=properties)


if __name__ == "__main__":
    main()
