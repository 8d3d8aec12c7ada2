"""A TDL/1 message: who says what, and the payload text it travels as.

    TDL1|addr|seq|kind|code|key=value|...

The address is two hex digits, the sequence four, both upper-case. A code is `CLASS.NAME` or a
short word. Keys are lower-case words of at most 16 characters; values are any text, of which
`$ * | = %` and everything outside printable ASCII is percent-encoded UTF-8. Unknown keys and
unknown codes are kept: what they mean is for `edge_agent.tdl1.codes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge_agent.errors import LocalProtocolError, RemoteProtocolError

VERSION = "TDL1"
BROADCAST = 0xFF  # from the host to every device on the line


class Kind(StrEnum):
    """What a message is for."""

    EVENT = "E"  # acknowledged by the host
    SNAPSHOT = "S"  # repeats the last event's sequence; not acknowledged
    HEARTBEAT = "H"  # heartbeats and boots; not acknowledged
    COMMAND = "C"
    REPLY = "R"  # repeats the command's sequence
    ACK = "A"  # repeats the event's address and sequence
    NAK = "N"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, of either side."""

    address: int
    sequence: int
    kind: Kind
    code: str
    values: Mapping[str, str] = field(default_factory=dict)


def to_payload(message: Message) -> bytes:
    """A message as payload text. Raises LocalProtocolError naming what cannot be said."""
    _require(0 <= message.address <= 0xFF, f"address {message.address} is not 00 to FF")
    _require(0 <= message.sequence <= 0xFFFF, f"sequence {message.sequence} is not 0000 to FFFF")
    _require(_CODE.fullmatch(message.code) is not None, f"{message.code!r} is no code")
    for key in message.values:
        _require(_KEY.fullmatch(key) is not None, f"{key!r} is no key")
    head = f"{VERSION}|{message.address:02X}|{message.sequence:04X}|{message.kind}|{message.code}"
    fields = (f"|{key}={escape(value)}" for key, value in message.values.items())
    return (head + "".join(fields)).encode("ascii")


def from_payload(payload: bytes) -> Message:
    """The message of a payload whose CRC agreed. Raises RemoteProtocolError saying what is wrong.

    A value is called by its key, never by what it is: it may name a card.
    """
    version, *rest = payload.decode("ascii").split("|")
    if version != VERSION:
        raise RemoteProtocolError(f"version {version!r} is not {VERSION}")
    if len(rest) < 4:
        raise RemoteProtocolError("fields are missing")
    address, sequence, kind, code, *fields = rest
    if not (_HEX_2.fullmatch(address) and _HEX_4.fullmatch(sequence)):
        raise RemoteProtocolError(f"address {address!r} or sequence {sequence!r} is not upper-case hex")
    if kind not in _KINDS:
        raise RemoteProtocolError(f"kind {kind!r} is unknown")
    if not _CODE.fullmatch(code):
        raise RemoteProtocolError(f"{code!r} is no code")
    return Message(int(address, 16), int(sequence, 16), _KINDS[kind], code, _values(fields))


def escape(value: str) -> str:
    """A value as it travels: reserved and non-printable characters percent-encoded."""
    return _ESCAPED.sub(_percent, value)


def unescape(text: str) -> str:
    """A value as it was meant. Raises RemoteProtocolError on a bad escape."""
    if "%" not in text:
        return text
    if _BAD_PERCENT.search(text):
        raise RemoteProtocolError("a % that encodes nothing")
    raw = _PERCENT.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("characters that are not UTF-8") from error


_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,15}(\.[A-Z0-9_]{1,16})?\??")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,15}")
_HEX_2 = re.compile(r"[0-9A-F]{2}")
_HEX_4 = re.compile(r"[0-9A-F]{4}")
_KINDS = {kind.value: kind for kind in Kind}
_ESCAPED = re.compile(r"[^ -~]|[$*|=%]")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_A_VALUE = re.compile(r"[^ -~]|[$*]")


def _values(fields: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for number, text in enumerate(fields, start=1):
        key, equals, value = text.partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise RemoteProtocolError(f"field {number} is not key=value")
        if key in values:
            raise RemoteProtocolError(f"key {key!r} stands twice")
        if "=" in value or _NOT_A_VALUE.search(value):
            raise RemoteProtocolError(f"value of {key!r} has a reserved character that is not encoded")
        try:
            values[key] = unescape(value)
        except RemoteProtocolError as error:
            raise RemoteProtocolError(f"value of {key!r} has {error.what}") from error
    return values


def _percent(found: re.Match[str]) -> str:
    try:
        raw = found[0].encode("utf-8")
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"value has {found[0]!r}, which is no character") from error
    return "".join(f"%{byte:02X}" for byte in raw)


def _require(condition: bool, what: str) -> None:  # noqa: FBT001  reads as an assertion
    if not condition:
        raise LocalProtocolError(f"TDL/1: {what}")
