"""Bodies: what stands between a command and the CRC, with its length byte where it has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.fields import Field, decode_fields, encode_fields

LARGEST_BODY_BYTES = 0xFF


def encode_body(fields: tuple[Field, ...], values: Mapping[str, Any], *, has_length: bool) -> bytes:
    """The bytes of a body; LocalProtocolError when they cannot be written."""
    return with_length(encode_fields(fields, values), has_length=has_length)


def decode_body(fields: tuple[Field, ...], body: bytes, *, has_length: bool) -> dict[str, Any]:
    """What a body says; RemoteProtocolError when it breaks the layout."""
    if not has_length:
        return decode_fields(fields, body)
    if not body or body[0] != len(body) - 1:
        raise RemoteProtocolError(f"the length byte does not fit a body of {len(body)} bytes")
    return decode_fields(fields, body[1:])


def with_length(body: bytes, *, has_length: bool) -> bytes:
    """The body with its length byte, where it has one."""
    if not has_length:
        return body
    if len(body) > LARGEST_BODY_BYTES:
        raise LocalProtocolError(f"a body of {len(body)} bytes does not fit its length byte")
    return bytes((len(body),)) + body
