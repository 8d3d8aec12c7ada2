"""MQTT 5 packets to bytes, by the tables of `packets`: the inverse of `decoding`.

Packets are ours and so are the mistakes: a value that does not fit its field is a
`LocalProtocolError`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from edge_agent.errors import LocalProtocolError
from edge_agent.standin.decoding import FLAGS, PROTOCOL_VERSION
from edge_agent.standin.packets import (
    NONE,
    PROPERTIES,
    Connack,
    Connect,
    Disconnect,
    Kind,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Wire,
)


def encode(packet: Packet) -> bytes:
    """The bytes of a packet."""
    try:
        kind, flags, body = _body(packet)
    except (struct.error, ValueError) as error:
        raise LocalProtocolError(f"a field of {type(packet).__name__} does not fit: {error}") from error
    return bytes([kind << 4 | flags]) + _varint(len(body)) + body


def _body(packet: Packet) -> tuple[Kind, int, bytes]:  # noqa: C901, PLR0911  one row a packet
    match packet:
        case Publish(topic, payload, qos, packet_id, retain, dup, properties):
            head = _text(topic) + (_u16(packet_id) if qos else b"")
            return Kind.PUBLISH, dup << 3 | qos << 1 | retain, head + _properties(properties) + payload
        case Puback(packet_id, reason, properties):
            return Kind.PUBACK, 0, _u16(packet_id) + _short(reason, properties)
        case Disconnect(reason, properties):
            return Kind.DISCONNECT, 0, _short(reason, properties)
        case Connack(reason, session_present, properties):
            return Kind.CONNACK, 0, bytes([session_present, reason]) + _properties(properties)
        case Connect():
            return Kind.CONNECT, 0, _connect_body(packet)
        case Subscribe(packet_id, subscriptions, properties):
            filters = b"".join(_text(one.topic_filter) + _options(one) for one in subscriptions)
            return Kind.SUBSCRIBE, FLAGS[Kind.SUBSCRIBE], _u16(packet_id) + _properties(properties) + filters
        case Unsubscribe(packet_id, topic_filters, properties):
            filters = b"".join(_text(one) for one in topic_filters)
            return (
                Kind.UNSUBSCRIBE,
                FLAGS[Kind.UNSUBSCRIBE],
                _u16(packet_id) + _properties(properties) + filters,
            )
        case Suback(packet_id, reasons, properties):
            return Kind.SUBACK, 0, _u16(packet_id) + _properties(properties) + bytes(reasons)
        case Unsuback(packet_id, reasons, properties):
            return Kind.UNSUBACK, 0, _u16(packet_id) + _properties(properties) + bytes(reasons)
        case Pingreq():
            return Kind.PINGREQ, 0, b""
        case Pingresp():
            return Kind.PINGRESP, 0, b""


def _connect_body(packet: Connect) -> bytes:
    will = packet.will
    flags = packet.clean_start << 1 | (packet.password is not None) << 6 | (packet.username is not None) << 7
    body = _properties(packet.properties) + _text(packet.client_id)
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        body += _properties(will.properties) + _text(will.topic) + _binary(will.payload)
    if packet.username is not None:
        body += _text(packet.username)
    if packet.password is not None:
        body += _binary(packet.password)
    return _text("MQTT") + bytes([PROTOCOL_VERSION, flags]) + _u16(packet.keep_alive) + body


def _short(reason: int, properties: Properties) -> bytes:
    """Sections 3.4.2.1 and 3.14.2.1: success without properties may be left unsaid."""
    if properties is not NONE and properties != NONE:
        return bytes([reason]) + _properties(properties)
    return bytes([reason]) if reason else b""


def _options(one: Subscription) -> bytes:
    return bytes([one.qos | one.no_local << 2 | one.retain_as_published << 3 | one.retain_handling << 4])


def _properties(properties: Properties) -> bytes:
    if properties is NONE:
        return b"\0"
    body = bytearray()
    for identifier, row in PROPERTIES.items():
        value = getattr(properties, row.name)
        for one in value if row.repeats else () if value is None else (value,):
            body += bytes([identifier]) + _WRITE[row.wire](one)
    return _varint(len(body)) + bytes(body)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _u16(value: int) -> bytes:
    return struct.pack(">H", value)


def _text(value: str) -> bytes:
    return _binary(value.encode("utf-8"))


def _binary(value: bytes) -> bytes:
    return _u16(len(value)) + value


_WRITE: dict[Wire, Callable[[Any], bytes]] = {
    Wire.BYTE: lambda value: bytes([value]),
    Wire.U16: _u16,
    Wire.U32: lambda value: struct.pack(">I", value),
    Wire.VARINT: _varint,
    Wire.TEXT: _text,
    Wire.BINARY: _binary,
    Wire.PAIR: lambda value: _text(value[0]) + _text(value[1]),
}
