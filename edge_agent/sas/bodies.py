"""Bodies: what stands between a command and the CRC, with its length byte where it has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.fields import Field, encode_fields

LARGEST_BODY_BYTES = 0xFF


def encode_body(fields: tuple[Field, ...], values: Mapping[str, Any], *, has_length: bool) -> bytes:
    """The bytes of a body; LocalProtocolError when they cannot be written."""
    return with_length(encode_fields(fields, values), has_length=has_length)


def decode_body(
    fields: tuple[Field, ...], body: bytes, *, has_length: bool, extra: int = 0
) -> dict[str, Any]:
    """What a body says; RemoteProtocolError when it breaks the layout.

    Up to `extra` bytes behind the layout do not break it; they are kept under that name.
    """
    if has_length:
        if not body or body[0] != len(body) - 1:
            raise RemoteProtocolError(f"the length byte does not fit a body of {len(body)} bytes")
        body = body[1:]
    values: dict[str, Any] = {}
    at = 0
    for field in fields:
        at = field.decode(body, at, values)
    if at == len(body):
        return values
    if len(body) - at > extra:
        raise RemoteProtocolError(f"{len(body) - at} bytes more than the layout")
    return values | {"extra": body[at:]}


def with_length(body: bytes, *, has_length: bool) -> bytes:
    """The body with its length byte, where it has one."""
    if not has_length:
        return body
    if len(body) > LARGEST_BODY_BYTES:
        raise LocalProtocolError(f"a body of {len(body)} bytes does not fit its length byte")
    return bytes((len(body),)) + body
