"""The MQTT 5 control packets a broker and its clients exchange, as values and tables.

One dataclass a packet, one row a property, one name a reason code, in the order and the words of
the OASIS standard (MQTT Version 5.0, sections 2.2 and 3). `decoding` and `encoding` walk
these tables.

Outside: QoS 2 (PUBREC, PUBREL, PUBCOMP) and AUTH, which IoT Core does not speak either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TypeAlias


class Kind(IntEnum):
    """The control packet type, the upper half of the first byte (table 2-1)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class Reason(IntEnum):
    """Reason codes the stand-in gives or understands (section 2.4)."""

    SUCCESS = 0x00
    GRANTED_QOS_1 = 0x01
    DISCONNECT_WITH_WILL = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_ID_NOT_VALID = 0x85
    NOT_AUTHORISED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_ID_IN_USE = 0x91
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    QOS_NOT_SUPPORTED = 0x9B
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    SUBSCRIPTION_IDS_NOT_SUPPORTED = 0xA1


class Wire(Enum):
    """How a property's value travels (section 1.5)."""

    BYTE = "byte"
    U16 = "two byte integer"
    U32 = "four byte integer"
    VARINT = "variable byte integer"
    TEXT = "UTF-8 string"
    BINARY = "binary data"
    PAIR = "UTF-8 string pair"


@dataclass(frozen=True, slots=True)
class Property:
    """One row of table 2-4."""

    name: str
    wire: Wire
    kinds: frozenset[Kind]
    in_will: bool = False
    repeats: bool = False
    at_most: int | None = None  # greatest value allowed, where the standard names one
    nonzero: bool = False


def _in(*kinds: Kind) -> frozenset[Kind]:
    return frozenset(kinds)


_ACKNOWLEDGEMENTS = (Kind.CONNACK, Kind.PUBACK, Kind.SUBACK, Kind.UNSUBACK, Kind.DISCONNECT)

PROPERTIES: dict[int, Property] = {
    0x01: Property("payload_format_indicator", Wire.BYTE, _in(Kind.PUBLISH), in_will=True, at_most=1),
    0x02: Property("message_expiry_interval", Wire.U32, _in(Kind.PUBLISH), in_will=True),
    0x03: Property("content_type", Wire.TEXT, _in(Kind.PUBLISH), in_will=True),
    0x08: Property("response_topic", Wire.TEXT, _in(Kind.PUBLISH), in_will=True),
    0x09: Property("correlation_data", Wire.BINARY, _in(Kind.PUBLISH), in_will=True),
    0x0B: Property(
        "subscription_identifiers", Wire.VARINT, _in(Kind.PUBLISH, Kind.SUBSCRIBE), repeats=True, nonzero=True
    ),
    0x11: Property("session_expiry_interval", Wire.U32, _in(Kind.CONNECT, Kind.CONNACK, Kind.DISCONNECT)),
    0x12: Property("assigned_client_identifier", Wire.TEXT, _in(Kind.CONNACK)),
    0x13: Property("server_keep_alive", Wire.U16, _in(Kind.CONNACK)),
    0x15: Property("authentication_method", Wire.TEXT, _in(Kind.CONNECT, Kind.CONNACK)),
    0x16: Property("authentication_data", Wire.BINARY, _in(Kind.CONNECT, Kind.CONNACK)),
    0x17: Property("request_problem_information", Wire.BYTE, _in(Kind.CONNECT), at_most=1),
    0x18: Property("will_delay_interval", Wire.U32, _in(), in_will=True),
    0x19: Property("request_response_information", Wire.BYTE, _in(Kind.CONNECT), at_most=1),
    0x1A: Property("response_information", Wire.TEXT, _in(Kind.CONNACK)),
    0x1C: Property("server_reference", Wire.TEXT, _in(Kind.CONNACK, Kind.DISCONNECT)),
    0x1F: Property("reason_string", Wire.TEXT, _in(*_ACKNOWLEDGEMENTS)),
    0x21: Property("receive_maximum", Wire.U16, _in(Kind.CONNECT, Kind.CONNACK), nonzero=True),
    0x22: Property("topic_alias_maximum", Wire.U16, _in(Kind.CONNECT, Kind.CONNACK)),
    0x23: Property("topic_alias", Wire.U16, _in(Kind.PUBLISH)),
    0x24: Property("maximum_qos", Wire.BYTE, _in(Kind.CONNACK), at_most=1),
    0x25: Property("retain_available", Wire.BYTE, _in(Kind.CONNACK), at_most=1),
    0x26: Property(
        "user_properties",
        Wire.PAIR,
        _in(*_ACKNOWLEDGEMENTS, Kind.CONNECT, Kind.PUBLISH, Kind.SUBSCRIBE, Kind.UNSUBSCRIBE),
        in_will=True,
        repeats=True,
    ),
    0x27: Property("maximum_packet_size", Wire.U32, _in(Kind.CONNECT, Kind.CONNACK), nonzero=True),
    0x28: Property("wildcard_subscription_available", Wire.BYTE, _in(Kind.CONNACK), at_most=1),
    0x29: Property("subscription_identifiers_available", Wire.BYTE, _in(Kind.CONNACK), at_most=1),
    0x2A: Property("shared_subscription_available", Wire.BYTE, _in(Kind.CONNACK), at_most=1),
}


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of one packet or will; None and () mean absent."""

    payload_format_indicator: int | None = None
    message_expiry_interval: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifiers: tuple[int, ...] = ()
    session_expiry_interval: int | None = None
    assigned_client_identifier: str | None = None
    server_keep_alive: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: int | None = None
    will_delay_interval: int | None = None
    request_response_information: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    maximum_packet_size: int | None = None
    wildcard_subscription_available: int | None = None
    subscription_identifiers_available: int | None = None
    shared_subscription_available: int | None = None


NONE = Properties()


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes for a client that is gone without a word."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = NONE


@dataclass(frozen=True, slots=True)
class Connect:
    """A client introduces itself."""

    client_id: str
    clean_start: bool = True
    keep_alive: int = 0
    will: Will | None = None
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    properties: Properties = NONE


@dataclass(frozen=True, slots=True)
class Connack:
    """The broker takes the client, or says why not."""

    reason: int = Reason.SUCCESS
    session_present: bool = False
    properties: Properties = NONE


@dataclass(frozen=True, slots=True)
class Publish:
    """A message, in either direction. `packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int = 0
    packet_id: int = 0
    retain: bool = False
    dup: bool = False
    properties: Properties = NONE


@dataclass(frozen=True, slots=True)
class Puback:
    """The receipt for a PUBLISH at QoS 1."""

    packet_id: int
    reason: int = Reason.SUCCESS
    properties: Properties = NONE


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic filter of a SUBSCRIBE and its options (section 3.8.3.1)."""

    topic_filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A client asks to be told."""

    packet_id: int
    subscriptions: tuple[Subscription, ...]
    properties: Properties = NONE


@dataclass(frozen=True, slots=True)
class Suback:
    """One reason for each filter asked for."""

    packet_id: int
    reasons: tuple[int, ...]
    properties: Properties = NONE


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """A client asks to be told no more."""

    packet_id: int
    topic_filters: tuple[str, ...]
    properties: Properties = NONE


@dataclass(frozen=True, slots=True)
class Unsuback:
    """One reason for each filter given up."""

    packet_id: int
    reasons: tuple[int, ...]
    properties: Properties = NONE


@dataclass(frozen=True, slots=True)
class Pingreq:
    """A client says it is still there."""


@dataclass(frozen=True, slots=True)
class Pingresp:
    """The broker says so too."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The last packet, from either side."""

    reason: int = Reason.SUCCESS
    properties: Properties = NONE


Packet: TypeAlias = (
    Connect
    | Connack
    | Publish
    | Puback
    | Subscribe
    | Suback
    | Unsubscribe
    | Unsuback
    | Pingreq
    | Pingresp
    | Disconnect
)
