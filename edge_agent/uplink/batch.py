"""What events travel in: many in one publish, compressed when it pays, or one alone as it is.

IoT Core meters publishes by the 5 KB and allows a connection 100 of them a second; events are
some 500 bytes and mostly the same words. A batch is the JSON array of its events, so events
are joined, never parsed. An event alone is uncompressed JSON, so that the SQL of an IoT rule can select it
by what it says. IoT Core hands content type and user properties on to rules and to subscribers
(`get_mqtt_property`, `get_user_properties`), and meters them with the payload.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence

from edge_agent.uplink.base import Message
from edge_agent.uplink.limits import MAX_PAYLOAD_BYTES

CONTENT_TYPE = "application/cloudevents-batch+json"
EVENT_CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
GZIPPED = (("content-encoding", "gzip"),)

# Below this a publish is one packet and one metered unit either way.
GZIP_ABOVE_BYTES = 1024
# Links of the chain do not compress. With them the levels 1, 3, 6 and 9 leave 70, 68, 60 and 58 bytes an
# event in batches of 100, after 0.5, 0.9, 1.5 and 4 ms (benchmarks/envelope_bytes.py, on a busy machine).
GZIP_LEVEL = 6


Properties = tuple[tuple[str, str], ...]


def make_event(topic: str, event: bytes, properties: Properties = ()) -> Message:
    """One publish of one event, which a rule can read."""
    return Message(topic, event, EVENT_CONTENT_TYPE, properties)


def make_message(
    topic: str, events: Sequence[bytes], properties: Properties = (), *, compress: bool = True
) -> Message:
    """One publish of these events. May be over what the service takes when the events are."""
    payload = b"[" + b",".join(events) + b"]"
    if compress and len(payload) > GZIP_ABOVE_BYTES:
        # Without a time in its header the same batch is the same bytes.
        smaller = gzip.compress(payload, GZIP_LEVEL, mtime=0)
        if len(smaller) < len(payload):
            return Message(topic, smaller, CONTENT_TYPE, GZIPPED + properties)
    return Message(topic, payload, CONTENT_TYPE, properties)


def fitting(sizes: Iterable[int], limit_bytes: int) -> int:
    """How many events of a row, given by their sizes, make a batch within a limit before compression.

    At least one does: an event that is over the limit alone must travel alone.
    """
    left = (
        min(limit_bytes, MAX_PAYLOAD_BYTES) - 1
    )  # the brackets, less the comma that the first event has not
    count = 0
    for size in sizes:
        left -= size + 1
        if left < 0 and count:
            break
        count += 1
    return count
