"""The MQTT 5 codec: every packet both ways, any cut, any rubbish."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.errors import LocalProtocolError
from edge_agent.standin.decoding import MalformedPacket, PacketReader, UnsupportedVersion, decode
from edge_agent.standin.encoding import encode
from edge_agent.standin.limits import PACKET_LIMIT_BYTES
from edge_agent.standin.packets import (
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
    Reason,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
    Wire,
)

# Bytes written down by hand from the standard's own tables.
VECTORS: list[tuple[str, Packet]] = [
    ("10 11 00 04 4D515454 05 02 001E 00 0004 67772D31", Connect("gw-1", keep_alive=30)),
    ("20 06 00 00 03 21 0064", Connack(properties=Properties(receive_maximum=100))),
    ("30 08 0003 612F62 00 4F4B", Publish("a/b", b"OK")),
    ("3A 08 0003 612F62 0007 00", Publish("a/b", b"", qos=1, packet_id=7, dup=True)),
    ("40 02 0007", Puback(7)),
    ("40 03 0007 97", Puback(7, Reason.QUOTA_EXCEEDED)),
    ("82 09 0001 00 0003 612F23 01", Subscribe(1, (Subscription("a/#", 1),))),
    ("90 04 0001 00 01", Suback(1, (Reason.GRANTED_QOS_1,))),
    ("A2 08 0001 00 0003 612F62", Unsubscribe(1, ("a/b",))),
    ("B0 04 0001 00 11", Unsuback(1, (Reason.NO_SUBSCRIPTION_EXISTED,))),
    ("C0 00", Pingreq()),
    ("D0 00", Pingresp()),
    ("E0 00", Disconnect()),
    ("E0 01 8E", Disconnect(Reason.SESSION_TAKEN_OVER)),
]

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
PACKET_ID = st.integers(1, 0xFFFF)
CODES = st.integers(0, 0xFF)

VALUES: dict[Wire, Callable[[int], st.SearchStrategy[Any]]] = {
    Wire.BYTE: lambda least: st.integers(least, 1),
    Wire.U16: lambda least: st.integers(least, 0xFFFF),
    Wire.U32: lambda least: st.integers(least, 0xFFFF_FFFF),
    Wire.VARINT: lambda least: st.integers(least, 268_435_455),
    Wire.TEXT: lambda _: TEXT,
    Wire.BINARY: lambda _: st.binary(max_size=20),
    Wire.PAIR: lambda _: st.tuples(TEXT, TEXT),
}


def properties_of(kind: Kind | None) -> st.SearchStrategy[Properties]:
    """The properties a packet may have, or a will when `kind` is None."""
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for row in PROPERTIES.values():
        if row.in_will if kind is None else kind in row.kinds:
            value = VALUES[row.wire](int(row.nonzero))
            optional[row.name] = st.lists(value, max_size=3).map(tuple) if row.repeats else value
    return st.fixed_dictionaries({}, optional=optional).map(lambda found: Properties(**found))


WILLS = st.builds(Will, TEXT, st.binary(max_size=20), st.integers(0, 2), st.booleans(), properties_of(None))
SUBSCRIPTIONS = st.builds(
    Subscription, TEXT, st.integers(0, 2), st.booleans(), st.booleans(), st.integers(0, 2)
)
PACKETS: st.SearchStrategy[Packet] = st.one_of(
    st.builds(
        Connect,
        TEXT,
        st.booleans(),
        st.integers(0, 0xFFFF),
        st.none() | WILLS,
        st.none() | TEXT,
        st.none() | st.binary(max_size=20),
        properties_of(Kind.CONNECT),
    ),
    st.builds(Connack, CODES, st.booleans(), properties_of(Kind.CONNACK)),
    st.builds(
        Publish,
        TEXT,
        st.binary(max_size=300),
        st.just(0),
        st.just(0),
        st.booleans(),
        st.just(value=False),
        properties_of(Kind.PUBLISH),
    ),
    st.builds(
        Publish,
        TEXT,
        st.binary(max_size=300),
        st.integers(1, 2),
        PACKET_ID,
        st.booleans(),
        st.booleans(),
        properties_of(Kind.PUBLISH),
    ),
    st.builds(Puback, PACKET_ID, CODES, properties_of(Kind.PUBACK)),
    st.builds(
        Subscribe,
        PACKET_ID,
        st.lists(SUBSCRIPTIONS, min_size=1, max_size=3).map(tuple),
        properties_of(Kind.SUBSCRIBE),
    ),
    st.builds(Suback, PACKET_ID, st.lists(CODES, max_size=3).map(tuple), properties_of(Kind.SUBACK)),
    st.builds(
        Unsubscribe,
        PACKET_ID,
        st.lists(TEXT, min_size=1, max_size=3).map(tuple),
        properties_of(Kind.UNSUBSCRIBE),
    ),
    st.builds(Unsuback, PACKET_ID, st.lists(CODES, max_size=3).map(tuple), properties_of(Kind.UNSUBACK)),
    st.just(Pingreq()),
    st.just(Pingresp()),
    st.builds(Disconnect, CODES, properties_of(Kind.DISCONNECT)),
)


@pytest.mark.parametrize(("wire", "packet"), VECTORS)
def test_packets_read_and_write_as_the_standard_has_them(wire: str, packet: Packet) -> None:
    data = bytes.fromhex(wire)

    assert encode(packet) == data
    assert decode(data) == packet


def test_every_kind_of_packet_has_a_vector() -> None:
    assert {Kind(bytes.fromhex(wire)[0] >> 4) for wire, _ in VECTORS} == set(Kind)


@given(PACKETS)
def test_what_is_written_reads_back(packet: Packet) -> None:
    assert decode(encode(packet)) == packet


@given(st.lists(PACKETS, max_size=5), st.data())
def test_how_the_stream_is_cut_changes_nothing(packets: list[Packet], data: st.DataObject) -> None:
    stream = b"".join(encode(packet) for packet in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = PacketReader(PACKET_LIMIT_BYTES)

    read = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.receive_data(stream[start:end])
        read += [packet for packet, _ in reader.packets()]

    assert read == packets


@given(PACKETS)
def test_nothing_comes_before_the_last_byte(packet: Packet) -> None:
    reader = PacketReader(PACKET_LIMIT_BYTES)
    data = encode(packet)

    for byte in data[:-1]:
        reader.receive_data(bytes([byte]))
        assert list(reader.packets()) == []
    reader.receive_data(data[-1:])

    assert list(reader.packets()) == [(packet, len(data))]


def spoilt(data: bytes, index: int, byte: int) -> bytes:
    """One byte changed, and the length made to fit again where it was a single byte."""
    changed = bytearray(data)
    changed[index % len(changed)] = byte
    if len(changed) < 130:
        changed[1:2] = bytes([len(changed) - 2])
    return bytes(changed)


@given(
    st.binary(max_size=200) | st.builds(spoilt, PACKETS.map(encode), st.integers(0, 400), st.integers(0, 255))
)
@example(bytes.fromhex("3208 0003 61FF62 0001 00"))  # invalid UTF-8 in a topic
@example(bytes.fromhex("3208 0003 EDA080 0001 00"))  # a surrogate
def test_any_bytes_give_packets_or_a_protocol_error(data: bytes) -> None:
    reader = PacketReader(PACKET_LIMIT_BYTES)
    reader.receive_data(data)

    packets, error = read_all(reader)

    assert all(decode(encode(packet)) == packet for packet in packets)
    assert error is None or (error.reason >= Reason.UNSPECIFIED_ERROR and "\n" not in str(error))


def read_all(reader: PacketReader) -> tuple[list[Packet], MalformedPacket | None]:
    packets: list[Packet] = []
    try:
        for packet, _ in reader.packets():
            packets.append(packet)
    except MalformedPacket as error:
        return packets, error
    return packets, None


MALFORMED = [
    ("3208 0003 610062 0001 00", "U\\+0000", Reason.MALFORMED_PACKET),
    ("3208 0003 61FF62 0001 00", "not UTF-8", Reason.MALFORMED_PACKET),
    ("3608 0003 612F62 0001 00", "PUBLISH has flags", Reason.MALFORMED_PACKET),
    ("3806 0003 612F62 00", "PUBLISH has flags", Reason.MALFORMED_PACKET),
    ("3208 0003 612F62 0000 00", "packet identifier 0", Reason.PROTOCOL_ERROR),
    ("320A 0003 612F62 0001 02 0102", "payload_format_indicator is 2", Reason.PROTOCOL_ERROR),
    ("320A 0003 612F62 0001 02 7E01", "property 0x7E", Reason.MALFORMED_PACKET),
    ("320B 0003 612F62 0001 03 210064", "property 0x21", Reason.MALFORMED_PACKET),
    ("3210 0003 612F62 0001 08 03000161 03000162", "there twice", Reason.PROTOCOL_ERROR),
    ("3205 0009 610001", "ends within a field", Reason.MALFORMED_PACKET),
    ("3206 0001 61 0001 80", "ends within a field", Reason.MALFORMED_PACKET),
    ("8203 0001 00", "ends within a field", Reason.MALFORMED_PACKET),
    ("8207 0001 00 0001 61 C1", "SUBSCRIBE has options", Reason.MALFORMED_PACKET),
    ("8207 0001 00 0001 61 03", "SUBSCRIBE has options", Reason.MALFORMED_PACKET),
    ("8207 0001 00 0001 61 30", "SUBSCRIBE has options", Reason.MALFORMED_PACKET),
    ("8007 0001 00 0001 61 01", "reserved flags", Reason.MALFORMED_PACKET),
    ("C001 00", "goes on after its end", Reason.MALFORMED_PACKET),
    ("2003 02 00 00", "reserved flags", Reason.MALFORMED_PACKET),
    ("100D 0004 4D515454 05 01 0000 00 0000", "CONNECT has flags", Reason.MALFORMED_PACKET),
    ("100D 0004 4D515454 05 08 0000 00 0000", "CONNECT has flags", Reason.MALFORMED_PACKET),
    ("1010 0004 4D515454 05 02 0000 03 210000 0000", "receive_maximum is 0", Reason.PROTOCOL_ERROR),
    ("100D 0004 484F5554 05 02 0000 00 0000", "protocol 'HOUT'", Reason.UNSUPPORTED_PROTOCOL_VERSION),
    ("0000", "type 0", Reason.PROTOCOL_ERROR),
    ("F000", "type 15", Reason.PROTOCOL_ERROR),
    ("5002 0001", "type 5", Reason.PROTOCOL_ERROR),
    ("C08000", "longer than it need be", Reason.MALFORMED_PACKET),
    ("30FFFFFFFF01", "more than four bytes", Reason.MALFORMED_PACKET),
    ("320B 0003 612F62 0001 FFFFFFFF", "more than four bytes", Reason.MALFORMED_PACKET),
    ("30FFFFFF7F", "a packet of 268435460 bytes", Reason.PACKET_TOO_LARGE),
]


@pytest.mark.parametrize(("wire", "message", "reason"), MALFORMED)
def test_what_the_standard_forbids_is_named(wire: str, message: str, reason: Reason) -> None:
    reader = PacketReader(PACKET_LIMIT_BYTES)
    reader.receive_data(bytes.fromhex(wire))

    with pytest.raises(MalformedPacket, match=message) as malformed:
        list(reader.packets())

    assert malformed.value.reason is reason


def test_decode_wants_exactly_one_packet() -> None:
    with pytest.raises(MalformedPacket, match="another length"):
        decode(bytes.fromhex("C000C000"))


@pytest.mark.parametrize(
    ("wire", "version"),
    [("100C 0004 4D515454 04 02 003C 0000", 4), ("100E 0006 4D5149736470 03 02 003C 0000", 3)],
    ids=["MQTT 3.1.1", "MQTT 3.1"],
)
def test_older_versions_are_recognised(wire: str, version: int) -> None:
    with pytest.raises(UnsupportedVersion) as refused:
        decode(bytes.fromhex(wire))

    assert refused.value.version == version


def test_a_packet_too_large_is_refused_before_its_body_arrives() -> None:
    reader = PacketReader(limit_bytes=1000)
    reader.receive_data(bytes.fromhex("30E607"))  # 998 bytes follow

    with pytest.raises(MalformedPacket, match="a packet of 1001 bytes"):
        list(reader.packets())


def test_after_an_error_a_reader_gives_nothing_more() -> None:
    reader = PacketReader(PACKET_LIMIT_BYTES)
    reader.receive_data(b"\x00\x00")
    with pytest.raises(MalformedPacket):
        list(reader.packets())

    reader.receive_data(encode(Pingreq()))

    assert list(reader.packets()) == []


@pytest.mark.parametrize(
    "packet",
    [
        Puback(70_000),
        Publish("x" * 70_000, b""),
        Suback(1, (300,)),
        Connack(properties=Properties(receive_maximum=-1)),
    ],
    ids=["packet id", "topic", "reason", "property"],
)
def test_what_does_not_fit_its_field_is_our_mistake(packet: Packet) -> None:
    with pytest.raises(LocalProtocolError, match="does not fit"):
        encode(packet)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Connect("gw-1", password=b"secret"))


def property_fields() -> Iterator[str]:
    yield from Properties.__dataclass_fields__


def test_the_property_table_and_the_fields_are_the_same_list() -> None:
    assert sorted(row.name for row in PROPERTIES.values()) == sorted(property_fields())
