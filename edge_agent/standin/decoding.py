"""Bytes to MQTT 5 packets, by the tables of `packets`.

Any bytes whatever give packets or `MalformedPacket`, never anything else. A reader holds at most
one packet of the size it allows: a longer one is refused by its length, before its body arrives.
How the stream is cut into chunks changes nothing.

Strict where the standard says "malformed" or "protocol error": reserved flags, lengths that do
not add up, non-minimal lengths, UTF-8 that is none, U+0000, a property twice or in the wrong
packet. The reason code that the other side is owed travels with the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from edge_agent.errors import RemoteProtocolError
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
    Property,
    Puback,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
    Wire,
)

PROTOCOL_VERSION = 5
# Section 1.5.5: a variable byte integer has at most four bytes.
VARINT_LIMIT = 4
# Table 2-2: the lower half of the first byte; PUBLISH alone uses it freely.
FLAGS = {kind: 0b0010 if kind in (Kind.SUBSCRIBE, Kind.UNSUBSCRIBE) else 0 for kind in Kind}


class MalformedPacket(RemoteProtocolError):  # noqa: N818  the standard's word
    """The other side broke the standard; `reason` is the code it is owed."""

    def __init__(self, what: str, reason: Reason = Reason.MALFORMED_PACKET) -> None:
        super().__init__(what)
        self.reason = reason


class UnsupportedVersion(MalformedPacket):
    """A CONNECT in another version of MQTT; 3.1.1 clients are owed an answer in their own."""

    def __init__(self, version: int) -> None:
        super().__init__(f"CONNECT asks for protocol version {version}", Reason.UNSUPPORTED_PROTOCOL_VERSION)
        self.version = version


class PacketReader:
    """Bytes in, packets out. After the first error it gives nothing more."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._failed = False

    def receive_data(self, data: bytes) -> None:
        """Take what arrived, however it was cut."""
        if not self._failed:
            self._buffer += data

    def packets(self) -> Iterator[tuple[Packet, int]]:
        """Every complete packet so far, with its size in bytes. Raises MalformedPacket."""
        try:
            while (size := self._whole()) is not None:
                packet = decode(bytes(self._buffer[:size]))
                del self._buffer[:size]
                yield packet, size
        except MalformedPacket:
            self._failed = True
            self._buffer.clear()
            raise

    def _whole(self) -> int | None:
        """The size of the packet at the front once all of it is here."""
        for index in range(1, 1 + VARINT_LIMIT):
            if index >= len(self._buffer):
                return None
            if self._buffer[index] < 0x80:
                break
        else:
            raise MalformedPacket("a packet's length has more than four bytes")
        length = sum((self._buffer[at] & 0x7F) << 7 * (at - 1) for at in range(1, index + 1))
        size = 1 + index + length
        if size > self._limit_bytes:
            raise MalformedPacket(f"a packet of {size} bytes", Reason.PACKET_TOO_LARGE)
        return size if len(self._buffer) >= size else None


def decode(data: bytes) -> Packet:
    """The packet that is exactly `data`. Raises MalformedPacket."""
    fields = _Fields(data)
    first = fields.byte()
    try:
        kind = Kind(first >> 4)
    except ValueError:
        raise MalformedPacket(f"packet type {first >> 4} is not spoken here", Reason.PROTOCOL_ERROR) from None
    if fields.varint() != fields.left():
        raise MalformedPacket(f"{kind.name} has another length than it says")
    if kind is Kind.PUBLISH:
        packet: Packet = _read_publish(fields, first & 0x0F)
    elif first & 0x0F != FLAGS[kind]:
        raise MalformedPacket(f"{kind.name} has reserved flags set")
    else:
        packet = _READERS[kind](fields)
    if fields.left():
        raise MalformedPacket(f"{kind.name} goes on after its end")
    return packet


class _Fields:
    """Walks over the fields of one packet, in the encodings of section 1.5."""

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._at = start
        self._end = len(data) if end is None else end

    def left(self) -> int:
        return self._end - self._at

    def take(self, count: int) -> bytes:
        if count > self.left():
            raise MalformedPacket("a packet ends within a field")
        self._at += count
        return self._data[self._at - count : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def varint(self) -> int:
        value = 0
        for index in range(VARINT_LIMIT):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                if index and not byte:
                    raise MalformedPacket("a length is longer than it need be")
                return value
        raise MalformedPacket("a length has more than four bytes")

    def text(self) -> str:
        try:
            text = self.take(self.u16()).decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedPacket("a string is not UTF-8") from None
        if "\0" in text:
            raise MalformedPacket("a string contains U+0000")
        return text

    def binary(self) -> bytes:
        return self.take(self.u16())

    def pair(self) -> tuple[str, str]:
        return self.text(), self.text()

    def packet_id(self) -> int:
        if not (packet_id := self.u16()):
            raise MalformedPacket("packet identifier 0", Reason.PROTOCOL_ERROR)
        return packet_id

    def part(self, length: int) -> _Fields:
        """The next `length` bytes, to be walked by themselves."""
        start = self._at
        self.take(length)
        return _Fields(self._data, start, self._at)


_READ: dict[Wire, Callable[[_Fields], Any]] = {
    Wire.BYTE: _Fields.byte,
    Wire.U16: _Fields.u16,
    Wire.U32: _Fields.u32,
    Wire.VARINT: _Fields.varint,
    Wire.TEXT: _Fields.text,
    Wire.BINARY: _Fields.binary,
    Wire.PAIR: _Fields.pair,
}


def _read_properties(fields: _Fields, kind: Kind | None) -> Properties:
    """The properties of a packet, or of a will when `kind` is None."""
    part = fields.part(fields.varint())
    if not part.left():
        return NONE
    found: dict[str, Any] = {}
    while part.left():
        row = PROPERTIES.get(identifier := part.varint())
        if row is None or not (row.in_will if kind is None else kind in row.kinds):
            where = "a will" if kind is None else kind.name
            raise MalformedPacket(f"{where} has property 0x{identifier:02X}")
        value = _READ[row.wire](part)
        _check_property(row, value)
        if row.repeats:
            found[row.name] = (*found.get(row.name, ()), value)
        elif row.name in found:
            raise MalformedPacket(f"{row.name} is there twice", Reason.PROTOCOL_ERROR)
        else:
            found[row.name] = value
    return Properties(**found)


def _check_property(row: Property, value: Any) -> None:  # noqa: ANN401  whatever the row's encoding gives
    if (row.at_most is not None and value > row.at_most) or (row.nonzero and value == 0):
        raise MalformedPacket(f"{row.name} is {value}", Reason.PROTOCOL_ERROR)


def _read_connect(fields: _Fields) -> Connect:
    name, version = fields.text(), fields.byte()
    if (name, version) != ("MQTT", PROTOCOL_VERSION):
        if name in ("MQTT", "MQIsdp"):
            raise UnsupportedVersion(version)
        raise MalformedPacket(f"CONNECT for protocol {name!r}", Reason.UNSUPPORTED_PROTOCOL_VERSION)
    flags, keep_alive = fields.byte(), fields.u16()
    will_flag, will_qos, will_retain = bool(flags & 0x04), flags >> 3 & 3, bool(flags & 0x20)
    if flags & 0x01 or will_qos > 2 or (not will_flag and (will_qos or will_retain)):
        raise MalformedPacket(f"CONNECT has flags 0x{flags:02X}")
    properties = _read_properties(fields, Kind.CONNECT)
    client_id = fields.text()
    will = None
    if will_flag:
        will_properties = _read_properties(fields, None)
        will = Will(fields.text(), fields.binary(), will_qos, will_retain, will_properties)
    username = fields.text() if flags & 0x80 else None
    password = fields.binary() if flags & 0x40 else None
    return Connect(client_id, bool(flags & 0x02), keep_alive, will, username, password, properties)


def _read_connack(fields: _Fields) -> Connack:
    flags, reason = fields.byte(), fields.byte()
    if flags > 1:
        raise MalformedPacket("CONNACK has reserved flags set")
    return Connack(reason, bool(flags), _read_properties(fields, Kind.CONNACK))


def _read_publish(fields: _Fields, flags: int) -> Publish:
    dup, qos, retain = bool(flags & 8), flags >> 1 & 3, bool(flags & 1)
    if qos > 2 or (dup and not qos):
        raise MalformedPacket(f"PUBLISH has flags 0x{flags:X}")
    topic = fields.text()
    packet_id = fields.packet_id() if qos else 0
    properties = _read_properties(fields, Kind.PUBLISH)
    return Publish(topic, fields.take(fields.left()), qos, packet_id, retain, dup, properties)


def _read_puback(fields: _Fields) -> Puback:
    packet_id = fields.packet_id()
    reason = fields.byte() if fields.left() else Reason.SUCCESS
    return Puback(packet_id, reason, _read_properties(fields, Kind.PUBACK) if fields.left() else NONE)


def _read_subscribe(fields: _Fields) -> Subscribe:
    packet_id, properties = fields.packet_id(), _read_properties(fields, Kind.SUBSCRIBE)
    subscriptions: list[Subscription] = []
    while fields.left() or not subscriptions:
        topic_filter, options = fields.text(), fields.byte()
        if options & 0xC0 or options & 0x03 > 2 or options >> 4 & 3 > 2:
            raise MalformedPacket(f"SUBSCRIBE has options 0x{options:02X}")
        subscriptions.append(
            Subscription(topic_filter, options & 3, bool(options & 4), bool(options & 8), options >> 4 & 3)
        )
    return Subscribe(packet_id, tuple(subscriptions), properties)


def _read_suback(fields: _Fields) -> Suback:
    packet_id, properties = fields.packet_id(), _read_properties(fields, Kind.SUBACK)
    return Suback(packet_id, tuple(fields.take(fields.left())), properties)


def _read_unsubscribe(fields: _Fields) -> Unsubscribe:
    packet_id, properties = fields.packet_id(), _read_properties(fields, Kind.UNSUBSCRIBE)
    filters = [fields.text()]
    while fields.left():
        filters.append(fields.text())
    return Unsubscribe(packet_id, tuple(filters), properties)


def _read_unsuback(fields: _Fields) -> Unsuback:
    packet_id, properties = fields.packet_id(), _read_properties(fields, Kind.UNSUBACK)
    return Unsuback(packet_id, tuple(fields.take(fields.left())), properties)


def _read_disconnect(fields: _Fields) -> Disconnect:
    reason = fields.byte() if fields.left() else Reason.SUCCESS
    return Disconnect(reason, _read_properties(fields, Kind.DISCONNECT) if fields.left() else NONE)


_READERS: dict[Kind, Callable[[_Fields], Packet]] = {
    Kind.CONNECT: _read_connect,
    Kind.CONNACK: _read_connack,
    Kind.PUBACK: _read_puback,
    Kind.SUBSCRIBE: _read_subscribe,
    Kind.SUBACK: _read_suback,
    Kind.UNSUBSCRIBE: _read_unsubscribe,
    Kind.UNSUBACK: _read_unsuback,
    Kind.PINGREQ: lambda _: Pingreq(),
    Kind.PINGRESP: lambda _: Pingresp(),
    Kind.DISCONNECT: _read_disconnect,
}
