"""MQTT 5 reason codes: their names, and what a publisher does about a PUBACK that carries one.

Only a code that is known to mean success lets a record go. A code this table does not know
keeps the record, like any trouble that may pass.

WITHHOLD is about one topic: `withholding` keeps account of each by itself, so that a policy that forgets
one type of event stops that type alone. RETRY is about the connection, whose quotas all topics share.
SET_ASIDE and SPLIT are about what was published, and say nothing of the next publish.
"""

from __future__ import annotations

from enum import Enum


class Reaction(Enum):
    """What a publisher does about a PUBACK."""

    DELIVERED = "delivered"  # the records may be acknowledged
    RETRY = "retry"  # keep, back off with jitter, send again
    WITHHOLD = "withhold"  # keep, send nothing more to that topic, raise an alarm, probe it slowly
    SET_ASIDE = "set_aside"  # what was published can never be taken: never send it again unchanged
    SPLIT = "split"  # as SET_ASIDE, but one record of the batch may be the reason


# MQTT 5.0, 3.4.2.1 PUBACK reason codes.
PUBACK_REACTIONS: dict[int, Reaction] = {
    0x00: Reaction.DELIVERED,
    0x10: Reaction.DELIVERED,  # no matching subscribers: a success, the broker took it
    0x80: Reaction.RETRY,
    0x83: Reaction.RETRY,
    0x87: Reaction.WITHHOLD,  # a policy, or our topic
    0x90: Reaction.SET_ASIDE,
    0x91: Reaction.RETRY,
    0x97: Reaction.RETRY,
    0x99: Reaction.SPLIT,
    0x95: Reaction.SPLIT,  # no PUBACK carries it: our client's answer where the server takes smaller packets
}

# MQTT 5.0, 2.4 reason code, the part a publisher can meet.
NAMES: dict[int, str] = {
    0x00: "success",
    0x04: "disconnect with will message",
    0x10: "no matching subscribers",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorised",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8C: "bad authentication method",
    0x8D: "keep alive timeout",
    0x8E: "session taken over",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x93: "receive maximum exceeded",
    0x94: "topic alias invalid",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x99: "payload format invalid",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9F: "connection rate exceeded",
    0xA0: "maximum connect time",
}

SUCCESS = 0x00
UNSPECIFIED_ERROR = 0x80
NOT_AUTHORISED = 0x87
SESSION_TAKEN_OVER = 0x8E
PACKET_TOO_LARGE = 0x95


def reaction_to(code: int) -> Reaction:
    """What to do about a PUBACK with this code."""
    return PUBACK_REACTIONS.get(code, Reaction.RETRY)


def describe(code: int, text: str = "") -> str:
    """A code for people, as `0x87 not authorised (text of the server)`."""
    name = NAMES.get(code, f"unknown_0x{code:02x}")
    return f"0x{code:02X} {name} ({text})" if text else f"0x{code:02X} {name}"
