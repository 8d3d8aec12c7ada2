"""The event-stream wire of the Greengrass IPC: length, headers and payload between two checksums.

    u32 length of all | u32 length of the headers | u32 CRC of these eight bytes
    headers: u8 length and name, u8 type, value; type 4 is an i32, type 7 a u16 length and UTF-8
    payload | u32 CRC of everything before it

Big-endian throughout; CRC-32 as zlib has it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

Header = int | str

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_INT32, _STRING = 4, 7

PRELUDE_BYTES = _PRELUDE.size
# The SDK's client never sends more; a length beyond it is rubbish.
LONGEST_BYTES = 1 << 20


class MessageType:
    """What a message is."""

    APPLICATION, ERROR, PING, PING_RESPONSE, CONNECT, CONNECT_ACK = range(6)


CONNECTION_ACCEPTED, TERMINATE_STREAM = 1, 2  # flags


class BadMessage(ValueError):  # noqa: N818  what it is
    """Bytes that are no event-stream message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    kind: int
    flags: int = 0
    stream: int = 0
    headers: Mapping[str, Header] = field(default_factory=dict)
    payload: bytes = b""


def encode(message: Message) -> bytes:
    """A message as bytes."""
    own = {":message-type": message.kind, ":message-flags": message.flags, ":stream-id": message.stream}
    headers = b"".join(_header(name, value) for name, value in (own | dict(message.headers)).items())
    total = PRELUDE_BYTES + len(headers) + len(message.payload) + _CRC.size
    head = struct.pack(">II", total, len(headers))
    body = head + _CRC.pack(zlib.crc32(head)) + headers + message.payload
    return body + _CRC.pack(zlib.crc32(body))


def length(prelude: bytes) -> int:
    """How long the message is that begins so. Raises BadMessage."""
    total, headers, check = _PRELUDE.unpack(prelude)
    if zlib.crc32(prelude[:8]) != check:
        raise BadMessage("the prelude's CRC is wrong")
    if not PRELUDE_BYTES + headers + _CRC.size <= total <= LONGEST_BYTES:
        raise BadMessage(f"a message of {total} bytes with {headers} of headers")
    return int(total)


def decode(data: bytes) -> Message:
    """A message from its bytes. Raises BadMessage."""
    if length(data[:PRELUDE_BYTES]) != len(data) or zlib.crc32(data[:-4]) != _CRC.unpack(data[-4:])[0]:
        raise BadMessage("the message's CRC is wrong")
    end = PRELUDE_BYTES + int.from_bytes(data[4:8], "big")
    headers = dict(_headers(data[PRELUDE_BYTES:end]))
    own = [headers.pop(name, 0) for name in (":message-type", ":message-flags", ":stream-id")]
    kind, flags, stream = (value if isinstance(value, int) else 0 for value in own)
    return Message(kind, flags, stream, headers, data[end:-4])


def _header(name: str, value: Header) -> bytes:
    encoded = name.encode()
    head = bytes([len(encoded)]) + encoded
    if isinstance(value, int):
        return head + struct.pack(">Bi", _INT32, value)
    text = value.encode()
    return head + struct.pack(">BH", _STRING, len(text)) + text


def _headers(data: bytes) -> list[tuple[str, Header]]:
    found: list[tuple[str, Header]] = []
    at = 0
    try:
        while at < len(data):
            name = data[at + 1 : at + 1 + data[at]].decode()
            at += 1 + data[at]
            if data[at] == _INT32:
                found.append((name, struct.unpack_from(">i", data, at + 1)[0]))
                at += 5
            elif data[at] == _STRING:
                (size,) = struct.unpack_from(">H", data, at + 1)
                found.append((name, data[at + 3 : at + 3 + size].decode()))
                at += 3 + size
            else:
                raise BadMessage(f"header {name} has the type {data[at]}")
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise BadMessage("the headers end early") from error
    return found
